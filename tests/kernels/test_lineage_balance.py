"""Mass balance by hand-made books: what closes, what does not, what is not known; split and merge; units."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assets.kernels.lineage.balance import balance
from assets.kernels.lineage.flow import trace
from assets.kernels.lineage.making import alarms, making, signals, stops, windows
from assets.kernels.lineage.recall import report
from assets.kernels.lineage.starts import of_machine, of_time
from assets.kernels.lineage.tree import tree
from plant.tables import table
from warehouse.lineage.arrays import arrays
from warehouse.lineage.index import LotIndex

AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
TABLES = ("lots", "lot_links", "stock_ledger", "materials", "locations", "sales_orders", "purchase_orders", "partners",
          "work_orders", "operations", "time_ledger", "downtimes", "attendance", "inspections", "readings")  # fmt: skip


def hour(n: float) -> datetime:
    return AT + timedelta(hours=n)


def books(**rows) -> dict[str, pl.DataFrame]:
    """Every table, those not named without rows; what a row leaves out is null."""
    out = {}
    for name in TABLES:
        schema = table(f"silver.{name}").schema
        given = [{c: r.get(c) for c in schema} for r in rows.get(name, [])]
        out[f"silver.{name}"] = pl.DataFrame(given, schema=schema, orient="row")
    return out


def lot(name, qty=100.0, material="steel", **more):
    return {"lot": name, "material": material, "qty": qty, "created_at": AT, **more}


def link(parent, child, qty, **more):
    return {"link_id": f"{parent}>{child}", "parent_lot": parent, "child_lot": child, "qty": qty, "at": AT, **more}


def post(name, kind, qty, location="raw", at=AT, reference=None):
    return {"move_id": f"{name}{kind}{qty}{location}{at}", "lot": name, "kind": kind, "qty": qty, "location": location,
            "at": at, "material": "steel", "reference": reference}  # fmt: skip


STEEL = {"material": "steel", "unit": "kg", "kind": "raw"}
PART = {"material": "part", "unit": "pcs", "kind": "finished"}
PLACES = [{"location": "raw", "zone": "raw"}, {"location": "bin", "zone": "scrap"}]
LEFT = [post("a", "receipt", 100.0), post("a", "issue", -60.0), post("a", "shipment", -20.0, reference="so-1"),
        post("a", "scrap", -5.0), post("a", "scrap", 5.0, "bin")]  # fmt: skip


def of(name, **rows):
    given = books(materials=[STEEL, PART], locations=PLACES, **rows)
    balanced, found = balance(pl.DataFrame({"lot": [name]}), given)
    return balanced.row(0, named=True), dict(found.select("finding", "message").iter_rows())


def test_a_lot_whose_books_agree_closes():
    row, found = of("a", lots=[lot("a")], lot_links=[link("a", "b", 60.0)], stock_ledger=LEFT)
    told = {k.removesuffix("_qty"): v for k, v in row.items() if k.endswith("_qty")}
    assert told == {"made": 100.0, "adjusted": 0.0, "consumed": 60.0, "shipped": 20.0, "scrapped": 5.0, "on_hand": 15.0,
                    "difference": 0.0}  # fmt: skip
    assert row["closes"] is True
    assert found == {}


@pytest.mark.parametrize(
    ("change", "difference", "finding", "message"),
    [
        ({"lots": [lot("a", 110.0)]}, 10.0, "made_differs", "110.0 kg made, 100.0 entered"),
        ({"lot_links": [link("a", "b", 40.0)]}, 20.0, "consumed_differs", "the genealogy may be incomplete"),
        ({"lot_links": []}, 60.0, "consumed_differs", "0.0 kg linked to lots, 60.0 issued"),
    ],
)
def test_books_that_do_not_agree_are_findings_with_figures(change, difference, finding, message):
    given = {"lots": [lot("a")], "lot_links": [link("a", "b", 60.0)], "stock_ledger": LEFT} | change
    row, found = of("a", **given)
    assert row["difference_qty"] == difference
    assert row["closes"] is False
    assert message in found[finding]
    assert f"{difference} kg of" in found["difference"]


def test_an_opening_adjustment_is_no_correction_and_a_later_one_is():
    moves = [post("a", "adjustment", 100.0), post("a", "adjustment", -3.0, at=hour(1))]
    row, found = of("a", lots=[lot("a")], stock_ledger=moves)
    assert (row["adjusted_qty"], row["on_hand_qty"], row["closes"], found) == (-3.0, 97.0, True, {})


def test_what_is_not_known_is_null_and_said():
    row, found = of("a", lots=[lot("a")])
    assert (row["on_hand_qty"], row["difference_qty"], row["closes"]) == (None, None, None)
    assert list(found) == ["no_stock_record"]
    row, found = of("a", stock_ledger=LEFT)
    assert (row["made_qty"], row["difference_qty"], row["on_hand_qty"]) == (None, None, 15.0)
    assert "not_in_lots" in found


def test_negative_stock_is_a_finding():
    row, found = of("a", lots=[lot("a", 0.0)], lot_links=[link("a", "b", 7.0)], stock_ledger=[post("a", "issue", -7.0)])
    assert row["on_hand_qty"] == -7.0
    assert found["negative_stock"] == "-7.0 kg on hand"


def test_units_are_converted_and_those_that_do_not_are_told():
    links = [link("a", "b", 60_000.0, unit="g")]
    row, found = of("a", lots=[lot("a")], lot_links=links, stock_ledger=LEFT)
    assert (row["consumed_qty"], row["closes"], found) == (60.0, True, {})
    row, found = of("a", lots=[lot("a")], lot_links=[link("a", "b", 60.0, unit="m")], stock_ledger=LEFT)
    assert (row["consumed_qty"], row["difference_qty"], row["closes"]) == (None, None, None)
    assert found["unit"].startswith("consumed in m, kept in kg: these do not convert")


def reported(starts, direction="forward", **rows):
    given = books(materials=[STEEL, PART], locations=PLACES, **rows)
    made = arrays(*(given[f"silver.{n}"].lazy() for n in ("lot_links", "lots", "materials")))
    index = LotIndex(made, {})
    traced = trace(index.arrays, index.numbers(starts), direction)
    return report("x", traced, index.names(traced.reached.lots), given, "hash", {})


def test_split_and_merge_share_the_origin_in_proportion():
    """100 kg split into 70 and 30; half of the 70 and all of the 30 are merged into a lot of 65; then 130 parts."""
    lots = [lot("o"), lot("s1", 70.0), lot("s2", 30.0), lot("merged", 65.0), lot("parts", 130.0, "part")]
    links = [link("o", "s1", 70.0), link("o", "s2", 30.0), link("s1", "merged", 35.0), link("s2", "merged", 30.0),
             link("merged", "parts", 65.0)]  # fmt: skip
    book = reported(["o"], lots=lots, lot_links=links)
    carried = dict(book.sections["lots"].select("lot", "carries_qty").iter_rows())
    assert carried == {"o": 100.0, "s1": 70.0, "s2": 30.0, "merged": pytest.approx(65.0), "parts": pytest.approx(65.0)}
    back = reported(["parts"], "back", lots=lots, lot_links=links).sections["lots"]
    share = dict(back.select("lot", "share").iter_rows())
    assert share == {"parts": 1.0, "merged": 1.0, "s1": 0.5, "s2": 1.0, "o": pytest.approx(0.65)}


def test_a_circular_link_is_told_by_name_and_makes_no_numbers_up():
    lots = [lot(n) for n in "abcd"]
    book = reported(
        ["a"], lots=lots, lot_links=[link("a", "b", 50), link("b", "c", 50), link("c", "b", 10), link("c", "d", 5)]
    )
    found = book.sections["findings"].filter(pl.col("finding") == "circular").row(0, named=True)
    assert found["message"].startswith("these lots lead back to themselves: b, c;")
    carried = dict(book.sections["lots"].select("lot", "carries_qty").iter_rows())
    assert carried == {"a": 100.0, "b": None, "c": None, "d": None}
    assert book.sections["destiny"]["qty"].to_list()[:-1] == [None] * 5
    assert book.sections["lots"].filter("circular")["lot"].to_list() == ["b", "c"]


def test_more_consumed_than_made_and_starts_in_several_units_are_findings():
    book = reported(["a"], lots=[lot("a", 10.0), lot("b")], lot_links=[link("a", "b", 15.0)])
    assert "over_consumed" in book.sections["findings"]["finding"].to_list()
    mixed = reported(
        ["a", "p"], lots=[lot("a"), lot("p", 5.0, "part"), lot("b")], lot_links=[link("a", "b", 5), link("p", "b", 5)]
    )
    assert "mixed_units" in mixed.sections["findings"]["finding"].to_list()
    assert mixed.sections["lots"]["carries_qty"].null_count() == 3
    assert mixed.sections["lots"].height == 3


def test_the_origin_is_found_again_in_what_became_of_it():
    lots = [lot("a"), lot("p", 30.0, "part")]
    moves = [
        *LEFT,
        {**post("p", "production", 30.0), "material": "part"},
        {**post("p", "shipment", -10.0), "material": "part"},
    ]
    book = reported(["a"], lots=lots, lot_links=[link("a", "p", 60.0)], stock_ledger=moves)
    told = dict(book.sections["destiny"].select("place", "qty").iter_rows())
    assert told == {"shipped": pytest.approx(20 + 20), "on hand": pytest.approx(15 + 40), "scrapped": pytest.approx(5),
                    "corrected": 0.0, "not accounted for": pytest.approx(0), "origin": 100.0}  # fmt: skip
    assert book.closes is True


ON = {"machine": "m1", "order_id": "wo"}
MEASURED = {**ON, "product": "part", "characteristic": "d", "value": 1.0}
WARM = {"machine": "m1", "tag": "m1.t", "role": "temperature", "quality": "good"}
ALARM = {"machine": "m1", "tag": "m1.a", "role": "alarm", "quality": "good"}
FLOOR = {
    "operations": [{**ON, "operation_id": "1", "operation": "turn", "seq": 1, "product": "part",
                    "started_at": hour(0), "ended_at": hour(4)}],
    "time_ledger": [{**ON, "start_at": hour(0), "end_at": hour(1), "account": "production"},
                    {**ON, "start_at": hour(1), "end_at": hour(1.5), "account": "delay"},
                    {**ON, "start_at": hour(1.5), "end_at": hour(4), "account": "unknown"}],
    "attendance": [{"attendance_id": "1", "operator": "ada", "machine": "m1", "start_at": hour(-2), "end_at": hour(1)},
                   {"attendance_id": "2", "operator": "bo", "machine": "m1", "start_at": hour(3), "end_at": None}],
    "downtimes": [{"downtime_id": "1", "machine": "m1", "start_at": hour(1), "end_at": hour(1.5), "reason": "jam",
                   "reason_class": "minor_stop"}],
    "inspections": [{**MEASURED, "inspection_id": "1", "at": hour(1), "result": "fail"},
                    {**MEASURED, "inspection_id": "2", "at": hour(3.5), "result": "pass"}],
    "readings": [{**WARM, "at": hour(0.5), "value": 20.0}, {**WARM, "at": hour(0.7), "value": 30.0},
                 {**WARM, "at": hour(0.8), "value": None, "quality": "bad"},
                 {**ALARM, "at": hour(0.6), "value": 17.0}, {**ALARM, "at": hour(0.7), "value": 0.0}],
}  # fmt: skip


def test_where_and_when_a_lot_was_made_with_people_stops_inspections_and_sensors():
    lots = [lot("p1", material="part", order_id="wo", created_at=hour(2))]
    given = books(lots=lots, **FLOOR)
    window = windows(given["silver.lots"].select("lot", "order_id", "created_at"), given, hour(9))
    row = making(window, given).row(0, named=True)
    assert (row["machine"], row["start_at"], row["end_at"]) == ("m1", hour(0), hour(2))
    assert (row["production_s"], row["stop_s"], row["unknown_s"]) == (3600.0, 1800.0, 1800.0)
    assert (row["operators"], row["downtimes"], row["inspections"], row["failed"]) == ("ada", 1, 1, 1)
    assert stops(window, given)["reason"].to_list() == ["jam"]
    assert alarms(window, given).select("machine", "code", "lots").rows() == [("m1", 17.0, 1)]
    read = signals(window, given).row(0, named=True)
    assert (read["samples"], read["least"], read["mean"], read["most"], read["bad_samples"]) == (3, 20.0, 25.0, 30.0, 1)


def test_a_lot_in_work_lasts_as_long_as_its_order_and_an_open_order_until_now():
    given = books(lots=[lot("wip", order_id="wo", created_at=hour(0))], **FLOOR)
    about = given["silver.lots"].select("lot", "order_id", "created_at")
    assert windows(about, given, hour(9))["end_at"].to_list() == [hour(4)]
    running = [{**FLOOR["operations"][0], "ended_at": None}]
    given = books(lots=[lot("wip", order_id="wo", created_at=hour(0))], **{**FLOOR, "operations": running})
    assert windows(about, given, hour(9))["end_at"].to_list() == [hour(9)]


def test_a_window_of_a_machine_starts_from_what_came_after_it():
    lots = [lot("wip", order_id="wo", created_at=hour(0)), lot("early", order_id="wo", created_at=hour(1)),
            lot("late", order_id="wo", created_at=hour(3)), lot("other", order_id="x", created_at=hour(3))]  # fmt: skip
    links = [link("wip", "early", 1, at=hour(1)), link("wip", "late", 1, at=hour(3))]
    given = books(lots=lots, lot_links=links, **FLOOR)
    lazy = [given[f"silver.{n}"].lazy() for n in ("lots", "lot_links", "operations")]
    found = of_machine("m1", hour(2), hour(2.5), *lazy)
    assert (found.lots, found.still) == (("late",), ("wip",))
    assert of_machine("m1", hour(5), hour(6), *lazy).lots == ()
    assert of_time(hour(0.5), hour(3), given["silver.lots"].lazy()).lots == ("early",)


def test_what_is_still_is_affected_and_not_walked_from():
    lots = [lot("wip"), lot("early"), lot("late")]
    given = books(lots=lots, lot_links=[link("wip", "early", 50), link("wip", "late", 50)], materials=[STEEL])
    index = LotIndex(arrays(*(given[f"silver.{n}"].lazy() for n in ("lot_links", "lots", "materials"))), {})
    traced = trace(index.arrays, index.numbers(["late"]), "forward", index.numbers(["wip"]))
    assert index.names(traced.reached.lots) == ["late", "wip"]
    assert np.array_equal(traced.reached.depth, [0, 0])


def test_the_tree_has_every_lot_once_and_says_what_else_leads_to_it():
    links = pl.DataFrame({"parent_lot": ["a", "a", "b", "c", "d"], "child_lot": ["b", "c", "d", "d", "b"]})
    assert [(x.lot, x.indent, x.also) for x in tree(links, ("a",), "forward", 9)] == [
        ("a", 0, 0), ("b", 1, 1), ("d", 2, 1), ("c", 1, 0)]  # fmt: skip
    assert [x.lot for x in tree(links, ("d",), "back", 9)] == ["d", "b", "a", "c"]
    assert len(tree(links, ("a",), "forward", 2)) == 2


def test_links_carry_what_their_lots_say():
    lots = [lot("o"), lot("s1", 70.0), lot("s2", 30.0), lot("m", 65.0)]
    links = [link("o", "s1", 70.0), link("o", "s2", 30.0), link("s1", "m", 35.0), link("s2", "m", 30.0)]
    there = reported(["o"], lots=lots, lot_links=links).sections["links"]
    assert there.rows() == [
        ("o", "s1", 0.7, 70.0),
        ("o", "s2", 0.3, 30.0),
        ("s1", "m", 0.5, 35.0),
        ("s2", "m", 1.0, 30.0),
    ]
    back = reported(["m"], "back", lots=lots, lot_links=links).sections["links"]
    assert dict(back.select(pl.concat_str("parent_lot", "child_lot"), "carries_qty").iter_rows()) == {
        "os1": pytest.approx(35.0), "os2": 30.0, "s1m": 35.0, "s2m": 30.0}  # fmt: skip
