"""The base of every KPI: rows summed by cell in the order of the table, whatever the order of the ledgers."""

from __future__ import annotations

import random

import polars as pl
import pytest
from plant_floor import count_ledger, machines, segments, time_ledger

from assets.kernels.figures import time_sums
from assets.kernels.figures.sums import Sources, kpi_sums
from plant.kpi.measures import DIMENSIONS

WORK = ("order_id", "operation", "product", "operator")


def works(rng, names):
    return {name: None if rng.random() < 0.1 else f"{name}-{rng.randrange(10**6)}" for name in names}


def floor(machines=16, minutes=1200):
    """Time and pieces of a day in which every minute is another work; some pieces are booked twice, some on no time."""
    rng = random.Random(5)
    time, counts = [], []
    for n in range(machines):
        works_of = [works(rng, WORK) for _ in range(minutes)]
        accounts = [rng.choice(("production", "setup", "delay")) for _ in works_of]
        on = {"machine": f"m-{n}"}
        time.append(time_ledger(*((a, 1, w) for a, w in zip(accounts, works_of, strict=True)), **on))
        made = [(rng.randrange(9), 1, 30, w) for w in (*rng.sample(works_of, 40), works(rng, WORK))]
        counts.append(count_ledger(*made, *made[:3], **on))
    return pl.concat(time), pl.concat(counts)


def summed(time, counts):
    return kpi_sums(Sources(time, counts), machines(time, counts), segments(time), ["m-1"])


def test_cells_are_summed_once_and_stand_in_the_order_of_the_table():
    """More kinds of work than one 64-bit number can tell apart with their hours."""
    time, counts = floor()
    found = summed(time, counts)
    assert found.equals(found.sort("machine", "hour_at", *DIMENSIONS))
    assert not found.select(DIMENSIONS).is_duplicated().any()
    on_machine = found.filter(pl.col("machine").is_not_null())
    for ledger, column, measure in ((time, "duration_us", "reference_us"), (counts, "good_pcs", "good_pcs")):
        timed = column == "duration_us"
        expected = ledger.with_columns(hour_at=pl.col("start_at").dt.truncate("1h")) if timed else ledger
        keys = [c for c in DIMENSIONS if c != "characteristic"]
        wanted = expected.group_by(keys).agg(pl.col(column).sum().alias(measure)).filter(pl.col(measure) != 0).collect()
        ours = on_machine.filter(pl.col(measure) != 0).select(*keys, measure)
        assert ours.sort(keys).equals(wanted.sort(keys))


def test_neither_the_order_of_the_rows_nor_the_size_of_a_portion_changes_anything(monkeypatch):
    today, counts = floor(machines=3, minutes=200)
    later = today.with_columns(pl.col("production_day", "start_at", "end_at") + pl.duration(days=1))
    time = pl.concat([today, later])
    whole = summed(time, counts)
    shuffled = time.collect().sample(fraction=1.0, shuffle=True, seed=2).lazy()
    assert summed(shuffled, counts).equals(whole)
    monkeypatch.setattr(time_sums, "ROWS_AT_ONCE", 1)
    assert summed(time, counts).equals(whole)


def test_time_of_a_line_without_a_calendar_is_refused():
    time = time_ledger(("production", 60))
    lost = pl.concat([time, time_ledger(("production", 30), machine="cnc-2", line="nowhere")])
    with pytest.raises(ValueError, match="1800000000 us of the time ledger lie on lines or days"):
        kpi_sums(Sources(lost), machines(lost), segments(time), [])
