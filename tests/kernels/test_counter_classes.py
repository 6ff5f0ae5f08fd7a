"""Classes of counter steps: each told by its flag, booked once; against a second, slow reading of the same rules."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_run import ENGINE, plant_of, rows_of, samples
from naive_counters import Clerk

from assets.kernels import counters, energy, readings
from plant import calendar
from plant.dimensions import ideal_frame, machines_frame, states_frame, tags_frame
from plant.tables import table

DAY = date(2026, 5, 4)  # 00:00 to 00:00 UTC
START = datetime(2026, 5, 4, tzinfo=UTC)
COUNTERS = {
    "limited": 'role = "good_count", max_rate_per_s = 0.5',
    "free": 'role = "scrap_count"',
    "rolls": 'role = "rework_count", rollover = 999, max_rate_per_s = 0.25',
    "rolls_free": 'role = "good_count", rollover = 999',
    "steady": 'role = "good_count", max_rate_per_s = 2, back_step_pcs = 3',
    "swapped": """role = "good_count", max_rate_per_s = 0.5, replaced = [
      { at = 2026-05-04T10:00:00Z, starts_at = 50 }, { at = 2026-05-05T02:00:00+02:00 }]""",
    "meter": 'role = "energy", unit = "Wh", max_rate_per_s = 0.5',
}
"""One machine each, by the name of its counter."""
PLANT = plant_of(
    """
schema = 1
plant = { name = "small" }
site = [{ name = "s", timezone = "UTC", day_start = "00:00" }]
area = [{ name = "a", site = "s" }]
line = [{ name = "l", area = "a" }]
source = [{ name = "plc", kind = "opcua", endpoint = "opc.tcp://127.0.0.1:1" }]
"""
    + "".join(
        f"""[[machine]]
name = "{name}"
line = "l"
kind = "x"
tags = [{{ name = "n", source = "plc", address = "s={name}", {settings_} }}]
"""
        for name, settings_ in COUNTERS.items()
    )
)
TAGS = {machine.name: tag for machine, tag in PLANT.tags()}


def clean(rows: list[dict[str, Any]], days: int = 1, first: date = DAY, opening: pl.DataFrame | None = None,
          retractions: pl.DataFrame | None = None) -> pl.DataFrame:  # fmt: skip
    opening = table("silver.readings").empty() if opening is None else opening
    bounds = calendar.bounds(PLANT, first, first + timedelta(days=days - 1))
    given = (tags_frame(PLANT), states_frame(PLANT), opening, bounds, retractions)
    return readings.clean(samples(rows).lazy(), *given).collect(engine=ENGINE)


def booked(cleaned: pl.DataFrame, time: pl.DataFrame | None = None) -> pl.DataFrame:
    """silver.count_ledger of whole days of readings."""
    days = cleaned["production_day"]
    time = table("silver.time_ledger").empty() if time is None else time
    segments = calendar.segments(PLANT, days.min() or DAY, days.max() or DAY)
    given = (segments, ideal_frame(PLANT), machines_frame(PLANT), tags_frame(PLANT))
    return counters.count_ledger(cleaned.lazy(), time.lazy(), *given).collect(engine=ENGINE)


def told(tag: str, *rows: tuple[int, float | None]) -> list[dict[str, Any]]:
    """Samples at seconds after the day's start."""
    return [{"tag": f"{tag}.n", "ts": START + timedelta(seconds=s), "value": v} for s, v in rows]


DIP = [(0, 1000), (10, 999), (20, 1000)]
CLASSES = [
    # tag, (second, value), flags, booked, quarantined
    ("limited", [(0, 100), (10, 103)], [None, None], 3, 0),
    ("limited", [(0, 100), (600, 3)], [None, "reset"], 3, 0),
    ("limited", [(0, 100), (600, 0), (610, 2)], [None, "reset", None], 2, 0),
    ("limited", [(0, 100), (10, 900), (20, 903)], [None, "jump", None], 3, 800),
    ("limited", [(0, 100), (10, 900), (20, 103)], [None, "jump", "return"], 3, 800),  # a spike
    ("limited", [(0, 100), (10, 900), (20, 900), (30, 103)], [None, "jump", None, "return"], 3, 800),
    ("limited", [(0, 100), (10, 900), (20, 950), (30, 103)], [None, "jump", "jump", "return"], 3, 850),
    ("limited", [(0, 100), (10, 900), (20, 2)], [None, "jump", "reset"], 2, 800),  # and a reset behind it
    ("limited", [(0, 9000), (10, 5000), (20, 5002)], [None, "reload", None], 2, 6),
    ("limited", [(0, 1000), (10, 950), (20, 952)], [None, "reload", None], 2, 6),  # restored from a backup
    ("limited", [(0, 1000), (36_000, 950)], [None, "reload"], 0, 950),  # could be a reset as well: never booked
    ("limited", DIP, [None, "reload", "return"], 0, 0),  # one stale sample between
    ("limited", [(0, 1000), (10, 0), (20, 1002)], [None, "reset", "return"], 2, 0),  # one zero between
    ("limited", [(0, 1000), (10, 3), (20, 1002)], [None, "reset", "return"], 2, 0),
    ("limited", [(0, 1), (10, 0), (20, 1), (30, 0)], [None, "reset", None, "reset"], 1, 0),  # lots of one piece
    ("free", [(0, 500), (10, 4)], [None, "reset"], 4, 0),
    ("free", [(0, 500), (10, 100_000)], [None, None], 99_500, 0),  # no limit given
    ("free", [(0, 500), (10, 450)], [None, "reload"], 0, 450),  # no limit: anything up to 450 may be new
    ("free", [(0, 500), (10, 450), (20, 501)], [None, "reload", "return"], 1, 0),
    ("rolls", [(0, 990), (60, 4)], [None, "rollover"], 14, 0),
    ("rolls", [(0, 990), (10, 4)], [None, "reload"], 0, 3),  # 14 are not possible in 10 s, nor are 4
    ("rolls", [(0, 1500), (60, 4)], [None, "reset"], 4, 0),  # beyond its end
    ("rolls", [(0, 300), (60, 4)], [None, "reset"], 4, 0),  # too far from its end
    ("rolls_free", [(0, 990), (10, 4)], [None, "rollover"], 14, 0),
    ("rolls_free", [(0, 800), (10, 4)], [None, "reset"], 4, 0),
    ("rolls_free", [(0, 995), (10, 990)], [None, "reload"], 0, 990),
    ("steady", [(0, 100), (10, 98), (20, 98), (30, 101)], [None, "back_step", "back_step", None], 1, 0),
    ("steady", [(0, 100), (10, 98), (20, 99), (30, 105)], [None, "back_step", "back_step", None], 5, 0),
    ("steady", [(0, 100), (10, 900), (20, 99), (30, 105)], [None, "jump", "spike_end", None], 5, 800),
    ("steady", [(0, 100), (10, 96), (20, 97)], [None, "reload", None], 1, 21),
    ("steady", [(0, 2), (10, 0), (20, 1)], [None, "reset", None], 1, 0),  # to 0 is never a correction
    ("swapped", [(35_000, 800), (36_010, 53), (36_020, 54)], [None, "replaced", None], 4, 0),
    ("swapped", [(35_000, 20), (36_010, 53)], [None, "replaced"], 3, 0),  # also where the new one shows more
    ("swapped", [(35_990, 800), (36_010, 900)], [None, "replaced"], 0, 850),  # more than can be: held back
    ("swapped", [(36_000, 53), (36_010, 54)], [None, None], 1, 0),  # never seen before it: the base
    ("swapped", [(35_999, 800), (36_000, 50), (36_010, 53)], [None, "replaced", None], 3, 0),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "rows", "flags", "pieces", "quarantined"), CLASSES)
def test_each_class_has_its_flag_and_books_once(tag, rows, flags, pieces, quarantined):
    cleaned = clean(told(tag, *rows))
    assert cleaned["flag"].to_list() == flags
    made = booked(cleaned)
    assert made.select(pl.sum_horizontal(counters.MADE).sum()).item() == pieces
    assert made["quarantined_pcs"].sum() == quarantined
    assert _by_clerk(tag, [(START + timedelta(seconds=s), v) for s, v in rows], 1) == {DAY: (pieces, quarantined)}


def test_doubtful_classes_are_uncertain_and_the_others_are_not():
    seen = {f: clean(told(t, *r))["quality"].to_list() for t, r, flags, *_ in CLASSES for f in [flags[-1]]}
    uncertain = {flag for flag, quality in seen.items() if quality[-1] == "uncertain"}
    assert uncertain == {"reload"}
    assert clean(told("limited", (0, 100), (10, 900)))["quality"].to_list() == ["good", "uncertain"]
    assert clean(told("steady", (0, 100), (10, 98)))["quality"].to_list() == ["good", "uncertain"]


@pytest.mark.parametrize(
    ("tag", "last", "first", "pieces", "quarantined"),
    [
        ("limited", [(86_380, 100), (86_390, 900)], [(86_410, 103)], 3, 800),  # a spike at midnight
        ("limited", [(86_380, 100), (86_390, 900)], [(86_410, 903)], 3, 800),
        ("steady", [(86_380, 100), (86_390, 98)], [(86_410, 101)], 1, 0),  # a correction at midnight
        ("limited", [(86_380, 1000), (86_390, 999)], [(86_410, 1001)], 1, 6),  # a dip: its day cannot know
        ("limited", [(86_380, 1000), (86_390, 2)], [(86_410, 1003)], 3, 0),  # 2 booked yesterday, 1 today
        ("limited", [(86_380, 1000), (86_390, 0)], [(86_410, 4)], 4, 0),
    ],
)
def test_what_is_in_doubt_at_midnight_is_known_the_next_day(tag, last, first, pieces, quarantined):
    rows = told(tag, *last, *first)
    whole = clean(rows, days=2)
    second = clean(rows, 1, DAY + timedelta(days=1), _closing(clean(rows)))
    assert second.equals(whole.filter(pl.col("production_day") > DAY))
    made = booked(whole)
    assert made.select(pl.sum_horizontal(counters.MADE).sum()).item() == pieces
    assert made["quarantined_pcs"].sum() == quarantined


def _closing(day: pl.DataFrame) -> pl.DataFrame:
    return readings.closing(day.lazy()).collect(engine=ENGINE)


def test_a_retracted_sample_is_as_if_it_had_never_come():
    rows = told("limited", (0, 100), (10, 103), (20, 900), (86_390, 950), (86_410, 110)) + told("free", (20, 5))
    spans = [("limited.n", 20, 21), ("limited.n", 15, 18), ("limited.n", 86_390, 86_400), ("gone.tag", 0, 9)]
    retract = [
        {
            "edit_id": f"e{n}",
            "tag": tag,
            "start_at": START + timedelta(seconds=a),
            "end_at": START + timedelta(seconds=b),
        }
        for n, (tag, a, b) in enumerate(spans)
    ]
    made = clean(rows, 2, retractions=rows_of("silver.retractions", retract))
    kept = [r for r in rows if r["tag"] == "free.n" or r["value"] not in (900, 950)]
    assert made.equals(clean(kept, 2))
    assert made.filter("opening", pl.col("tag") == "limited.n")["value"].to_list() == [103.0]
    assert booked(made).select(pl.col("good_pcs").sum()).item() == 10


def test_pieces_counted_over_unknown_time_are_booked_and_told_again():
    spans = [(0, 50, "production"), (50, 60, "unknown"), (60, 3600, "production")]
    time = rows_of("silver.time_ledger", [
        {"production_day": DAY, "machine": "limited", "account": account, "start_at": START + timedelta(seconds=a),
         "end_at": START + timedelta(seconds=b), "order_id": "o", "product": "p", "operator": "ada"}
        for a, b, account in spans
    ])  # fmt: skip
    rows = told("limited", (0, 0), (50, 3), (55, None), (59, 5), (60, 6), (70, 9), (75, 1000))
    rows = [r | ({"status": 0x80000000} if r["value"] is None else {}) for r in rows]
    made = booked(clean(rows), time)
    shown = made.select(
        "order_id", "product", "operator", "good_pcs", "gap_pcs", "quarantined_pcs", "gap_ideal_us"
    ).rows()
    assert shown == [("o", "p", "ada", 9, 3, 991, None)]
    across = booked(clean(told("limited", (0, 0), (70, 9))), time)
    assert across.select("good_pcs", "gap_pcs").rows() == [(9, 9)]


MOVES = ("on", "on", "on", "same", "bad", "zero", "low", "jitter", "spike", "back", "rise", "end", "any")
moves = st.lists(
    st.tuples(
        st.sampled_from([1, 7, 60, 3600, 20_000]),
        st.sampled_from(MOVES),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=16,
)  # fmt: skip


def _history(moves: list[tuple[int, str, int]], days: int) -> list[tuple[datetime, float | None]]:
    """A counter's life: mostly counting on, now and then something odd."""
    now, value, earlier, out = START, 900.0, 900.0, []
    for seconds, what, n in moves:
        now += timedelta(seconds=seconds)
        shown = {
            "on": value + n % 4, "same": value, "bad": None, "zero": 0.0, "low": float(n),
            "jitter": max(0.0, value - n % 5), "spike": value + 5000, "back": earlier,
            "rise": value + 10 * n, "end": 985.0 + n % 15, "any": 61.0 * n,
        }[what]  # fmt: skip
        out.append((now, shown))
        if shown is not None:
            earlier, value = value, shown
    return [(t, v) for t, v in out if t < START + timedelta(days=days)]


def _by_clerk(tag: str, history: list[tuple[datetime, float | None]], days: int) -> dict[date, tuple[float, float]]:
    made = _clerk(tag, history).entries
    return {
        day: (sum(e[2] for e in made if e[0] == day), sum(e[3] for e in made if e[0] == day)) for day in _days(days)
    }


def _days(days: int) -> list[date]:
    return [DAY + timedelta(days=n) for n in range(days)]


def _clerk(tag: str, history: list[tuple[datetime, float | None]]) -> Clerk:
    t = TAGS[tag]
    swaps = [(r.at, r.starts_at) for r in t.replaced]
    clerk = Clerk(t.max_rate_per_s, t.rollover, t.back_step_pcs or 0, swaps)
    for at, value in history:
        if value is not None:
            clerk.read(at.date(), at, value)
    return clerk


COUNTING = [name for name, tag in TAGS.items() if tag.role != "energy"]
EXAMPLES = settings.default.max_examples


@settings(max_examples=EXAMPLES * 4 // 10)
@given(lives=st.fixed_dictionaries(dict.fromkeys(COUNTING, moves)), seed=st.integers(0, 99))
def test_a_naive_clerk_books_the_same_and_nothing_depends_on_rows_or_ranges(lives, seed):
    days = 3
    histories = {tag: _history(life, days) for tag, life in lives.items()}
    rows = [
        {"tag": f"{tag}.n", "ts": at, "value": v, "status": 0x80000000 if v is None else 0}
        for tag, history in histories.items()
        for at, v in history
    ]
    whole = clean(rows, days)
    _agree_on_flags(whole, histories)
    made = booked(whole)
    assert made.is_empty() or made.select(pl.min_horizontal(counters.PIECES).min()).item() >= 0
    _agree_on_pieces(made, histories, days)
    shaken = [*rows, *rows[:: 2 + seed % 3]]
    random.Random(seed).shuffle(shaken)
    assert clean(shaken, days).equals(whole)
    _agree_by_day(rows, whole, made, days)


def _agree_on_flags(whole: pl.DataFrame, histories: dict[str, list[tuple[datetime, float | None]]]) -> None:
    for tag, history in histories.items():
        mine = whole.filter(~pl.col("opening"), pl.col("value").is_not_null(), pl.col("tag") == f"{tag}.n")
        assert mine["flag"].to_list() == [e[1] for e in _clerk(tag, history).entries], tag


def _agree_on_pieces(made: pl.DataFrame, histories: dict[str, Any], days: int) -> None:
    pieces = pl.sum_horizontal(counters.MADE).sum().alias("made"), pl.col("quarantined_pcs").sum()
    found = {(m, day): sums for m, day, *sums in made.group_by("machine", "production_day").agg(pieces).rows()}
    for tag, history in histories.items():
        expected = _by_clerk(tag, history, days)
        assert {d: tuple(found.get((tag, d), (0, 0))) for d in expected} == expected, tag


def _agree_by_day(rows: list[dict[str, Any]], whole: pl.DataFrame, made: pl.DataFrame, days: int) -> None:
    """Each day alone, from what the day before closed with, is what it is inside the range."""
    opening = None
    for day in _days(days):
        alone = clean(rows, 1, day, opening)
        assert alone.equals(whole.filter(pl.col("production_day") == day))
        assert booked(alone).equals(made.filter(pl.col("production_day") == day)) or alone.is_empty()
        opening = _closing(alone)


@settings(max_examples=EXAMPLES * 2 // 10)
@given(life=moves)
def test_a_meter_books_what_a_counter_books(life):
    """Energy and pieces go by the same steps: the same readings give the same sum."""
    days = 2
    history = [(at, v) for at, v in _history(life, days) if v is not None]
    cleaned = clean([{"tag": f"{t}.n", "ts": at, "value": v} for t in ("meter", "limited") for at, v in history], days)
    seen = [cleaned.filter(pl.col("tag") == f"{t}.n").drop("tag", "machine", "role") for t in ("meter", "limited")]
    assert seen[0].equals(seen[1])
    segments = calendar.segments(PLANT, DAY, DAY + timedelta(days=days - 1))
    time = segments.select(
        "production_day", "start_at", "end_at", "shift", machine=pl.lit("meter"), account=pl.lit("delay")
    )
    whole = rows_of("silver.time_ledger", time.rows(named=True))
    joules = energy.energy_ledger(cleaned.lazy(), whole.lazy(), segments, machines_frame(PLANT), tags_frame(PLANT))
    assert joules.collect(engine=ENGINE)["energy_j"].sum() == booked(cleaned)["good_pcs"].sum() * 3600


@given(rises=st.lists(st.integers(0, 9), min_size=2, max_size=40), keep=st.sets(st.integers(0, 39)))
@settings(max_examples=EXAMPLES * 2 // 10)
def test_pieces_do_not_depend_on_how_often_a_rising_counter_is_read(rises, keep):
    totals = [sum(rises[: n + 1]) for n in range(len(rises))]
    rows = told("free", *((n * 900, float(v)) for n, v in enumerate(totals)))
    some = [r for n, r in enumerate(rows) if n in keep or n in {0, len(rows) - 1}]
    assert booked(clean(rows))["scrap_pcs"].sum() == booked(clean(some))["scrap_pcs"].sum() == totals[-1] - totals[0]
