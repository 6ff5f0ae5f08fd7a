"""The time ledger: against a naive one, a day alone against in a range, shuffled and doubled rows, both engines,
any partition of any window; and its layers one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_run import SMALL, Inputs, Ledgers, cleaned, plant_of, rows_of, run, samples, time_of, utc
from naive_ledger import naive, stops

from plant import calendar
from plant.tables import table

PLANT = plant_of()
FIRST, LAST = date(2026, 3, 27), date(2026, 3, 29)  # the second night loses an hour
START = calendar.day_bounds(PLANT, "s", FIRST)[0]
QUARTERS = 71 * 4 - 1
SETTINGS = settings(
    max_examples=settings.default.max_examples // 2, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

instants = st.tuples(st.integers(0, QUARTERS), st.sampled_from([0, 0, 0, 1, 7_000_000, 333_333_333])).map(
    lambda q: START + timedelta(minutes=15 * q[0], microseconds=q[1])
)
status = st.sampled_from([0, 0, 0, 0, 0x40000000, 0x80310000])
codes = st.sampled_from([1.0, 1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 99.0, None])
state = st.fixed_dictionaries(
    {"tag": st.sampled_from(["press.state", "oven.state"]), "ts": instants, "value": codes, "status": status}
)
count = st.fixed_dictionaries(
    {
        "tag": st.sampled_from(["press.good", "press.scrap", "press.energy", "oven.energy"]),
        "ts": instants,
        "value": st.sampled_from([0.0, 5.0, 9.0, 40.0, 41.0, 990.0, 5000.0, None, float("nan"), -3.0]),
        "status": status,
    }
)
interval = st.tuples(instants, st.integers(0, 40)).map(lambda p: (p[0], p[0] + timedelta(minutes=15 * p[1])))
work = st.sampled_from([("o1", "bolt", "pressing"), ("o2", "nut", None), ("o3", None, None), (None, None, None)])

somewhere = st.tuples(st.sampled_from(["press", "oven", "hand"]), interval)
words = st.sampled_from([None, "producing", "stopped", "planned_stop", "unknown"])
reasons = st.sampled_from([(None, None), ("tool", "setup"), ("jam", None)])
edited = st.lists(
    st.tuples(somewhere, words, reasons, instants).map(
        lambda e: {"machine": e[0][0], "start_at": e[0][1][0], "end_at": e[0][1][1], "state": e[1], "reason": e[2][0],
                   "reason_class": e[2][1], "edited_by": "x", "edited_at": e[3]}
    ), max_size=3,
)  # fmt: skip
present = st.lists(
    st.tuples(somewhere, st.sampled_from(["ann", "bob"]), st.booleans()).map(
        lambda a: {"machine": a[0][0], "start_at": a[0][1][0], "end_at": a[0][1][1] if a[2] else None, "operator": a[1]}
    ), max_size=3,
)  # fmt: skip


@st.composite
def inputs(draw: Any, *, people: bool = True) -> Inputs:
    """Random samples, orders, bookings, reports (and edits and log-ins), with many coincidences of their instants."""
    rows = draw(st.lists(state, min_size=1, max_size=14)) + draw(st.lists(count, max_size=14))
    machine = st.sampled_from(["press", "oven", "hand"])
    operations = [
        {"operation_id": f"p{n}", "order_id": w[0] or "o4", "machine": m, "operation": w[2], "product": w[1], "seq": 0,
         "started_at": i[0], "ended_at": None if draw(st.integers(0, 5)) == 0 else i[1]}
        for n, (m, i, w) in enumerate(draw(st.lists(st.tuples(machine, interval, work), max_size=4)))
    ]  # fmt: skip
    downtimes = [
        {"downtime_id": f"d{n}", "machine": m, "start_at": i[0], "end_at": i[1], "reason": "jam", "reason_class": c}
        for n, (m, i, c) in enumerate(
            draw(st.lists(st.tuples(machine, interval, st.sampled_from(["minor_stop", "odd"])), max_size=2))
        )
    ]
    told = st.tuples(
        st.sampled_from(["hand", "hand", "oven"]), interval, work, st.sampled_from(["producing", "setup", "failed"])
    )
    reports = [
        {"date": i[1].date(), "machine": m, "start_at": i[0], "end_at": i[1], "report": s, "state": s, "order_id": w[0],
         "product": w[1], "operation": w[2], "good_pcs": n + 1, "scrap_pcs": 1, "source": "book", "segment": "f",
         "seq": n, "received_at": i[1]}
        for n, (m, i, w, s) in enumerate(draw(st.lists(told, max_size=4)))
    ]  # fmt: skip
    edits, attendance = (draw(edited), draw(present)) if people else ([], [])
    return Inputs(
        samples(rows),
        rows_of("silver.operations", operations),
        rows_of("silver.downtimes", downtimes),
        rows_of("bronze.reports", reports),
        rows_of("silver.edits", [e | {"edit_id": f"e{n}"} for n, e in enumerate(edits)]),
        rows_of("silver.attendance", [a | {"attendance_id": f"a{n}"} for n, a in enumerate(attendance)]),
    )


@SETTINGS
@given(data=inputs(people=False))
def test_agrees_with_the_naive_ledger_and_tiles(data):
    made = run(PLANT, data, FIRST, LAST)
    expected = naive(PLANT, data, FIRST, LAST)
    keys = ["machine", "production_day", "shift", "account", "state", "order_id", "reason", "start_at", "end_at"]
    got = _joined(made.time.select(keys).rename({"state": "word"}).rows(named=True))
    assert got == expected
    _checked(made)
    stop_of = stops(expected, PLANT)
    for row in made.time.rows(named=True):
        in_day = stop_of.get((row["machine"], row["start_at"]))
        if in_day is None:
            continue
        day_start = calendar.day_bounds(PLANT, "s", row["production_day"])[0]
        began = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=row["stop_id"])
        assert began == in_day[0] or (in_day[0] == day_start and began < day_start)
        if began == in_day[0]:
            assert row["minor"] == in_day[1]


def _joined(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ledger also cuts at product, operation, source and stop; the naive one does not."""
    out: list[dict[str, Any]] = []
    for row in rows:
        same = out and all(out[-1][k] == v for k, v in row.items() if k not in {"start_at", "end_at"})
        if same and out[-1]["end_at"] == row["start_at"]:
            out[-1]["end_at"] = row["end_at"]
        else:
            out.append(row)
    return out


def _checked(made: Ledgers) -> None:
    """Identities that hold for every ledger."""
    time = made.time
    for name in ("time", "count", "energy", "readings"):
        frame, contract = (
            getattr(made, name),
            table(f"silver.{name}" if name == "readings" else f"silver.{name}_ledger"),
        )
        assert dict(frame.schema) == contract.schema
        assert frame.select(pl.struct(contract.key).is_duplicated().any()).item() in (False, None), name
        for column in contract.columns:
            values = frame[column.name]
            assert column.null or values.null_count() == 0, f"{name}.{column.name} is null"
            if column.allowed and not values.is_empty():
                assert set(values.drop_nulls()) <= set(column.allowed)
            if column.low is not None and values.drop_nulls().len():
                assert values.min() >= column.low
    per = time.group_by("machine", "production_day").agg(
        pl.col("duration_us").sum(), span=(pl.col("end_at").max() - pl.col("start_at").min()).dt.total_microseconds()
    )
    assert (per["duration_us"] == per["span"]).all()
    assert per.group_by("production_day").agg(pl.col("duration_us").n_unique())["duration_us"].max() in (1, None)
    begins = {d: calendar.day_bounds(PLANT, "s", d)[0] for d in time["production_day"].unique()}
    first = time.group_by("machine", "production_day").agg(pl.col("start_at").min())
    assert all(begins[d] == s for d, s in first.select("production_day", "start_at").rows())


@settings(SETTINGS, max_examples=SETTINGS.max_examples // 3)
@given(data=inputs())
def test_a_day_alone_is_the_day_in_a_range(data):
    whole = run(PLANT, data, FIRST, LAST)
    opening, days = None, []
    for n in range(3):
        day = FIRST + timedelta(days=n)
        alone = run(PLANT, data, day, day, opening)
        opening = alone.closing() if alone.readings.height else None
        days.append(alone)
    middle = run(PLANT, data, FIRST + timedelta(days=1), LAST, days[0].closing() if days[0].readings.height else None)
    for name in ("readings", "time", "count", "energy"):
        frame = getattr(whole, name)
        key = table(f"silver.{name}" if name == "readings" else f"silver.{name}_ledger").key
        pieces = pl.concat([getattr(d, name) for d in days]).sort(key, nulls_last=True)
        assert frame.sort(key, nulls_last=True).equals(pieces), name
        later = frame.filter(pl.col("production_day") > FIRST).sort(key, nulls_last=True)
        assert getattr(middle, name).sort(key, nulls_last=True).equals(later), name


@settings(SETTINGS, max_examples=SETTINGS.max_examples // 3)
@given(data=inputs(), seed=st.integers(0, 99), times=st.integers(1, 3))
def test_shuffled_and_repeated_rows_change_nothing(data, seed, times):
    again = data.bronze.with_columns(
        pl.col("received_at") + pl.duration(days=10), segment=pl.lit("again"), seq=pl.col("seq") + 1000
    )
    rows = pl.concat([data.bronze, *[again] * times]).sample(fraction=1.0, shuffle=True, seed=seed)
    layers = {
        name: getattr(data, name).sample(fraction=1.0, shuffle=True, seed=seed)
        for name in ("operations", "downtimes", "reports", "edits", "attendance")
    }
    one = run(PLANT, data, FIRST, LAST)
    two = run(PLANT, Inputs(rows, **layers), FIRST, LAST)
    for name in ("readings", "time", "count", "energy"):
        assert getattr(one, name).equals(getattr(two, name)), name


@settings(SETTINGS, max_examples=SETTINGS.max_examples // 3)
@given(data=inputs(), seed=st.integers(0, 99))
def test_readings_in_any_order_and_both_engines_give_one_ledger(data, seed):
    clean = cleaned(PLANT, data, FIRST, LAST)
    one = time_of(PLANT, data, clean, FIRST, LAST)
    assert one.equals(time_of(PLANT, data, clean, FIRST, LAST, engine="streaming"))
    mixed = clean.sample(fraction=1.0, shuffle=True, seed=seed)
    assert one.equals(time_of(PLANT, data, mixed, FIRST, LAST))
    assert one.equals(time_of(PLANT, data, mixed, FIRST, LAST, engine="streaming"))


@settings(SETTINGS)
@given(data=inputs(), cuts=st.lists(instants, min_size=2, max_size=6))
def test_any_partition_of_any_window_sums_exactly(data, cuts):
    """Cut a window anywhere: what falls in the pieces, account by account, is what falls in the window."""
    time = time_of(PLANT, data, cleaned(PLANT, data, FIRST, LAST), FIRST, LAST)
    cuts = sorted(cuts)
    whole = _window(time, cuts[0], cuts[-1])
    pieces = pl.concat([_window(time, *pair) for pair in pairwise(cuts)])
    assert dict(_summed(pieces)) == dict(_summed(whole))
    reached = min(cuts[-1], time["end_at"].max()) - min(cuts[0], time["end_at"].max()) if time.height else timedelta()
    per_machine = dict(whole.group_by("machine").agg(pl.col("us").sum()).rows())
    assert set(per_machine.values()) <= {reached // timedelta(microseconds=1)}


def _window(time: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    low, high = pl.max_horizontal("start_at", pl.lit(start)), pl.min_horizontal("end_at", pl.lit(end))
    us = (high - low).dt.total_microseconds()
    return time.select("machine", "account", "order_id", "operator", us=us).filter(pl.col("us") > 0)


def _summed(parts: pl.DataFrame) -> list[tuple[Any, int]]:
    keys = ("machine", "account", "order_id", "operator")
    return [(row[:4], row[4]) for row in parts.group_by(keys).agg(pl.col("us").sum()).rows()]


def state_rows(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return samples([{"tag": f"{m}.state", "ts": utc(at), "value": v} for m, at, v in rows])


def test_a_stop_over_the_day_start_keeps_its_beginning():
    rows = state_rows(
        ("press", "2026-05-04T03:00:00", 1), ("press", "2026-05-04T03:52:00", 6), ("press", "2026-05-04T03:57:00", 7),
        ("press", "2026-05-04T03:59:00", 7), ("press", "2026-05-04T04:03:00", 1), ("press", "2026-05-04T04:30:00", 1),
    )  # fmt: skip
    booked = {"operation_id": "p", "order_id": "o", "machine": "press", "product": "bolt", "seq": 1}
    order = rows_of("silver.operations", [booked | {"started_at": utc("2026-05-01T00:00:00")}])
    made = run(PLANT, Inputs(rows, order), date(2026, 5, 3), date(2026, 5, 4)).time
    stop = made.filter(pl.col("machine") == "press", pl.col("account") == "delay")
    assert stop["stop_id"].unique().to_list() == [int(utc("2026-05-04T03:52:00").timestamp() * 1e6)]
    assert stop.select("production_day", "reason", "minor").rows() == [
        (date(2026, 5, 3), "stopped", True),  # 8 min are known at the day's end
        (date(2026, 5, 3), "failed", True),
        (date(2026, 5, 4), "failed", False),  # 11 min in all
    ]


def test_a_stop_does_not_begin_before_the_work_time_that_leads_up_to_the_day():
    plant = plant_of(SMALL.replace('start = "23:30"\nend = "06:00"', 'start = "23:30"\nend = "05:30"'))
    times = ("01:00", "02:30", "03:59")
    rows = state_rows(*(("press", f"2026-05-04T{t}:00", 6) for t in times), ("press", "2026-05-04T04:05:00", 1))
    made = run(plant, Inputs(rows), date(2026, 5, 3), date(2026, 5, 4)).time
    first = made.filter(pl.col("machine") == "press", pl.col("production_day") == date(2026, 5, 4))
    assert first["stop_id"][0] == int(utc("2026-05-04T04:00:00").timestamp() * 1e6), "05:30 to 06:00 local is off"


@pytest.mark.parametrize("kind", ["break", "off"])
def test_calendar_wins_over_the_signal_but_not_where_machines_run_through_breaks(kind):
    at = {"break": "2026-05-04T08:10:00", "off": "2026-05-04T21:10:00"}[kind]
    rows = state_rows(
        ("press", "2026-05-04T04:00:00", 1), ("oven", "2026-05-04T04:00:00", 1), ("press", "2026-05-04T23:00:00", 1)
    )
    made = run(PLANT, Inputs(rows), date(2026, 5, 4), date(2026, 5, 4)).time
    held = {
        r["machine"]: r for r in made.filter(pl.col("start_at") <= utc(at), pl.col("end_at") > utc(at)).rows(named=True)
    }
    assert held["press"]["account"] == {"break": "planned_down", "off": "not_scheduled"}[kind]
    assert held["press"]["source"] == "calendar"
    assert held["oven"]["account"] == {"break": "production", "off": "not_scheduled"}[kind]


def test_a_silent_signal_is_unknown_from_its_last_sample_to_the_next():
    rows = state_rows(
        ("press", "2026-05-04T05:00:00", 1), ("press", "2026-05-04T12:00:00", 1), ("oven", "2026-05-04T13:00:00", 1)
    )
    made = run(PLANT, Inputs(rows), date(2026, 5, 4), date(2026, 5, 4)).time.filter(pl.col("machine") == "press")
    unknown = made.filter(pl.col("account") == "unknown").select("start_at", "end_at", "source").rows()
    assert unknown[0] == (utc("2026-05-04T04:00:00"), utc("2026-05-04T08:00:00"), "none")  # then the break
    assert unknown[1] == (utc("2026-05-04T08:30:00"), utc("2026-05-04T12:00:00"), "none")
    assert len(unknown) == 2, "12:00 is an hour before the data end: believed"


def test_the_day_ends_where_the_data_end_and_is_whole_once_later_data_exist():
    rows = state_rows(("press", "2026-05-04T05:00:00", 1), ("press", "2026-05-04T06:30:00", 6))
    day = date(2026, 5, 4)
    first = run(PLANT, Inputs(rows), day, day).time
    assert first["end_at"].max() == utc("2026-05-04T06:30:00")
    later = pl.concat([rows, state_rows(("oven", "2026-05-07T05:00:00", 1))])
    assert run(PLANT, Inputs(later), day, day).time["end_at"].max() == utc("2026-05-05T04:00:00")
    assert run(PLANT, Inputs(rows), day + timedelta(days=1), day + timedelta(days=2)).time.is_empty()


def test_no_data_at_all_gives_no_rows():
    made = run(PLANT, Inputs(), FIRST, LAST)
    assert made.time.is_empty()
    assert made.count.is_empty()
    assert made.energy.is_empty()
    assert made.readings.is_empty()


def test_two_sites_each_keep_their_own_days():
    berlin = '{ name = "s", timezone = "Europe/Berlin", day_start = "06:00" }'
    kolkata = '{ name = "t", timezone = "Asia/Kolkata", day_start = "00:00" }'
    text = SMALL.replace(berlin, f"{berlin}, {kolkata}")
    text = text.replace('{ name = "a", site = "s" }', '{ name = "a", site = "s" }, { name = "b", site = "t" }')
    text = text.replace('{ name = "l", area = "a" }', '{ name = "l", area = "a" }, { name = "k", area = "b" }')
    plant = plant_of(text.replace('name = "oven"\nline = "l"', 'name = "oven"\nline = "k"'))
    rows = state_rows(
        ("press", "2026-05-04T05:00:00", 1),
        ("press", "2026-05-05T03:00:00", 1),
        ("oven", "2026-05-04T17:00:00", 1),
        ("oven", "2026-05-04T19:00:00", 6),
    )
    made = run(plant, Inputs(rows), date(2026, 5, 4), date(2026, 5, 5)).time
    days = made.group_by("site", "production_day").agg(pl.col("start_at").min(), pl.col("end_at").max())
    assert days.sort("site", "production_day").rows() == [
        ("s", date(2026, 5, 4), utc("2026-05-04T04:00:00"), utc("2026-05-05T03:00:00")),
        ("t", date(2026, 5, 4), utc("2026-05-03T18:30:00"), utc("2026-05-04T18:30:00")),
        ("t", date(2026, 5, 5), utc("2026-05-04T18:30:00"), utc("2026-05-04T19:00:00")),
    ]
    assert made.filter(pl.col("site") == "t", pl.col("account") != "not_scheduled").is_empty(), "site t has no shift"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 10, 24), 25),
        ("America/New_York", date(2026, 3, 7), 23),
        ("America/New_York", date(2026, 10, 31), 25),
        ("Australia/Lord_Howe", date(2026, 4, 4), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 3), 23.5),
        ("Asia/Kolkata", date(2026, 10, 24), 24),
    ],
)
def test_a_day_has_the_hours_it_has(zone, day, hours):
    plant = plant_of(SMALL.replace("Europe/Berlin", zone))
    start, end = calendar.day_bounds(plant, "s", day)
    rows = samples(
        [
            {"tag": f"{m}.state", "ts": start + (end - start) * n / 7, "value": 1.0 + n}
            for m in ("press", "oven")
            for n in range(8)
        ]
        + [{"tag": "oven.energy", "ts": start + (end - start) * n / 9, "value": 1000.0 * n} for n in range(9)]
    )
    made = run(plant, Inputs(rows), day, day)
    per_machine = made.time.group_by("machine").agg(pl.col("duration_us").sum())["duration_us"].unique()
    assert per_machine.to_list() == [int(hours * 3_600_000_000)]
    assert made.energy["duration_us"].sum() == int(hours * 3_600_000_000)
    assert made.energy["energy_j"].sum() == 8 * 1000 * 3600
    longest = made.energy.group_by("hour_at").agg(pl.col("duration_us").sum())["duration_us"].max()
    assert longest <= 3_600_000_000
