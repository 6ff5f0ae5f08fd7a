from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from connectors.screen import screen
from plant.tables import table

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TAGS = pl.DataFrame({"tag": ["m-1.power", "m-1.state"], "role": ["power", "state"]})
CONTRACT = table("bronze.readings")


def rows(*cells: tuple[datetime, str, float | None]) -> pl.DataFrame:
    made = [
        {"date": ts.date(), "ts": ts, "tag": tag, "value": value, "text": None, "status": 0, "server_at": None,
         "received_at": NOW, "source": "plc", "segment": "seg", "seq": n}
        for n, (ts, tag, value) in enumerate(cells)
    ]  # fmt: skip
    return pl.DataFrame(made, schema=CONTRACT.schema)


def test_good_rows_pass_untouched():
    came = rows((NOW, "m-1.power", 1.0), (NOW - timedelta(days=1), "m-1.power", None))
    good, aside = screen(came, TAGS, NOW, "plc")
    assert good.equals(came)
    assert aside.is_empty() and aside.schema == table("bronze.quarantine").schema


@pytest.mark.parametrize(
    ("ts", "tag", "reason", "says"),
    [
        (
            NOW + timedelta(minutes=10, seconds=1),
            "m-1.power",
            "future_timestamp",
            "later than 2026-11-22T12:10:00+00:00",
        ),
        (datetime(1970, 1, 1, tzinfo=UTC), "m-1.power", "ancient_timestamp", "1970-01-01T00:00:00"),
        (NOW, "m-9.power", "unknown_tag", "m-9.power"),
    ],
)
def test_rows_nobody_can_place_are_held_back(ts, tag, reason, says):
    good, aside = screen(rows((NOW, "m-1.power", 1.0), (ts, tag, 2.5)), TAGS, NOW, "plc")
    assert good["seq"].to_list() == [0]
    (row,) = aside.to_dicts()
    assert (row["reason"], row["booked"], row["position"], row["source"]) == (reason, False, 1, "plc")
    assert says in row["message"]
    assert json.loads(row["payload"])["value"] == "2.5"


def test_ten_minutes_ahead_and_the_year_2000_are_still_fine():
    came = rows((NOW + timedelta(minutes=10), "m-1.power", 1.0), (datetime(2000, 1, 1, tzinfo=UTC), "m-1.power", 1.0))
    assert screen(came, TAGS, NOW, "plc")[0].height == 2


def test_nan_and_infinities_are_kept_and_reported():
    came = rows((NOW, "m-1.power", math.nan), (NOW, "m-1.power", math.inf), (NOW, "m-1.power", -math.inf))
    good, aside = screen(came, TAGS, NOW, "plc")
    assert good.equals(came, null_equal=True)
    assert aside["reason"].to_list() == ["not_finite"] * 3
    assert aside["booked"].all()
    assert [json.loads(p)["value"] for p in aside["payload"]] == ["NaN", "inf", "-inf"]


def test_text_where_a_number_is_due_is_kept_and_reported():
    came = rows((NOW, "m-1.power", None), (NOW, "m-1.state", None), (NOW, "m-1.power", None))
    came = came.with_columns(text=pl.lit("[1.0, 2.0]"), status=pl.Series([0, 0, 0x80310000], dtype=pl.Int64))
    good, aside = screen(came, TAGS, NOW, "plc")
    assert good.equals(came, null_equal=True)
    assert aside.select("reason", "position", "booked").rows() == [("not_a_number", 0, True)]
    assert "[1.0, 2.0] is text, an array or a time where the role of tag m-1.power needs" in aside["message"][0]


def test_the_id_of_a_row_is_stable_over_runs():
    bad = rows((NOW, "m-9.power", 1.0))
    first = screen(bad, TAGS, NOW, "plc")[1]
    again = screen(bad, TAGS, NOW + timedelta(hours=1), "plc")[1]
    assert first["id"].to_list() == again["id"].to_list()
    assert first["quarantined_at"].to_list() != again["quarantined_at"].to_list()
