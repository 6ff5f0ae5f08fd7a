"""Tag contracts at ingest: values beyond their range are reported once an hour and tag, and all are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from connectors.contracts import Ranges
from connectors.intake import ROWS
from plant.sources.tags import Tag
from plant.states import BAD_NO_COMMUNICATION
from plant.tables import table

NOW = datetime(2026, 11, 22, 12, 10, tzinfo=UTC)
GIVEN = {"source": "plc", "address": "x", "role": "temperature", "unit": "degC"}
TAGS = [
    ("m.heat", Tag.model_validate({"name": "heat", "range": (0.0, 100.0)} | GIVEN)),
    ("m.oil", Tag.model_validate({"name": "oil", "range": (-5.0, 5.0)} | GIVEN)),
    ("m.free", Tag.model_validate({"name": "free"} | GIVEN)),
]


def rows(*cells: tuple[str, float | None], status: int = 0) -> pl.DataFrame:
    made = [{"ts": NOW, "tag": tag, "value": value, "status": status, "received_at": NOW} for tag, value in cells]
    return pl.DataFrame(made, schema=ROWS)


def told(ranges: Ranges, given: pl.DataFrame, now: datetime = NOW) -> pl.DataFrame:
    ranges.took(given)
    return ranges.breaches(now)


def test_swapped_words_are_found_by_the_range():
    found = told(Ranges("plc", TAGS), rows(("m.heat", 21.5), ("m.heat", -1.2e-19), ("m.heat", 4.6e30)))
    (row,) = found.to_dicts()
    assert (row["source"], row["origin"], row["reason"], row["booked"]) == ("plc", "m.heat", "out_of_range", True)
    assert row["message"].startswith("value -1.2e-19 is outside 0 to 100 degC: kept")
    assert "word_order" in row["message"]
    assert found.schema == table("bronze.quarantine").schema


def test_it_is_said_once_an_hour_and_tag():
    ranges = Ranges("plc", TAGS)
    assert told(ranges, rows(("m.heat", 101.0), ("m.oil", -6.0)))["origin"].to_list() == ["m.heat", "m.oil"]
    assert told(ranges, rows(("m.heat", 102.0)), NOW + timedelta(minutes=49)).is_empty()
    again = told(ranges, rows(("m.heat", 103.0)), NOW + timedelta(minutes=50))
    assert again["origin"].to_list() == ["m.heat"]


def test_the_same_hour_told_by_another_process_is_the_same_notice():
    first, second = (told(Ranges("plc", TAGS), rows(("m.heat", v))) for v in (101.0, 999.0))
    assert first["id"].to_list() == second["id"].to_list()


@pytest.mark.parametrize("cell", [("m.heat", 100.0), ("m.heat", None), ("m.heat", float("nan")), ("m.free", 1e9)])
def test_what_keeps_its_contract_or_has_none_is_not_reported(cell):
    assert told(Ranges("plc", TAGS), rows(cell)).is_empty()


def test_a_bad_value_claims_nothing():
    assert told(Ranges("plc", TAGS), rows(("m.heat", 900.0), status=BAD_NO_COMMUNICATION)).is_empty()
