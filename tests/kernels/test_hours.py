"""Cutting intervals at hours: every part in one cell of its own track, nothing lost, nothing of another track."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import segments, time_ledger

from assets.kernels.figures.hours import hours

ZONES = pl.DataFrame({"site": ["here", "there"], "timezone": ["Europe/Berlin", "America/New_York"]})
HERE, THERE = datetime(2026, 11, 16, 5, tzinfo=UTC), datetime(2026, 11, 16, 11, tzinfo=UTC)
TIME = pl.concat([
    time_ledger(("production", 1440), site="here", line="a", start=HERE),
    time_ledger(("production", 1440), site="there", line="b", start=THERE),
])  # fmt: skip
HOURS = hours(segments(TIME), ZONES)
TRACKS, MINUTES = st.sampled_from(["a", "b", "site:here", "site:there"]), st.integers(-600, 2600)


def us_of(minute):
    return int(HERE.timestamp() * 1e6) + minute * 60_000_000


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.tuples(TRACKS, MINUTES, st.integers(0, 900)), max_size=9))
def test_parts_lie_in_one_cell_of_their_track_and_sum_to_what_lies_in_the_calendar(found):
    """Two sites whose days begin six hours apart; intervals begin before, end after, or miss their own day."""
    spans = [(n, HOURS.tracks[track], us_of(m), us_of(m + length)) for n, (track, m, length) in enumerate(found)]
    schema = dict.fromkeys(("n", "track", "start_us", "end_us"), pl.Int64)
    rows = pl.DataFrame(spans, schema=schema, orient="row")
    parts = HOURS.cut(rows)
    placed = parts.join(HOURS.cells.select("cell", "from_us", "until_us", of="track"), on="cell")
    assert placed.height == parts.height
    assert (placed["of"] == placed["track"]).all()
    assert ((placed["part_us"] > 0) & (placed["part_us"] <= placed["until_us"] - placed["from_us"])).all()
    summed = dict(parts.group_by("n").agg(pl.col("part_us").sum()).rows())
    for n, (track, minute, length) in enumerate(found):
        first = 0 if track in {"a", "site:here"} else 360
        inside = max(0, min(minute + length, first + 1440) - max(minute, first))
        assert summed.get(n, 0) == inside * 60_000_000


def test_cells_of_a_site_are_full_local_hours_and_those_of_a_line_end_at_its_shifts():
    early = time_ledger(("production", 90), line="a", site="here", start=HERE + timedelta(minutes=30))
    late = time_ledger(("production", 60), line="a", site="here", shift="late", start=HERE + timedelta(minutes=120))
    made = hours(segments(early, late), ZONES)
    named = {n: name for name, n in made.tracks.items()}
    cells = made.cells.with_columns(pl.col("track").replace_strict(named, return_dtype=pl.String))
    starts = {t: cells.filter(track=t)["hour_at"].dt.minute().to_list() for t in named.values()}
    assert starts == {"a": [30, 0, 0], "site:here": [30, 0, 0]}
    assert cells.filter(track="a")["shift"].to_list() == ["early", "early", "late"]
