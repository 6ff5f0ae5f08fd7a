"""The supervisor: settings taken up while it runs, metrics, health, clocks; real servers on loopback."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import urllib.request
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))
from dock_plant import free_port, in_loop, make_plant, until

from pipelines.collect import collect
from plant.errors import TerminalError
from simulator.servers.delivered import Delivered
from simulator.servers.modbus import modbus_plant
from warehouse.lake import Lake

EXTRA = """
[[source]]
name = "mb2"
kind = "modbus"
host = "127.0.0.1"
port = {port}
poll = "100ms"
[[machine]]
name = "m4"
line = "l"
kind = "press"
tags = [{{ name = "power", role = "power", source = "mb2", address = "holding:4", type = "float32" }}]
"""


def health(root, source) -> dict:
    path = root / "spool" / "health" / f"{source}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def connected(root, source) -> bool:
    return health(root, source).get("state") == "connected"


def rewrite(plant, text: str) -> None:
    """Replace plant.toml the way editors do: a new file under the old name."""
    aside = plant.path.with_suffix(".new")
    aside.write_text(text)
    aside.replace(plant.path)


def stored(root) -> pl.DataFrame:
    return Lake(root).scan("bronze.readings").collect()


@in_loop
async def test_a_changed_plant_exchanges_only_what_differs(tmp_path, caplog):
    plant = make_plant(tmp_path)
    first = plant.path.read_text()
    port, stop, log = free_port(), asyncio.Event(), Delivered()
    more = first + EXTRA.format(port=port)
    (tmp_path / "more").mkdir()
    other = make_plant(tmp_path / "more", lambda _: more)
    async with modbus_plant(plant, "mb", log), modbus_plant(other, "mb2", log):
        task = asyncio.create_task(collect(plant, tmp_path, stop, commit_s=0.5))
        await until(lambda: connected(tmp_path, "mb"))
        since = health(tmp_path, "mb")["since_at"]
        rewrite(plant, more)
        await until(lambda: connected(tmp_path, "mb2"))
        assert health(tmp_path, "mb")["since_at"] == since, "an unchanged source keeps its connection"
        rewrite(plant, more.replace('poll = "100ms"\ntimeout', 'poll = "50ms"\ntimeout'))
        await until(lambda: connected(tmp_path, "mb") and health(tmp_path, "mb")["since_at"] != since)
        rewrite(plant, first)
        await until(lambda: not health(tmp_path, "mb2"))
        stop.set()
        await task
    told = [r.getMessage() for r in caplog.records if "is taken up" in r.getMessage()]
    assert [t.split("taken up: ")[1] for t in told] == ["added mb2", "changed mb", "changed mb; removed mb2"]
    assert set(stored(tmp_path).filter(pl.col("source") == "mb2")["tag"]) == {"m4.power"}, "new tags pass the gate"


@in_loop
async def test_a_wrong_plant_is_told_once_and_the_old_one_stays(tmp_path, caplog):
    plant = make_plant(tmp_path)
    good, stop = plant.path.read_text(), asyncio.Event()
    async with modbus_plant(plant, "mb", Delivered()):
        task = asyncio.create_task(collect(plant, tmp_path, stop))
        await until(lambda: connected(tmp_path, "mb"))
        since = health(tmp_path, "mb")["since_at"]
        rewrite(plant, good.replace('address = "holding:0"', 'address = "holding:?"'))
        refused = lambda: [r for r in caplog.records if "is not taken up" in r.getMessage()]  # noqa: E731
        await until(refused)
        await asyncio.sleep(2.5)
        assert len(refused()) == 1
        assert "holding:?" in refused()[0].getMessage()
        assert (connected(tmp_path, "mb"), health(tmp_path, "mb")["since_at"]) == (True, since)
        rewrite(plant, good)
        await until(lambda: any("no source differs" in r.getMessage() for r in caplog.records))
        assert not task.done()
        stop.set()
        await task


@in_loop
async def test_a_value_beyond_its_range_is_reported_at_once_and_kept(tmp_path):
    given = 'address = "holding:4", type = "float32", word_order = "little"'
    plant, stop = make_plant(tmp_path, lambda t: t.replace(given, f"{given}, range = [1, 2]")), asyncio.Event()
    async with modbus_plant(plant, "mb", Delivered()):
        task = asyncio.create_task(collect(plant, tmp_path, stop, only=["mb"], commit_s=0.3))
        held = lambda: Lake(tmp_path).scan("bronze.quarantine").filter(reason="out_of_range").collect()  # noqa: E731
        await until(lambda: held().height)
        await asyncio.sleep(1.5)
        stop.set()
        await task
    (row,) = held().to_dicts()
    assert (row["source"], row["origin"], row["booked"]) == ("mb", "m2.power", True)
    assert row["message"].startswith("value 0 is outside 1 to 2")
    assert stored(tmp_path).filter(tag="m2.power", value=0.0).height >= 1


@in_loop
async def test_metrics_are_what_the_health_files_say(tmp_path):
    port = free_port()
    plant = make_plant(tmp_path, lambda t: f"{t}\n[collector]\nmetrics_port = {port}\nspool_max = '64MiB'\n")
    stop = asyncio.Event()
    async with modbus_plant(plant, "mb", Delivered()):
        task = asyncio.create_task(collect(plant, tmp_path, stop, only=["mb", "ua"]))
        await until(lambda: connected(tmp_path, "mb") and health(tmp_path, "mb")["values"])
        text = await asyncio.to_thread(_scrape, port)
        told = dict(re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE))
        assert float(told['shopfloor_source_up{kind="modbus",source="mb"}']) == 1
        assert float(told['shopfloor_source_up{kind="opcua",source="ua"}']) == 0
        assert float(told['shopfloor_source_values_total{kind="modbus",source="mb"}']) >= 4
        assert float(told['shopfloor_source_errors_total{kind="opcua",source="ua"}']) >= 1
        assert 0 <= float(told['shopfloor_source_lag_seconds{kind="modbus",source="mb"}']) < 60
        assert 'shopfloor_source_lag_seconds{kind="opcua",source="ua"}' not in told, "no value, no lag"
        assert float(told["shopfloor_spool_limit_bytes"]) == 64 << 20
        assert float(told["shopfloor_spool_reading"]) == 1
        with pytest.raises(TerminalError, match="set another metrics_port"):
            await collect(plant, tmp_path / "other", asyncio.Event(), only=["mb"])
        stop.set()
        await task
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(_scrape, port)


def _scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


@in_loop
async def test_the_next_collector_knows_when_the_last_one_was_there(tmp_path):
    plant, stop = make_plant(tmp_path), asyncio.Event()
    async with modbus_plant(plant, "mb", Delivered()):
        task = asyncio.create_task(collect(plant, tmp_path, stop, only=["mb"]))
        await until(lambda: health(tmp_path, "mb").get("alive_at"))
        stop.set()
        await task
    alive = health(tmp_path, "mb")["alive_at"]
    stop = asyncio.Event()
    task = asyncio.create_task(collect(plant, tmp_path, stop, only=["mb"]))
    await until(lambda: health(tmp_path, "mb").get("errors", 0) > 0 and health(tmp_path, "mb")["state"] == "never seen")
    assert health(tmp_path, "mb")["alive_at"] == alive, "kept until the source answers again"
    stop.set()
    await task
