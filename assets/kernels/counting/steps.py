"""What each reading of cumulative counters and meters adds to the one before it, over many of them at once.

A reading that rises by what is possible is a subtraction, done in columns. Around everything else (a fall, a
rise beyond the physical limit, a known replacement, a doubt carried over from the day before) the readings are
judged one by one (`judgement`), until the counter simply rises again. So the work grows with the anomalies.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from assets.kernels.axis import us
from assets.kernels.cells import DayAxis
from assets.kernels.counting.judgement import SLACK_PCS, Counter, Level, State, Step, Verdict, judge, opened

KINDS = ("good", "scrap", "rework")
COUNTS = tuple(f"{kind}_count" for kind in KINDS)
CUMULATIVE = (*COUNTS, "energy")
READ = ("tag", "production_day", "at", "since_at", "held_since_at", "value", "text", "flag", "opening")
"""Columns of silver.readings that `in_order` needs."""
BELOW = (Step.BACK_STEP, Step.SPIKE_END)
REACH = 3
"""Changed readings looked at behind an anomaly before the rest of the counter is asked for."""
JUDGED: dict[str, pl.DataType] = {
    "row": pl.UInt32(), "kind": pl.String(), "step": pl.Float64(), "held": pl.Float64(), "since_us": pl.Int64(),
    "doubt": pl.Float64(), "doubt_us": pl.Int64(), "below": pl.Boolean(),
}  # fmt: skip
NEAR = (
    "index", "row", "place", "broken", "brought", "before", "before_us", "since_us", "value", "us", "at_us", "text",
    "doubt_us", "flag",
)  # fmt: skip
WORK = ("row", "us", "before", "before_us", "broken", "changed", "brought")


def steps(rows: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """Judge readings of cumulative tags.

    Args:
        rows: readings with a value, in time order inside each `series` (i64; its rows stand together):
            series, index (row number in `tags`), value, since_at, at, flag, and the doubt an opening row
            brings along: text (its level, as text) and held_since_at (its source time), null without one.
        tags: `plant.dimensions.tags_frame` in the order that `index` counts.

    Returns the rows with `kind` (class of the step, null where it simply rises), `step` (booked, in the tag's
    unit; null for the first of a series), `held` (quarantined), `since_us` (`at` of the reading it is measured
    from, where the stretch begins in which the step was made), and what is known after the row: `doubt`,
    `doubt_us` (level and source time before an unconfirmed jump or fall; of a spike's end the level that holds)
    and `below` (a tolerated back-step: the level above it still holds).
    """
    swaps = _swaps(tags)
    measured = _measured(rows, tags, swaps)
    found = _judged(measured, tags, swaps) if measured["broken"].any() else pl.DataFrame(schema=JUDGED)
    return _told(measured, found).drop(WORK)


def in_order(rows: pl.DataFrame, tags: pl.DataFrame, axis: DayAxis) -> pl.DataFrame:
    """Readings of silver.readings (READ) as `steps` takes them: index, and one `series` per tag and production day.

    `tags` has `index` and `tag`, in order; tags it does not hold are left out. Sorted by `axis.key("at")`, the
    opening row first. Rows in the order of the lake are not sorted again.
    """
    head = (pl.col("tag") != pl.col("tag").shift()) | (pl.col("production_day") != pl.col("production_day").shift())
    runs = rows.select(head.fill_null(value=True)).to_series()
    heads = rows.select("tag", "production_day").filter(runs)
    known = heads.join(tags.select("tag", "index"), on="tag", how="left", maintain_order="left")
    named = known.select("index", series=axis.thing())
    run = runs.cum_sum() - 1
    placed = rows.drop("tag").with_columns(column.gather(run) for column in named)
    if named["index"].has_nulls():
        placed = placed.filter(pl.col("index").is_not_null())
    order = placed.select(axis.key("at") * 2 + (~pl.col("opening")).cast(pl.Int64)).to_series()
    return placed if bool(order.is_sorted()) else placed.with_columns(order=order).sort("order").drop("order")


def _swaps(tags: pl.DataFrame) -> pl.DataFrame:
    """Known replacements in time order: index, us, starts_at."""
    listed = tags.select(pl.int_range(pl.len()).alias("index"), "replaced")
    some = listed.filter(pl.col("replaced").list.len() > 0).explode("replaced").unnest("replaced")
    return some.select("index", "starts_at", us=us("at")).sort("index", "us")


def _measured(rows: pl.DataFrame, tags: pl.DataFrame, swaps: pl.DataFrame) -> pl.DataFrame:
    """Every reading against the one before it, as if none was odd; `broken` where it is not a possible rise."""
    index = rows["index"]
    whole, rate = tags["role"].is_in(COUNTS).gather(index), tags["max_rate_per_s"].gather(index)
    value = pl.when(whole).then(pl.col("value").round()).otherwise("value")
    timed = rows.with_row_index("row").with_columns(value=value, us=us("since_at"))
    same = pl.col("series") == pl.col("series").shift()
    before = {"before": pl.col("value"), "before_us": pl.col("us"), "since_us": us("at")}
    timed = timed.with_columns(pl.when(same).then(e.shift()).alias(name) for name, e in before.items())
    rise, elapsed_us = pl.col("value") - pl.col("before"), pl.col("us") - pl.col("before_us")
    beyond = ((rise - SLACK_PCS) * 1e6 > elapsed_us * pl.lit(rate)).fill_null(value=False)
    brought = pl.col("before").is_null() & pl.col("text").is_not_null() & pl.col("held_since_at").is_not_null()
    odd = (rise < 0).fill_null(value=False) | beyond | pl.col("brought")
    crossed = [
        (pl.col("index") == index) & (pl.col("before_us") < at) & (pl.col("us") >= at)
        for index, _, at in swaps.iter_rows()
    ]
    broken = pl.any_horizontal(odd, *crossed).fill_null(value=False)
    marked = timed.with_columns(step=rise, brought=brought).with_columns(broken=broken)
    return marked.with_columns(changed=pl.col("broken") | (pl.col("step") != 0).fill_null(value=True))


def _judged(rows: pl.DataFrame, tags: pl.DataFrame, swaps: pl.DataFrame) -> pl.DataFrame:
    """Verdicts on the rows from each break to where the counter simply rises again."""
    place = pl.col("changed").cum_sum().cast(pl.Int64)
    behind = place - pl.when("broken").then(place).forward_fill()
    placed = rows.select("changed", place=place, behind=behind)
    reach, place_of = REACH, placed["place"]
    while True:
        near = placed.select((pl.col("changed") & (pl.col("behind") <= reach)).fill_null(value=False)).to_series()
        walk = _Walk(tags, swaps)
        if walk.over(rows.with_columns(place=place_of).filter(near), int(place_of[-1])):
            return pl.DataFrame(walk.rows(), schema=JUDGED, orient="row")
        reach *= 32


class _Walk:
    """Goes through changed readings in order and keeps the verdicts by row."""

    def __init__(self, tags: pl.DataFrame, swaps: pl.DataFrame) -> None:
        settings = tags.select("max_rate_per_s", "rollover", pl.col("back_step_pcs").fill_null(0.0))
        self.counters = [Counter(*c) for c in settings.iter_rows()]
        self.swaps: dict[int, list[tuple[int, float]]] = {}
        for index, starts_at, at_us in swaps.iter_rows():
            self.swaps.setdefault(index, []).append((at_us, starts_at))
        self.found: dict[int, Verdict] = {}

    def over(self, near: pl.DataFrame, last: int) -> bool:
        """Judge changed readings; False when one leaves its counter in doubt and the next one is not among them.

        `place` numbers the changed readings there are, up to `last`.
        """
        state: State | None = None
        before_it = -1
        at = near.with_columns(at_us=us("at"), doubt_us=us("held_since_at")).select(NEAR)
        for index, row, place, broken, brought, *rest in at.iter_rows():
            before, before_us, since_us, *now, text, doubt_us, flag = rest
            if state is not None and place != before_it + 1:
                return False
            before_it = place
            if before is None:
                state = self._opened(row, Level(*now), text, doubt_us, flag) if brought else None
            elif state is not None or broken:
                state = self._step(index, row, state, Level(before, before_us, since_us), Level(*now))
        return state is None or before_it == last

    def _opened(self, row: int, seen: Level, text: str, doubt_us: int, flag: str | None) -> State:
        state = opened(seen, Level(float(text), doubt_us, seen.at_us), flag)
        below = Step.SPIKE_END if flag == Step.SPIKE_END else None
        self.found[row] = Verdict(below, None, 0.0, None, state)
        return state

    def _step(self, index: int, row: int, state: State | None, before: Level, now: Level) -> State | None:
        """The state after a row; None when the counter simply rises again."""
        if state is None or state.level.value == before.value:  # unchanged readings in between only moved the time
            state = State(before) if state is None else state._replace(level=before)
        swapped = [starts for at_us, starts in self.swaps.get(index, ()) if before.us < at_us <= now.us]
        verdict = judge(self.counters[index], state, now, row, swapped[-1] if swapped else None)
        self.found[row] = verdict
        for undone in verdict.undone:
            self.found[undone] = self.found[undone]._replace(step=0.0, held=0.0)
        after = verdict.after
        return None if after.doubt is None and after.level is now else after

    def rows(self) -> list[tuple[Any, ...]]:
        """The verdicts in the columns of JUDGED."""
        return [
            (row, v.kind, v.step, v.held, v.since_us, kept and kept.value, kept and kept.us, v.kind in BELOW)
            for row, v in self.found.items()
            for kept in [v.after.level if v.kind == Step.SPIKE_END else v.after.doubt]
        ]


def _told(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Put the verdicts on their rows; an unchanged reading is in the state of the one before it."""
    if found.is_empty():
        nothing = {name: pl.lit(None, JUDGED[name]) for name in ("kind", "doubt", "doubt_us")}
        return rows.with_columns(held=0.0, below=pl.lit(value=False), **nothing)
    joined = rows.join(found, on="row", how="left", suffix="_judged", maintain_order="left")
    last = pl.when("changed").then("row").forward_fill()
    state = {name: pl.col(name).gather(last) for name in ("doubt", "doubt_us", "below")}
    told = joined.with_columns(**state).with_columns(below=pl.col("below").fill_null(value=False))
    still = ~pl.col("changed") & pl.col("below")
    return told.with_columns(
        pl.coalesce("step_judged", "step").alias("step"),
        pl.coalesce("since_us_judged", "since_us").alias("since_us"),
        pl.col("held").fill_null(0.0),
        kind=pl.when(still).then(pl.lit(Step.BACK_STEP.value)).otherwise("kind"),
    ).drop("step_judged", "since_us_judged")
