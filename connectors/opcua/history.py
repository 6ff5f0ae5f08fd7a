"""HistoryRead: what a server recorded while we did not listen.

Raw history only, forward in time, continuation points followed. Most PLCs have none: that is a
normal answer here, not an error.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

from asyncua import ua
from asyncua.client.ua_session import UaSession

from connectors.opcua.wire.columns import Columns, of_rows, of_value

logger = logging.getLogger(__name__)

NODES_PER_CALL = 50
VALUES_PER_NODE = 5_000
SPAN = timedelta(minutes=5)
AHEAD = timedelta(hours=1)
"""How far a server's clock may be ahead of ours without losing the newest history."""
_NO_HISTORY = (
    ua.StatusCodes.BadHistoryOperationUnsupported, ua.StatusCodes.BadHistoryOperationInvalid,
    ua.StatusCodes.BadServiceUnsupported, ua.StatusCodes.BadNotReadable, ua.StatusCodes.BadUserAccessDenied,
    ua.StatusCodes.BadNotSupported, ua.StatusCodes.BadNotImplemented,
)  # fmt: skip


class HistoryUnavailableError(Exception):
    """The server has no historical access for us."""


async def read_history(
    session: UaSession,
    since: Mapping[int, tuple[ua.NodeId, datetime]],
    per_call: int = NODES_PER_CALL,
    lacking: set[int] | None = None,
) -> AsyncIterator[Columns]:
    """Yield history per batch of nodes, ascending in time within a node.

    Args:
        session: an activated session.
        since: client handle to (node, first source time wanted, included).
        per_call: most nodes the server takes in one call.
        lacking: gets the handles of nodes that have no history.

    Raises:
        HistoryUnavailableError: the service, or every node asked for, has no history.
    """
    todo: list[Wanted] = [(handle, node, start, None) for handle, (node, start) in since.items()]
    todo.sort(key=lambda wanted: wanted[2])
    answered = not todo
    while todo:
        size = _batch_size(todo, min(per_call, NODES_PER_CALL))
        batch, todo = todo[:size], todo[size:]
        results = await _call(session, batch)
        rows = []
        for (handle, node, start, _), result in zip(batch, results, strict=True):
            if not result.StatusCode.is_good():
                logger.debug("no history of %s: %s", node.to_string(), result.StatusCode.name)
                if lacking is not None:
                    lacking.add(handle)
                continue
            answered = True
            values = getattr(result.HistoryData, "DataValues", None) or []
            rows += [of_value(handle, v) for v in values if v.SourceTimestamp and _utc(v.SourceTimestamp) >= start]
            again = _again(handle, node, start, result, values)
            todo += [again] if again else []
        if rows:
            yield of_rows(rows)
    if not answered:
        raise HistoryUnavailableError("no node has history")


Wanted = tuple[int, ua.NodeId, datetime, "bytes | None"]


def _batch_size(todo: list[Wanted], most: int) -> int:
    """Nodes of one call share one start time: only those that start close to the first go with it."""
    limit = todo[0][2] + SPAN
    for at, wanted in enumerate(todo[:most]):
        if wanted[2] > limit:
            return at
    return min(len(todo), most)


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _again(
    handle: int, node: ua.NodeId, start: datetime, result: ua.HistoryReadResult, values: list[ua.DataValue]
) -> Wanted | None:
    """What to ask next for a node; None at its end.

    A full answer without continuation point may be cut (asyncua's own server does that): ask on from
    its last time stamp, as long as that moves on.
    """
    if result.ContinuationPoint:
        return handle, node, start, result.ContinuationPoint
    if len(values) < VALUES_PER_NODE or values[-1].SourceTimestamp is None:
        return None
    last = _utc(values[-1].SourceTimestamp)
    return (handle, node, last, None) if last > start else None


async def _call(session: UaSession, batch: list[Wanted]) -> list[ua.HistoryReadResult]:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime = min(start for _, _, start, _ in batch)
    details.EndTime = datetime.now(UTC) + AHEAD
    details.NumValuesPerNode = VALUES_PER_NODE
    details.ReturnBounds = False
    params = ua.HistoryReadParameters()
    params.HistoryReadDetails = details
    params.TimestampsToReturn = ua.TimestampsToReturn.Both
    params.ReleaseContinuationPoints = False  # asyncua's default True makes other servers refuse the point
    params.NodesToRead = [_wanted(node, point) for _, node, _, point in batch]
    try:
        return list(await session.history_read(params))
    except ua.uaerrors.UaStatusCodeError as error:
        if error.code in _NO_HISTORY:
            raise HistoryUnavailableError(str(error)) from error
        raise


def _wanted(node: ua.NodeId, point: bytes | None) -> ua.HistoryReadValueId:
    wanted = ua.HistoryReadValueId()
    wanted.NodeId = node
    wanted.ContinuationPoint = point
    return wanted


async def read_current(session: UaSession, nodes: Mapping[int, ua.NodeId], per_call: int = 500) -> Columns:
    """What the nodes show now, by client handle; a node that cannot be read has its bad status."""
    rows, handles = [], list(nodes)
    for at in range(0, len(handles), per_call):
        part = handles[at : at + per_call]
        params = ua.ReadParameters()
        params.TimestampsToReturn = ua.TimestampsToReturn.Both
        params.NodesToRead = [ua.ReadValueId(nodes[h], ua.AttributeIds.Value) for h in part]
        rows += [of_value(h, v) for h, v in zip(part, await session.read(params), strict=True)]
    return of_rows(rows)
