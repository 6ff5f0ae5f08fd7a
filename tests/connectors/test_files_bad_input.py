"""Bad input: each is said in quarantine with what was found, what is valid and what to do; the rest goes in."""

from __future__ import annotations

import json

import polars as pl
import pytest
from drop_plant import COLUMNS, HEADER, NOW, drop, message, one, plant, read, readings_plant, reasons

from connectors.base import nothing_seen
from connectors.files.drop import read_all, read_files
from connectors.files.tables import pieces
from plant.errors import TerminalError

GOOD = "m-1.power,2026-11-15T05:00:00Z,1,Good"


def test_a_missing_column_refuses_the_file_and_names_the_nearest(tmp_path):
    drop(tmp_path, "bad.csv", "Tag,Timestmp,Value,Quality", GOOD)
    drop(tmp_path, "good.csv", HEADER, GOOD)
    bad, good = read(readings_plant(), tmp_path)
    assert good.frame.height == 1
    assert bad.frame.is_empty()
    (row,) = bad.quarantine.to_dicts()
    assert (row["reason"], row["booked"]) == ("missing_column", False)
    for said in ("bad.csv", "no column 'Timestamp'", "nearest: 'Timestmp'", "'Value', 'Quality'", "plant.toml"):
        assert said in row["message"]


def test_a_refused_file_is_tried_again_when_file_or_settings_change(tmp_path):
    drop(tmp_path, "bad.csv", "Tag,Zeit,Value,Quality", GOOD)
    (refused,) = read(readings_plant(), tmp_path)
    seen = {refused.ingested.identity}.__contains__
    assert read(readings_plant(), tmp_path, seen) == []
    (mapped,) = read(readings_plant(columns=COLUMNS | {"ts": "Zeit"}), tmp_path, seen)
    assert mapped.frame.height == 1
    assert mapped.app != refused.app
    drop(tmp_path, "bad.csv", HEADER, GOOD)
    assert read(readings_plant(), tmp_path, seen)[0].frame.height == 1


@pytest.mark.parametrize(
    ("line", "reason", "says"),
    [
        ("m-1.power,2026-11-15T05:00:00Z,abc,Good", "not_a_number", "'abc' in column 'Value'"),
        ('m-1.power,2026-11-15T05:00:00Z,"1,5",Good', "not_a_number", "decimal point"),
        ("m-1.power,2026-11-15T05:00:00Z,,Good", "not_a_number", "an empty cell"),
        ("m-1.power,15.11.2026,1,Good", "unparseable_timestamp", "'15.11.2026' in column 'Timestamp'"),
        ("m-1.power,2026-13-45T05:00:00Z,1,Good", "unparseable_timestamp", "ISO 8601"),
        ("m-1.power,,1,Good", "unparseable_timestamp", "an empty cell"),
        ("m-1.power,2026-11-15T05:00:00Z,1,Meh", "unknown_status", "Good, Uncertain, Bad"),
        ("m-1.power,2026-11-15T05:00:00Z,1,99999999999", "unknown_status", "'99999999999'"),
        ("m-1.power,2026-11-15T05:00:00Z,1,", "unknown_status", "an empty cell"),
        ("m-7.power,2026-11-15T05:00:00Z,1,Good", "unknown_tag", "m-7.power"),
        (",2026-11-15T05:00:00Z,1,Good", "unknown_tag", "plant.toml"),
        ("m-1.power,2026-11-23T05:00:00Z,1,Good", "future_timestamp", "2026-11-23"),
        ("m-1.power,1970-01-01T00:00:00Z,1,Good", "ancient_timestamp", "1970"),
        ("m-1.power,2026-11-15T05:00:00Z,1", "broken_row", "3 fields, the header has 4"),
        ("m-1.power,2026-11-15T05:00:00Z,1,Good,more", "broken_row", "5 fields, the header has 4"),
    ],
)
def test_a_bad_row_is_held_back_and_the_rest_goes_in(tmp_path, line, reason, says):
    drop(tmp_path, "a.csv", HEADER, GOOD, line, GOOD)
    landing = one(readings_plant(), tmp_path)
    assert landing.frame["seq"].to_list() == [1, 3]
    (row,) = landing.quarantine.to_dicts()
    assert (row["position"], row["reason"], row["booked"]) == (2, reason, False)
    assert says in row["message"]
    assert row["origin"].endswith("drop/a.csv")


def test_the_payload_is_the_row_as_it_came(tmp_path):
    drop(tmp_path, "a.csv", HEADER, 'm-1.power,2026-11-15T05:00:00Z,"say ""x""",Good')
    landing = one(readings_plant(), tmp_path)
    assert json.loads(landing.quarantine["payload"][0]) == {
        "Tag": "m-1.power", "Timestamp": "2026-11-15T05:00:00Z", "Value": 'say "x"', "Quality": "Good"
    }  # fmt: skip


def test_nan_and_infinity_are_kept_as_they_came_and_reported(tmp_path):
    cells = ["NaN", "inf", "-Infinity"]
    drop(tmp_path, "a.csv", HEADER, *(f"m-1.power,2026-11-15T05:00:0{n}Z,{c},Good" for n, c in enumerate(cells)))
    landing = one(readings_plant(), tmp_path)
    value = landing.frame["value"]
    assert value.is_nan().to_list() == [True, False, False]
    assert value.is_infinite().to_list() == [False, True, True]
    assert reasons(landing) == dict.fromkeys((1, 2, 3), "not_finite")
    assert landing.quarantine["booked"].all()


def test_wrong_types_in_a_parquet_file(tmp_path):
    (tmp_path / "drop").mkdir()
    frame = pl.DataFrame(
        {
            "Tag": ["m-1.power"] * 3,
            "Timestamp": [1794718800, 1794718801, 1794718802],
            "Value": [1, 2, 3],
            "Quality": [0, 0, 0],
        }
    )
    frame.write_parquet(tmp_path / "drop/a.parquet")
    landing = one(readings_plant(), tmp_path)
    assert reasons(landing) == dict.fromkeys((1, 2, 3), "unparseable_timestamp"), "a number has no unit of its own"
    assert "timestamp_format" in message(landing, "unparseable_timestamp")
    assert one(readings_plant(timestamp_format="epoch_s"), tmp_path).frame["value"].to_list() == [1.0, 2.0, 3.0]


def test_words_in_a_number_column_of_a_parquet_file(tmp_path):
    (tmp_path / "drop").mkdir()
    cells = {
        "Tag": ["m-1.power"] * 2,
        "Timestamp": ["2026-11-15T05:00:00Z"] * 2,
        "Value": ["1.5", "x"],
        "Quality": [0, 0],
    }
    pl.DataFrame(cells).write_parquet(tmp_path / "drop/a.parquet")
    landing = one(readings_plant(), tmp_path)
    assert landing.frame["value"].to_list() == [1.5]
    assert reasons(landing) == {2: "not_a_number"}


@pytest.mark.parametrize("cut", [10, 200, -8])
def test_a_truncated_parquet_file(tmp_path, cut):
    (tmp_path / "drop").mkdir()
    path = tmp_path / "drop/a.parquet"
    pl.DataFrame(
        {"Tag": ["m-1.power"] * 500, "Timestamp": ["x"] * 500, "Value": [1.0] * 500, "Quality": [0] * 500}
    ).write_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    drop(tmp_path, "b.csv", HEADER, GOOD)
    bad, good = read(readings_plant(), tmp_path)
    assert bad.quarantine["reason"].to_list() == ["unreadable_file"]
    assert "a.parquet: cannot be read as parquet" in bad.quarantine["message"][0]
    assert good.frame.height == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xlsx", b"this is no workbook", "unreadable_file"),
        ("a.csv", b"", "empty_file"),
        ("a.csv", b"\n\n", "empty_file"),
        ("a.csv", "Tag,Timestamp,Value,Quality\nm-1.größe,x,1,Good".encode("cp1252"), "undecodable"),
    ],
)
def test_files_that_cannot_be_read_at_all(tmp_path, name, content, reason):
    drop(tmp_path, name).write_bytes(content)
    landing = one(readings_plant(), tmp_path)
    assert landing.quarantine["reason"].to_list() == [reason]
    assert landing.frame.is_empty()


def test_a_header_alone_is_an_empty_file_not_an_error(tmp_path):
    drop(tmp_path, "a.csv", HEADER)
    landing = one(readings_plant(), tmp_path)
    assert landing.frame.is_empty() and landing.quarantine.is_empty()
    assert landing.ingested.rows == 0


def test_a_source_that_maps_too_little_says_what_is_needed(tmp_path):
    poor = readings_plant(columns={"tag": "Tag", "value": "Value"})
    with pytest.raises(TerminalError, match="does not map ts"):
        list(read_files(poor.file.source[0], poor, tmp_path, lambda _: False, None))


def test_an_unexpected_failure_of_one_source_never_stops_the_others(tmp_path, caplog):
    drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-15 05:00:00,1,Good")
    both = plant({"columns": COLUMNS, "timezone": "Foo/Bar"}, {"columns": COLUMNS, "name": "second"})
    failed, read_well = read_all(both, "readings", tmp_path, nothing_seen, NOW, force=True)
    (row,) = failed.quarantine.to_dicts()
    assert (row["source"], row["reason"], row["booked"]) == ("drop", "source_failed", False)
    for said in ("drop/a.csv", "Foo/Bar", "shopfloor check"):
        assert said in row["message"]
    assert failed.frame.is_empty() and failed.ingested is None
    assert read_well.frame["source"].to_list() == ["second"]
    assert "Traceback" in caplog.text, "the log has what a developer needs"
    again = next(read_all(both, "readings", tmp_path, nothing_seen, NOW, force=True))
    assert (again.app, again.version) == (failed.app, failed.version), "once an hour, however often it is tried"


def test_a_file_that_fails_unexpectedly_costs_only_itself(tmp_path, monkeypatch):
    drop(tmp_path, "a.csv", HEADER, GOOD)
    drop(tmp_path, "b.csv", HEADER, GOOD.replace(",1,", ",2,"))

    def broken(path, *rest):
        if path.name == "a.csv":
            raise RuntimeError("a defect of ours")
        return pieces(path, *rest)

    monkeypatch.setattr("connectors.files.drop.pieces", broken)
    bad, good = read(readings_plant(), tmp_path)
    assert bad.quarantine["reason"].to_list() == ["source_failed"]
    assert "RuntimeError: a defect of ours" in bad.quarantine["message"][0]
    assert good.frame["value"].to_list() == [2.0]
