"""silver.count_ledger: increments, resets, roll-overs, jumps, and where each piece is booked."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from ledger_run import ENGINE, Inputs, plant_of, rows_of, run, samples, utc

from assets.kernels.counters import count_ledger
from plant import calendar
from plant.dimensions import ideal_frame, machines_frame, tags_frame
from plant.tables import table

PLANT = plant_of()
DAY = date(2026, 5, 4)  # 04:00 to 04:00 UTC
BAD = 0x80310000


def at(text: str) -> Any:
    return utc(f"2026-05-{text}")


def counts(tag: str, *rows: tuple[str, float | None]) -> list[dict[str, Any]]:
    return [{"tag": f"press.{tag}", "ts": at(t), "value": v, "status": BAD if v is None else 0} for t, v in rows]


def booked(rows: list[dict[str, Any]], days: int = 1, **more: Any) -> pl.DataFrame:
    return run(PLANT, Inputs(samples(rows), **more), DAY, DAY + timedelta(days=days - 1)).count


def order(
    name: str, start: str, end: str | None, product: str = "bolt", operation: str | None = None
) -> dict[str, Any]:
    return {"operation_id": name, "order_id": name, "machine": "press", "operation": operation, "seq": 1,
            "product": product, "started_at": at(start), "ended_at": end and at(end)}  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "rows", "pieces", "quarantined"),
    [
        ("good", [("04T05:00:00", 100)], 0, 0),  # the first sample ever is only the base
        ("good", [("04T05:00:00", 100), ("04T05:10:00", 112)], 12, 0),
        ("good", [("04T05:00:00", 100), ("04T05:10:00", 3)], 3, 0),  # reset: counts from 0
        ("good", [("04T05:00:00", 100), ("04T05:05:00", None), ("04T05:10:00", 112)], 12, 0),  # bad one passed over
        ("good", [("04T05:00:00", 100), ("04T05:00:10", 106)], 6, 0),  # 0.5/s x 10 s + 1
        ("good", [("04T05:00:00", 100), ("04T05:00:10", 107)], 0, 7),  # one more is not possible
        ("good", [("04T05:00:00", 100), ("04T05:00:10", 900), ("04T05:00:20", 903)], 3, 800),
        ("good", [("04T05:00:00", 9000), ("04T05:00:10", 5000)], 0, 6),  # fell to what it cannot have counted: reload
        ("scrap", [("04T05:00:00", 990), ("04T05:10:00", 4)], 14, 0),  # rolled over after 999
        ("scrap", [("04T05:00:00", 500), ("04T05:10:00", 4)], 4, 0),  # not near its end: reset
        ("scrap", [("04T05:00:00", 1500), ("04T05:10:00", 4)], 4, 0),  # beyond its end: reset
        ("scrap", [("04T05:00:00", 1), ("04T05:00:01", 800)], 799, 0),  # no limit given
    ],
)
def test_increments(tag, rows, pieces, quarantined):
    made = booked(counts(tag, *rows))
    kind = {"good": "good_pcs", "scrap": "scrap_pcs"}[tag]
    assert made[kind].sum() == pieces
    assert made["quarantined_pcs"].sum() == quarantined
    assert made.select(pl.sum_horizontal("good_pcs", "scrap_pcs", "rework_pcs")).sum().item() == pieces


def test_a_day_starts_from_its_opening_row():
    made = booked(counts("good", ("04T05:00:00", 10), ("04T22:00:00", 20), ("05T05:00:00", 35)), days=2)
    assert dict(made.group_by("production_day").agg(pl.col("good_pcs").sum()).rows()) == {
        DAY: 10,
        DAY + timedelta(days=1): 15,
    }


def test_a_bad_sample_at_midnight_does_not_lose_the_base():
    made = booked(counts("good", ("04T05:00:00", 10), ("05T03:50:00", None), ("05T05:00:00", 35)), days=2)
    assert made["good_pcs"].sum() == 25


def test_a_piece_belongs_to_the_hour_and_shift_that_contain_it():
    made = booked(counts("good", ("04T11:00:00", 0), ("04T11:59:59.999999", 1), ("04T12:00:00", 2)))
    assert made.select("shift", "hour_at", "good_pcs").rows() == [
        ("early", at("04T11:00:00"), 1),
        ("late", at("04T12:00:00"), 1),
    ]


def test_the_last_piece_of_an_order_stays_with_it():
    orders = rows_of(
        "silver.operations", [order("a", "04T05:00:00", "04T06:10:00"), order("b", "04T06:10:00", None, "nut")]
    )
    made = booked(counts("good", ("04T05:00:00", 0), ("04T06:10:00", 3), ("04T06:10:01", 4)), operations=orders)
    assert made.select("order_id", "product", "good_pcs").rows() == [("a", "bolt", 3), ("b", "nut", 1)]


def test_an_order_that_ends_with_its_shift_does_not_reach_into_the_next():
    orders = rows_of("silver.operations", [order("a", "04T05:00:00", "04T12:00:00"), order("b", "04T12:00:00", None)])
    made = booked(counts("good", ("04T05:00:00", 0), ("04T12:00:00", 3), ("04T13:00:00", 3)), operations=orders)
    assert made.select("order_id", "shift").rows() == [("b", "late")]


def test_ideal_time_by_product_machine_and_day():
    orders = rows_of(
        "silver.operations", [order("a", "04T05:00:00", "04T07:00:00"), order("b", "04T07:00:00", None, "nut")]
    )
    rows = counts("good", ("04T05:00:00", 0), ("04T06:00:00", 10), ("04T08:00:00", 15)) + counts(
        "scrap", ("04T05:00:00", 0), ("04T06:30:00", 2)
    )
    made = booked(rows, operations=orders)
    assert made.select("product", "operation", "ideal_us").rows() == [
        ("bolt", "pressing", 12 * 2_000_000),  # 2.0 s since 29 March, good and scrap alike
        ("nut", "pressing", None),  # no ideal cycle: null, not 0
    ]


def test_without_an_order_the_machines_usual_operation_is_named():
    made = booked(counts("good", ("04T05:00:00", 0), ("04T06:00:00", 10)))
    assert made.select("order_id", "operation", "ideal_us").rows() == [(None, "pressing", None)]


def report(machine: str, start: str, end: str, good: int, **more: Any) -> dict[str, Any]:
    span = {"date": at(end).date(), "start_at": at(start), "end_at": at(end), "received_at": at(end)}
    told = {"machine": machine, "report": "x", "state": "producing", "good_pcs": good, "source": "book"}
    return span | told | {"segment": "f", "seq": good} | more


def test_reports_book_their_pieces_at_their_end_under_their_order():
    rows = [
        report(
            "hand", "04T05:00:00", "04T12:00:00", 40, order_id="w", product="bolt", operation="filing", rework_pcs=2
        ),
        report("hand", "04T06:00:00", "04T09:00:00", 5),
        report("press", "04T06:00:00", "04T09:00:00", 99),  # the press counts itself
        report("hand", "04T13:00:00", "05T04:00:00", 7),  # ends with the day: still of this day
    ]
    told = rows_of("bronze.reports", rows)
    made = booked([], reports=told)
    assert made.select("shift", "hour_at", "order_id", "operation", "good_pcs", "rework_pcs", "ideal_us").rows() == [
        ("early", at("04T08:00:00"), None, None, 5, 0, None),
        ("early", at("04T11:00:00"), "w", "filing", 40, 2, 42 * 30_000_000),
        ("night", at("05T03:00:00"), None, None, 7, 0, None),
    ]


def test_a_piece_goes_to_the_order_that_begins_only_if_none_was_on():
    orders = rows_of("silver.operations", [order("a", "04T06:10:00", "04T07:00:00")])
    made = booked(counts("good", ("04T05:00:00", 0), ("04T06:10:00", 3), ("04T07:00:00", 4)), operations=orders)
    assert made.select("order_id", "good_pcs").rows() == [("a", 3), ("a", 1)]


def test_a_report_without_an_operator_takes_the_one_of_the_ledger():
    rows = [
        report("hand", "04T05:00:00", "04T06:00:00", 5),
        report("hand", "04T06:00:00", "04T07:00:00", 6, operator="bo"),
    ]
    made = booked([], reports=rows_of("bronze.reports", rows))
    assert made.select("operator", "good_pcs").rows() == [(None, 5), ("bo", 6)]
    ledger = [
        {"production_day": DAY, "machine": "hand", "account": "delay", "operator": "ada",
         "start_at": at("04T04:00:00"), "end_at": at("05T04:00:00")}
    ]  # fmt: skip
    given = (calendar.segments(PLANT, DAY, DAY), ideal_frame(PLANT), machines_frame(PLANT), tags_frame(PLANT))
    frames = (table("silver.readings").empty().lazy(), rows_of("silver.time_ledger", ledger).lazy())
    told = count_ledger(*frames, *given, rows_of("bronze.reports", rows).lazy()).collect(engine=ENGINE)
    assert told.select("operator", "good_pcs").rows() == [("ada", 5), ("bo", 6)]


def test_a_ledger_in_any_order_of_machines_gives_the_same_counts():
    rows = counts("good", ("04T05:00:00", 0), ("04T06:10:00", 3), ("05T06:00:00", 4))
    orders = rows_of("silver.operations", [order("a", "04T06:00:00", "05T07:00:00")])
    made = run(PLANT, Inputs(samples(rows), operations=orders), DAY, DAY + timedelta(days=1))
    given = (calendar.segments(PLANT, DAY, DAY + timedelta(days=1)), ideal_frame(PLANT), machines_frame(PLANT))
    shaken = made.readings.sample(fraction=1, shuffle=True, seed=3).lazy(), made.time.sort("machine", "start_at").lazy()
    again = count_ledger(*shaken, *given, tags_frame(PLANT)).collect(engine=ENGINE)
    assert again.equals(made.count)
    assert again["order_id"].to_list() == ["a", "a"]
