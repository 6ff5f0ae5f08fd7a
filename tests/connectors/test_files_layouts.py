"""Historian exports as they come: wide, in several sheets, in any encoding, larger than memory, broken off."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import polars as pl
import pytest
from drop_plant import COLUMNS, HEADER, NOW, drop, message, one, read, readings_plant, reasons

from connectors.files import tables, text
from connectors.files.drop import read_all
from connectors.quarantine import pending, replay
from warehouse.lake import Lake

WIDE = {"layout": "wide", "columns": {"ts": "Time"}, "tags": {"Spindle kW": "m-1.power", "Pump": "m-2.power"}}
CELLS = [("m-1.power", 1.5), ("m-2.power", 2.0), ("m-1.power", 3.0)]


def samples(frame: pl.DataFrame) -> list[tuple[str, float]]:
    return frame.sort("seq").select("tag", "value").rows()


def lines(count: int) -> list[str]:
    return [f"m-1.power,2026-11-15T05:{n // 60 % 60:02}:{n % 60:02}.{n:06}Z,{n},Good" for n in range(count)]


def test_a_wide_file_is_a_sample_a_filled_cell(tmp_path):
    drop(tmp_path, "a.csv", "Time,Spindle kW,Pump,Remark", "2026-11-15 05:00:00,1.5,2,x", "2026-11-15 05:00:01,3,,")
    landing = one(readings_plant(**WIDE), tmp_path)
    assert samples(landing.frame) == CELLS
    assert landing.frame["seq"].to_list() == [2, 3, 4], "each cell has a number of its own"
    assert landing.quarantine.is_empty(), "an empty cell is no sample, a column nobody names is left alone"


def test_wide_cells_of_parquet_and_excel_keep_their_types(tmp_path):
    table = pl.DataFrame(
        {"Time": ["2026-11-15T05:00:00Z", "2026-11-15T05:00:01Z"], "Spindle kW": [1.5, 3.0], "Pump": [2, None]}
    )
    (tmp_path / "drop").mkdir()
    table.write_parquet(tmp_path / "drop" / "a.parquet")
    table.write_excel(tmp_path / "drop" / "b.xlsx")
    for landing in read(readings_plant(**WIDE, decimal_comma=True), tmp_path):
        assert samples(landing.frame) == CELLS


def test_without_tags_the_headers_are_the_tags_and_a_bad_cell_is_held_back_alone_and_replayed(tmp_path):
    drop(tmp_path, "a.csv", "Time,m-1.power,m-9.power", "2026-11-15T05:00:00Z,oops,2")
    landing = one(readings_plant(layout="wide", columns={"ts": "Time"}), tmp_path)
    assert reasons(landing) == {2: "not_a_number", 3: "unknown_tag"}
    fixed = readings_plant(layout="wide", columns={"ts": "Time"})
    held = landing.quarantine.with_columns(payload=pl.col("payload").str.replace("oops", "7"))
    (again,), _ = replay(held, fixed, NOW)
    assert samples(again.frame) == [("m-1.power", 7.0)]
    assert (
        pending(
            landing.quarantine.lazy(),
            pl.LazyFrame(schema={"id": pl.String(), "replayed_at": NOW_TYPE, "result": pl.String()}),
        ).height
        == 2
    )


NOW_TYPE = pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    ("sheets", "values"), [([], [1.0]), (["Feb"], [2.0]), (["*"], [1.0, 2.0]), (["Feb", "Jan"], [2.0, 1.0])]
)
def test_the_sheets_asked_for_are_read(tmp_path, sheets, values):
    _book(tmp_path)
    frames = pl.concat(landing.frame for landing in read(readings_plant(sheets=sheets), tmp_path))
    assert frames.sort("seq")["value"].to_list() == values
    assert frames["seq"].is_unique().all()


def test_only_one_sheet_is_in_memory_at_a_time(tmp_path, monkeypatch):
    _book(tmp_path)
    read_one, asked = pl.read_excel, []
    monkeypatch.setattr(pl, "read_excel", lambda path, **how: asked.append(how["sheet_name"]) or read_one(path, **how))
    (source,) = readings_plant(sheets=["*"]).file.source
    sheets = tables.pieces(next((tmp_path / "drop").iterdir()), source)
    assert (next(sheets).rows.height, asked) == (1, ["Jan"])
    assert ([sheet.rows.height for sheet in sheets], asked) == ([1], ["Jan", "Feb", "Empty"])


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.files.tables.EXCEL_BYTES", 500)
    monkeypatch.setattr(pl, "read_excel", None)  # not reached
    _book(tmp_path)
    found = message(one(readings_plant(), tmp_path), "unreadable_file")
    assert "bytes unpacked, at most 500 are read: send it as CSV or Parquet" in found


def test_a_sheet_that_is_not_there_is_named(tmp_path):
    _book(tmp_path)
    landing = one(readings_plant(sheets=["Mar"]), tmp_path)
    assert "no sheet 'Mar'; found: 'Jan', 'Feb', 'Empty'" in message(landing, "missing_sheet")


def _book(root: Path) -> None:
    from xlsxwriter import Workbook

    (root / "drop").mkdir()
    with Workbook(root / "drop" / "a.xlsx") as book:
        for n, name in enumerate(("Jan", "Feb"), 1):
            row = [["m-1.power", "2026-11-15T05:00:00Z", float(n), "Good"]]
            pl.DataFrame(row, schema=list(COLUMNS.values()), orient="row").write_excel(book, name)
        book.add_worksheet("Empty")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("utf-16", "utf-16"),
        ("utf-16", "utf8"),
        ("utf-8-sig", "cp1252"),
        ("cp1252", "cp1252"),
        ("utf-16-le", "utf-16-le"),
    ],
)
def test_encodings_and_a_byte_order_mark_that_knows_better(tmp_path, written, told):
    drop(tmp_path, "a.csv", HEADER.replace("Tag", "Größe"), "m-1.power,2026-11-15T05:00:00Z,1,Good", encoding=written)
    landing = one(readings_plant(columns=COLUMNS | {"tag": "Größe"}, encoding=told), tmp_path)
    assert samples(landing.frame) == [("m-1.power", 1.0)]


@pytest.mark.parametrize(
    ("said", "settings", "value"),
    [
        ("1.234.567,5", {"thousands": ".", "decimal_comma": True}, 1_234_567.5),
        ("1 234,5", {"thousands": " ", "decimal_comma": True}, 1234.5),
        ("1\u202f234,5", {"thousands": " ", "decimal_comma": True}, 1234.5),
        ("1,234.5", {"thousands": ","}, 1234.5),
        ("-12'345", {"thousands": "'"}, -12345.0),
        ("12,34", {"thousands": ","}, None),
        ("1.23", {"thousands": ".", "decimal_comma": True}, None),
    ],
)  # fmt: skip
def test_thousands_are_taken_out_only_where_they_group(tmp_path, said, settings, value):
    drop(tmp_path, "a.csv", HEADER.replace(",", ";"), f"m-1.power;2026-11-15T05:00:00Z;{said};Good")
    landing = one(readings_plant(separator=";", **settings), tmp_path)
    assert landing.frame["value"].to_list() == ([value] if value is not None else [])
    assert reasons(landing) == ({} if value is not None else {1: "not_a_number"})


def test_another_unit_is_reported_kept_and_uncertain(tmp_path):
    rows = [
        f"m-1.power,2026-11-15T05:00:0{n}Z,{n},{said}" for n, said in enumerate(("Good,W", "Good,1", "Bad,W", "Good,"))
    ]
    drop(tmp_path, "a.csv", f"{HEADER},Unit", *rows)
    landing = one(readings_plant(columns=COLUMNS | {"unit": "Unit"}), tmp_path)
    assert landing.frame["status"].to_list() == [0x40940000, 0, 0x80000000, 0]
    assert reasons(landing) == {1: "unit_mismatch", 3: "unit_mismatch"}
    assert landing.quarantine["booked"].all()
    assert message(landing, "unit_mismatch").startswith("unit W where tag m-1.power has 1: kept")


def test_a_large_file_comes_in_pieces_with_one_numbering(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "PIECE_BYTES", 1000)
    quoted = 'm-1.power,2026-11-15T06:00:00Z,"5\n00",Good'  # a line break in a field, somewhere on an edge
    rows = lines(200)
    drop(tmp_path, "a.csv", HEADER, *rows[:100], quoted, "m-1.power,short", *rows[100:])
    pieces = read(readings_plant(), tmp_path)
    assert len(pieces) > 5
    assert [p.version for p in pieces] == list(range(len(pieces)))
    assert {p.app for p in pieces} == {pieces[0].app}
    frame = pl.concat(p.frame for p in pieces)
    assert frame["value"].to_list() == [float(n) for n in range(200)]
    assert frame["seq"].to_list() == [*range(1, 101), *range(103, 203)]
    held = pl.concat(p.quarantine for p in pieces)
    assert dict(held.select("position", "reason").rows()) == {101: "not_a_number", 102: "broken_row"}
    assert [p.ingested is not None for p in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (pieces[-1].ingested.rows, pieces[-1].ingested.held) == (200, 2)


def test_a_run_that_dies_between_two_pieces_is_finished_without_doubling(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "PIECE_BYTES", 2000)
    drop(tmp_path, "a.csv", HEADER, *lines(300))
    lake, plant = Lake(tmp_path / "lake"), readings_plant()
    coming = read_all(plant, "readings", tmp_path, lambda _: False, NOW, force=True)
    for _ in range(3):
        _land(lake, next(coming))
    coming.close()  # killed here
    assert 0 < lake.scan("bronze.readings").collect().height < 300
    for landing in read(plant, tmp_path):
        _land(lake, landing)
    stored = lake.scan("bronze.readings").collect()
    assert sorted(stored["value"]) == [float(n) for n in range(300)]


def _land(lake: Lake, landing) -> None:
    lake.append_once(landing.table, landing.frame, landing.app, landing.version)


def test_what_cannot_be_decoded_at_the_end_of_a_large_file_costs_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "PIECE_BYTES", 1000)
    path = drop(tmp_path, "a.csv", HEADER, *lines(200))
    path.write_bytes(path.read_bytes() + b"\nm-1.power,2026-11-15T05:00:00Z,\xff\xfe,Good")
    landing = one(readings_plant(), tmp_path)
    assert landing.frame.is_empty()
    assert landing.quarantine["reason"].to_list() == ["undecodable"]


def test_a_quote_that_never_ends_does_not_read_the_file_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "PIECE_BYTES", 10_000)
    drop(tmp_path, "a.csv", HEADER, 'm-1.power,2026-11-15T05:00:00Z,"1,Good', *lines(5000))
    first = next(read_all(readings_plant(), "readings", tmp_path, lambda _: False, NOW, force=True))
    assert first.frame.height + first.quarantine.height < 2000


def test_memory_is_that_of_a_piece(tmp_path, monkeypatch):
    drop(tmp_path, "a.csv", HEADER, *lines(100_000))
    size = (tmp_path / "drop" / "a.csv").stat().st_size
    monkeypatch.setattr(text, "PIECE_BYTES", size // 50)
    tracemalloc.start()
    rows = sum(
        x.frame.height for x in read_all(readings_plant(), "readings", tmp_path, lambda _: False, NOW, force=True)
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 100_000
    assert peak < size / 2, "what Python holds of a file is a few pieces of it"


def test_parquet_comes_in_pieces_and_a_truncated_one_is_taken_when_it_was_sent_again(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "PIECE_ROWS", 40)
    table = pl.DataFrame([x.split(",") for x in lines(100)], schema=list(COLUMNS.values()), orient="row")
    (tmp_path / "drop").mkdir()
    path = tmp_path / "drop" / "a.parquet"
    table.write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused = one(readings_plant(), tmp_path)
    assert "a.parquet: cannot be read as parquet" in message(refused, "unreadable_file")
    seen = {refused.ingested.identity}
    assert read(readings_plant(), tmp_path, seen.__contains__) == [], "the same broken file is not tried again"
    path.write_bytes(whole)
    taken = read(readings_plant(), tmp_path, seen.__contains__)
    assert [x.frame.height for x in taken] == [40, 40, 20]
    assert pl.concat(x.frame for x in taken)["seq"].to_list() == list(range(1, 101))


def test_unfinished_files_are_left_alone_whatever_the_pattern_says(tmp_path):
    for name in ("a.csv.part", "b.tmp", "~$c.csv", "d.dat"):
        drop(tmp_path, name, HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good")
    landing = one(readings_plant(path="drop/*", format="csv"), tmp_path)
    assert landing.ingested.origin.endswith("d.dat")


def test_a_file_is_left_for_as_long_as_its_source_may_take_to_write_it(tmp_path):
    path = drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good")
    slow = readings_plant(settle="1h")
    assert read(slow, tmp_path, force=False) == [], "no run waits an hour"
    os.utime(path, (time.time() - 3601,) * 2)
    assert len(read(slow, tmp_path, force=False)) == 1
