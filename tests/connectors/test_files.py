"""Files as a whole: formats, zones, commas, identity."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import polars as pl
import pytest
from drop_plant import COLUMNS, HEADER, NOW, drop, one, plant, read, readings_plant, reasons

from connectors.files.drop import read_all, read_files, waiting
from plant.errors import SourceDownError
from plant.tables import table

CONTRACT = table("bronze.readings")
AT = datetime(2026, 11, 15, 5, 0, tzinfo=UTC)


def test_a_csv_becomes_readings_of_the_contract(tmp_path):
    drop(
        tmp_path, "a.csv", HEADER,
        "m-1.power,2026-11-15T05:00:00.250000Z,1.5,Good",
        "m-1.order,2026-11-15T05:00:00Z,WO-7,Good",
        "m-2.power,2026-11-15T05:00:00Z,,Bad",
        "m-2.power,2026-11-15T05:00:01Z,2,Uncertain",
        "",
    )  # fmt: skip
    landing = one(readings_plant(), tmp_path)
    assert landing.table == "bronze.readings"
    assert landing.frame.schema == CONTRACT.schema
    assert landing.quarantine.is_empty()
    assert landing.frame["value"].to_list() == [1.5, None, None, 2.0]
    assert landing.frame["text"].to_list() == [None, "WO-7", None, None]
    assert landing.frame["status"].to_list() == [0, 0, 0x80000000, 0x40000000]
    assert landing.frame["ts"][0] == AT.replace(microsecond=250000)
    assert landing.frame["seq"].to_list() == [1, 2, 3, 4]
    assert landing.frame["received_at"].unique().to_list() == [NOW]


@pytest.mark.parametrize(
    ("zone", "cell", "utc"),
    [
        ("UTC", "2026-11-15T05:00:00.5Z", "2026-11-15T05:00:00.500000"),
        ("UTC", "2026-11-15 05:00", "2026-11-15T05:00:00.000000"),
        ("Europe/Berlin", "2026-11-15 05:00:00", "2026-11-15T04:00:00.000000"),
        ("Europe/Berlin", "2026-07-15T05:00:00", "2026-07-15T03:00:00.000000"),
        ("Europe/Berlin", "2026-07-15T05:00:00+05:30", "2026-07-14T23:30:00.000000"),
        ("Europe/Berlin", "2026-07-15T05:00:00-0330", "2026-07-15T08:30:00.000000"),
        ("America/New_York", "2026-07-15", "2026-07-15T04:00:00.000000"),
    ],
)
def test_time_zones_and_spellings_of_time(tmp_path, zone, cell, utc):
    drop(tmp_path, "a.csv", HEADER, f"m-1.power,{cell},1,Good")
    landing = one(readings_plant(timezone=zone), tmp_path)
    assert landing.frame["ts"].dt.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_list() == [utc]


@pytest.mark.parametrize(
    ("pattern", "cell"),
    [
        ("%d.%m.%Y %H:%M:%S", "15.11.2026 05:00:00"),
        ("%d/%m/%Y %H:%M:%S.%f", "15/11/2026 05:00:00.000"),
        ("%Y-%m-%d %H:%M:%S %z", "2026-11-15 07:00:00 +0200"),
        ("epoch_s", "1794718800"),
        ("epoch_ms", "1794718800000"),
    ],
)
def test_a_timestamp_format_is_followed(tmp_path, pattern, cell):
    drop(tmp_path, "a.csv", HEADER, f"m-1.power,{cell},1,Good")
    assert one(readings_plant(timestamp_format=pattern), tmp_path).frame["ts"].to_list() == [AT]


def test_the_hour_the_clock_repeats_and_the_hour_it_skips_are_not_guessed(tmp_path):
    drop(
        tmp_path, "a.csv", HEADER,
        "m-1.power,2026-10-25 02:30:00,1,Good", "m-1.power,2026-03-29 02:30:00,1,Good",
        "m-1.power,2026-10-25 03:30:00,1,Good",
    )  # fmt: skip
    landing = one(readings_plant(timezone="Europe/Berlin"), tmp_path)
    assert reasons(landing) == {1: "ambiguous_timestamp", 2: "ambiguous_timestamp"}
    assert landing.frame["ts"].to_list() == [datetime(2026, 10, 25, 2, 30, tzinfo=UTC)]


def test_decimal_comma_separator_and_encoding(tmp_path):
    columns = {"tag": "Größe", "ts": "Zeit", "value": "Wert"}
    drop(
        tmp_path, "a.csv", "Größe;Zeit;Wert",
        "m-1.power;2026-11-15T05:00:00Z;1.234,5", "m-1.power;2026-11-15T05:00:01Z;-0,25",
        "m-1.power;2026-11-15T05:00:02Z;7", "m-1.power;2026-11-15T05:00:03Z;1.234",
        encoding="cp1252",
    )  # fmt: skip
    landing = one(readings_plant(columns=columns, separator=";", decimal_comma=True, encoding="cp1252"), tmp_path)
    assert landing.frame["value"].to_list() == [1234.5, -0.25, 7.0]
    assert reasons(landing) == {4: "not_a_number"}, "1.234 may be 1234 or 1.234: not guessed"


def test_quoted_fields_with_separators_and_line_breaks(tmp_path):
    drop(
        tmp_path, "a.csv", HEADER, '"m-1.power","2026-11-15T05:00:00Z","1","Good"', '"a,b",2026-11-15T05:00:00Z,1,Good'
    )
    drop(
        tmp_path, "b.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good", '"x\ny",2026-11-15T05:00:00Z,1,Good', "a,b"
    )
    first, second = read(readings_plant(), tmp_path)
    assert (first.frame.height, reasons(first)) == (1, {2: "unknown_tag"})
    assert (second.frame.height, reasons(second)) == (1, {2: "unknown_tag", 3: "broken_row"})


def test_windows_line_ends_and_a_byte_order_mark(tmp_path):
    path = drop(tmp_path, "a.csv")
    path.write_bytes(f"{HEADER}\r\nm-1.power,2026-11-15T05:00:00Z,1.5,Good\r\n".encode("utf-8-sig"))
    landing = one(readings_plant(), tmp_path)
    assert landing.frame["value"].to_list() == [1.5]
    assert landing.quarantine.is_empty()


def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {"Tag": ["m-1.power", "m-1.power", "m-2.power"], "Timestamp": [AT.replace(tzinfo=None)] * 3,
         "Value": [1.5, None, 3.0], "Quality": [0, 0x80310000, 0]}
    )  # fmt: skip


def test_parquet_with_types(tmp_path):
    (tmp_path / "drop").mkdir()
    frame().with_columns(pl.col("Timestamp").dt.replace_time_zone("Europe/Berlin")).write_parquet(
        tmp_path / "drop/a.parquet"
    )
    landing = one(readings_plant(), tmp_path)
    assert landing.frame["value"].to_list() == [1.5, None, 3.0]
    assert landing.frame["status"].to_list() == [0, 0x80310000, 0]
    assert landing.frame["ts"].unique().to_list() == [datetime(2026, 11, 15, 4, 0, tzinfo=UTC)]


def test_excel(tmp_path):
    (tmp_path / "drop").mkdir()
    words = frame().with_columns(pl.col("Value").cast(pl.String), pl.col("Quality").cast(pl.String))
    words.with_columns(pl.Series("Value", ["1.5", "abc", "3"])).write_excel(tmp_path / "drop/words.xlsx")
    frame().write_excel(tmp_path / "drop/typed.xlsx")
    typed, said = read(readings_plant(timezone="Europe/Berlin"), tmp_path)
    assert typed.frame["value"].to_list() == [1.5, None, 3.0]
    assert typed.frame["ts"].unique().to_list() == [datetime(2026, 11, 15, 4, 0, tzinfo=UTC)]
    assert said.frame["value"].to_list() == [1.5, 3.0]
    assert reasons(said) == {2: "not_a_number"}


def test_opc_classic_quality_only_when_the_header_says_so(tmp_path):
    classic = COLUMNS | {"status": "OPC Quality"}
    lines = [
        "m-1.power,2026-11-15T05:00:00Z,1,192",
        "m-1.power,2026-11-15T05:00:01Z,1,64",
        "m-1.power,2026-11-15T05:00:02Z,1,0",
    ]
    drop(tmp_path, "a.csv", "Tag,Timestamp,Value,OPC Quality", *lines)
    assert one(readings_plant(columns=classic), tmp_path).frame["status"].to_list() == [0, 0x40000000, 0x80000000]
    drop(tmp_path, "a.csv", HEADER, *lines)
    assert one(readings_plant(), tmp_path).frame["status"].to_list() == [192, 64, 0]


def test_integers_and_hexadecimal_status_codes(tmp_path):
    cells = ["0", "2150694912", "-2144272384", "0x80310000", "good"]
    drop(tmp_path, "a.csv", HEADER, *(f"m-1.power,2026-11-15T05:00:0{n}Z,1,{c}" for n, c in enumerate(cells)))
    assert one(readings_plant(), tmp_path).frame["status"].to_list() == [0, 0x80310000, 0x80310000, 0x80310000, 0]


def test_a_machine_column_with_names_of_its_own(tmp_path):
    columns = {"machine": "Asset", "tag": "Signal", "ts": "Timestamp", "value": "Value"}
    drop(
        tmp_path,
        "a.csv",
        "Asset,Signal,Timestamp,Value",
        "Lathe One,power,2026-11-15T05:00:00Z,1",
        "m-2,power,2026-11-15T05:00:00Z,2",
    )
    landing = one(readings_plant(columns=columns, machines={"Lathe One": "m-1"}), tmp_path)
    assert landing.frame["tag"].to_list() == ["m-1.power", "m-2.power"]


def memory() -> tuple[set[str], object]:
    known: set[str] = set()
    return known, known.__contains__


def test_a_file_sent_twice_is_taken_in_once(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good")
    drop(tmp_path, "copy of a.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good")
    known, seen = memory()
    (landing,) = read(readings_plant(), tmp_path, seen)
    known.add(landing.ingested.identity)
    assert read(readings_plant(), tmp_path, seen) == []


def test_a_replaced_file_is_taken_in_again_under_another_name_of_batch(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good")
    known, seen = memory()
    (first,) = read(readings_plant(), tmp_path, seen)
    known.add(first.ingested.identity)
    drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,2,Good")
    (second,) = read(readings_plant(), tmp_path, seen)
    assert second.frame["value"].to_list() == [2.0]
    assert (second.app, second.frame["segment"][0]) != (first.app, first.frame["segment"][0])


def test_a_growing_file_is_left_for_the_next_run(tmp_path, monkeypatch):
    path = drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good")
    monkeypatch.setattr(
        time, "sleep", lambda _: drop(tmp_path, "a.csv", *path.read_text().split("\n"), "m-1.power,2026")
    )
    assert read(readings_plant(), tmp_path, force=False) == []
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert len(read(readings_plant(), tmp_path, force=False)) == 1, "quiet since: taken in"
    assert waiting(readings_plant(), tmp_path, lambda _: False) == [], "a sensor does not wait for young files"
    os.utime(path, (time.time() - 60,) * 2)
    assert len(waiting(readings_plant(), tmp_path, lambda _: False)) == 1
    assert waiting(readings_plant(), tmp_path, lambda _: True) == []


def test_patterns_folders_and_temporary_files(tmp_path):
    row = "m-1.power,2026-11-15T05:00:0{}Z,1,Good"
    for n, name in enumerate(["b.csv", "a.csv", "~$a.csv", ".hidden.csv", "notes.md"]):
        drop(tmp_path, name, HEADER, row.format(n))
    names = [landing.ingested.origin.rsplit("/", 1)[1] for landing in read(readings_plant(), tmp_path)]
    assert names == ["a.csv", "b.csv"]
    assert len(read(readings_plant(path="drop/a*.csv"), tmp_path)) == 1
    assert len(read(readings_plant(path="**/*.csv"), tmp_path)) == 2
    assert len(read(readings_plant(path=str(tmp_path / "drop" / "b.csv")), tmp_path)) == 1
    assert read(readings_plant(path="drop/*.xlsx"), tmp_path) == []


def test_the_data_folder_comes_from_the_environment(tmp_path, monkeypatch):
    drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good")
    monkeypatch.setenv("SHOPFLOOR_DATA", str(tmp_path))
    assert len(read(readings_plant(path="{data}/drop/a.csv"), tmp_path / "elsewhere")) == 1


def test_a_source_without_its_folder_fails_alone(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-15T05:00:00Z,1,Good")
    both = plant({"columns": COLUMNS, "name": "lost", "path": "nowhere"}, {"columns": COLUMNS})
    with pytest.raises(SourceDownError, match="nowhere does not exist"):
        list(read_files(both.file.source[0], both, tmp_path, lambda _: False, NOW))
    lost, good = read_all(both, "readings", tmp_path, lambda _: False, NOW, force=True)
    assert lost.frame.is_empty()
    assert lost.quarantine.select("source", "reason").row(0) == ("lost", "source_down")
    assert good.frame.height == 1
