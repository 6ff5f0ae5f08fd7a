"""Held-back rows go through the same parser again after a fix, and only once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from drop_plant import COLUMNS, HEADER, MES, NOW, drop, one, plant, read, readings_plant, reports_plant

from connectors.base import failure
from connectors.quarantine import pending, replay, settled, split
from connectors.screen import screen
from plant.dimensions import tags_frame
from plant.errors import SourceDownError
from plant.tables import table

LATER = NOW + timedelta(days=1)
REPLAYS = table("bronze.replays")


def test_a_row_is_accepted_after_its_tag_was_added(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.torque,2026-11-15T05:00:00Z,4.5,Good", "m-1.power,2026-11-15T05:00:00Z,x,Good")
    held = one(readings_plant(), tmp_path).quarantine
    fixed = plant({"columns": COLUMNS}, extra_tags=("torque",))
    (landing,), tried = replay(held, fixed, LATER)
    assert landing.table == "bronze.readings"
    assert landing.frame.schema == table("bronze.readings").schema
    assert landing.frame.select("tag", "value", "source", "received_at").rows() == [("m-1.torque", 4.5, "drop", LATER)]
    assert tried.schema == REPLAYS.schema
    by_id = dict(tried.select("id", "result").iter_rows())
    assert [by_id[i] for i in held["id"]] == ["accepted", "rejected"]


def test_the_same_replay_has_the_same_name_and_an_accepted_row_is_not_pending(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.torque,2026-11-15T05:00:00Z,4.5,Good", "m-1.power,2026-11-15T05:00:00Z,x,Good")
    held = one(readings_plant(), tmp_path).quarantine
    fixed = plant({"columns": COLUMNS}, extra_tags=("torque",))
    (first,), tried = replay(held, fixed, LATER)
    (second,), _ = replay(held, fixed, LATER + timedelta(hours=1))
    assert (first.app, first.version) == (second.app, second.version)
    twice = pl.concat([held, held]).lazy()
    assert pending(twice, REPLAYS.empty().lazy())["position"].to_list() == [1, 2]
    assert pending(twice, tried.lazy())["position"].to_list() == [2]


def test_without_a_fix_everything_is_rejected_again(tmp_path):
    drop(
        tmp_path,
        "a.csv",
        HEADER,
        "m-1.torque,2026-11-15T05:00:00Z,4.5,Good",
        "m-1.power,2026",
        "m-1.power,2026-11-15T05:00:00Z,NaN,Good",
    )
    held = one(readings_plant(), tmp_path).quarantine
    landings, tried = replay(held, readings_plant(), LATER)
    assert landings == []
    assert tried["result"].to_list() == ["rejected", "rejected"], "the booked NaN is in already and is not tried"


def test_a_time_stamp_from_the_future_is_accepted_once_it_has_come(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-23T05:00:00Z,1,Good")
    held = one(readings_plant(), tmp_path).quarantine
    assert replay(held, readings_plant(), NOW)[0] == []
    (landing,), _ = replay(held, readings_plant(), LATER)
    assert landing.frame["ts"].to_list() == [datetime(2026, 11, 23, 5, 0, tzinfo=UTC)]


def test_a_report_type_that_is_mapped_now_and_a_duplicate_that_stays_out(tmp_path):
    lines = ["m-1,2026-11-15 06:00,2026-11-15 07:00,M,3,0,WO-1", "m-1,2026-11-15 07:00,2026-11-15 08:00,D,4,0,WO-1"]
    drop(tmp_path, "a.csv", ",".join(MES.values()), *lines, lines[1])
    unique = reports_plant(unique=True, columns=MES)
    held = one(unique, tmp_path).quarantine
    assert sorted(held["reason"]) == ["duplicate", "unknown_state"]
    mapped = reports_plant(unique=True, columns=MES)
    mapped.file.states["mes"]["M"] = "planned_stop"
    (landing,), tried = replay(held, mapped, LATER)
    assert landing.table == "bronze.reports"
    assert landing.frame.select("state", "good_pcs").rows() == [("planned_stop", 3)]
    assert sorted(tried["result"]) == ["accepted", "rejected"]


def test_readings_of_a_protocol_are_replayed_from_their_payload():
    came = pl.DataFrame(
        {"date": [NOW.date()], "ts": [NOW], "tag": ["m-1.torque"], "value": [1.25], "text": [None],
         "status": [0x40000000], "server_at": [None], "received_at": [NOW], "source": ["plc"], "segment": ["seg"],
         "seq": [7]},
        schema=table("bronze.readings").schema,
    )  # fmt: skip
    held = screen(came, tags_frame(readings_plant()), NOW, "plc")[1]
    (landing,), tried = replay(
        held, plant({"columns": {"tag": "t", "ts": "s", "value": "v"}}, extra_tags=("torque",)), LATER
    )
    again = landing.frame.drop("segment", "seq")
    assert again.equals(came.drop("segment", "seq"), null_equal=True)
    assert tried["result"].to_list() == ["accepted"]


def test_a_decimal_comma_survives_the_way_through_quarantine(tmp_path):
    drop(tmp_path, "a.csv", "Tag;Timestamp;Value;Quality", "m-1.torque;2026-11-15T05:00:00Z;1.234,5;Good")
    settings = {"separator": ";", "decimal_comma": True}
    held = one(readings_plant(**settings), tmp_path).quarantine
    (landing,), _ = replay(held, plant({"columns": COLUMNS, **settings}, extra_tags=("torque",)), LATER)
    assert landing.frame["value"].to_list() == [1234.5]


def test_only_rows_that_hold_a_row_are_replayed_and_the_others_say_why(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.torque,2026-11-15T05:00:00Z,4.5,Good", "m-1.power,2026")
    drop(tmp_path, "b.csv", "Tag,Zeit,Value,Quality", "m-1.power,2026-11-15T05:00:00Z,1,Good")
    down = failure("bronze.readings", "drop", SourceDownError("gone"), NOW)
    held = pl.concat([down.quarantine, *(x.quarantine for x in read(readings_plant(), tmp_path))])
    ready, left = split(held, readings_plant())
    assert ready["reason"].to_list() == ["unknown_tag"]
    assert ready.columns == held.columns
    why = dict(left.select("reason", "why").iter_rows())
    assert why.keys() == {"source_down", "broken_row", "missing_column"}
    assert "every ingestion" in why["source_down"]
    assert "settings" in why["missing_column"]
    assert "send the file again" in why["broken_row"]


def test_a_row_whose_columns_are_no_longer_mapped_says_so(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.torque,2026-11-15T05:00:00Z,4.5,Good")
    held = one(readings_plant(), tmp_path).quarantine
    ready, left = split(held, readings_plant(columns=COLUMNS | {"ts": "Zeit"}))
    assert ready.is_empty()
    assert "columns" in left["why"].item()


def test_a_duplicate_is_replayable_only_once_its_source_is_not_unique(tmp_path):
    line = "m-1,2026-11-15 07:00,2026-11-15 08:00,D,4,0,WO-1"
    drop(tmp_path, "a.csv", ",".join(MES.values()), line, line)
    held = one(reports_plant(unique=True), tmp_path).quarantine
    assert split(held, reports_plant(unique=True))[1]["why"].to_list() == ["stays out while `unique` is set"]
    ready, _ = split(held, reports_plant())
    assert replay(ready, reports_plant(), LATER)[1]["result"].to_list() == ["accepted"]


def down(origin="drop", at=NOW, source=None):
    return failure("bronze.readings", origin, SourceDownError("gone"), at, source=source)


def test_a_source_that_is_read_again_is_settled_and_one_that_still_fails_is_not():
    held = pl.concat([down("drop").quarantine, down("other").quarantine])
    done = settled(held, "bronze.readings", [down("other", LATER)], LATER)
    assert done.schema == REPLAYS.schema
    assert done.rows() == [(held["id"][0], LATER, "settled")]
    assert settled(held, "bronze.records", [], LATER).is_empty(), "another table's ingestion knows nothing of it"
    assert pending(held.lazy(), done.lazy())["origin"].to_list() == ["other"]


def test_a_table_is_not_settled_while_its_whole_source_is_away():
    held = down("drop.orders", source="drop").quarantine
    assert settled(held, "bronze.readings", [down("drop", LATER)], LATER).is_empty()
    assert settled(held, "bronze.readings", [], LATER).height == 1


def test_a_source_is_not_settled_in_the_hour_of_its_report():
    held = down().quarantine
    assert settled(held, "bronze.readings", [], NOW + timedelta(minutes=40)).is_empty(), "down again: not told anew"


def test_a_refused_file_is_settled_once_it_was_taken_in_and_open_again_when_refused_again(tmp_path):
    good = "m-1.power,2026-11-15T05:00:00Z,1,Good"
    drop(tmp_path, "a.csv", "Tag,Zeit,Value,Quality", good)
    refused = one(readings_plant(), tmp_path)
    held = refused.quarantine
    assert settled(held, "bronze.readings", [refused], LATER).is_empty()
    drop(tmp_path, "a.csv", HEADER, good)
    done = settled(held, "bronze.readings", read(readings_plant(), tmp_path), LATER)
    assert done["result"].to_list() == ["settled"]
    later = held.with_columns(quarantined_at=pl.lit(LATER + timedelta(days=1), dtype=held.schema["quarantined_at"]))
    assert pending(held.lazy(), done.lazy()).is_empty()
    assert pending(pl.concat([later, held]).lazy(), done.lazy())["id"].to_list() == held["id"].to_list()


def test_held_rows_of_a_file_are_not_settled_by_another_file_of_its_name(tmp_path):
    drop(tmp_path, "a.csv", HEADER, "m-1.torque,2026-11-15T05:00:00Z,4.5,Good")
    held = one(readings_plant(), tmp_path).quarantine
    drop(tmp_path, "a.csv", HEADER, "m-1.power,2026-11-16T05:00:00Z,1,Good")
    assert settled(held, "bronze.readings", read(readings_plant(), tmp_path), LATER).is_empty()


def test_nothing_to_replay():
    landings, tried = replay(table("bronze.quarantine").empty(), readings_plant(), NOW)
    assert landings == [] and tried.is_empty()
