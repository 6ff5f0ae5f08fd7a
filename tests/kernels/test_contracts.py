"""Tag contracts in silver.readings (rate, direction, silence), and gaps in the ledgers."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from ledger_run import SMALL, Inputs, plant_of, run, samples, utc

from connectors.gaps import Gap, confirmed, gap_rows
from plant.states import GAP_STATUS

HEAT = 'name = "heat", role = "temperature", source = "plc", address = "s=5", unit = "degC", range = [0, 100]'
KEYS = ', max_rate_per_s = 0.5, stale_after = "10min"'
DAY = date(2026, 5, 4)  # 04:00 to 04:00 UTC


def told(plant_keys: str, *readings: tuple[str, float | None], days: int = 1) -> list[tuple[str, float | None, str]]:
    """Clock, flag and quality of the samples of press.heat that have a flag."""
    plant = plant_of(SMALL.replace(HEAT, HEAT + plant_keys))
    rows = [{"tag": "press.heat", "ts": utc(f"2026-05-{at}"), "value": value} for at, value in readings]
    made = run(plant, Inputs(samples(rows)), DAY, DAY + timedelta(days=days - 1)).readings
    odd = made.filter(~pl.col("opening"), pl.col("flag").is_not_null())
    return [
        (at.strftime("%H:%M:%S"), flag, quality) for at, flag, quality in odd.select("at", "flag", "quality").rows()
    ]


def test_what_changes_too_fast_is_flagged_and_kept():
    found = told(KEYS, ("04T05:00:00", 20.0), ("04T05:00:10", 25.0), ("04T05:00:20", 90.0), ("04T05:00:30", 25.5),
                 ("04T05:00:40", 25.0))  # fmt: skip
    assert found == [("05:00:20", "too_fast", "uncertain"), ("05:00:30", "too_fast", "uncertain")]


def test_the_first_sample_after_a_silence_is_flagged_and_trusted():
    assert told(KEYS, ("04T05:00:00", 20.0), ("04T05:10:00", 20.0), ("04T05:20:01", 20.0)) == [
        ("05:20:01", "after_silence", "good")
    ]


@pytest.mark.parametrize(("way", "flagged"), [("rising", "05:00:20"), ("falling", "05:00:10")])
def test_a_value_that_goes_one_way_is_flagged_where_it_goes_the_other(way, flagged):
    found = told(f', monotone = "{way}"', ("04T05:00:00", 2.0), ("04T05:00:10", 3.0), ("04T05:00:20", 2.5),
                 ("04T05:00:30", 2.5))  # fmt: skip
    assert found == [(flagged, "backwards", "uncertain")]


def test_a_bad_sample_is_no_measure_and_a_broken_range_is_said_first():
    assert told(KEYS, ("04T05:00:00", 20.0), ("04T05:00:10", None), ("04T05:00:20", 90.0)) == [
        ("05:00:10", "no_value", "bad")
    ]
    assert told(KEYS, ("04T05:00:00", 20.0), ("04T05:00:10", 900.0))[0][1] == "out_of_range"


def test_contracts_reach_over_the_start_of_the_day_alone_and_in_a_range():
    plant = plant_of(SMALL.replace(HEAT, HEAT + KEYS))
    given = [("05T03:59:50", 20.0), ("05T04:00:00", 40.0), ("05T04:20:00", 41.0)]
    data = Inputs(samples([{"tag": "press.heat", "ts": utc(f"2026-05-{at}"), "value": v} for at, v in given]))
    after = DAY + timedelta(days=1)
    whole = run(plant, data, DAY, after)
    alone = run(plant, data, after, after, run(plant, data, DAY, DAY).closing())
    second = whole.readings.filter(pl.col("production_day") == after)
    assert alone.readings.equals(second)
    assert second.filter(~pl.col("opening"))["flag"].to_list() == ["too_fast", "after_silence"]


def us(clock: str) -> int:
    return int(utc(f"2026-05-04T{clock}").timestamp()) * 1_000_000


def floor(*more: pl.DataFrame) -> Inputs:
    """The oven produces from 05:00 and counts nothing; the press counts 10 pieces a quarter of an hour until 06:00."""
    clocks = [f"{h:02}:{m:02}:00" for h in (5, 6, 7) for m in (0, 15, 30, 45)]
    rows = [{"tag": "press.state", "ts": utc(f"2026-05-04T{c}"), "value": 1.0} for c in clocks]
    rows += [{"tag": "press.good", "ts": utc(f"2026-05-04T{c}"), "value": 10.0 * n} for n, c in enumerate(clocks)]
    kept = samples(rows).filter(~pl.col("ts").is_between(utc("2026-05-04T06:00:01"), utc("2026-05-04T06:59:59")))
    placed = [
        m.with_columns(date=pl.col("ts").dt.date(), segment=pl.lit("gap"), seq=pl.int_range(pl.len())) for m in more
    ]
    return Inputs(pl.concat([kept, *(m.select(kept.columns) for m in placed)]))


def unknown(data: Inputs) -> tuple[list[tuple[str, str]], int, int]:
    made = run(plant_of(), data, DAY, DAY)
    lost = made.time.filter(pl.col("machine") == "press", pl.col("account") == "unknown")
    spans = [
        (a.strftime("%H:%M:%S.%f"), b.strftime("%H:%M:%S.%f")) for a, b in lost.select("start_at", "end_at").rows()
    ]
    counts = made.count.filter(pl.col("machine") == "press")
    return spans[1:], counts["good_pcs"].sum(), counts["gap_pcs"].sum()  # the first is the time before 05:00


@pytest.mark.parametrize("reason", GAP_STATUS)
def test_a_gap_is_unknown_and_its_pieces_are_told_apart(reason):
    assert unknown(floor()) == ([], 110, 0), "silent for an hour of the two that are promised: believed"
    gap = Gap("plc", ("press.state", "press.good"), us("06:10:00"), None, reason)
    assert unknown(floor(gap_rows(gap))) == ([("06:10:00.000001", "07:00:00.000000")], 110, 40)


def test_history_shrinks_a_gap_in_whatever_order_it_comes():
    gap = Gap("plc", ("press.state", "press.good"), us("06:10:00"), None, "disconnected")
    back = samples([{"tag": "press.state", "ts": utc("2026-05-04T06:40:00"), "value": 1.0}]).drop(
        "date", "segment", "seq"
    )
    for parts in ((gap_rows(gap), back), (back, gap_rows(gap))):
        assert unknown(floor(*parts))[0] == [("06:10:00.000001", "06:40:00.000000")]


def test_an_unchanged_value_ends_a_gap_by_being_confirmed():
    gap = Gap("plc", ("press.state", "press.good"), us("06:10:00"), us("06:20:00"), "disconnected")
    before = samples([{"tag": "press.state", "ts": utc("2026-05-04T06:00:00"), "value": 1.0}])
    again = confirmed(before, us("06:20:00"))
    assert unknown(floor(gap_rows(gap), again))[0] == [("06:10:00.000001", "06:20:00.000000")]
    held = confirmed(before, gap.begin_us + 2)  # a complete history showed that nothing changed
    assert unknown(floor(gap_rows(gap), held))[0] == [("06:10:00.000001", "06:10:00.000002")]
