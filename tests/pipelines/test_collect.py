"""The collector as a whole: real servers, real spool, real Delta; killed, restarted, starved, misled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))
from dock_plant import in_loop, make_plant, until, utc

from connectors.quarantine import pending
from pipelines.collect import collect, live_sources
from pipelines.spooling import SpoolIntake
from plant.config import load
from plant.errors import ContractError, TerminalError, TransientError
from simulator.serve import serve
from simulator.servers.delivered import Delivered, PortInUseError, Sample
from simulator.servers.modbus import modbus_plant
from simulator.servers.opcua import opcua_plant
from warehouse.lake import Lake

COLLECT = "import sys; from pathlib import Path; from plant.config import load; from pipelines.collect import run; "
COLLECT += "run(load(sys.argv[1]), Path(sys.argv[2]))"
KEY = ["tag", "ts", "value", "status"]


@dataclass
class Run:
    samples: pl.DataFrame


def made_up(seconds: float, step_s: float = 0.05) -> Run:
    """State, counter and a measured value of three machines, from a minute ago on."""
    now = datetime.now(UTC).replace(microsecond=0)
    rows = [(f"{m}.{t}", now - timedelta(seconds=60), 1.0, 0) for m in ("m1", "m2", "m3") for t in ("state", "good")]
    for i in range(int(seconds / step_s)):
        at = now + timedelta(seconds=i * step_s)
        rows += [(f"{m}.good", at, 70_000.0 + i, 0) for m in ("m1", "m2", "m3")]
        rows += [("m1.power", at, i / 8, 0), ("m3.temp", at, float(-i % 500), 0), ("m2.power", at, i / 8, 0)]
    schema = {"tag": pl.String(), "ts": pl.Datetime("us", "UTC"), "value": pl.Float64(), "status": pl.Int64()}
    return Run(pl.DataFrame(rows, schema=schema, orient="row").sort("ts", maintain_order=True))


class Serving:
    """The plant in a box as a task."""

    def __init__(self, plant, root, run):
        self.delivered, self.ready = Delivered(), asyncio.Event()
        self._work = serve(run, plant, root, delivered=self.delivered, ready=self.ready)

    async def __aenter__(self):
        self.task = asyncio.create_task(self._work)
        waiting = asyncio.create_task(self.ready.wait())
        await asyncio.wait([self.task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            await self.task
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def start_collector(plant, root) -> subprocess.Popen:
    env = os.environ | {"PYTHONWARNINGS": "ignore"}
    with (root / "collector.log").open("a") as log:
        return subprocess.Popen([sys.executable, "-c", COLLECT, str(plant.path), str(root)], env=env, stderr=log)


def stored(root) -> pl.DataFrame:
    return Lake(root).scan("bronze.readings").collect()


def health(root, source) -> dict:
    path = root / "spool" / "health" / f"{source}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def missing(sent, got) -> pl.DataFrame:
    return sent.join(got, on=KEY, how="anti", nulls_equal=True)


@in_loop
async def test_killed_in_the_middle_nothing_is_lost_or_doubled(tmp_path):
    plant = make_plant(tmp_path)
    async with Serving(plant, tmp_path, made_up(seconds=120)) as plant_in_a_box:
        first = start_collector(plant, tmp_path)
        await until(lambda: all(health(tmp_path, s).get("values", 0) > 20 for s in ("ua", "mb", "sp")), 90)
        await asyncio.sleep(0.5)
        first.send_signal(signal.SIGKILL)
        first.wait()
        for told in (tmp_path / "spool" / "health").iterdir():
            told.unlink()
        await asyncio.sleep(1.5)
        second = start_collector(plant, tmp_path)
        await until(lambda: health(tmp_path, "sp").get("state") == "connected", 90)
        await until(lambda: all(health(tmp_path, s).get("values", 0) > 20 for s in ("ua", "mb", "sp")), 90)
        log = plant_in_a_box.delivered.frame().filter(pl.col("source") != "mb")
        for _ in range(90):  # however slow the machine is: what was sent by now arrives
            if missing(log, stored(tmp_path)).is_empty():
                break
            await asyncio.sleep(1)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(second.wait, 60) == 0
    rows = stored(tmp_path)
    assert rows.select(pl.struct("segment", "seq").is_duplicated().any()).item() is False
    for source in ("ua", "sp"):
        sent = log.filter(pl.col("source") == source)
        got = rows.filter((pl.col("source") == source) & (pl.col("status") == 0))
        lost = missing(sent, got)
        doubled = got.filter(pl.struct(KEY).is_duplicated())
        assert sent.height > 100
        assert (lost.height, doubled.height) == (0, 0), (source, lost, doubled)
    counter = rows.filter((pl.col("tag") == "m2.good") & pl.col("value").is_not_null()).sort("received_at")["value"]
    assert counter.is_sorted()
    assert counter.len() > 20
    assert counter.max() > 70_050
    assert not list((tmp_path / "spool" / "readings").glob("*.seg"))
    assert (tmp_path / "truth" / "live").exists()


@in_loop
async def test_a_source_down_at_start_is_retried_while_the_others_flow(tmp_path):
    plant = make_plant(tmp_path)
    root = tmp_path
    stop = asyncio.Event()
    log = Delivered()
    async with modbus_plant(plant, "mb", log):
        task = asyncio.create_task(collect(plant, root, stop, commit_s=0.5))
        await until(lambda: health(root, "mb").get("state") == "connected")
        await until(lambda: "is running" in health(root, "ua").get("message", ""))
        assert health(root, "ua")["state"] == "never seen"
        async with opcua_plant(plant, "ua", log) as late:
            await late.deliver([Sample("m1.good", utc(), 5.0, 0)])
            await until(lambda: health(root, "ua").get("state") == "connected")
            await until(
                lambda: stored(root).filter((pl.col("tag") == "m1.good") & (pl.col("value") == 5.0)).height == 1
            )
            stop.set()
            await task
    assert stored(root).filter(pl.col("source") == "mb").height >= 4


@in_loop
async def test_on_start_error_ends_the_collector_with_the_reason(tmp_path):
    plant = make_plant(tmp_path, lambda t: t.replace('poll = "100ms"', 'poll = "100ms"\non_start = "error"'))
    with pytest.raises(TerminalError, match="source mb cannot be reached at start"):
        await collect(plant, tmp_path, only=["mb"])


@in_loop
async def test_on_start_ignore_gives_the_source_up(tmp_path):
    plant = make_plant(tmp_path, lambda t: t.replace('poll = "100ms"', 'poll = "100ms"\non_start = "ignore"'))
    stop = asyncio.Event()
    task = asyncio.create_task(collect(plant, tmp_path, stop, only=["mb"]))
    await until(lambda: "does not accept a connection" in health(tmp_path, "mb").get("message", ""))
    stop.set()
    await task
    assert health(tmp_path, "mb")["state"] == "never seen"


@in_loop
async def test_a_port_in_use_names_port_key_and_remedy(tmp_path):
    plant = make_plant(tmp_path)
    port = plant.sources["mb"].port
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", port)
    async with server:
        with pytest.raises(
            PortInUseError, match=rf"port {port} is in use: source 'mb' \(port in plant.toml\)"
        ) as error:
            async with Serving(plant, tmp_path, made_up(1)):
                pass
    assert "write another port" in str(error.value)


@in_loop
async def test_nan_and_future_values_are_reported_and_the_rest_flows(tmp_path):
    plant = make_plant(tmp_path)
    now = utc()
    lake = Lake(tmp_path)
    intake = SpoolIntake(plant, tmp_path, lake)
    rows = pl.DataFrame(
        {
            "ts": [now, now, now + timedelta(days=1), now],
            "tag": ["m1.power", "m1.power", "m1.power", "m1.good"],
            "value": [float("nan"), float("inf"), 3.0, 4.0],
            "text": pl.Series([None] * 4, dtype=pl.String),
            "status": [0, 0, 0, 0],
            "server_at": pl.Series([None] * 4, dtype=pl.Datetime("us", "UTC")),
            "received_at": [now] * 4,
            "source": ["ua"] * 4,
        },
        schema_overrides={"ts": pl.Datetime("us", "UTC"), "received_at": pl.Datetime("us", "UTC")},
    )
    told = []
    await intake.put(rows, lambda: told.append(1))
    await intake.close()
    assert told == [1]
    kept = lake.scan("bronze.readings").collect()
    aside = lake.scan("bronze.quarantine").collect()
    assert kept.height == 3
    assert sorted(aside["reason"]) == ["future_timestamp", "not_finite", "not_finite"]
    assert aside.filter(pl.col("booked"))["reason"].unique().to_list() == ["not_finite"]
    place = kept["segment"][0]
    assert set(aside["segment"]) == {place}
    assert kept.filter(pl.col("tag") == "m1.good")["seq"].item() == 3


@in_loop
async def test_a_full_spool_stops_the_sources_and_loses_nothing(tmp_path):
    plant = make_plant(tmp_path)
    intake = SpoolIntake(plant, tmp_path, Lake(tmp_path), max_bytes=4_000)
    sent = 0
    for _ in range(50):
        if not intake.open.is_set():
            break
        now = utc()
        await intake.put(_rows("m1.good", [float(sent + i) for i in range(50)], now))
        sent += 50
        await intake.flush()
    assert not intake.open.is_set()
    blocked = asyncio.create_task(intake.put(_rows("m1.good", [-1.0], utc())))
    await asyncio.sleep(0.05)
    assert not blocked.done()
    await intake.commit()
    await blocked
    await intake.close()
    assert stored(tmp_path).height == sent + 1


@contextlib.contextmanager
def a_full_disk(free=100):
    """The system refuses to write behind byte `free` of any file, with an OSError, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@in_loop
async def test_a_full_disk_stops_the_sources_and_costs_no_row(tmp_path, caplog):
    plant = make_plant(tmp_path)
    intake = SpoolIntake(plant, tmp_path, Lake(tmp_path))
    flushing = asyncio.create_task(intake.keep_flushing())
    told = []
    with a_full_disk():
        await intake.put(_rows("m1.good", [1.0, 2.0, math.nan], utc()), lambda: told.append(1))
        await until(lambda: not intake.open.is_set())
        blocked = asyncio.create_task(intake.put(_rows("m1.good", [3.0], utc())))
        await intake.commit()
        await asyncio.sleep(1.5)
        assert not flushing.done()
        assert (told, blocked.done(), intake.open.is_set()) == ([], False, False)
    await blocked
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    await intake.close()
    assert told == [1]
    assert stored(tmp_path)["value"].sort().equals(pl.Series("value", [1.0, 2.0, 3.0, math.nan]))
    assert [r.levelname for r in caplog.records if f"{tmp_path}/spool" in r.getMessage()] == ["ERROR", "WARNING"]
    assert f"{tmp_path / 'spool'} cannot be written to (File too large): make room" in caplog.text
    assert Lake(tmp_path).scan("bronze.quarantine").collect().height == 1


@in_loop
async def test_rows_are_spooled_once_when_only_their_reports_cannot_be(tmp_path, monkeypatch):
    plant = make_plant(tmp_path)
    intake = SpoolIntake(plant, tmp_path, Lake(tmp_path))
    await intake.put(_rows("m1.good", [1.0, math.inf], utc()))
    with monkeypatch.context() as patch:
        patch.setattr(intake.aside, "append", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            await intake.flush()
    await intake.close()
    assert stored(tmp_path)["value"].to_list() == [1.0, math.inf]
    assert Lake(tmp_path).scan("bronze.quarantine").collect()["reason"].to_list() == ["not_finite"]


@in_loop
async def test_what_is_in_hand_when_a_full_disk_ends_it_is_said(tmp_path):
    plant = make_plant(tmp_path)
    intake = SpoolIntake(plant, tmp_path, Lake(tmp_path))
    await intake.put(_rows("m1.good", [1.0, 2.0], utc()))
    with a_full_disk(), pytest.raises(TransientError, match=r"spool cannot be written to .* 2 rows in hand"):
        await intake.close()
    await SpoolIntake(plant, tmp_path, Lake(tmp_path)).close()


@in_loop
async def test_the_collector_lives_through_a_full_disk(tmp_path, caplog):
    plant = make_plant(tmp_path)
    stop, log = asyncio.Event(), Delivered()
    async with modbus_plant(plant, "mb", log, [Sample("m2.good", utc(), 1.0, 0)]) as device:
        task = asyncio.create_task(collect(plant, tmp_path, stop, ["mb"], commit_s=0.3))
        await until(lambda: (tmp_path / "lake" / "bronze" / "readings").exists() and stored(tmp_path).height >= 4)
        with a_full_disk():
            await device.deliver([Sample("m2.good", utc(), 2.0, 0)])
            await until(lambda: "health of the sources cannot be written" in caplog.text)
            await until(lambda: "spool cannot be written to" in caplog.text)
            assert not task.done()
        await device.deliver([Sample("m2.good", utc(), 3.0, 0)])
        await until(lambda: stored(tmp_path).filter(pl.col("tag") == "m2.good")["value"].max() == 3.0)
        stop.set()
        await task
    assert stored(tmp_path).filter(pl.col("tag") == "m2.good").sort("ts")["value"].to_list() == [1.0, 2.0, 3.0]


def test_collect_on_a_full_disk_ends_with_a_message(tmp_path):
    plant = make_plant(tmp_path)
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); from pipelines.cli import main; main()"
    verb = ["collect", "--plant", str(plant.path), "--root", str(tmp_path / "root"), "--for", "1s"]
    done = subprocess.run([sys.executable, "-c", code, *verb], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "File too large; make room on the disk" in done.stderr


class OnceStrict(Lake):
    """A lake whose contract has no room for the value 13."""

    def append_once(self, name, frame, app, version):
        if "value" in frame.columns and 13.0 in frame["value"]:
            raise ContractError("bronze.readings: nothing written, value 13 brings bad luck")
        return super().append_once(name, frame, app, version)


@in_loop
async def test_a_segment_that_breaks_its_contract_steps_aside(tmp_path, caplog):
    plant = make_plant(tmp_path)
    intake = SpoolIntake(plant, tmp_path, OnceStrict(tmp_path))
    for value in (13.0, 14.0):
        await intake.put(_rows("m1.good", [value], utc()))
        await intake.flush()
        intake.readings.seal()
    await intake.commit()
    assert stored(tmp_path)["value"].to_list() == [14.0]
    (file,) = (tmp_path / "spool" / "readings").glob("*.poison")
    row = Lake(tmp_path).scan("bronze.quarantine").collect().row(0, named=True)
    assert (row["reason"], row["booked"], row["origin"]) == ("poison_segment", False, "readings")
    assert str(file) in row["message"]
    assert "value 13 brings bad luck" in row["message"]
    assert "value 13 brings bad luck" in file.with_suffix(".poison.txt").read_text()
    await intake.close()
    assert open_notices(tmp_path) == ["poison_segment"]
    cured = SpoolIntake(plant, tmp_path, Lake(tmp_path))
    await cured.close()
    assert sorted(stored(tmp_path)["value"].to_list()) == [13.0, 14.0]
    assert not [*(tmp_path / "spool" / "readings").glob("*.poison*")]
    assert open_notices(tmp_path) == []


@in_loop
async def test_a_segment_that_is_refused_again_has_one_notice(tmp_path):
    plant = make_plant(tmp_path)
    for turn in range(3):
        intake = SpoolIntake(plant, tmp_path, OnceStrict(tmp_path))
        if turn == 0:
            await intake.put(_rows("m1.good", [13.0], utc()))
        await intake.close()
        assert open_notices(tmp_path) == ["poison_segment"]
    assert len([*(tmp_path / "spool" / "readings").glob("*.poison")]) == 1


def open_notices(root) -> list[str]:
    lake = Lake(root)
    return pending(lake.scan("bronze.quarantine"), lake.scan("bronze.replays"))["reason"].to_list()


def _rows(tag, values, at) -> pl.DataFrame:
    n = len(values)
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "ts": pl.Series([at] * n, dtype=instant),
            "tag": [tag] * n,
            "value": values,
            "text": pl.Series([None] * n, dtype=pl.String),
            "status": pl.Series([0] * n, dtype=pl.Int64),
            "server_at": pl.Series([None] * n, dtype=instant),
            "received_at": pl.Series([at] * n, dtype=instant),
            "source": ["ua"] * n,
        }
    )


@in_loop
async def test_a_second_collector_on_the_same_root_is_refused(tmp_path):
    plant = make_plant(tmp_path)
    first = SpoolIntake(plant, tmp_path, Lake(tmp_path))
    with pytest.raises(TerminalError, match="in use by another collector"):
        SpoolIntake(plant, tmp_path, Lake(tmp_path))
    await first.close()


def test_an_unknown_source_name_lists_the_live_ones(tmp_path):
    plant = load(make_plant(tmp_path).path)
    with pytest.raises(TerminalError, match="no live source nope; live sources are ua, mb, sp"):
        live_sources(plant, ["nope"])
