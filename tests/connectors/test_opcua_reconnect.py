"""What a reconnect of OPC UA must not do: hand a message on twice, make a gap of none, lock a user out."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

from asyncua import ua
from dock_plant import MemoryIntake, free_port, in_loop, until
from test_opcua import value
from test_opcua_faults import Proxy
from test_opcua_security import GOOD, LOGIN, source_of
from ua_server import Users, serving

from connectors.health import Health
from connectors.intake import Seen
from connectors.opcua.client import FastSession
from connectors.opcua.reader import OpcUaReader
from connectors.opcua.session import GapSubscription
from connectors.retry import supervise


class Retaining(FastSession):
    """A session of a server that keeps messages `first` to `last` for Republish, and publishes `last` at once."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(SimpleNamespace())
        self._kept, self._sends = range(first, last + 1), [last]
        self.asked: list[int] = []

    async def publish(self, acks):
        if not self._sends:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return SimpleNamespace(Parameters=ua.PublishResult(5, NotificationMessage=message(self._sends.pop())))

    async def republish(self, _subscription, sequence):
        self.asked.append(sequence)
        await asyncio.sleep(0.001)
        if sequence not in self._kept:
            raise ua.uaerrors.BadMessageNotAvailable
        return message(sequence)


def message(sequence: int) -> ua.NotificationMessage:
    change = ua.DataChangeNotification()
    change.MonitoredItems = [ua.MonitoredItemNotification(1, value(float(sequence), ua.VariantType.Double))]
    return ua.NotificationMessage(sequence, NotificationData=[change])


@in_loop
async def test_a_restore_and_the_publish_loop_do_not_repair_the_same_messages_at_once():
    came, gaps, session = [], [], Retaining(3, 8)
    client = SimpleNamespace(uaclient=SimpleNamespace(session=session), session_reused=True)
    sub = GapSubscription(
        client, ua.CreateSubscriptionParameters(), lambda c: came.extend(c.value.tolist()), gaps.append
    )
    sub.subscription_id, sub.last_sequence_number = 5, 2
    session._subscription_callbacks[5] = sub.publish_callback
    session.ensure_publish_loop()  # asyncua does, as soon as the session is active again
    await asyncio.sleep(0.002)  # by now it repairs what lies before message 8
    try:
        await sub.restore()
    finally:
        await session.hush()
    assert came == [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert gaps == []
    assert sub.last_sequence_number == 8


class Strict(Users):
    """Counts the logins it refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.word, self.refused = "right", []

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if password == self.word:
            return super().get_user(iserver, username, "right")
        self.refused.append(time.monotonic())
        return None


@in_loop
async def test_a_login_refused_at_a_reconnect_is_tried_as_seldom_as_at_the_start(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("connectors.retry.LOGIN_S", 0.8)
    monkeypatch.setenv("UA_USER", "dock")
    monkeypatch.setenv("UA_PASSWORD", "right")
    users, port, health, intake = Strict(), free_port(), Health("ua", "opcua"), MemoryIntake()
    async with serving(f"opc.tcp://127.0.0.1:{port}/x", users=users), Proxy(port) as proxy:
        source = source_of(f"opc.tcp://127.0.0.1:{proxy.port}/x", **LOGIN)
        task = asyncio.create_task(supervise(OpcUaReader(source, GOOD, intake, health, Seen(), tmp_path).run, health))
        try:
            await until(lambda: intake.rows("m1.good").height)
            users.word = "changed"
            await proxy.cut()
            await until(lambda: len(users.refused) >= 2, 40)
            users.word = "right"
            await until(lambda: health.state == "connected", 40)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    first, second = users.refused
    assert second - first > 0.7
    assert time.monotonic() - second > 3.5  # five times as long
    told = [r.getMessage() for r in caplog.records if "login was refused" in r.getMessage()]
    assert len(told) == 1
