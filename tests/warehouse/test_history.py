import dataclasses
import importlib.util
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.errors import ContractError
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.large.tidy import tidy
from warehouse.revisions.history import current, known_at, provisional, revised
from warehouse.writing import conform

spec = importlib.util.spec_from_file_location("sums", Path(__file__).with_name("sums.py"))
sums = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sums)
NAME, SUMS, DAY, NEXT = "gold.kpi_sums", sums.SUMS, sums.DAYS[0], sums.DAYS[1]
SHOWN = ("machine", "apt_us", "revision", "known_from", "known_to", "cause")


@pytest.fixture
def clock():
    return sums.Ticking()


@pytest.fixture
def lake(tmp_path, clock):
    return Lake(tmp_path, clock=clock)


def held(lake):
    return lake.scan(NAME, history=True).sort("machine", "revision").select(SHOWN).collect().rows()


def write(lake, *rows, cause="late rows", days=(DAY,)):
    return lake.replace_days(NAME, sums.rows(*rows), days, cause=cause)


def test_a_superseded_row_stays_with_its_end_and_its_successor_has_the_cause(lake, clock):
    write(lake, sums.row("saw", 6, apt_us=1), sums.row("press", 6, apt_us=2))
    first = clock.at
    written = write(lake, sums.row("saw", 6, apt_us=5), sums.row("press", 6, apt_us=2))
    assert written.changed == (DAY,)
    assert held(lake) == [
        ("press", 2, 1, first, None, "first"),
        ("saw", 1, 1, first, clock.at, "first"),
        ("saw", 5, 2, clock.at, None, "late rows"),
    ]
    assert lake.scan(NAME).sort("machine").select("machine", "apt_us").collect().rows() == [("press", 2), ("saw", 5)]


def test_what_is_there_already_is_not_committed(lake):
    rows = (sums.row("saw", 6), sums.row("press", 6))
    before = write(lake, *rows)
    write(lake, rows[0])
    there = write(lake, *rows)
    again = write(lake, *reversed(rows))
    assert (again.committed, again.version, before.version) == (False, there.version, there.version - 2)


def test_a_row_that_goes_keeps_why_and_counts_on_when_it_returns(lake, clock):
    write(lake, sums.row("saw", 6, apt_us=1), sums.row("press", 6))
    first = clock.at
    write(lake, sums.row("press", 6), cause="orders")
    gone = clock.at
    assert lake.scan(NAME).select("machine").collect()["machine"].to_list() == ["press"]
    write(lake, sums.row("saw", 6, apt_us=1), sums.row("press", 6), cause="calendar")
    assert [r for r in held(lake) if r[0] == "saw"] == [
        ("saw", 1, 1, first, gone, "first"),
        ("saw", 1, 2, gone, gone, "orders"),
        ("saw", 1, 3, clock.at, None, "calendar"),
    ]


def test_the_last_row_of_a_day_may_go_and_the_day_keeps_its_history(lake):
    write(lake, sums.row("saw", 6))
    assert write(lake, cause="orders").changed == (DAY,)
    assert not write(lake).committed
    assert lake.scan(NAME).collect().height == 0
    assert lake.scan(NAME, history=True).collect().height == 2
    write(lake, sums.row("saw", 6))
    assert lake.scan(NAME).collect()["revision"].to_list() == [3]


def test_each_machine_gets_its_own_cause_and_the_rest_of_the_day_its_word(lake):
    plain = [sums.row(m, 6) for m in ("saw", "press", "oven", None)]
    write(lake, *plain)
    why = pl.DataFrame(
        [("saw", DAY, "orders + calendar"), ("press", DAY, "target"), (None, DAY, "orders")],
        schema=["machine", "production_day", "cause"], orient="row",
    )  # fmt: skip
    write(lake, *(r | {"apt_us": 9} for r in plain), cause=why)
    found = dict(lake.scan(NAME).select("machine", "cause").collect().iter_rows())
    assert found == {"saw": "orders + calendar", "press": "target", "oven": "orders", None: "orders"}
    write(lake, *plain, cause=why.head(1))
    assert dict(lake.scan(NAME).select("machine", "cause").collect().iter_rows())["oven"] == "unstated"


def test_a_cause_frame_must_be_clear(lake):
    twice = pl.DataFrame({"machine": ["saw"] * 2, "production_day": [DAY] * 2, "cause": ["orders", "target"]})
    with pytest.raises(ContractError, match="one cause for a machine and day"):
        write(lake, sums.row("saw", 6), cause=twice)
    with pytest.raises(ContractError, match="missing: machine"):
        write(lake, sums.row("saw", 6), cause=twice.drop("machine"))
    assert not lake.exists(NAME)


def test_a_day_that_goes_on_is_no_late_row(tmp_path):
    """Hours as they run, then a correction of one that was over."""
    now = [sums.hour(DAY, 8) + timedelta(minutes=5)]
    lake = Lake(tmp_path, clock=lambda: now[0])
    write(lake, sums.row("saw", 7, apt_us=60), sums.row("saw", 8, apt_us=5))
    now[0] = sums.hour(DAY, 9) + timedelta(minutes=40)
    hours = [sums.row("saw", 7, apt_us=60), sums.row("saw", 8, apt_us=60), sums.row("saw", 9, apt_us=40)]
    write(lake, *hours)
    now[0] = sums.hour(DAY, 12)
    write(lake, hours[0] | {"apt_us": 50}, *hours[1:])
    found = lake.scan(NAME, history=True).sort("hour_at", "revision").select("hour_at", "revision", "cause").collect()
    assert [(at.hour, revision, cause) for at, revision, cause in found.iter_rows()] == [
        (7, 1, "first"), (7, 2, "late rows"), (8, 1, "first"), (8, 2, "running"), (9, 1, "running"),
    ]  # fmt: skip


def test_a_clock_that_goes_back_does_not_turn_the_order_round(tmp_path):
    now = [datetime(2026, 11, 20, tzinfo=UTC)]
    lake = Lake(tmp_path, clock=lambda: now[0])
    for k in range(3):
        write(lake, sums.row("saw", 6, apt_us=k))
        now[0] -= timedelta(hours=1)
    rows = lake.scan(NAME, history=True).sort("revision").select("known_from", "known_to").collect().rows()
    assert [a[1] for a in rows[:-1]] == [b[0] for b in rows[1:]]
    assert all(a < b for a, b in rows[:-1])


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    """Three writers replace a day four times each: whoever loses a race looks again and comes after."""
    errors = []

    def write_four(k):
        own = Lake(tmp_path)
        try:
            for i in range(4):
                write(own, sums.row("saw", 6, apt_us=100 * k + i))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write_four, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    rows = Lake(tmp_path).scan(NAME, history=True).sort("revision").select(SHOWN).collect()
    assert errors == []
    assert rows["revision"].to_list() == list(range(1, 13))
    assert sorted(rows["apt_us"]) == sorted(100 * k + i for k in range(3) for i in range(4))
    assert rows["known_to"].to_list() == [*rows["known_from"].to_list()[1:], None]


def test_a_write_that_dies_leaves_what_was_there(lake, monkeypatch):
    write(lake, sums.row("saw", 6, apt_us=1))
    before = held(lake)
    monkeypatch.setattr("warehouse.lake.commit", lambda *_, **__: (_ for _ in ()).throw(OSError("disk gone")))
    with pytest.raises(OSError, match="disk gone"):
        write(lake, sums.row("saw", 6, apt_us=2))
    monkeypatch.undo()
    assert held(Lake(lake.root)) == before
    write(lake, sums.row("saw", 6, apt_us=2))
    assert [r[1:3] for r in held(lake)] == [(1, 1), (2, 2)]


def test_views_show_current_rows_and_history_beside_them(lake, tmp_path):
    write(lake, sums.row("saw", 6, apt_us=1))
    write(lake, sums.row("saw", 6, apt_us=2))
    con = connect(tmp_path)
    assert con.sql("SELECT apt_us FROM gold.kpi_sums").fetchall() == [(2,)]
    assert con.sql("SELECT apt_us FROM gold.kpi_sums_history ORDER BY revision").fetchall() == [(1,), (2,)]
    assert con.sql("SELECT row_count FROM meta.tables WHERE table_name = 'gold.kpi_sums'").fetchall() == [(1,)]
    assert con.sql(lake.select(NAME)).fetchall() == con.sql("SELECT * FROM gold.kpi_sums").fetchall()


def test_tidy_thins_running_hours_of_long_ago_and_loses_no_correction(tmp_path):
    now = [sums.hour(DAY, 8) + timedelta(minutes=5)]
    lake = Lake(tmp_path, clock=lambda: now[0])
    for minute in range(5, 60, 10):
        now[0] = sums.hour(DAY, 8) + timedelta(minutes=minute)
        write(lake, sums.row("saw", 8, apt_us=minute))
    signed = now[0] - timedelta(minutes=15)
    for late in range(3):
        now[0] = sums.hour(DAY, 12 + late)
        write(lake, sums.row("saw", 8, apt_us=60 + late))
    young = tidy(lake, NAME, today=DAY + timedelta(days=20))
    assert young.thinned == 0
    kept = tidy(lake, NAME, today=DAY + timedelta(days=40), signed=[signed])
    assert kept.thinned == 4
    assert lake.scan(NAME, history=True).collect()["apt_us"].to_list() == [35, 55, 60, 61, 62]
    assert tidy(lake, NAME, today=DAY + timedelta(days=41)).thinned == 1
    assert lake.scan(NAME).select("apt_us", "revision").collect().rows() == [(62, 9)]
    write(lake, sums.row("saw", 8, apt_us=70))
    assert lake.scan(NAME).collect()["revision"].to_list() == [10]
    assert lake.scan(NAME, history=True).filter(provisional()).collect().is_empty()


ROW = st.tuples(
    st.sampled_from(["saw", "press", None]), st.integers(6, 7), st.sampled_from(["A", None]), st.integers(0, 2)
)
DAY_OF_ROWS = st.lists(ROW, max_size=6, unique_by=lambda r: r[:3])


NARROW = dataclasses.replace(SUMS, columns=tuple(c for c in SUMS.columns if c.name not in sums.MEASURES[1:]))
WORTH = sums.MEASURES[0]


@given(st.lists(DAY_OF_ROWS, min_size=1, max_size=7), st.integers(0, 2))
def test_every_content_ever_written_can_be_read_again(contents, step):
    """Whatever follows what, also when the clock stands still: intervals meet, keys are unique, nothing is lost."""
    now, rows, seen = datetime(2026, 11, 20, tzinfo=UTC), NARROW.empty(), []
    told = [n for n in NARROW.schema if n not in NARROW.made_at_door]
    for content in contents:
        given_rows = sums.rows(*(sums.row(m, h, order_id=o, **{WORTH: v}) for m, h, o, v in content)).select(told)
        rows = revised(NARROW, rows, conform(NARROW, given_rows), now, "orders")
        if not rows.is_empty():
            seen.append((max([*rows["known_from"], *rows["known_to"].drop_nulls()]), given_rows.sort(told)))
        now += timedelta(seconds=step)
    for at, content in seen:
        assert known_at(rows.lazy(), at).select(told).sort(told).collect().equals(content)
    assert current(NARROW, rows.lazy()).select(told).sort(told).collect().equals(given_rows.sort(told))
    chains = rows.sort("revision").group_by(SUMS.key).agg("revision", "known_from", "known_to")
    for revisions, begun, ended in chains.select("revision", "known_from", "known_to").iter_rows():
        assert revisions == list(range(1, len(revisions) + 1))
        assert all(e is not None and e <= b for e, b in zip(ended[:-1], begun[1:], strict=True))
