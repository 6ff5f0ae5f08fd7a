"""Roll-up: sums only, at every level and grain; ratio of sums, held to the PyPI package `oee`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import oee as package
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import DAY, START, base, count_ledger, time_ledger

from assets.kernels.figures.kpi import evaluate
from assets.kernels.figures.rolling import COLUMN, GRAINS, LEVELS, roll_up
from plant.kpi.catalogue import BY_NAME, KPIS
from plant.kpi.measures import NAMES

ZONES = {"northmill": "Europe/Berlin"}


def value(sums, name, level, scope, grain="day"):
    frame = evaluate(roll_up(sums, level, grain, ZONES), [BY_NAME[name]]).collect()
    return frame.row(by_predicate=pl.col("scope") == scope, named=True)["value"]


@pytest.fixture(scope="module")
def two_days():
    """Two machines, two days, an order and an operator on one of them, a shift that starts inside an hour."""
    work = {"order_id": "wo-1", "operation": "turn", "product": "shaft-20", "operator": "anna"}
    time, counts = [], []
    for n in range(2):
        start, day = START + timedelta(days=n, minutes=30), DAY + timedelta(days=n)
        time += [
            time_ledger(("production", 100 + 50 * n, work), ("delay", 140, {"reason_class": "logistic"}), start=start,
                        day=day),
            time_ledger(("setup", 60), ("production", 120), ("unknown", 60 * n + 1), machine="cnc-2", start=start,
            day=day),
            time_ledger(("not_scheduled", 90), shift="off", start=start + timedelta(minutes=300), day=day),
        ]  # fmt: skip
        counts += [
            count_ledger((80 + n, 5, 60.0, work), hour=start, day=day),
            count_ledger((90, 0, 61.0), hour=start, day=day, machine="cnc-2"),
        ]
    return base(pl.concat(time), pl.concat(counts), counting=("cnc-1", "cnc-2"))


def test_every_level_and_grain_sums_what_is_of_its_scopes(two_days):
    whole = two_days.collect()
    for level in LEVELS:
        of_level = whole.filter(pl.col(COLUMN[level]).is_not_null())
        for grain in GRAINS:
            rolled = roll_up(two_days, level, grain, ZONES).collect()
            kept = of_level.filter(pl.col("shift") != "off") if grain == "shift" else of_level
            assert rolled.select(pl.col(NAMES).sum()).equals(kept.select(pl.col(NAMES).sum())), (level, grain)
            assert rolled.select("level", "scope", "grain", "production_day", "period_start").is_unique().all()


def test_periods_start_where_they_start(two_days):
    def starts(grain, level="line"):
        return roll_up(two_days, level, grain, ZONES).collect()["period_start"].unique().sort().to_list()

    half_past = START + timedelta(minutes=30)
    assert starts("day") == starts("shift") == [half_past, half_past + timedelta(days=1)]
    assert starts("hour")[:2] == [START, START + timedelta(hours=1)], "the full hour, though the shift starts inside it"
    assert starts("week") == [datetime(2026, 11, 16, tzinfo=UTC)], "both days are of the ISO week of Monday the 16th"
    assert starts("month") == [datetime(2026, 11, 1, tzinfo=UTC)]
    assert starts("all") == [datetime(2026, 11, 16, tzinfo=UTC)]
    assert roll_up(two_days, "site", "month").collect()["production_day"].to_list() == [date(2026, 11, 16)]


def test_a_level_or_grain_that_does_not_exist_is_said(two_days):
    with pytest.raises(ValueError, match=r"levels are machine, line, .* grains are hour, shift"):
        roll_up(two_days, "plant", "year")


def test_half_hour_zones_have_their_own_full_hours():
    rows = (
        time_ledger(("production", 60), start=datetime(2026, 11, 16, n, 30, tzinfo=UTC), site="pune") for n in (4, 5)
    )
    sums = base(pl.concat(rows))
    found = roll_up(sums, "site", "hour", {"pune": "Asia/Kolkata"}).collect()["period_start"].unique().sort()
    assert [at.minute for at in found] == [30, 30]


@settings(max_examples=settings.default.max_examples // 5)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=8), st.randoms())
def test_any_partition_of_the_rows_sums_to_the_whole_in_integers(cuts, rng):
    """However rows are grouped on the way (hours, shifts, machines, at random), the last sum is the same."""
    time = time_ledger(
        *((account, minutes + 1) for minutes, n in cuts for account in ("production", "delay")[: n % 2 + 1])
    )
    rows = base(time, count_ledger((7, 3, 60.0))).collect()
    groups = rows.with_columns(group=pl.Series([rng.randrange(3) for _ in range(rows.height)]))
    parts = groups.group_by("group").agg(pl.col(NAMES).sum())
    assert parts.select(pl.col(NAMES).sum()).equals(rows.select(pl.col(NAMES).sum()))
    assert rows["reference_us"].sum() == time.select(pl.col("duration_us").sum()).collect().item()


CELL = st.tuples(st.integers(1, 300), st.integers(0, 200), st.integers(0, 100), st.integers(0, 60), st.integers(0, 60))


@settings(max_examples=settings.default.max_examples // 5)
@given(st.lists(CELL, min_size=1, max_size=4))
def test_the_package_oee_rolls_up_to_the_same(cells):
    """PyPI `oee` 0.2.0, `aggregate`: sums of time and pieces of machines; OEE, its factors, TEEP and OOE."""
    time, counts, parts = [], [], []
    for n, (more, down, planned, fine, bad) in enumerate(cells):
        good, run = fine + 1, more + (fine + bad) // 2 + 1  # theirs caps performance at 1 and wants a piece
        stretches = [(a, m) for a, m in (("production", run), ("delay", down), ("planned_down", planned)) if m]
        time.append(time_ledger(*stretches, machine=f"m{n}"))
        counts.append(count_ledger((good, bad, 30.0), machine=f"m{n}"))
        parts.append(package.oee(
            run + down, run_time=run, ideal_cycle_time=0.5, total_count=good + bad, good_count=good,
            all_time=run + down + planned, planned_downtime=planned,
        ))  # fmt: skip
    whole = package.aggregate(parts)
    sums = base(pl.concat(time), pl.concat(counts), counting=[f"m{n}" for n in range(len(cells))])
    pairs = {
        "oee_good_time": whole.oee,
        "oee": whole.oee,
        "teep": whole.teep,
        "nakajima_availability": whole.availability,
    }
    pairs |= {"nakajima_performance": whole.performance, "nakajima_quality": whole.quality}
    for name, theirs in pairs.items():
        assert value(sums, name, "line", "shafts") == pytest.approx(theirs), name


def test_a_line_is_the_ratio_of_sums_never_the_mean():
    time = pl.concat([time_ledger(("production", 450), ("delay", 30)),
                      time_ledger(("planned_down", 420), ("production", 6), ("delay", 54),
                      machine="cnc-2")])  # fmt: skip
    sums = base(time, counting=("cnc-1", "cnc-2"))
    single = [value(sums, "availability", "machine", m) for m in ("cnc-1", "cnc-2")]
    assert value(sums, "availability", "line", "shafts") == pytest.approx(456 / 540)
    assert sum(single) / 2 == pytest.approx((450 / 480 + 6 / 60) / 2)


def test_capability_over_several_characteristics_is_null_with_the_reason():
    from plant_books import inspections

    rows = pl.concat([inspections([10.0, 10.02, 9.99]), inspections([5.0, 5.1], characteristic="length", lsl=4, usl=6)])
    sums = base(time_ledger(("production", 480)), inspections=rows)
    frame = evaluate(roll_up(sums, "machine", "day"), [BY_NAME["machine_capability"]]).collect().row(0, named=True)
    assert (frame["value"], frame["note"]) == (None, "several characteristics")
    assert value(sums, "machine_capability", "characteristic", "length") is not None


def test_every_kpi_has_a_row_for_every_scope_and_period(two_days):
    frame = evaluate(roll_up(two_days, "machine", "hour", ZONES)).collect()
    rolled = roll_up(two_days, "machine", "hour", ZONES).collect()
    assert frame.height == rolled.height * len(KPIS)
    assert frame.filter(pl.col("value").is_null() & pl.col("note").is_null()).is_empty(), "a null has its reason"
