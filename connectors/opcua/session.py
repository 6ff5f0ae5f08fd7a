"""A subscription that hands on whole batches, and a restore that loses nothing it need not.

Replaced is asyncua's restoring of subscriptions: it recreates living ones and may forget their items.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

from asyncua import ua
from asyncua.common.subscription import Subscription, SubscriptionItemData
from asyncua.ua.uaerrors import BadMessageNotAvailable, BadNoSubscription, BadSessionIdInvalid, BadSubscriptionIdInvalid

from connectors.opcua.client import GapClient
from connectors.opcua.session_items import Limits, Wish, create, limits_of
from connectors.opcua.wire.columns import Columns, of_rows, of_value
from connectors.opcua.wire.publish import Raw

logger = logging.getLogger(__name__)

__all__ = ["KEEP_ALIVE_S", "GapClient", "GapSubscription"]
KEEP_ALIVE_S = 5.0
"""A subscription with nothing to say says so this often, where nobody asks for more."""
_GONE = (BadSubscriptionIdInvalid, BadNoSubscription, BadSessionIdInvalid)
OnBatch = Callable[[Raw | Columns], None]
OnGap = Callable[[str], None]


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
        self.limits: Limits | None = None
        self._lacking: dict[int, str] = {}
        self._deadbands: set[str] = set()
        self.broken: Exception | None = None
        self.restoring = False
        self.answered_at: float | None = None  # monotonic; nothing is missing up to the last answer

    @classmethod
    async def open(
        cls, client: GapClient, publish_ms: float, on_batch: OnBatch, on_gap: OnGap, keep_alive_s: float = KEEP_ALIVE_S
    ) -> GapSubscription:
        """Create it on the server; living there for ten minutes without us."""
        params = ua.CreateSubscriptionParameters()
        params.RequestedPublishingInterval = publish_ms
        params.RequestedMaxKeepAliveCount = max(1, int(1000 * keep_alive_s / publish_ms))
        params.RequestedLifetimeCount = max(3 * params.RequestedMaxKeepAliveCount, int(600_000 / publish_ms))
        params.MaxNotificationsPerPublish = 0
        params.PublishingEnabled = True
        sub = cls(client, params, on_batch, on_gap)
        await sub.init()
        client._subscriptions.append(sub)
        return sub

    async def add(self, wishes: Sequence[Wish]) -> dict[int, str]:
        """Monitor nodes in batches. Returns node id text by client handle; refused ones are in `refused`."""
        items = []
        known = {wish.node.nodeid.to_string() for wish in wishes}
        self._monitored_items = {h: i for h, i in self._monitored_items.items() if _key(i) not in known}
        for wish in wishes:
            self._client_handle += 1
            items.append(wish.item(self._client_handle))
        self._monitored_items |= {int(i.client_handle or 0): i for i in items}  # values may come before the answer
        await self._create_items(items)
        for item in items:
            if item.client_handle in self._lacking:
                del self._monitored_items[item.client_handle]
        return {h: _key(i) for h, i in self._monitored_items.items()}

    @property
    def without_deadband(self) -> set[str]:
        """Node ids of items whose dead-band the server does not take: every change comes."""
        return {_key(i) for i in self._monitored_items.values() if i.mfilter is None} & self._deadbands

    async def _create_items(self, items: list[SubscriptionItemData]) -> None:
        session = self._client.uaclient.session
        self._deadbands |= {_key(i) for i in items if i.mfilter is not None}
        if self.limits is None:
            self.limits = await limits_of(session)
        self._lacking = await create(session, int(self.subscription_id or 0), items, self.limits.create)
        for item in items:
            self.refused.pop(_key(item), None)
            if item.client_handle in self._lacking:
                self.refused[_key(item)] = self._lacking[item.client_handle]

    async def publish_callback(self, publish_result: Any) -> None:
        """Hand a response on. Must not raise: asyncua acknowledges after it in any case."""
        await self._receive(publish_result.NotificationMessage)
        self.answered_at = time.monotonic()

    async def _receive(self, message: Any) -> None:
        sequence = int(message.SequenceNumber)
        if not message.NotificationData:  # a keep-alive carries the NEXT number, and so tells of lost ones
            await self._expect(sequence)
            return
        await self._repair(sequence)
        if sequence != _after(self.last_sequence_number):
            self._on_gap(f"messages {_after(self.last_sequence_number)} to {sequence} are missing")
        self.last_sequence_number = sequence or None
        for notification in message.NotificationData:
            try:
                self._hand_on(notification)
            except (struct.error, IndexError, ValueError, TypeError, ua.UaError):
                logger.exception("a notification could not be read; its values come again where there is a history")
                self._on_gap(f"message {sequence} could not be read")

    async def _expect(self, sequence: int) -> None:
        """Of messages lost before a keep-alive: have them again, or tell of the gap now, not at the next value."""
        if not 0 < (sequence - _after(self.last_sequence_number)) % 2**32 < 2**31:
            return
        await self._repair(sequence)
        if sequence != _after(self.last_sequence_number):
            self._on_gap(f"messages {_after(self.last_sequence_number)} to {sequence - 1} are missing")
            self.last_sequence_number = sequence - 1

    def _hand_on(self, notification: Any) -> None:
        if isinstance(notification, Raw):
            self._on_batch(notification)
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
        The publish loop, which asyncua has started by now, is ended first: it repairs as well (`_repair`), and two
        that ask for the same messages hand them on twice, find gaps that are none, and count on from the wrong one.
        """
        self.restoring = True
        try:
            await self._client.uaclient.session.hush()
            if not (self._client.session_reused and await self._refilled()) and not await self._transferred():
                self._on_gap("the server forgot the subscription")
                await self._recreate_chunked()
                self._client.uaclient.session.ensure_publish_loop()
            else:
                await self._client.uaclient.session.ask_anew()
        except Exception as error:
            self.broken = error
            raise
        finally:
            self.restoring = False

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

    async def _repair(self, sequence: int) -> None:
        """Ask again for the messages between the last one seen and this one, e.g. sent to a channel that was gone."""
        if sequence == _after(self.last_sequence_number):
            return
        try:
            await self._fill(sequence)
        except (ua.UaError, OSError, TimeoutError) as error:
            logger.debug("messages before %d cannot be had again: %s", sequence, error)

    async def _fill(self, before: int | None = None) -> int:
        """Ask again for every message after the last one seen (up to `before`); returns how many came."""
        count = 0
        while True:
            wanted = _after(self.last_sequence_number)
            if wanted == before:
                break
            try:
                message = await self._client.uaclient.session.republish(self.subscription_id, wanted)
            except BadMessageNotAvailable:
                break
            if message.SequenceNumber != wanted or not message.NotificationData:
                break  # asyncua's server answers Good and empty
            await self._receive(message)
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
        self.limits = None  # it may be another server
        await self._create_items(list(items.values()))


def _key(item: SubscriptionItemData) -> str:
    return item.node.nodeid.to_string() if item.node is not None else ""


def _after(sequence: int | None) -> int:
    """The next sequence number; they begin with 1 (None: nothing came yet) and wrap from 2**32 - 1 to 1."""
    return 1 if sequence is None or sequence >= 0xFFFFFFFF else sequence + 1
