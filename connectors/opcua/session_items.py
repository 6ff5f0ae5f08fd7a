"""Monitored items: what is asked of a server for each node, how many at a time, and what it answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.common.node import Node
from asyncua.common.subscription import SubscriptionItemData
from asyncua.ua.uaerrors import BadTooManyOperations, UaError

logger = logging.getLogger(__name__)

PER_CALL = 1000
"""Items created in one call; fewer where the server says so."""
_CREATE, _HISTORY = 11714, 12165
"""Nodes of OperationLimits: MaxMonitoredItemsPerCall and MaxNodesPerHistoryReadData."""
_FILTER_REFUSED = frozenset({
    ua.StatusCodes.BadMonitoredItemFilterInvalid, ua.StatusCodes.BadMonitoredItemFilterUnsupported,
    ua.StatusCodes.BadFilterNotAllowed, ua.StatusCodes.BadDeadbandFilterInvalid,
})  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """How a node is to be monitored. `deadband` in the node's unit, `deadband_percent` of its EURange; at most one."""

    node: Node
    sampling_ms: float
    queue: int
    deadband: float = 0.0
    deadband_percent: float = 0.0

    def item(self, client_handle: int) -> SubscriptionItemData:
        """As asyncua remembers it."""
        item = SubscriptionItemData()
        item.node, item.attribute, item.client_handle = self.node, ua.AttributeIds.Value, client_handle
        item.queuesize, item.sampling_interval = self.queue, self.sampling_ms
        item.mfilter = self._filter()
        return item

    def _filter(self) -> ua.DataChangeFilter | None:
        if not self.deadband and not self.deadband_percent:
            return None
        kind = ua.DeadbandType.Absolute if self.deadband else ua.DeadbandType.Percent
        return ua.DataChangeFilter(ua.DataChangeTrigger.StatusValue, kind, self.deadband or self.deadband_percent)


@dataclass(frozen=True)
class Limits:
    """Most operations a server takes in one call."""

    create: int = PER_CALL
    history: int = PER_CALL


async def limits_of(session: UaSession) -> Limits:
    """What the server's OperationLimits say, at most `PER_CALL`; a server that says nothing has none."""
    read = ua.ReadParameters()
    read.NodesToRead = [ua.ReadValueId(ua.NodeId(n), ua.AttributeIds.Value) for n in (_CREATE, _HISTORY)]
    try:
        found = [v.Value.Value if v.Value is not None else None for v in await session.read(read)]
    except UaError as error:
        logger.debug("the server's limits cannot be read: %s", error)
        return Limits()
    return Limits(*(min(n, PER_CALL) if isinstance(n, int) and n > 0 else PER_CALL for n in found))


async def create(
    session: UaSession, subscription_id: int, items: Sequence[SubscriptionItemData], per_call: int
) -> dict[int, str]:
    """Create items on the server; returns by client handle the name of the status of each that was refused.

    An item whose dead-band the server does not take is created without one (its `mfilter` is then None). A call
    the server finds too long is halved.
    """
    refused: dict[int, str] = {}
    for at in range(0, len(items), per_call):
        results = await _call(session, subscription_id, items[at : at + per_call])
        again = [i for i, r in results if i.mfilter is not None and r.StatusCode.value in _FILTER_REFUSED]
        for item in again:
            item.mfilter = None
        results = [r for r in results if r[0] not in again] + await _call(session, subscription_id, again)
        for item, result in results:
            item.server_handle = result.MonitoredItemId
            if not result.StatusCode.is_good():
                refused[int(item.client_handle or 0)] = result.StatusCode.name
    return refused


async def _call(
    session: UaSession, subscription_id: int, items: Sequence[SubscriptionItemData]
) -> list[tuple[SubscriptionItemData, ua.MonitoredItemCreateResult]]:
    if not items:
        return []
    params = ua.CreateMonitoredItemsParameters()
    params.SubscriptionId = subscription_id
    params.ItemsToCreate = [_request_of(item) for item in items]
    params.TimestampsToReturn = ua.TimestampsToReturn.Both
    try:
        results = await session.create_monitored_items(params)
    except BadTooManyOperations:
        if len(items) == 1:
            raise
        half = len(items) // 2
        first = await _call(session, subscription_id, items[:half])
        return first + await _call(session, subscription_id, items[half:])
    return list(zip(items, results, strict=True))


def _request_of(item: SubscriptionItemData) -> ua.MonitoredItemCreateRequest:
    if item.node is None:
        raise ValueError("a monitored item without a node")
    read = ua.ReadValueId()
    read.NodeId, read.AttributeId = item.node.nodeid, item.attribute or ua.AttributeIds.Value
    wish = ua.MonitoringParameters()
    wish.ClientHandle, wish.SamplingInterval = item.client_handle, item.sampling_interval
    wish.QueueSize, wish.DiscardOldest, wish.Filter = item.queuesize, True, item.mfilter
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor, request.RequestedParameters = read, wish
    request.MonitoringMode = item.monitoring_mode
    return request
