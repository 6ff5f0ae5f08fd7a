"""Held-back rows go through the same parser again after a fix, and only once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from drop_plant import COLUMNS, HEADER, MES, NOW, drop, one, plant, readings_plant, reports_plant

from connectors.quarantine import pending, replay
from connectors.screen import screen
from plant.dimensions import tags_frame
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


def test_nothing_to_replay():
    landings, tried = replay(table("bronze.quarantine").empty(), readings_plant(), NOW)
    assert landings == [] and tried.is_empty()
