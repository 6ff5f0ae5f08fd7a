from __future__ import annotations

from datetime import UTC, datetime

import pytest
from drop_plant import MES, drop, message, one, reasons, reports_plant

from plant.tables import table

HEADER = "Machine,From,To,Type,Good,Scrap,Order,Took"
GOOD = "m-1,2026-11-15 06:00,2026-11-15 08:30,D,10,1,WO-1,002:30"


def test_reports_follow_the_contract(tmp_path):
    drop(tmp_path, "a.csv", HEADER, GOOD, "Lathe,2026-11-15 08:30,2026-11-15 08:30,S,,,,000:00")
    landing = one(reports_plant(timezone="Europe/Berlin", machines={"Lathe": "m-2"}, checks={"Took": "span"}), tmp_path)
    assert landing.table == "bronze.reports"
    assert landing.frame.schema == table("bronze.reports").schema
    assert landing.quarantine.is_empty()
    first, second = landing.frame.to_dicts()
    assert (first["start_at"], first["end_at"]) == (
        datetime(2026, 11, 15, 5, 0, tzinfo=UTC), datetime(2026, 11, 15, 7, 30, tzinfo=UTC)
    )  # fmt: skip
    assert (first["state"], first["good_pcs"], first["scrap_pcs"], first["rework_pcs"]) == ("producing", 10, 1, 0)
    assert (second["machine"], second["state"], second["good_pcs"], second["order_id"]) == ("m-2", "setup", 0, None)
    assert (first["seq"], second["seq"]) == (1, 2)


@pytest.mark.parametrize(
    ("line", "reason", "says"),
    [
        ("m-9,2026-11-15 06:00,2026-11-15 08:30,D,1,0,,002:30", "unknown_machine", "'m-9' in column 'Machine'"),
        ("m-1,yesterday,2026-11-15 08:30,D,1,0,,002:30", "unparseable_timestamp", "'yesterday' in column 'From'"),
        ("m-1,2026-11-15 06:00,later,D,1,0,,002:30", "unparseable_timestamp", "'later' in column 'To'"),
        ("m-1,2026-11-15 09:00,2026-11-15 08:30,D,1,0,,002:30", "negative_interval", "must not be after"),
        ("m-1,2026-11-22 09:00,2026-11-22 18:30,D,1,0,,009:30", "future_timestamp", "not in the future"),
        ("m-1,1970-01-01 00:00,1970-01-01 01:00,D,1,0,,001:00", "ancient_timestamp", "2000"),
        ("m-1,2026-11-15 06:00,2026-11-15 08:30,X,1,0,,002:30", "unknown_state", "mapped are 'D, S, B'"),
        ("m-1,2026-11-15 06:00,2026-11-15 08:30,D,1.5,0,,002:30", "not_a_count", "'1.5' in column 'Good'"),
        ("m-1,2026-11-15 06:00,2026-11-15 08:30,D,1,-2,,002:30", "not_a_count", "'-2' in column 'Scrap'"),
        ("m-1,2026-11-15 06:00,2026-11-15 08:30,D,NaN,0,,002:30", "not_a_count", "whole number from 0"),
        ("m-1,2026-11-15 06:00", "broken_row", "2 fields"),
    ],
)
def test_a_bad_report_is_held_back_and_the_rest_goes_in(tmp_path, line, reason, says):
    drop(tmp_path, "a.csv", HEADER, GOOD, line)
    landing = one(reports_plant(checks={"Took": "span"}), tmp_path)
    assert landing.frame["seq"].to_list() == [1]
    assert reasons(landing) == {2: reason}
    assert not landing.quarantine["booked"][0]
    assert says in message(landing, reason)


def test_exact_duplicates_are_listed_with_the_row_they_repeat(tmp_path):
    other = GOOD.replace("WO-1", "WO-2")
    drop(tmp_path, "a.csv", HEADER, GOOD, other, GOOD, GOOD)
    landing = one(reports_plant(unique=True), tmp_path)
    assert landing.frame["seq"].to_list() == [1, 2]
    assert reasons(landing) == {3: "duplicate", 4: "duplicate"}
    assert not landing.quarantine["booked"].any()
    assert "repeats row 1" in message(landing, "duplicate")
    assert one(reports_plant(), tmp_path).frame.height == 4, "a source that is not declared unique keeps them"


def test_spans_are_checked_to_the_minute_and_booked_all_the_same(tmp_path):
    lines = [GOOD.replace("002:30", s) for s in ("1899/12/31 01:49:00", "002:31", "000:00", "2:30", "")]
    drop(tmp_path, "a.csv", HEADER, *lines)
    landing = one(reports_plant(checks={"Took": "span"}), tmp_path)
    assert landing.frame.height == 5
    assert reasons(landing) == {1: "broken_span", 2: "span_mismatch", 3: "span_mismatch", 5: "broken_span"}
    assert landing.quarantine["booked"].all()
    assert "(150 min)" in message(landing, "span_mismatch")


def test_the_checked_column_must_be_there(tmp_path):
    drop(tmp_path, "a.csv", HEADER, GOOD)
    landing = one(reports_plant(checks={"Span": "span"}), tmp_path)
    assert landing.quarantine["reason"].to_list() == ["missing_column"]
    assert "'Span'" in landing.quarantine["message"][0]


def test_a_column_name_with_two_blanks(tmp_path):
    drop(tmp_path, "a.csv", "Machine,From,To,Type,Qty  Good", "m-1,2026-11-15 06:00,2026-11-15 08:30,D,7")
    columns = {k: v for k, v in MES.items() if k in {"machine", "start_at", "end_at", "report"}} | {
        "good_pcs": "Qty  Good"
    }
    assert one(reports_plant(columns=columns), tmp_path).frame["good_pcs"].to_list() == [7]
