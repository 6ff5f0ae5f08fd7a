"""Layers of the time ledger one by one: edits, people, planned events, short runs, minor stops by date, silence."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from ledger_run import SMALL, Inputs, cleaned, plant_of, rows_of, run, samples, time_of, utc

from assets.kernels import ledger
from plant.dimensions import machines_frame, minor_stops_frame

PLANT = plant_of()
DAY = date(2026, 5, 4)
T = "2026-05-04T"
END = ("oven", "23:00", 1)


def at(clock: str) -> datetime:
    return utc(f"{T}{clock}:00" if clock.count(":") == 1 else f"{T}{clock}")


def signal(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return samples([{"tag": f"{m}.state", "ts": at(clock), "value": v} for m, clock, v in rows])


def edits(*rows: dict[str, Any]) -> pl.DataFrame:
    given = {"machine": "press", "edited_by": "ann", "edited_at": at("12:00")}
    spans = [r | {"start_at": at(r["start_at"]), "end_at": at(r["end_at"])} for r in rows]
    return rows_of("silver.edits", [given | {"edit_id": f"e{n}"} | r for n, r in enumerate(spans)])


def ordered(machine: str = "press") -> pl.DataFrame:
    row = {"operation_id": "p", "order_id": "o", "machine": machine, "product": "bolt", "seq": 1}
    return rows_of("silver.operations", [row | {"started_at": utc("2026-05-01T00:00:00")}])


def told(data: Inputs, *columns: str, machine: str = "press", plant: Any = PLANT, day: date = DAY) -> list[Any]:
    """(HH:MM of the start, columns) of a machine's intervals."""
    time = time_of(plant, data, cleaned(plant, data, day, day), day, day).filter(pl.col("machine") == machine)
    return time.select(pl.col("start_at").dt.strftime("%H:%M"), *columns).rows()


STOPPED = signal(("press", "04:00", 1), ("press", "04:30", 6), ("press", "05:30", 1), ("press", "07:00", 1), END)


def test_an_edit_of_the_state_wins_over_the_signal_and_the_original_comes_back_without_it():
    edit = edits({"start_at": "04:40", "end_at": "05:00", "state": "setup"})
    rows = told(Inputs(STOPPED, ordered(), edits=edit), "account", "state", "source", "edit_id")[:5]
    assert rows == [
        ("04:00", "production", "producing", "signal", None),
        ("04:30", "delay", "stopped", "signal", None),
        ("04:40", "setup", "setup", "edit", "e0"),
        ("05:00", "delay", "stopped", "signal", None),
        ("05:30", "production", "producing", "signal", None),
    ]
    assert [r[1] for r in told(Inputs(STOPPED, ordered()), "account")[:3]] == ["production", "delay", "production"]


def test_state_and_reason_of_edits_are_two_layers_and_the_later_edit_wins_in_each():
    """An edit with only a reason hides no earlier state; of edits made at once the greater id wins."""
    edit = edits(
        {"start_at": "04:30", "end_at": "05:30", "state": "failed", "reason": "belt", "reason_class": "breakdown"},
        {"start_at": "04:40", "end_at": "05:00", "reason": "motor", "edited_at": at("13:00")},
        {"start_at": "04:50", "end_at": "05:10", "state": "setup", "edited_at": at("12:00")},
    )
    rows = told(Inputs(STOPPED, ordered(), edits=edit), "account", "reason", "reason_class", "edit_id")[1:6]
    assert rows == [
        ("04:30", "delay", "belt", "breakdown", "e0"),
        ("04:40", "delay", "motor", "breakdown", "e0"),
        ("04:50", "setup", "motor", "setup", "e2"),
        ("05:00", "setup", "belt", "breakdown", "e2"),
        ("05:10", "delay", "belt", "breakdown", "e0"),
    ]


def test_the_reason_of_an_edit_wins_over_a_booking_and_splits_a_stop():
    booked = rows_of("silver.downtimes", [{"downtime_id": "d", "machine": "press", "start_at": at("04:30"),
                     "end_at": at("05:30"), "reason": "jam", "reason_class": "minor_stop"}])  # fmt: skip
    edit = edits({"start_at": "04:30", "end_at": "05:00", "reason": "tool", "reason_class": "no such class"})
    rows = told(
        Inputs(STOPPED, ordered(), booked, edits=edit), "reason", "reason_class", "source", "edit_id", "stop_id"
    )
    assert rows[1][1:5] == ("tool", "minor_stop", "signal", "e0"), "an unknown class is that of the state"
    assert rows[2][1:5] == ("jam", "minor_stop", "signal", None)
    assert rows[1][5] == rows[2][5], "one stop, two reasons"


@pytest.mark.parametrize(
    ("state", "account"), [("planned_stop", "planned_down"), ("producing", "production"), ("unknown", "unknown")]
)
def test_an_edit_wins_over_a_break_but_changes_nothing_outside_shifts(state, account):
    edit = edits({"start_at": "08:00", "end_at": "08:30", "state": state},
                 {"start_at": "21:00", "end_at": "21:30", "state": state, "reason": "party"})  # fmt: skip
    data = signal(("press", "07:59", 6), ("press", "09:00", 6), ("press", "20:30", 6), ("press", "22:30", 6), END)
    rows = told(Inputs(data, edits=edit), "account", "state", "source", "reason", "edit_id")
    breaks = [r for r in rows if r[0] == "08:00"]
    assert breaks == [("08:00", account, state, "edit", None if state == "producing" else state, "e0")]
    assert [r for r in rows if r[1] == "not_scheduled"] == [
        ("21:00", "not_scheduled", "stopped", "calendar", "not_scheduled", None)
    ]


def test_an_edit_of_the_reason_does_not_explain_a_break_or_production():
    edit = edits({"start_at": "07:50", "end_at": "08:40", "reason": "jam"})
    data = signal(("press", "07:30", 6), ("press", "08:35", 1), ("press", "10:10", 1), END)
    rows = told(Inputs(data, edits=edit), "reason", "edit_id")
    assert [r for r in rows if "07:30" <= r[0] < "10:00"] == [
        ("07:30", "stopped", None), ("07:50", "jam", "e0"), ("08:00", "break", None), ("08:30", "jam", "e0"),
        ("08:35", None, None),
    ]  # fmt: skip


def test_a_stop_that_an_edit_began_before_the_day_keeps_its_beginning():
    edit = edits({"start_at": "03:50", "end_at": "04:20", "state": "stopped"})
    data = Inputs(signal(("press", "03:00", 1), ("press", "04:20", 1), ("press", "05:00", 1)), ordered(), edits=edit)
    time = run(PLANT, data, DAY - timedelta(days=1), DAY).time.filter(pl.col("account") == "delay")
    began = int(at("03:50").timestamp() * 1e6)
    assert time["stop_id"].unique().to_list() == [began]


def test_of_two_people_at_a_machine_the_later_log_in_counts():
    who = rows_of("silver.attendance", [
        {"attendance_id": "a", "operator": "ann", "machine": "press", "start_at": at("04:00"), "end_at": None},
        {"attendance_id": "b", "operator": "bob", "machine": "press", "start_at": at("05:00"), "end_at": at("05:20")},
        {"attendance_id": "c", "operator": "cat", "machine": "press", "start_at": at("05:00"), "end_at": at("05:10")},
    ])  # fmt: skip
    data = Inputs(signal(("press", "04:00", 1), ("press", "05:50", 1), ("press", "06:10", 1)), attendance=who)
    assert told(data, "operator") == [("04:00", "ann"), ("05:00", "cat"), ("05:10", "bob"), ("05:20", "ann")]


SHORT = plant_of(SMALL.replace("minor_stop_s = 600", "minor_stop_s = 600\nminimum_run_s = 60"))


@pytest.mark.parametrize(
    ("codes", "states"),
    [
        ((6, 1, 7), ["stopped", "failed"]),
        ((6, 1, 6), ["stopped"]),
        ((2, 1, 7), ["setup", "producing", "failed"]),
        ((6, 1, 2), ["stopped", "producing", "setup"]),
        ((6, 1, 8), ["stopped", "producing", "planned_stop"]),
        ((6, 1, 99), ["stopped", "producing", "unknown"]),
        ((6, 2, 6), ["stopped", "setup", "stopped"]),
    ],
)
def test_a_run_shorter_than_the_minimum_between_two_stops_is_part_of_the_stop(codes, states):
    times = ("05:00:00", "05:10:00", "05:10:59.999999")
    rows = samples([{"tag": "press.state", "ts": at(c), "value": float(v)} for c, v in zip(times, codes, strict=True)])
    data = Inputs(pl.concat([rows, signal(("press", "06:30", 1), END)]))
    assert [r[1] for r in told(data, "state", plant=SHORT) if "05:00" <= r[0] < "06:00"] == states
    assert len(told(data, "state")) >= len(states), "without a minimum every run counts"


@pytest.mark.parametrize(("end", "kept"), [("05:10:59.999999", 0), ("05:11:00", 1)])
def test_a_run_as_long_as_the_minimum_counts(end, kept):
    times = {"05:00:00": 6, "05:10:00": 1, "05:10:30": 1, end: 6, "06:30:00": 6}
    data = samples([{"tag": "press.state", "ts": at(c), "value": float(v)} for c, v in times.items()])
    states = [r[1] for r in told(Inputs(data), "state", plant=SHORT) if r[0] >= "05:00"]
    assert states.count("producing") == kept


def test_a_short_run_that_touches_the_edge_of_a_day_or_of_the_data_stays():
    """A day alone cannot know what was before or will come after; so it is left in both."""
    clocks = {"03:50:00": 6, "03:59:40": 1, "04:00:20": 6, "05:00:00": 1, "05:00:10": 1}
    data = Inputs(samples([{"tag": "press.state", "ts": at(c), "value": float(v)} for c, v in clocks.items()]))
    before = DAY - timedelta(days=1)
    whole = run(SHORT, data, before, DAY)
    runs = whole.time.filter(pl.col("machine") == "press", pl.col("state") == "producing")
    assert runs["start_at"].to_list() == [at("03:59:40"), at("04:00:00"), at("05:00:00")]
    first = run(SHORT, data, before, before)
    alone = run(SHORT, data, DAY, DAY, first.closing()).time
    assert alone.equals(whole.time.filter(pl.col("production_day") == DAY))


def test_the_length_of_a_minor_stop_has_a_first_day():
    dated = "minor_stops = [{ seconds = 5400, valid_from = 2026-05-05 }, { seconds = 60, valid_from = 2026-05-06 }]"
    plant = plant_of(SMALL.replace("minor_stop_s = 600", f"minor_stop_s = 600\n{dated}"))
    days = [timedelta(days=n) for n in range(3)]
    stop = [("04:30:00", 6.0), ("05:10:00", 1.0), ("06:50:00", 1.0)]
    rows = [{"tag": "press.state", "ts": at(c) + day, "value": v} for day in days for c, v in stop]
    made = run(plant, Inputs(samples(rows), ordered()), DAY, DAY + days[-1]).time
    stops = made.filter(pl.col("state") == "stopped")
    assert stops["minor"].to_list() == [False, True, False], "40 min against 10, 90 and 1"
    assert machines_frame(plant).filter(pl.col("machine") == "press")["minor_stop_s"].item() == 60.0
    assert minor_stops_frame(plant).filter(pl.col("machine") == "press").height == 3


def test_a_planned_event_of_a_machine_stops_it_inside_shifts_with_its_reason():
    event = """
[[planned]]
site = "s"
machines = ["oven", "press"]
start = 2026-05-04T20:30:00
end = 2026-05-04T23:10:00
reason = "maintenance"
"""
    plant = plant_of(SMALL + event)
    data = Inputs(
        signal(("press", "18:00", 1), ("oven", "18:00", 1), ("press", "19:30", 1), ("press", "21:10", 1), END)
    )
    for machine in ("press", "oven"):  # the oven runs through breaks, not through planned events
        rows = told(data, "account", "reason", "source", machine=machine, plant=plant)
        assert [r for r in rows if "18:30" <= r[0] < "21:30"] == [
            ("18:30", "planned_down", "maintenance", "calendar"),
            ("21:00", "not_scheduled", "not_scheduled", "calendar"),
        ]


def test_a_stop_of_a_tag_without_stale_after_keeps_its_beginning_over_the_day_start():
    rows = signal(("oven", "03:50", 6), ("oven", "03:55", 7), ("oven", "04:20", 1), ("oven", "05:00", 1))
    made = run(PLANT, Inputs(rows), DAY - timedelta(days=1), DAY).time
    stops = made.filter(pl.col("machine") == "oven", pl.col("account") == "down_no_order")
    assert stops["stop_id"].unique().to_list() == [int(at("03:50").timestamp() * 1e6)]


def test_parts_are_the_ledger_cut_between_days(monkeypatch):
    rows = signal(*(("press", f"{h:02}:{m:02}", (h + m) % 3 + 1) for h in range(4, 24) for m in (0, 17, 41)))
    data = Inputs(pl.concat([rows, rows.with_columns(pl.col("ts", "received_at") + pl.duration(days=1))]), ordered())
    clean = cleaned(PLANT, data, DAY, DAY + timedelta(days=1))
    whole = time_of(PLANT, data, clean, DAY, DAY + timedelta(days=1))
    monkeypatch.setattr(ledger, "CELLS_AT_ONCE", 1)
    assert whole.equals(time_of(PLANT, data, clean, DAY, DAY + timedelta(days=1)))
    assert whole["production_day"].n_unique() == 2
