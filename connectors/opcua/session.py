"""asyncua bent to our needs: undecoded publish bodies, and a restore that loses nothing it need not.

asyncua keeps transport, security, session and service calls. Replaced are the publish decoding (cost)
and the restoring of subscriptions (it recreates living ones and may forget their items).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asyncua import Client, ua
from asyncua.client.ua_session import UaSession
from asyncua.common.node import Node
from asyncua.common.subscription import Subscription, SubscriptionItemData
from asyncua.ua.uaerrors import BadMessageNotAvailable, BadNoSubscription, BadSessionIdInvalid, BadSubscriptionIdInvalid

from connectors.opcua.decode import Columns, Raw, decode_auto, decode_publish, of_rows, of_value

logger = logging.getLogger(__name__)

PER_CALL = 500
_GONE = (BadSubscriptionIdInvalid, BadNoSubscription, BadSessionIdInvalid)
OnBatch = Callable[[Columns], None]
OnGap = Callable[[str], None]


class FastSession(UaSession):
    """A session whose publish responses keep their data changes undecoded.

    `gate` is awaited before each PublishRequest: while it waits, the server queues (back-pressure).
    """

    gate: Callable[[], Awaitable[None]] | None = None

    async def publish(self, acks: list[ua.SubscriptionAcknowledgement]) -> Any:
        """Send a PublishRequest and return its response for the publish loop."""
        if self.gate is not None:
            await self.gate()
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = acks or []
        data = await self._send_request(request, timeout=0)
        try:
            return decode_publish(data)
        except (ua.uaerrors.UaStatusCodeError, asyncio.CancelledError):
            raise
        except Exception as error:  # any other error here costs asyncua's loop a second; this one is skipped
            logger.exception("a publish response could not be read; its values are lost unless the server has history")
            raise ua.uaerrors.UaStructParsingError from error


class GapClient(Client):
    """A client that tells its subscriptions whether the session survived a reconnect."""

    session_reused = False
    on_reconnected: Callable[[], None] | None = None

    def __init__(self, url: str, timeout_s: float, gate: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(url, timeout=timeout_s, watchdog_intervall=5.0, auto_reconnect=True, reconnect_max_delay=5.0)
        self.session_timeout = 600_000  # ms; how long a server keeps our session and its queues without us
        session = FastSession(self.uaclient)
        session.gate = gate
        self.uaclient.session = session

    async def _finalize_reconnect(self, reused: bool) -> None:  # noqa: FBT001  overrides
        self.session_reused = reused
        await super()._finalize_reconnect(reused)
        if self.on_reconnected:
            self.on_reconnected()


class GapSubscription(Subscription):
    """Hands whole batches on, repairs what a reconnect tore, and says when it could not.

    `on_gap` is called before the first value behind a gap is handed on. `on_refused` gets the items
    a server does not take back.
    """

    def __init__(
        self, client: GapClient, params: ua.CreateSubscriptionParameters, on_batch: OnBatch, on_gap: OnGap
    ) -> None:
        super().__init__(client.uaclient.session, params, handler=object())  # type: ignore[arg-type]
        self._client = client
        self._on_batch = on_batch
        self._on_gap = on_gap
        self.refused: dict[str, str] = {}
        self.broken: Exception | None = None
        self.restoring = False

    @classmethod
    async def open(cls, client: GapClient, publish_ms: float, on_batch: OnBatch, on_gap: OnGap) -> GapSubscription:
        """Create it on the server; living there for ten minutes without us."""
        params = ua.CreateSubscriptionParameters()
        params.RequestedPublishingInterval = publish_ms
        params.RequestedMaxKeepAliveCount = max(1, int(5000 / publish_ms))
        params.RequestedLifetimeCount = max(3 * params.RequestedMaxKeepAliveCount, int(600_000 / publish_ms))
        params.MaxNotificationsPerPublish = 0
        params.PublishingEnabled = True
        sub = cls(client, params, on_batch, on_gap)
        await sub.init()
        client._subscriptions.append(sub)
        return sub

    async def add(self, nodes: Sequence[Node], queue: int, sampling_ms: float) -> dict[int, str]:
        """Monitor nodes in batches. Returns node id text by client handle; refused ones are in `refused`."""
        for at in range(0, len(nodes), PER_CALL):
            batch = list(nodes[at : at + PER_CALL])
            answers = await self.subscribe_data_change(batch, queuesize=queue, sampling_interval=sampling_ms)
            for node, answer in zip(batch, answers, strict=True):
                key = node.nodeid.to_string()
                if isinstance(answer, ua.StatusCode):
                    self.refused[key] = answer.name
                else:
                    self.refused.pop(key, None)
        return {h: i.node.nodeid.to_string() for h, i in self._monitored_items.items() if i.node is not None}

    async def publish_callback(self, publish_result: Any) -> None:
        """Hand a response on. Must not raise: asyncua acknowledges after it in any case."""
        self.last_publish_at = time.monotonic()
        message = publish_result.NotificationMessage
        if not message.NotificationData:
            return  # a keep-alive carries the NEXT number: not recorded
        sequence = int(message.SequenceNumber)
        if self.last_sequence_number is not None and sequence != _after(self.last_sequence_number):
            self._on_gap(f"messages {_after(self.last_sequence_number)} to {sequence} are missing")
        self.last_sequence_number = sequence or None
        for notification in message.NotificationData:
            self._hand_on(notification)

    def _hand_on(self, notification: Any) -> None:
        if isinstance(notification, Raw):
            self._on_batch(decode_auto(notification))
        elif isinstance(notification, ua.DataChangeNotification):
            self._on_batch(of_rows(of_value(i.ClientHandle, i.Value) for i in notification.MonitoredItems))
        elif isinstance(notification, ua.StatusChangeNotification):
            logger.warning("subscription %s: the server reports %s", self.subscription_id, notification.Status.name)

    def is_stale(self, margin: float) -> bool:
        """Never: asyncua's stale watchdog races the reconnect and loses the item list."""
        return False

    async def restore(self) -> None:
        """After a reconnect: republish, else transfer, else recreate and report the gap.

        asyncua swallows what is raised here and stays "connected" without data, so it is kept in `broken`.
        While `restoring`, history is not to be read: a value between that and the new items would be in neither.
        """
        self.restoring = True
        try:
            if not (self._client.session_reused and await self._refilled()) and not await self._transferred():
                self._on_gap("the server forgot the subscription")
                await self._recreate_chunked()
        except Exception as error:
            self.broken = error
            raise
        finally:
            self.restoring = False
        self._client.uaclient.session.ensure_publish_loop()

    async def _refilled(self) -> bool:
        try:
            await self._fill()
        except _GONE:
            return False
        return True

    async def _transferred(self) -> bool:
        params = ua.TransferSubscriptionsParameters()
        params.SubscriptionIds = [self.subscription_id]
        params.SendInitialValues = False
        try:
            results = await self._client.uaclient.session.transfer_subscriptions(params)
            if not results or not results[0].StatusCode.is_good():
                return False
            self._client.uaclient.session._subscription_callbacks[self.subscription_id] = self.publish_callback
            await self._fill()
        except ua.uaerrors.UaStatusCodeError:
            return False
        return True

    async def _fill(self) -> int:
        """Ask again for every message after the last one seen; returns how many came."""
        count = 0
        while self.last_sequence_number is not None:
            wanted = _after(self.last_sequence_number)
            try:
                message = await self._client.uaclient.session.republish(self.subscription_id, wanted)
            except BadMessageNotAvailable:
                break
            if message.SequenceNumber != wanted or not message.NotificationData:
                break  # asyncua's server answers Good and empty
            await self.publish_callback(ua.PublishResult(self.subscription_id, NotificationMessage=message))
            count += 1
        return count

    async def _recreate_chunked(self) -> None:
        """New subscription, same items and client handles; the list is never lost on a failure."""
        items, self._monitored_items = self._monitored_items, {}
        try:
            await super().recreate()
        finally:
            self._monitored_items = items
        self.last_sequence_number = None
        every = list(items.values())
        for at in range(0, len(every), PER_CALL):
            await self._create_again(every[at : at + PER_CALL])

    async def _create_again(self, items: list[SubscriptionItemData]) -> None:
        params = ua.CreateMonitoredItemsParameters()
        params.SubscriptionId = self.subscription_id
        params.ItemsToCreate = [_request_of(item) for item in items]
        params.TimestampsToReturn = ua.TimestampsToReturn.Both
        results = await self._client.uaclient.session.create_monitored_items(params)
        for item, result in zip(items, results, strict=True):
            item.server_handle = result.MonitoredItemId
            if not result.StatusCode.is_good() and item.node is not None:
                self.refused[item.node.nodeid.to_string()] = result.StatusCode.name


def _request_of(item: SubscriptionItemData) -> ua.MonitoredItemCreateRequest:
    read = ua.ReadValueId()
    read.NodeId, read.AttributeId = item.node.nodeid, item.attribute
    wish = ua.MonitoringParameters()
    wish.ClientHandle, wish.SamplingInterval = item.client_handle, item.sampling_interval
    wish.QueueSize, wish.DiscardOldest = item.queuesize, True
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor, request.RequestedParameters = read, wish
    request.MonitoringMode = item.monitoring_mode
    return request


def _after(sequence: int) -> int:
    """The next sequence number; they wrap from 2**32 - 1 to 1."""
    return 1 if sequence >= 0xFFFFFFFF else sequence + 1
