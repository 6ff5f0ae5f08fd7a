"""The page of batches: a lot forward and back, what is wrong with its books, files, and lots that do not exist."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
from streamlit.testing.v1 import AppTest

from warehouse.lake import Lake

Open = Callable[..., AppTest]
BAR = "lot-bar-7"


def read(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.subheader]
    return "\n".join([str(p.value) for p in parts] + [f"{m.label} {m.value}" for m in app.metric])


def test_forward_shows_the_tree_with_what_each_lot_carries(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "lots", lot=BAR)
    assert not app.exception
    text = read(app)
    assert f"* **{BAR}** bar-20: 40.00 m of it" in text
    assert "    * **lot-wo-9** shaft-20-wip: 40.00 m of it\n" in text
    assert "        * **lot-wo-9-1** shaft-20: 13.33 m of it" in text
    assert "Of 40.00 m: 13.33 m shipped (33 %), 26.22 m on hand (66 %), 0.44 m not accounted for (1 %)" in text
    assert "Lots 5" in text
    assert "Shipped 30 pcs" in text
    assert "to 1 customer" in text


def test_books_that_do_not_agree_are_said(tiny_root: Path, open_page: Open) -> None:
    text = read(open_page(tiny_root, "lots", lot=BAR))
    assert "**lot-wo-9-3** made differs: 30.0 pcs made, 29.0 entered in the stock ledger" in text
    assert "Balance closes no" in text
    assert "1 lot with a difference" in text


def test_back_shows_what_went_in(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "lots", lot="lot-wo-9-1")
    app = app.segmented_control(key="way").set_value("back").run()
    assert not app.exception
    text = read(app)
    assert "What went into it" in text
    assert f"        * **{BAR}** bar-20: 13.33 m went in" in text
    assert "        * **lot-bar-8** bar-20: 16.67 m went in" in text
    tables = [frame.value for frame in app.dataframe]
    assert any("Ferrotec" in str(t.to_numpy()) for t in tables)


def test_the_files_hold_the_whole_report(tiny_root: Path, open_page: Open) -> None:
    from dashboards import lot_data

    open_page(tiny_root, "lots", lot=BAR)
    book = lot_data.recall(lot=BAR, direction="forward")
    assert book is not None
    told = json.loads(lot_data.json_text(book))
    assert {row["lot"] for row in told["lots"]} == {BAR, "lot-wo-9", "lot-wo-9-1", "lot-wo-9-2", "lot-wo-9-3"}
    assert told["shipments"][0]["customer_name"] == "Autoline"
    sheet = pl.read_excel(lot_data.workbook(book), sheet_name="shipments")
    assert sheet["customer"].to_list() == ["C1"]


def test_a_lot_that_does_not_exist_is_told_with_the_nearest(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "lots", lot="lot-bar-77")
    assert not app.exception
    assert f"nearest: {BAR}" in read(app)


def test_without_lots_or_links_the_page_says_so(bare_root: Path, own_root: Path, open_page: Open) -> None:
    assert "There are no lots yet" in read(open_page(bare_root, "lots"))
    Lake(own_root).replace("silver.lot_links", Lake(own_root).scan("silver.lot_links").head(0).collect())
    text = read(open_page(own_root, "lots", lot=BAR))
    assert "Lots 1" in text
    assert "no genealogy" not in text


def test_new_links_are_seen_without_a_restart(own_root: Path, open_page: Open) -> None:
    app = open_page(own_root, "lots", lot=BAR)
    assert "Lots 5" in read(app)
    lake = Lake(own_root)
    links = lake.scan("silver.lot_links").collect()
    lake.replace("silver.lot_links", links.filter(pl.col("child_lot") != "lot-wo-9-3"))
    assert "Lots 4" in read(app.run())
