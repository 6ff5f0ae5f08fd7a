"""Recall against the simulator's truth of a contaminated lot, in every form it leaves the house in."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from recall_lake import END, LOT, PLANT, START, fill, simulated
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.verbs.recall.run import Asked, recalled
from plant.errors import PlantError
from warehouse.lineage import UnknownLotError

NOW = END


@pytest.fixture(scope="module")
def run():
    return simulated()


@pytest.fixture(scope="module")
def lake(run, tmp_path_factory):
    return fill(tmp_path_factory.mktemp("recall"), run)


@pytest.fixture(scope="module")
def book(lake):
    return recalled(lake, Asked((LOT,)), "forward", NOW)[0]


@pytest.fixture(scope="module")
def moves(run):
    return run.tables["stock_moves"]


def truth(run):
    return run.truth["contaminated"].group_by("lot").agg(qty=pl.col("qty").sum()).sort("lot")


def test_recall_finds_exactly_the_contaminated_lots_and_quantities(run, book):
    known = truth(run)
    assert known.height > 20
    found = book.sections["lots"].select("lot", qty="carries_qty").sort("lot")
    assert_frame_equal(found, known)  # names exactly, quantities to 1e-5 relative


def test_a_blank_is_followed_through_orders_in_work_and_the_plant_stays_the_same(run, lake):
    """Blank -> lot in work -> finished lots; whoever is contaminated, nothing else of the plant changes."""
    other = simulated("lot-open-bracket-s-blank-1")
    for name, frame in run.tables.items():
        assert_frame_equal(frame, other.tables[name])
    found = recalled(lake, Asked((other.contaminated,)), "forward", NOW)[0].sections["lots"]
    assert found["steps"].max() == 2
    assert_frame_equal(found.select("lot", qty="carries_qty").sort("lot"), truth(other))


def test_a_lot_that_never_was_cannot_be_contaminated():
    with pytest.raises(ValueError, match="no such lot came into the plant"):
        simulated("lot-of-nobody")


def test_lots_of_the_same_order_without_the_origin_are_not_recalled(run, lake, book):
    """The contaminated cartons ran out in the middle of an order: what was packed before or after is not in it."""
    affected = set(book.sections["lots"]["lot"])
    orders = book.sections["orders"]["order_id"].to_list()
    same = run.truth["lots"].filter(pl.col("order_id").is_in(orders))["lot"].to_list()
    assert set(same) - affected


def test_mass_balances_close_and_the_origin_is_accounted_for(book):
    assert book.closes is True
    assert book.sections["findings"].is_empty()
    places = dict(book.sections["destiny"].select("place", "qty").iter_rows())
    assert sum(v for k, v in places.items() if k != "origin") == pytest.approx(places["origin"], rel=1e-9)
    assert places["shipped"] > 0
    assert places["on hand"] > 0


def test_stock_and_shipments_are_those_of_the_moves(run, book, moves):
    affected = book.sections["lots"]["lot"].to_list()
    mine = moves.filter(pl.col("lot").is_in(affected))
    out = mine.filter(pl.col("kind") == "shipment").group_by("lot").agg(pl.col("qty").sum()).sort("lot")
    told = book.sections["shipments"].group_by("lot").agg(pl.col("qty").sum()).sort("lot")
    assert_frame_equal(told, out)
    both = [
        mine.select("lot", place=p, qty=sign * pl.col("qty")) for p, sign in (("to_location", 1), ("from_location", -1))
    ]
    held = (
        pl.concat(both)
        .filter(~pl.col("place").is_in(["external", "scrap"]))
        .group_by("lot", "place")
        .agg(pl.col("qty").sum())
    )
    held = held.filter(pl.col("qty") != 0).sort("place", "lot")
    assert (
        book.sections["stock"].select("location", "lot", "on_hand_qty").rows()
        == held.select("place", "lot", "qty").rows()
    )
    assert book.sections["shipments"]["customer"].null_count() == 0


def test_back_from_a_shipped_lot_finds_the_origin(lake, run):
    shipped = truth(run).filter(pl.col("lot").str.contains(r"-\d{3}$"))["lot"][0]
    book = recalled(lake, Asked((shipped,)), "back", NOW)[0]
    row = book.sections["lots"].filter(pl.col("lot") == LOT).row(0, named=True)
    assert row["carries_qty"] == pytest.approx(dict(truth(run).iter_rows())[shipped])
    suppliers = run.tables["lots"].filter(pl.col("id") == LOT)["supplier"].to_list()
    assert book.sections["receipts"].filter(pl.col("lot") == LOT)["supplier"].to_list() == suppliers
    assert "destiny" not in book.sections


def test_where_and_when_lots_were_made_is_joined(book, run):
    making = book.sections["making"]
    assert set(making["machine"]) <= set(run.plant.machines)
    made = making.filter(pl.col("lot").str.contains(r"-\d{3}$"))
    assert made.height > 0
    assert (made["end_at"] > made["start_at"]).all()
    assert made["inspections"].sum() > 0
    assert made["operators"].drop_nulls().len() > 0
    assert book.sections["signals"].height > 0
    assert (book.sections["signals"]["least"] <= book.sections["signals"]["most"]).all()


def test_a_machine_and_a_time_recall_what_came_after_and_not_before(lake, run):
    first = START + timedelta(hours=20)
    machine = run.tables["operations"].filter(pl.col("started_at") < first)["machine"][0]
    book = recalled(lake, Asked(machine=machine, first=first, last=first + timedelta(hours=1)), "forward", NOW)[0]
    starts = run.truth["lots"].filter(pl.col("lot").is_in(list(book.starts)))
    assert starts.height == len(book.starts) > 0
    finished = starts.filter(pl.col("lot").str.contains(r"-\d{3}$"))
    assert (finished["created_at"] >= first).all()
    older = run.truth["lots"].filter(pl.col("created_at") < first, pl.col("lot").str.contains(r"wo.*-\d{3}$"))
    assert not set(older["lot"]) & set(book.sections["lots"]["lot"])


def test_the_ways_to_a_lot_sum_to_what_it_carries(lake, run):
    target = run.truth["lots"].filter(pl.col("lot").str.contains(r"wo-shafts.*-\d{3}$"))["lot"][0]
    order = run.truth["lots"].filter(pl.col("lot") == target)["order_id"][0]
    raw = run.truth["lot_links"].filter(pl.col("child_lot") == f"lot-{order}")["parent_lot"][0]
    book = recalled(lake, Asked((raw,), ways_to=target), "forward", NOW)[0]
    ways = book.sections["ways"]
    assert ways["path"].to_list() == [f"{raw} > lot-{order} > {target}"]
    carried = dict(book.sections["lots"].select("lot", "carries_qty").iter_rows())
    assert ways["amount"].sum() == pytest.approx(carried[target])
    with pytest.raises(PlantError, match="none of the starts leads to"):
        recalled(lake, Asked((target,), ways_to=raw), "forward", NOW)


def test_an_order_recalls_its_lots(lake, run):
    order = run.truth["lots"]["order_id"].drop_nulls()[0]
    book = recalled(lake, Asked(order=order), "forward", NOW)[0]
    assert set(run.truth["lots"].filter(pl.col("order_id") == order)["lot"]) == set(book.sections["lots"]["lot"])


def test_the_hash_changes_with_the_books_only(lake, book):
    again = recalled(lake, Asked((LOT,)), "forward", NOW)[0]
    assert again.inputs_sha256 == book.inputs_sha256
    assert recalled(lake, Asked((LOT,)), "back", NOW)[0].inputs_sha256 != book.inputs_sha256


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(("lot-open-carton-shaft-1",)), "nearest: lot-open-carton-shafts-1"),
        (Asked(order="wo-shaft-00002"), "nearest names in silver.lots.order_id: wo-shafts-00002"),
        (Asked(machine="nowhere", first=START, last=END), "nearest names in silver.operations.machine"),
        (Asked(first=END, last=START), "valid is a --from before a --to"),
        (Asked(), "name lots, or --order"),
        (Asked((LOT,), order="x"), "one of them"),
    ],
)
def test_what_cannot_be_asked_is_told_with_what_can(lake, asked, message):
    with pytest.raises(PlantError, match=message):
        recalled(lake, asked, "forward", NOW)


def test_an_unknown_lot_is_its_own_error(lake):
    with pytest.raises(UnknownLotError, match="no lot 'zzz'"):
        recalled(lake, Asked(("zzz",)), "forward", NOW)


def test_the_verb_prints_and_writes_json_and_excel(lake, book, tmp_path):
    common = ["recall", LOT, "--root", str(lake.root), "--plant", str(PLANT)]
    printed = CliRunner().invoke(app, common)
    assert printed.exit_code == 0, printed.output
    assert f"{book.sections['lots'].height} lots" in printed.output
    assert "every mass balance closes" in printed.output
    for name in ("r.json", "r.xlsx"):
        done = CliRunner().invoke(app, [*common, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "r.json").read_text())
    assert [r["lot"] for r in told["lots"]] == book.sections["lots"]["lot"].to_list()
    assert told["closes"] is True
    sheet = pl.read_excel(tmp_path / "r.xlsx", sheet_name="lots")
    assert sheet["lot"].to_list() == book.sections["lots"]["lot"].to_list()


def test_a_form_that_is_not_known_is_refused(lake):
    done = CliRunner().invoke(app, ["recall", LOT, "--root", str(lake.root), "--out", "r.pdf"])
    assert isinstance(done.exception, PlantError)
    assert ".jsonld" in str(done.exception)
