"""OPC UA over a network that resets, delays, goes silent and refuses: what the server produced is what arrives."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from asyncua import ua
from dock_plant import MemoryIntake, in_loop, make_plant, until, utc
from test_opcua import reading

from connectors.health import Health
from connectors.opcua.history import HistoryUnavailableError
from connectors.opcua.session import GapSubscription
from connectors.opcua.session_items import Wish, create, limits_of
from plant.states import BAD_NO_COMMUNICATION
from simulator.servers.delivered import Delivered, Sample
from simulator.servers.opcua import opcua_plant

sys.path.insert(0, str(Path(__file__).parents[1] / "chaos"))
from proxy import Proxy

TAG, KEY = "m1.good", ["tag", "ts", "value", "status"]


class Line:
    """A server that counts up each 20 ms, a proxy before it, a reader behind."""

    def __init__(self, server, proxy, intake, health, log) -> None:
        self.server, self.proxy, self.intake, self.health, self.log = server, proxy, intake, health, log

    async def count(self, first: int, n: int = 20) -> None:
        for value in range(first, first + n):
            await self.server.deliver([Sample(TAG, utc(), float(value), 0)])
            await asyncio.sleep(0.02)

    async def arrived(self, value: float) -> None:
        await until(lambda: not self.intake.rows(TAG).filter(value=value).is_empty(), 40)

    def same(self) -> None:
        sent = self.log.frame().filter(pl.col("tag") == TAG).select(KEY).sort(KEY)
        got = self.intake.rows(TAG).filter(pl.col("value").is_not_null()).select(KEY).sort(KEY)
        assert got["value"].to_list() == sent["value"].to_list()
        assert got.equals(sent)


@contextlib.asynccontextmanager
async def line(tmp_path):
    plant, log, intake, health = make_plant(tmp_path), Delivered(), MemoryIntake(), Health("ua", "opcua")
    target = int(plant.sources["ua"].endpoint.rsplit(":", 1)[1].split("/")[0])
    async with opcua_plant(plant, "ua", log) as server, Proxy(target) as proxy:
        source = plant.sources["ua"].model_copy(update={"endpoint": f"opc.tcp://{proxy.url}/x"})
        outer = plant.__class__.__new__(plant.__class__)
        outer.__dict__.update(plant.__dict__ | {"sources": plant.sources | {"ua": source}})
        async with reading(outer, tmp_path, intake, health):
            await until(lambda: health.state == "connected")
            await until(lambda: not intake.rows(TAG).is_empty())  # "waiting for initial data", at our time: it has none
            yield Line(server, proxy, intake, health, log)


@pytest.mark.parametrize(
    ("fault", "words", "down_s"),
    [("cut", (), 0.0), ("refuse", (), 1.0), ("black_hole", (), 1.0), ("delay", (0.2,), 1.0), ("trickle", (3000,), 1.0)],
)
@in_loop
async def test_what_the_server_produced_arrives_once(tmp_path, fault, words, down_s):
    async with line(tmp_path) as served:
        await served.count(0)
        for first in (100, 200):
            done = getattr(served.proxy, fault)(*words)
            if done is not None:
                await done
            await served.count(first)
            await asyncio.sleep(down_s)
            await served.proxy.heal()
            await served.count(first + 50)
        await served.arrived(269.0)
        served.same()


@pytest.fixture
def forgetful(monkeypatch):
    """A server without history that never takes a subscription back."""

    async def none(_session, _since, *_):
        raise HistoryUnavailableError("no node has history")
        yield

    async def forgotten(*_):
        return False

    monkeypatch.setattr("connectors.opcua.backfill.read_history", none)
    monkeypatch.setattr("connectors.opcua.session.GapSubscription._refilled", forgotten)
    monkeypatch.setattr("connectors.opcua.session.GapSubscription._transferred", forgotten)


@pytest.mark.usefixtures("forgetful")
@in_loop
async def test_a_gap_at_a_server_without_history_is_recorded_and_ends_with_what_is_shown_now(tmp_path):
    async with line(tmp_path) as served:
        await served.count(0, 5)
        await served.arrived(4.0)
        await served.proxy.refuse()
        await served.count(10, 5)
        await served.proxy.heal()
        await until(lambda: not served.intake.rows(TAG).filter(value=14.0).is_empty())
        rows = served.intake.rows(TAG).sort("ts")
    gap = rows.filter(status=BAD_NO_COMMUNICATION)
    assert gap.height == 1
    before, after = rows.filter(value=4.0)["ts"].max(), rows.filter(value=14.0)["ts"].min()
    assert before < gap["ts"].item() < after


@pytest.mark.usefixtures("forgetful")
@in_loop
async def test_a_gap_nobody_noticed_begins_when_the_subscription_was_last_answered(tmp_path):
    async with line(tmp_path) as served:
        await served.count(0, 5)
        await served.arrived(4.0)
        served.proxy.black_hole()
        silent_at = utc()
        await until(lambda: served.health.tick(datetime.now(UTC)) or served.health.state == "down", 40)
        noticed_at = served.health.alive_at
        await served.count(10, 5)
        await served.proxy.heal()
        await served.arrived(14.0)  # live values do not wait for what is said of the gap
        await until(lambda: not served.intake.rows(TAG).filter(status=BAD_NO_COMMUNICATION).is_empty())
        gap = served.intake.rows(TAG).filter(status=BAD_NO_COMMUNICATION)
    assert noticed_at - silent_at > timedelta(seconds=3)
    assert gap["ts"].min() <= silent_at + timedelta(seconds=0.5)


@in_loop
async def test_a_keep_alive_tells_at_once_of_messages_that_were_lost_before_it():
    class Session:
        async def republish(self, _subscription, _sequence):
            raise ua.uaerrors.BadMessageNotAvailable

    gaps, client = [], SimpleNamespace(uaclient=SimpleNamespace(session=Session()))
    sub = GapSubscription(client, ua.CreateSubscriptionParameters(), lambda _: None, gaps.append)
    for following in (1, 1, 3, 3, 2):  # 2 is one that came late: nothing is missing before it
        alive = ua.NotificationMessage(following, NotificationData=[])
        await sub.publish_callback(ua.PublishResult(5, NotificationMessage=alive))
    assert gaps == ["messages 1 to 2 are missing"]
    assert sub.answered_at is not None


class Session:
    """Answers CreateMonitoredItems as a small server does: few a call, no dead-bands, one node unknown."""

    def __init__(self, most: int) -> None:
        self.most, self.calls = most, []

    async def create_monitored_items(self, params):
        asked = params.ItemsToCreate
        if len(asked) > self.most:
            raise ua.uaerrors.BadTooManyOperations
        self.calls.append(len(asked))
        return [self._result(item) for item in asked]

    @staticmethod
    def _result(item):
        result = ua.MonitoredItemCreateResult()
        if item.ItemToMonitor.NodeId.Identifier == 3:
            result.StatusCode = ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown)
        elif item.RequestedParameters.Filter is not None:
            result.StatusCode = ua.StatusCode(ua.StatusCodes.BadMonitoredItemFilterUnsupported)
        return result


@in_loop
async def test_items_are_created_in_calls_a_server_takes_and_one_bad_node_spoils_none():
    class Named:
        def __init__(self, n):
            self.nodeid = ua.NodeId(n, 2)

    items = [Wish(Named(n), 100.0, 10, deadband=0.5 if n == 5 else 0.0).item(n) for n in range(10)]
    session = Session(most=4)
    refused = await create(session, 1, items, per_call=10)
    assert refused == {3: "BadNodeIdUnknown"}
    assert max(session.calls) <= 4
    assert items[5].mfilter is None


@in_loop
async def test_a_dead_band_is_kept_by_the_server_or_reported(tmp_path):
    async with line(tmp_path) as served:
        limits = await limits_of(served.server.server.iserver.isession)
    assert 1 <= limits.create <= 1000
