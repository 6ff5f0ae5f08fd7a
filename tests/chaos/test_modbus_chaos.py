"""A Modbus device behind a network that cuts, delays, trickles, goes silent and refuses.

A device has no memory: a value it showed while nobody could ask is gone. Then a gap must be recorded between the
values around it. Every other value must be stored, none twice, and in the order the device had them.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from datetime import UTC, datetime

import polars as pl
from dock_plant import in_loop, make_plant, until
from proxy import Proxy
from running import collecting, connected, everything, stored

from simulator.servers.delivered import Delivered, Sample
from simulator.servers.modbus import modbus_plant

SUITE = "modbus"
HOLD_S = 0.6
"""So long the device shows a value; it is polled each 0.1 s."""
TAG = "m2.good"


class Counter:
    """Counts up in the device, and knows when it showed what."""

    def __init__(self, device) -> None:
        self.device, self.shown = device, []

    async def run(self):
        for value in range(1, 1_000_000):
            self.shown.append((float(value), datetime.now(UTC)))
            await self.device.deliver([Sample(TAG, self.shown[-1][1], float(value), 0)])
            await asyncio.sleep(HOLD_S)

    def frame(self) -> pl.DataFrame:
        """value, from_at, to_at of every value that was shown to its end."""
        schema = {"value": pl.Float64(), "from_at": pl.Datetime("us", "UTC")}
        rows = pl.DataFrame(self.shown, schema=schema, orient="row")
        return rows.with_columns(to_at=pl.col("from_at").shift(-1)).drop_nulls()


def judge(tally, counter: pl.DataFrame, rows: pl.DataFrame) -> None:
    """Every value is stored, or there is a row that opens a gap between the good ones around it."""
    mine = rows.filter(pl.col("tag") == TAG).sort("ts")
    good, bad = mine.filter(pl.col("value").is_not_null()), mine.filter(pl.col("value").is_null())
    missing = counter.join(good, on="value", how="anti")
    excused = 0
    for value in missing["value"]:
        before = good.filter(pl.col("value") < value)["ts"].max()
        after = good.filter(pl.col("value") > value)["ts"].min()
        excused += not bad.filter(pl.col("ts") > before, pl.col("ts") < after).is_empty()
    tally.produced += counter.height
    tally.stored += counter.join(good, on="value", how="semi").height
    tally.excused += excused
    tally.lost += missing.height - excused
    tally.doubled += mine.select("ts", "value", "status").is_duplicated().sum()
    assert good["value"].is_sorted(), "a late answer was taken for a new one"


@contextlib.asynccontextmanager
async def counting(tmp_path):
    """Device, proxy, collector and a counter that runs."""
    (tmp_path / "device").mkdir()
    behind = make_plant(tmp_path / "device")
    async with modbus_plant(behind, "mb", Delivered(), [Sample(TAG, datetime.now(UTC), 0.0, 0)]) as device:
        real = behind.sources["mb"].port
        async with Proxy(real) as proxy:
            plant = make_plant(tmp_path, lambda text: only_modbus(text, proxy.port))
            async with collecting(plant.path, tmp_path):
                await until(lambda: connected(tmp_path, "mb"))
                counter = Counter(device)
                task = asyncio.create_task(counter.run())
                try:
                    yield proxy, counter
                finally:
                    task.cancel()


def only_modbus(text: str, port: int) -> str:
    """The plant with its Modbus source alone, at another port."""
    head, *parts = text.replace("\n[[source]]", "\f[[source]]").replace("\n[[machine]]", "\f[[machine]]").split("\f")
    kept = [p for p in parts if 'name = "mb"' in p or 'name = "m2"' in p]
    lines = "\n".join([head, *kept]).split("\n")
    return "\n".join(f"port = {port}" if line.startswith("port = ") else line for line in lines)


async def newest(root, counter):
    """Wait until a value that is shown from now on is stored."""
    value = counter.shown[-1][0] + 1 if counter.shown else 1.0
    lake = root / "lake" / "bronze" / "readings"
    await until(
        lambda: lake.exists() and not stored(root).filter(pl.col("tag") == TAG, pl.col("value") >= value).is_empty()
    )


@in_loop
async def test_every_fault_loses_nothing_that_is_not_a_recorded_gap(tmp_path, tally):
    async with counting(tmp_path) as (proxy, counter):
        await newest(tmp_path, counter)
        for fault, seconds in (
            ("cut", 0.5), ("cut", 0.0), ("delay", 2.0), ("trickle", 2.0), ("black_hole", 0.3), ("black_hole", 3.0),
            ("refuse", 2.0), ("cut", 0.0), ("black_hole", 2.0), ("refuse", 0.5),
        ):  # fmt: skip
            words = {"delay": (0.1,), "trickle": (400,)}.get(fault, ())
            done = getattr(proxy, fault)(*words)
            if done is not None:
                await done
            await asyncio.sleep(seconds)
            await proxy.heal()
            await newest(tmp_path, counter)
        tally.faults += proxy.faults
        shown = counter.frame()
        await newest(tmp_path, counter)
    judge(tally, shown, everything(tmp_path))


@contextlib.contextmanager
def a_full_disk():
    """The system refuses to write behind byte 100 of any file, with an OSError, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@in_loop
async def test_a_time_in_which_the_disk_was_full_is_a_gap(tmp_path, tally):
    async with counting(tmp_path) as (_, counter):
        for seconds in (3.0, 6.0):
            await newest(tmp_path, counter)
            with a_full_disk():
                await asyncio.sleep(seconds)
            tally.faults += 1
        await newest(tmp_path, counter)
        shown = counter.frame()
        await newest(tmp_path, counter)
    before = tally.excused
    judge(tally, shown, everything(tmp_path))
    assert tally.excused > before
