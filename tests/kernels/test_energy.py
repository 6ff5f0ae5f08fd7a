"""silver.energy_ledger: the parts sum to the meter, to the joule."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_run import SMALL, Inputs, plant_of, rows_of, run, samples, utc
from naive_counters import Clerk

PLANT = plant_of()
DAY = date(2026, 5, 4)  # 04:00 to 04:00 UTC
KWH = 3_600_000
TWO_DAYS_US = 172_800_000_000


def at(text: str) -> Any:
    return utc(f"2026-05-{text}")


def meter(*rows: tuple[str, float], tag: str = "press.energy") -> list[dict[str, Any]]:
    return [{"tag": tag, "ts": at(t), "value": v} for t, v in rows]


def state(*rows: tuple[str, float]) -> list[dict[str, Any]]:
    return [{"tag": "press.state", "ts": at(t), "value": v} for t, v in rows]


def test_energy_is_spread_over_time_and_cut_at_every_change():
    rows = state(("04T05:00:00", 1), ("04T05:30:00", 3)) + meter(("04T05:00:00", 10.0), ("04T07:00:00", 12.0))
    made = run(PLANT, Inputs(samples(rows)), DAY, DAY).energy
    used = made.filter(pl.col("energy_j") > 0).select("hour_at", "account", "energy_j", "duration_us").rows()
    assert used == [
        (at("04T05:00:00"), "down_no_order", KWH // 2, 1_800_000_000),
        (at("04T05:00:00"), "production", KWH // 2, 1_800_000_000),
        (at("04T06:00:00"), "down_no_order", KWH, 3_600_000_000),
    ]
    assert made["duration_us"].sum() == 3 * 3_600_000_000, "the time before the first sample has its time and no energy"


def test_the_gain_until_the_first_sample_of_a_day_is_booked_in_that_day():
    rows = meter(("04T05:00:00", 10.0), ("05T03:00:00", 12.0), ("05T06:00:00", 15.0))
    made = run(PLANT, Inputs(samples(rows)), DAY, DAY + timedelta(days=1)).energy
    by_day = dict(made.group_by("production_day").agg(pl.col("energy_j").sum()).rows())
    assert by_day == {DAY: 2 * KWH, DAY + timedelta(days=1): 3 * KWH}


def test_a_sample_at_the_very_start_of_the_day_is_not_lost():
    rows = meter(("04T05:00:00", 10.0), ("05T04:00:00", 12.0), ("05T06:00:00", 15.0))
    made = run(PLANT, Inputs(samples(rows)), DAY, DAY + timedelta(days=1)).energy
    by_day = dict(made.group_by("production_day").agg(pl.col("energy_j").sum()).rows())
    assert by_day == {DAY: 0, DAY + timedelta(days=1): 5 * KWH}


def test_a_meter_that_restarts_counts_from_zero():
    rows = meter(("04T05:00:00", 10.0), ("04T06:00:00", 1.5))
    assert run(PLANT, Inputs(samples(rows)), DAY, DAY).energy["energy_j"].sum() == int(1.5 * KWH)


def test_two_meters_of_a_machine_are_summed_and_their_time_is_not():
    more = '{ name = "aux", role = "energy", source = "plc", address = "s=9", unit = "Wh" },\n  { name = "heat"'
    plant = plant_of(SMALL.replace('{ name = "heat"', more))
    rows = meter(("04T05:00:00", 10.0), ("04T06:00:00", 11.0)) + meter(
        ("04T05:00:00", 0), ("04T06:00:00", 500), tag="press.aux"
    )
    made = run(plant, Inputs(samples(rows)), DAY, DAY).energy
    assert made["energy_j"].sum() == KWH + KWH // 2
    assert made["duration_us"].sum() == 2 * 3_600_000_000


def test_machines_without_a_meter_have_no_rows():
    made = run(PLANT, Inputs(samples(state(("04T05:00:00", 1), ("04T09:00:00", 1)))), DAY, DAY).energy
    assert made.is_empty()


orders = st.lists(st.tuples(st.integers(0, 170_000), st.integers(1, 50_000)), max_size=3)
knots = st.lists(
    st.tuples(st.integers(1, TWO_DAYS_US - 1), st.integers(0, 9_000_000)),
    min_size=1,
    max_size=12,
    unique_by=lambda k: k[0],
)
changes = st.lists(st.tuples(st.integers(0, TWO_DAYS_US - 1), st.sampled_from([1, 3, 6])), max_size=8)


@settings(max_examples=settings.default.max_examples * 3 // 10)
@given(knots=knots, changes=changes, orders=orders)
def test_energy_telescopes_to_the_meter(knots, changes, orders):
    start = at("04T04:00:00")
    readings = sorted(knots)
    rows = [{"tag": "oven.energy", "ts": start + timedelta(microseconds=t), "value": v / 7} for t, v in readings]
    rows += [{"tag": "oven.state", "ts": start + timedelta(microseconds=t), "value": float(c)} for t, c in changes]
    worked = [
        {"operation_id": f"p{n}", "order_id": f"o{n}", "machine": "oven", "product": "nut", "seq": 1,
         "started_at": start + timedelta(seconds=s), "ended_at": start + timedelta(seconds=s + d)}
        for n, (s, d) in enumerate(orders)
    ]  # fmt: skip
    made = run(PLANT, Inputs(samples(rows), rows_of("silver.operations", worked)), DAY, DAY + timedelta(days=1))
    values = [v / 7 for _, v in readings]
    clerk, gains = Clerk(), {}
    for (t, _), value in zip(readings, values, strict=True):
        clerk.read(DAY + timedelta(days=t // 86_400_000_000), start + timedelta(microseconds=t), value)
    for day, _, gained, _ in clerk.entries:
        gains[day] = gains.get(day, 0.0) + gained
    booked = dict(made.energy.group_by("production_day").agg(pl.col("energy_j").sum()).rows())
    for day, total in booked.items():
        assert abs(total - gains.get(day, 0.0) * 3600) <= 0.5 + 1e-6
    assert sum(gains.values()) == 0 or booked
    assert made.energy.is_empty() or made.energy["energy_j"].min() >= 0
    time = made.time.filter(pl.col("machine") == "oven").group_by("production_day").agg(pl.col("duration_us").sum())
    spent = made.energy.group_by("production_day").agg(pl.col("duration_us").sum())
    assert spent.join(time, on=["production_day", "duration_us"], how="anti").is_empty()
