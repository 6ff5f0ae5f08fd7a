"""Suppliers and customers through the real assets: late data, files for partners, marts."""

from __future__ import annotations

import csv
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from supply_lake import FIGURES, PLANT, SECRET, _came, books, build, fill, write
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.days.stages import STANDING
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.marts import supply

DAYS = {"first": date(2026, 11, 1), "last": date(2026, 11, 20)}
CONFIRMED = {"direction": "inbound", "basis": "confirmed"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("supply")
    fill(root)
    return root


@pytest.fixture(scope="module")
def con(root):
    return connect(root)


def export(root, *words):
    return CliRunner().invoke(app, ["export", *words, "--root", str(root), "--plant", str(PLANT)])


def test_late_data_give_what_a_rebuild_gives(root, tmp_path):
    """Deliveries, damage, a price, a cancellation and confirmations become known after the first build."""
    early = books()
    early["deliveries"] = [early["deliveries"][0] | {"rejected_qty": None}]
    early["purchase_orders"] = [
        p | {"confirmed_at": None, "unit_price_cents": 1, "status": p["status"].replace("cancelled", "open")}
        for p in early["purchase_orders"][1:]
    ]
    (tmp_path / "lake").mkdir()
    grown, whole = Lake(tmp_path), Lake(root)
    write(grown, early)
    build(tmp_path)
    before = {name: grown.scan(name).collect() for name in STANDING["supply"]}
    write(grown, books())
    build(tmp_path)
    for name, old in before.items():
        now = grown.scan(name).collect()
        assert not now.equals(old), name
        assert_frame_equal(now, whole.scan(name).collect())


def test_partners_by_hand(con):
    rows = {r["partner"]: r for r in supply.supply_partners(con, **CONFIRMED, **DAYS).iter_rows(named=True)}
    acme = rows["acme"]
    assert {k: acme[k] for k in FIGURES} == FIGURES
    assert (acme["name"], acme["otif_share"], acme["mean_late_d"]) == ("Acme Bolts", 1 / 4, (2 + 6 + 1) / 3)
    assert (acme["rejected_share"], acme["papers_share"]) == (5 / 200, 1.0)
    assert acme["in_time_share"] == 160 / 400
    assert rows[SECRET]["otif_share"] == 0.0


def test_a_month_is_the_sum_of_its_weeks(con):
    whole = supply.supply_partners(con, **CONFIRMED, **DAYS).sort("partner")
    weeks = (
        supply.supply_trend(con, **CONFIRMED, **DAYS)
        .group_by("partner")
        .agg(pl.col("due", "otif").sum())
        .sort("partner")
    )
    assert weeks.select("partner", "due", "otif").rows() == whole.select("partner", "due", "otif").rows()


def test_orders_open_lines_and_backlog(con):
    orders = {r["partner"]: r for r in supply.supply_orders(con, **CONFIRMED, **DAYS).iter_rows(named=True)}
    assert (orders["acme"]["orders"], orders["acme"]["told"], orders["acme"]["perfect"]) == (3, 3, 0)
    sold = supply.supply_orders(con, direction="outbound", basis="confirmed", **DAYS).row(0, named=True)
    assert (sold["partner"], sold["told"], sold["perfect"]) == ("zeta", 1, 1)
    open_ = supply.supply_open(con, **CONFIRMED)
    assert open_.select("line", "behind_d").rows() == [("p3", 6), ("r1", 5), ("p4", 1), ("p5", -3)]
    assert open_["description"].unique().to_list() == ["Bolt M8"]
    backlog = supply.supply_backlog(con, **CONFIRMED).select("bucket", "lines").rows()
    assert backlog == [("3 to 7 days behind", 2), ("1 to 2 days behind", 1), ("to come", 1)]
    undated = supply.supply_backlog(con, direction="outbound", basis="confirmed")
    assert undated.select("bucket", "lines", "open_value").rows() == [("without a date", 1, 40.0)]


def test_lead_times_and_prices(con):
    acme = supply.lead_times(con).row(0, named=True)
    assert (acme["name"], acme["material"], acme["n"], acme["open"]) == ("Acme Bolts", None, 2, 3)
    assert (acme["mean_d"], acme["agreed_d"], acme["over_agreed"]) == (11.0, 9.0, 2)
    price = supply.price_variance(con, first=date(2026, 10, 1), last=date(2026, 11, 20))
    mine = price.row(by_predicate=pl.col("supplier") == "acme", named=True)
    assert (mine["over_standard"], mine["over_previous"], mine["last_price"]) == (1.0 + 6.0 + 3 * 1.0, 5.0 - 5.0, 0.25)


@pytest.mark.parametrize("name", ["acme", "Acme Bolts", "  acme bolts "])
@pytest.mark.parametrize("form", ["csv", "xlsx", "html"])
def test_a_file_for_a_supplier_by_key_or_name(root, tmp_path, name, form):
    path = tmp_path / f"acme.{form}"
    done = export(root, "supplier", name, "--to", str(path))
    assert done.exit_code == 0, done.output
    assert path.stat().st_size > 300
    if form != "xlsx":
        text = path.read_text()
        assert not any(x in text for x in (SECRET, "Rival", "999.99", "rival-order", "zeta", "0.24"))
        assert "\n=HYPERLINK" not in text
        assert ",=HYPERLINK" not in text


def test_since_and_what_is_written(root, tmp_path):
    path = tmp_path / "a.csv"
    assert export(root, "supplier", "acme", "--to", str(path), "--since", "2026-11-14").exit_code == 0
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {r["line"] for r in rows} == {"p3", "p4", "p5", "p6"}
    assert {r["order_id"] for r in rows} == {"p3", "p5", "p6", "'=HYPERLINK(1)"}
    assert export(root, "customer", "Zeta Cars", "--to", str(path)).exit_code == 0
    assert {r["line"] for r in csv.DictReader(path.read_text().splitlines())} == {"s1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("supplier", "acmee", "--to", "x.csv"), "nearest: acme"),
        (("supplier", "acme", "--to", "x.pdf"), "valid endings are .csv, .xlsx, .html"),
        (("supplier", "acme", "--to", "no/such/folder/x.csv"), "does not exist"),
        (("customer", "acme", "--to", "x.csv"), "no customer 'acme'"),
        (("supplier", "acme", "--to", "x.csv", "--since", "2030-01-01"), "nothing to write"),
    ],
)
def test_what_cannot_be_done_is_said(root, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = export(root, *words)
    assert done.exit_code != 0
    assert said in done.output + str(done.exception)
    assert not list(tmp_path.glob("x.*"))


def test_every_delivery_of_the_books_has_a_line():
    """The kit itself: no delivery hangs in the air."""
    given = books()
    lines = {p["purchase_id"] for p in given["purchase_orders"]} | {s["sales_id"] for s in given["sales_orders"]}
    assert {d["order_line"] for d in given["deliveries"]} <= lines
    assert _came("x", "p1", "inbound", 1, 1)["qty"] == 1.0
