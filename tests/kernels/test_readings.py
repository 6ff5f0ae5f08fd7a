"""silver.readings: grading, duplicates, openings."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from ledger_run import Inputs, plant_of, run, samples, utc

PLANT = plant_of()
DAY = date(2026, 5, 4)  # 04:00 to 04:00 UTC
BAD = 0x80310000


def row(tag: str, at: str, value: float | None = None, **more: Any) -> dict[str, Any]:
    return {"tag": f"press.{tag}", "ts": utc(f"2026-05-{at}"), "value": value} | more


def clean(*rows: dict[str, Any], days: int = 1, opening: pl.DataFrame | None = None) -> pl.DataFrame:
    return run(PLANT, Inputs(samples(rows)), DAY, DAY + timedelta(days=days - 1), opening).readings


@pytest.mark.parametrize(
    ("given", "value", "quality", "flag"),
    [
        (row("heat", "04T05:00:00", 50.0), 50.0, "good", None),
        (row("heat", "04T05:00:00", 50.0, status=0x40000000), 50.0, "uncertain", None),
        (row("heat", "04T05:00:00", 50.0, status=BAD), None, "bad", None),
        (row("heat", "04T05:00:00", None, status=BAD), None, "bad", "disconnected"),
        (row("heat", "04T05:00:00", None, status=0x80000000), None, "bad", None),
        (row("heat", "04T05:00:00", None, status=0x809D0480), None, "bad", "overflow"),
        (row("heat", "04T05:00:00", 50.0, status=0x40940000), 50.0, "uncertain", "unit_mismatch"),
        (row("heat", "04T05:00:00", 100.5), 100.5, "uncertain", "out_of_range"),
        (row("heat", "04T05:00:00", -0.5), -0.5, "uncertain", "out_of_range"),
        (row("heat", "04T05:00:00", 100.0), 100.0, "good", None),
        (row("heat", "04T05:00:00", float("nan")), None, "bad", "not_finite"),
        (row("heat", "04T05:00:00", float("-inf")), None, "bad", "not_finite"),
        (row("heat", "04T05:00:00", None), None, "bad", "no_value"),
        (row("heat", "04T05:00:00", None, text="hot"), None, "bad", "not_a_number"),
        (row("good", "04T05:00:00", -1.0), None, "bad", "negative"),
        (row("good", "04T05:00:00", 10.0), 10.0, "good", None),
    ],
)
def test_grading_of_numbers(given, value, quality, flag):
    (only,) = clean(given).rows(named=True)
    assert (only["value"], only["quality"], only["flag"]) == (value, quality, flag)
    assert only["at"] == only["since_at"] == given["ts"]


@pytest.mark.parametrize(
    ("value", "text", "status", "word", "flag"),
    [
        (1.0, None, 0, "producing", None),
        (None, "7", 0, "failed", None),
        (55.0, None, 0, "unknown", "unknown_state"),
        (1.5, None, 0, "unknown", "unknown_state"),
        (None, "running", 0, "unknown", "unknown_state"),
        (1.0, None, BAD, "unknown", None),
        (None, None, 0, "unknown", "no_value"),
        (float("inf"), None, 0, "unknown", "not_finite"),
        (1e300, None, 0, "unknown", "unknown_state"),
    ],
)
def test_state_words(value, text, status, word, flag):
    (only,) = clean(row("state", "04T05:00:00", value, text=text, status=status)).rows(named=True)
    assert (only["text"], only["flag"]) == (word, flag)


def test_a_later_fact_wins_and_a_repeated_old_one_does_not():
    at = "04T05:00:00"
    first, fixed = {"received_at": utc("2026-05-04T05:00:01")}, {"received_at": utc("2026-05-06T00:00:00")}
    again = {"received_at": utc("2026-05-07T00:00:00")}
    made = clean(row("heat", at, 1.0, **first), row("heat", at, 2.0, **fixed), row("heat", at, 1.0, **again))
    assert made["value"].to_list() == [2.0]


def test_the_source_of_a_fact_delivered_twice_does_not_depend_on_who_was_first():
    for early, late in (("a", "b"), ("b", "a")):
        one = row("heat", "04T05:00:00", 1.0, source=early)
        two = row("heat", "04T05:00:00", 1.0, source=late, received_at=utc("2026-05-09T00:00:00"))
        assert clean(one, two)["source"].to_list() == ["a"]


def test_each_day_opens_with_what_was_true():
    made = clean(
        row("heat", "04T05:00:00", 20.0), row("heat", "04T06:00:00", 30.0), row("heat", "06T05:00:00", 40.0), days=3
    )
    shown = made.select("production_day", "at", "value", "opening", "since_at").rows()
    assert shown == [
        (DAY, utc("2026-05-04T05:00:00"), 20.0, False, utc("2026-05-04T05:00:00")),
        (DAY, utc("2026-05-04T06:00:00"), 30.0, False, utc("2026-05-04T06:00:00")),
        (DAY + timedelta(days=1), utc("2026-05-05T04:00:00"), 30.0, True, utc("2026-05-04T06:00:00")),
        (DAY + timedelta(days=2), utc("2026-05-06T04:00:00"), 30.0, True, utc("2026-05-04T06:00:00")),
        (DAY + timedelta(days=2), utc("2026-05-06T05:00:00"), 40.0, False, utc("2026-05-06T05:00:00")),
    ]


def test_a_sample_at_the_day_start_belongs_to_the_new_day_and_does_not_open_it():
    made = clean(row("heat", "05T03:59:59", 20.0), row("heat", "05T04:00:00", 30.0), days=2)
    second = made.filter(pl.col("production_day") == DAY + timedelta(days=1))
    assert second.select("value", "opening").rows() == [(20.0, True), (30.0, False)]


def test_a_counter_opens_with_its_last_trusted_value_other_tags_with_their_last():
    rows = [
        row("good", "04T05:00:00", 7.0), row("good", "04T06:00:00", None, status=BAD),
        row("heat", "04T05:00:00", 20.0), row("heat", "04T06:00:00", None, status=BAD),
        row("state", "04T05:00:00", 1.0), row("state", "04T06:00:00", None, status=BAD),
    ]  # fmt: skip
    opened = clean(*rows, days=2).filter("opening").select("tag", "value", "text", "quality", "since_at").rows()
    five, six = utc("2026-05-04T05:00:00"), utc("2026-05-04T06:00:00")
    assert opened == [
        ("press.good", 7.0, None, "good", five),
        ("press.heat", None, None, "bad", six),
        ("press.state", None, "unknown", "bad", six),
    ]
    alone = run(PLANT, Inputs(samples(rows)), DAY, DAY).closing()
    assert dict(alone.select("tag", "value").rows())["press.good"] == 7.0


def test_a_state_knows_since_when_it_is_held_over_days():
    rows = [row("state", "04T05:00:00", 6.0), row("state", "04T06:00:00", 7.0), row("state", "05T03:00:00", 3.0),
            row("state", "05T04:30:00", 6.0)]  # fmt: skip
    held = clean(*rows, days=2).select("at", "held_since_at").rows()
    assert held[:2] == [(utc("2026-05-04T05:00:00"),) * 2, (utc("2026-05-04T06:00:00"), utc("2026-05-04T05:00:00"))]
    assert {h for _, h in held[2:]} == {utc("2026-05-05T03:00:00")}, "a gap beyond stale_after ends the run"


def test_a_jump_is_flagged_and_kept():
    made = clean(row("good", "04T05:00:00", 10.0), row("good", "04T05:00:10", 16.0), row("good", "04T05:00:20", 900.0))
    assert made.select("value", "quality", "flag").rows() == [
        (10.0, "good", None), (16.0, "good", None), (900.0, "uncertain", "jump"),
    ]  # fmt: skip


def test_a_day_alone_opens_as_it_does_inside_the_range():
    rows = [
        row("heat", "04T05:00:00", 120.0), row("good", "04T05:00:00", 100.0), row("good", "04T05:00:10", 900.0),
        row("state", "04T05:00:00", 55.0), row("heat", "05T05:00:00", 20.0),
    ]  # fmt: skip
    whole, next_day = clean(*rows, days=2), DAY + timedelta(days=1)
    first = run(PLANT, Inputs(samples(rows)), DAY, DAY)
    alone = run(PLANT, Inputs(samples(rows)), next_day, next_day, first.closing()).readings
    assert alone.equals(whole.filter(pl.col("production_day") == next_day))
    assert alone.filter("opening")["flag"].to_list() == ["jump", "out_of_range", "unknown_state"]


def test_tags_no_longer_in_the_plant_and_days_outside_are_left_out():
    gone = {"tag": "old.state", "ts": utc("2026-05-04T05:00:00"), "value": 1.0}
    assert clean(gone, row("heat", "04T03:59:59", 1.0), row("heat", "05T04:00:00", 1.0)).is_empty()


def test_opening_rows_of_the_day_before_are_taken():
    before = run(
        PLANT, Inputs(samples([row("heat", "03T05:00:00", 9.0)])), DAY - timedelta(days=1), DAY - timedelta(days=1)
    )
    made = clean(row("heat", "04T05:00:00", 8.0), opening=before.closing())
    assert made.select("value", "opening", "since_at").rows() == [
        (9.0, True, utc("2026-05-03T05:00:00")),
        (8.0, False, utc("2026-05-04T05:00:00")),
    ]
