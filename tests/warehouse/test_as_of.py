import importlib.util
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.kernels.figures.kpi import evaluate
from assets.kernels.figures.rolling import roll_up
from plant.errors import TerminalError
from plant.kpi.terms import Sum
from warehouse import as_of, connect, refresh_changes, why
from warehouse.lake import Lake
from warehouse.revisions.changes import APPEARED, VANISHED, rounded
from warehouse.revisions.definitions import definitions

spec = importlib.util.spec_from_file_location("sums", Path(__file__).with_name("sums.py"))
sums = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sums)
DAY, NEXT, KPIS = sums.DAYS[0], sums.DAYS[1], sums.KPIS
SPAN = {"first": DAY, "last": NEXT}


@pytest.fixture
def clock():
    return sums.Ticking()


@pytest.fixture
def lake(tmp_path, clock):
    lake = Lake(tmp_path, clock=clock)
    lake.replace("gold.kpi_definitions", definitions(lake, clock.at, KPIS))
    return lake


def write(lake, *rows, cause="late rows", days=(DAY,)):
    lake.replace_days("gold.kpi_sums", sums.rows(*rows), days, cause=cause)


def cells(content, level, grain):
    """Scope and start of period -> the rows, by hand, of what was written last."""
    found = {}
    for row in content.iter_rows(named=True):
        scope, day = row["order_id" if level == "order" else level], row["production_day"]
        at = {
            "hour": row["hour_at"],
            "shift": min(r["hour_at"] for r in content.iter_rows(named=True)
                         if (r["production_day"], r["line"], r["shift"]) == (day, row["line"], row["shift"])),
            "day": min(r["hour_at"] for r in content.iter_rows(named=True) if r["production_day"] == day),
            "week": datetime(2026, 11, 2, tzinfo=UTC), "month": datetime(2026, 11, 1, tzinfo=UTC),
            "all": datetime(2026, 11, 2, tzinfo=UTC),
        }[grain]  # fmt: skip
        if scope is not None:
            found.setdefault((scope, at), []).append(row)
    return {cell: pl.DataFrame(rows, schema=content.schema, orient="row") for cell, rows in found.items()}


PLACE = st.tuples(
    st.sampled_from(["saw", "press", "oven"]), st.sampled_from([6, 7, 15]), st.sampled_from(["A", "B", None])
)
WORTH = st.fixed_dictionaries(
    {m: st.integers(0, 7) for m in ("apt_us", "pbt_us", "unknown_us", "good_pcs", "produced_pcs")}
)
CONTENT = st.dictionaries(PLACE, WORTH, max_size=5)
WRITES = st.lists(
    st.tuples(st.sampled_from([DAY, NEXT]), CONTENT, st.sampled_from(["late rows", "orders", "calendar + target"])),
    min_size=2, max_size=5,
)  # fmt: skip
LEVELS = st.sampled_from(["machine", "line", "site", "order"])
GRAINS = st.sampled_from(["hour", "shift", "day", "week", "month", "all"])


@settings(max_examples=max(12, settings.default.max_examples // 8))
@given(WRITES, LEVELS, GRAINS)
def test_every_earlier_answer_can_be_had_again(tmp_path_factory, writes, level, grain):
    """After any sequence of replaced days, as_of gives at each instant what a reader of that content would have."""
    clock = sums.Ticking()
    lake = Lake(tmp_path_factory.mktemp("any"), clock=clock)
    lake.replace("gold.kpi_definitions", definitions(lake, clock.at, KPIS))
    days, answers = {}, []
    for day, content, cause in writes:
        days[day] = sums.rows(*(sums.row(m, h, day, order_id=o, **v) for (m, h, o), v in content.items()))
        lake.replace_days("gold.kpi_sums", days[day], [day], cause=cause)
        answers.append((clock.at + timedelta(seconds=30), pl.concat(days.values())))
    con = connect(lake.root)
    for at, content in answers:
        found = as_of(con, None, at, level, grain=grain, **SPAN)
        expected = {
            (k.name, scope, start): sums.value(k, frame)
            for k in KPIS for (scope, start), frame in cells(content, level, grain).items()
        }  # fmt: skip
        assert {(r["kpi"], r["scope"], r["period_start"]): r["value"] for r in found.iter_rows(named=True)} == expected
    _sums_to_the_last_digit(con, answers, level, grain)
    con.close()


def _sums_to_the_last_digit(con, answers, level, grain):
    """Between any instant and the last one the parts sum to the difference of the rounded values."""
    now = answers[-1][0]
    for then, content in answers[:-1] if grain != "all" else []:
        for scope, start in list(cells(content, level, grain))[:2]:
            parts = why(con, "availability", level, scope, grain, start, then, now)
            *moved, total = parts.iter_rows(named=True)
            assert (
                total["value_before"]
                == as_of(con, "availability", then, level, scope, grain=grain, **SPAN)
                .filter(pl.col("period_start") == start)["value"]
                .item()
            )
            if total["contribution"] is not None:
                exact = rounded(total["value_after"]) - rounded(total["value_before"])
                assert total["contribution"] == exact == sum((p["contribution"] or 0 for p in moved), Decimal(0))


def test_a_number_is_told_with_its_revision_and_how_long_it_stood(lake, clock):
    write(lake, sums.row("saw", 6, apt_us=1, pbt_us=4))
    first = clock.at
    write(lake, sums.row("saw", 6, apt_us=2, pbt_us=4))
    second = clock.at
    told = [as_of(lake, "availability", at, "machine", "saw", grain="day", **SPAN) for at in (first, second)]
    shown = [t.select("value", "revision", "known_from", "known_to", "definition_id").row(0) for t in told]
    assert shown == [
        (0.25, 1, first, second, "availability/shopfloor-1/1"),
        (0.5, 2, second, None, "availability/shopfloor-1/1"),
    ]
    assert as_of(lake, "availability", first - timedelta(seconds=1), "machine", grain="day", **SPAN).is_empty()


def test_two_causes_of_one_write_are_two_parts(lake, clock):
    write(lake, sums.row("saw", 6, apt_us=1, pbt_us=10), sums.row("press", 6, apt_us=2, pbt_us=10))
    then = clock.at
    causes = pl.DataFrame({"machine": ["saw", "press"], "production_day": [DAY, DAY], "cause": ["late rows", "orders"]})
    write(lake, sums.row("saw", 6, apt_us=5, pbt_us=10), cause=causes)
    parts = why(lake, "availability", "line", "front", "day", sums.hour(DAY, 6), then)
    assert parts.select("cause", "value_before", "value_after", "contribution").rows() == [
        ("late rows", 0.15, 0.35, Decimal("0.200000000000")),
        ("orders", 0.35, 0.5, Decimal("0.150000000000")),
        ("total", 0.15, 0.5, Decimal("0.350000000000")),
    ]


def test_a_number_that_comes_and_goes_is_said_in_words(lake, clock):
    before = clock.at
    write(lake, sums.row("saw", 6, apt_us=1, pbt_us=4))
    there = clock.at
    write(lake, sums.row("saw", 6, apt_us=0, pbt_us=0), cause="calendar")
    gone = clock.at
    write(lake, sums.row("saw", 6, apt_us=3, pbt_us=4), cause="orders")
    cell = (lake, "availability", "machine", "saw", "day", sums.hour(DAY, 6))
    shown = [why(*cell, a, b).select("cause", "contribution", "note").rows() for a, b in
             ((before, there), (there, gone), (there, clock.at))]  # fmt: skip
    assert shown[0] == [("first", None, APPEARED), ("total", None, APPEARED)]
    assert shown[1] == [("calendar", None, VANISHED), ("total", None, VANISHED)]
    assert shown[2] == [
        ("calendar", None, VANISHED),
        ("orders", Decimal("0.5"), APPEARED),
        ("total", Decimal("0.5"), None),
    ]


def test_a_moved_shift_stays_the_same_shift(lake, clock):
    """A calendar edit that starts the late shift an hour earlier explains the change of that shift's number."""
    early, late = sums.row("saw", 13, apt_us=2, pbt_us=4), sums.row("saw", 14, apt_us=1, pbt_us=4)
    write(lake, early, late)
    then = clock.at
    write(lake, early | {"shift": "late"}, late, cause="calendar")
    parts = why(lake, "availability", "machine", "saw", "shift", sums.hour(DAY, 14), then)
    assert parts.select("cause", "value_before", "value_after").rows() == [
        ("calendar", 0.25, 0.375), ("total", 0.25, 0.375),
    ]  # fmt: skip


def test_a_definition_is_a_cause_of_its_own(lake, clock):
    write(lake, sums.row("saw", 6, apt_us=1, pbt_us=4))
    then = clock()
    newer = sums.kpi("availability", Sum("apt_us") + Sum("aust_us"), Sum("pbt_us"), version=2)
    write(lake, sums.row("saw", 6, apt_us=1, aust_us=1, pbt_us=4), cause="reclassification")
    lake.replace("gold.kpi_definitions", definitions(lake, changed := clock(), [newer, *KPIS[1:]]))
    known = lake.scan("gold.kpi_definitions").filter(pl.col("kpi") == "availability").sort("definition_id").collect()
    assert known.select("definition_id", "known_to").rows() == [
        ("availability/shopfloor-1/1", changed), ("availability/shopfloor-1/2", None),
    ]  # fmt: skip
    cell = ("availability", "machine", "saw", "day", sums.hour(DAY, 6))
    write(lake, sums.row("saw", 6, apt_us=2, aust_us=1, pbt_us=4))
    parts = why(lake, *cell, then)
    assert parts.select("cause", "value_after").rows() == [
        ("definition", 0.5), ("late rows", 0.75), ("total", 0.75),
    ]  # fmt: skip
    asked = [as_of(lake, "availability", then, "machine", grain="day", definition=w, **SPAN) for w in ("then", "now")]
    assert [a["definition_id"].item()[-1] for a in asked] == ["1", "2"]


def test_a_measure_nobody_keeps_any_more_makes_no_number_up(lake, clock):
    write(lake, sums.row("saw", 6, good_pcs=1, produced_pcs=2))
    forgotten = pl.when(pl.col("kpi") == "availability").then(pl.lit("forgotten_us")).otherwise("numerator")
    old = lake.scan("gold.kpi_definitions").with_columns(numerator=forgotten).collect()
    lake.replace("gold.kpi_definitions", old)
    found = as_of(lake, ["availability", "quality"], clock.at, "machine", grain="day", **SPAN)
    assert found["value"].to_list() == [None, 0.5]


def test_hours_are_those_of_the_site(lake, clock, frame):
    """India is half an hour off: an hour cut by a shift is one hour from half past to half past."""
    lake.replace(
        "silver.machines", frame("silver.machines", {"machine": "saw", "site": "north", "timezone": "Asia/Kolkata"})
    )
    half = timedelta(minutes=30)
    starts = {
        sums.hour(DAY, 6) + half: ("early", 1),
        sums.hour(DAY, 7): ("late", 1),
        sums.hour(DAY, 7) + half: ("late", 4),
    }
    parts = (sums.row("saw", 6, shift=s, apt_us=n, pbt_us=4) | {"hour_at": at} for at, (s, n) in starts.items())
    write(lake, *parts)
    found = as_of(lake, "availability", clock.at, "machine", grain="hour", **SPAN).select("period_start", "value")
    assert found.rows() == [(sums.hour(DAY, 6) + half, 0.25), (sums.hour(DAY, 7) + half, 1.0)]


def test_the_macro_and_the_view_say_the_same(lake, clock):
    write(lake, sums.row("saw", 6, apt_us=1, pbt_us=4), sums.row("press", 6, apt_us=1, pbt_us=4))
    then = clock.at
    write(lake, sums.row("saw", 6, apt_us=3, pbt_us=4), cause="orders")
    con, cell = connect(lake.root), ("availability", "line", "front", "day", sums.hour(DAY, 6))
    ours = why(con, *cell, then).drop("note").rows()
    values = dict(zip(("k", "l", "s", "g", "p", "t", "n"), (*cell, then, clock.at), strict=True))
    theirs = con.sql("FROM gold.why_kpi($k, $l, $s, $g, $p, $t, $n)", params=values).pl().rows()
    assert ours == theirs
    view = con.sql(
        "SELECT cause, known_from, value_before, value, contribution FROM gold.kpi_changes "
        "WHERE kpi = 'availability' AND level = 'line' AND grain = 'day' ORDER BY known_from, cause"
    ).fetchall()
    assert view[1:] == ours[:-1]
    assert view[0] == ("first", then, None, 0.25, None)


def test_what_cannot_be_asked_is_told(lake, clock):
    write(lake, sums.row("saw", 6))
    with pytest.raises(TerminalError, match=r"no KPI 'oe'; there are availability, quality, spread"):
        as_of(lake, "oe", clock.at, "machine", grain="day", **SPAN)
    with pytest.raises(TerminalError, match="level is 'plant'; valid are machine, line"):
        as_of(lake, "quality", clock.at, "plant", grain="day", **SPAN)
    with pytest.raises(TerminalError, match="grain is 'all'; valid are hour, shift"):
        why(lake, "quality", "machine", "saw", "all", clock.at, clock.at)
    with pytest.raises(TerminalError, match="valid is an instant before it"):
        why(lake, "quality", "machine", "saw", "day", clock.at, clock.at, clock.at - timedelta(1))
    with pytest.raises(TerminalError, match=r"known_at 2026-11-02T06:00:00 has no zone; give an aware datetime"):
        as_of(lake, "quality", datetime.fromisoformat("2026-11-02T06:00"), "machine", grain="day", **SPAN)
    with pytest.raises(TerminalError, match=r"then 2026-11-02T06:00:00 has no zone"):
        why(lake, "quality", "machine", "saw", "day", clock.at, datetime.fromisoformat("2026-11-02T06:00"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"k": "oe"}, "no KPI oe"), ({"l": "plant"}, "level is plant; valid are machine"),
     ({"g": "week"}, "grain is week; valid are shift, day"), ({"s": "mill"}, "there is no day of machine mill that"),
     ({"k": "oe", "s": "mill"}, "no KPI oe"), ({"t": sums.hour(NEXT, 6), "n": sums.hour(DAY, 6)}, "then is .* after"),
     ({"p": sums.hour(DAY, 7)}, "there is no day of machine saw that starts at 2026-11-02 07:00:00")],
)  # fmt: skip
def test_the_macro_refuses_words_it_does_not_know(lake, clock, wrong, said):
    write(lake, sums.row("saw", 6, apt_us=1, pbt_us=4))
    values = {"k": "availability", "l": "machine", "s": "saw", "g": "day", "p": sums.hour(DAY, 6), "t": clock.at,
              "n": clock.at} | wrong  # fmt: skip
    with pytest.raises(duckdb.Error, match=said):
        connect(lake.root).sql("FROM gold.why_kpi($k, $l, $s, $g, $p, $t, $n)", params=values).pl()


def test_the_macro_takes_a_day_by_its_date(lake, clock):
    write(lake, sums.row("saw", 6, apt_us=1, pbt_us=4))
    asked = "FROM gold.why_kpi('availability', 'machine', 'saw', 'day', {}, TIMESTAMPTZ '2026-01-01', now())"
    con = connect(lake.root)
    by_date, by_text = (con.sql(asked.format(day)).fetchall() for day in (f"DATE '{DAY}'", f"'{DAY}'"))
    assert by_date == by_text == con.sql(asked.format(f"TIMESTAMPTZ '{DAY} 06:00+00'")).fetchall()
    assert by_date[-1] == ("total", None, None, 0.25, None)


def random_rows(seed):
    """Two days of three machines with every measure filled at random, one order without a machine."""
    rng = random.Random(seed)
    found = []
    for day in sums.DAYS:
        for machine in ("saw", "press", "oven", None):
            for h in range(6, 18, 3):
                row = sums.row(machine, h, day, order_id=rng.choice("AB"), product=rng.choice("xy"), operator="Ada")
                row |= {m: rng.choice([0, rng.randrange(1, 10**9)]) for m in sums.MEASURES}
                row |= {"unrated_pcs": 0, "unvalued_pcs": 0, "characteristic": rng.choice([None, "bore"])}
                found.append(row if machine else row | {"shift": None, "area": None, "line": None})
    return found


ASKED = [("machine", "shift"), ("line", "day"), ("site", "week"), ("order", "all"), ("product", "hour")]


@pytest.mark.parametrize(("seed", "level", "grain"), [(seed, *asked) for seed, asked in enumerate(ASKED)])
def test_what_is_known_now_is_what_the_kernel_computes_to_the_bit(tmp_path, seed, level, grain):
    """Every KPI of the catalogue: SQL over the history against Polars over current rows."""
    lake = Lake(tmp_path, clock=sums.Ticking())
    old, new = random_rows(seed + 100), random_rows(seed)
    for rows in (old, new):
        lake.replace_days("gold.kpi_sums", sums.rows(*rows), sums.DAYS, cause="orders")
    refresh_changes(lake)
    ours = as_of(lake, None, datetime(2030, 1, 1, tzinfo=UTC), level, grain=grain, **SPAN)
    theirs = evaluate(roll_up(sums.rows(*new).lazy(), level, grain)).collect()
    key = ["kpi", "scope", "period_start"]
    both = ours.join(theirs, on=key, how="full", nulls_equal=True, suffix="_kernel").sort(key)
    assert both.height == ours.height == theirs.height
    for name in ("definition_id", "shift", "numerator", "denominator", "value"):
        odd = both.filter(pl.col(name).ne_missing(pl.col(f"{name}_kernel")))
        assert odd.is_empty(), (name, odd.select(*key, name, f"{name}_kernel").head(3))
