"""silver.readings: clean samples by role, each production day opening with what was true when it began.

Nothing is dropped but exact repetitions: a sample that breaks its tag's contract stays with a reason code.

| flag | meaning | value | quality |
|---|---|---|---|
| not_finite | NaN or infinite | null | bad |
| no_value | Good status without a value | null | bad |
| not_a_number | text where the role needs a number | null | bad |
| negative | a cumulative counter below zero | null | bad |
| unknown_state | code the tag's mapping does not hold | kept | as delivered; text 'unknown' |
| disconnected, stale, overflow, collector_stopped, refused | a gap opens: not known from here on | null | bad |
| unit_mismatch | the source names another unit than plant.toml | kept | uncertain |
| out_of_range | outside the tag's range | kept | uncertain |
| too_fast | changed by more than `max_rate_per_s` since the sample before | kept | uncertain |
| backwards | fell, of a tag that only rises (`monotone`), or rose | kept | uncertain |
| after_silence | the first sample after a silence longer than `stale_after` | kept | as delivered |
| jump | counter rose faster than is physically possible | kept | uncertain; the pieces are not booked |
| reload | counter fell to a value it cannot have counted to: restored from a backup | kept | uncertain |
| back_step | counter fell by no more than `back_step_pcs`: corrected, nothing is taken back | kept | uncertain |
| spike_end | back_step behind a jump: the level before the jump holds, and stands in `text` | kept | uncertain |
| return | counter is back where it was before a jump or a fall | kept | as delivered |
| reset, rollover, replaced | counter began again at 0, after its last value, with a new device | kept | as delivered |

The classes of counters are told with examples in docs/counters.md. A counter in doubt (after a jump or a fall
that no further piece has confirmed) keeps the level before it in `text` and its time in `held_since_at`, so that
the next day knows it too.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import INSTANT, Axis, indexed
from assets.kernels.counting.judgement import Step
from assets.kernels.counting.steps import CUMULATIVE, steps
from assets.kernels.openings import ROW, as_rows, closing, markers, prior, with_openings
from assets.kernels.signals.contracts import contracted
from assets.kernels.signals.words import held, worded
from plant.states import GAP_STATUS, UNCERTAIN_UNIT
from plant.tables import table

__all__ = ["NEEDS", "clean", "closing"]
NEEDS = ("date", "ts", "tag", "value", "text", "status", "received_at", "source", "segment", "seq")
STATES = ("state", "mode")
"""Roles whose samples become words."""
UNSURE = [s.value for s in (Step.JUMP, Step.RELOAD, Step.BACK_STEP, Step.SPIKE_END)]
"""Classes whose reading is uncertain: what it shows may not be what was counted."""
NUMERIC = (*CUMULATIVE, "power", "temperature", "vibration", "pressure", "flow", "speed")


def clean(
    bronze: pl.LazyFrame,
    tags: pl.DataFrame,
    states: pl.DataFrame,
    opening: pl.DataFrame,
    bounds: pl.DataFrame,
    retractions: pl.DataFrame | None = None,
) -> pl.LazyFrame:
    """Clean samples of a range of production days, with one opening row per tag and day.

    Args:
        bronze: bronze.readings, whole and lazy; pruned here by UTC date.
        tags: `plant.dimensions.tags_frame`. Tags that are no longer in plant.toml are left out.
        states: `plant.dimensions.states_frame`.
        opening: what `closing` gives for the day before the first one; may be empty.
        bounds: `plant.calendar.bounds`: site, production_day, start_at, end_at; days of a site follow each other.
        retractions: silver.retractions, or None: samples of a tag from start_at to end_at that are left out
            as if they had never come.

    Returns silver.readings, sorted by tag, at. Of equal (tag, ts) the fact that was received last wins
    (segment, seq break ties); a fact delivered again counts as of its first delivery. A tag never seen has no
    opening row; a counter's opening row is its last trusted value.
    """
    axis = Axis.over(bounds, tags.height * 2)  # twice: rows are ordered by twice their key
    named = indexed(tags, "machine", "tag")
    raw = _once(_kept(_samples(bronze, named, bounds, axis), named, axis, retractions))
    samples = _once(_ranged(_graded(_unique(raw), named), named).with_columns(opening=pl.lit(value=False)))
    before = prior(opening, named, axis)
    state, counter = (pl.col("index").is_in(_indices(named, *roles)) for roles in (STATES, CUMULATIVE))
    told = before.filter(state).merge_sorted(as_rows(worded(samples.filter(state), named, states)), key="order")
    counted = before.filter(counter).merge_sorted(as_rows(samples.filter(counter)), key="order")
    plain = before.filter(~(state | counter)).merge_sorted(as_rows(samples.filter(~(state | counter))), key="order")
    judged = _judged(counted.collect(engine="in-memory"), named).lazy()
    rows = plain.merge_sorted(judged, key="order").merge_sorted(as_rows(held(told, named)), key="order")
    graded = _once(contracted(rows, named))
    inside = with_openings(graded, markers(named, bounds, axis), _indices(named, *CUMULATIVE), axis)
    return _finished(inside, named, bounds)


def _once(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows worked out here: polars pushes the filters of each branch through a cache and works all out again."""
    return rows.collect(engine="in-memory").lazy()


def _indices(named: pl.DataFrame, *roles: str) -> list[int]:
    return named.filter(pl.col("role").is_in(roles))["index"].to_list()


def _samples(bronze: pl.LazyFrame, named: pl.DataFrame, bounds: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    first, last = bounds.select(pl.col("start_at").min().dt.date(), pl.col("end_at").max().dt.date()).row(0)
    edges = bounds.group_by("site").agg(pl.col("start_at").min(), pl.col("end_at").max())
    start, end = (
        named.join(edges, on="site", how="left", maintain_order="left")[edge] for edge in ("start_at", "end_at")
    )
    index = pl.col("tag").cast(pl.Enum(named["tag"]), strict=False).to_physical().cast(pl.Int64)
    begun, over = (pl.lit(edge).gather(pl.col("index")) for edge in (start, end))
    return (
        bronze.filter(pl.col("date").is_between(first, last))
        .select(NEEDS)
        .with_columns(index=index)
        .filter(pl.col("index").is_not_null())
        .filter(pl.col("ts") >= begun, pl.col("ts") < over)
        .with_columns(key=axis.key("index", "ts"))
        .drop("date", "tag")
        .sort("key")
    )


def _kept(samples: pl.LazyFrame, named: pl.DataFrame, axis: Axis, retractions: pl.DataFrame | None) -> pl.LazyFrame:
    """Samples (sorted by key) that no retraction holds."""
    if retractions is None or retractions.is_empty():
        return samples
    known = retractions.join(named.select("tag", "index"), on="tag")
    taken = known.select(start=axis.key("index", "start_at"), end=axis.key("index", "end_at")).sort("start")
    reach = taken.lazy().select("start", pl.col("end").cum_max())
    found = samples.join_asof(reach, left_on="key", right_on="start", strategy="backward")
    return found.filter((pl.col("key") >= pl.col("end")).fill_null(value=True)).drop("start", "end")


def _unique(samples: pl.LazyFrame) -> pl.LazyFrame:
    """One row per key, sorted. Rows that share none, nearly all, skip the work."""
    twin = (pl.col("key") == pl.col("key").shift()) | (pl.col("key") == pl.col("key").shift(-1))
    marked = _once(samples.with_columns(twin=twin.fill_null(value=False)))
    receipt = ["key", "received_at", "segment", "seq"]
    facts = (
        marked.filter("twin")
        .sort(receipt)
        .group_by("key", "value", "text", "status", maintain_order=True)
        .agg(pl.col("source").min(), pl.col("index", "ts", "received_at", "segment", "seq").first())
    )
    last = facts.sort(receipt).group_by("key", maintain_order=True).last()
    keep = ["key", "index", "ts", "value", "text", "status", "source"]
    return marked.filter(~pl.col("twin")).select(keep).merge_sorted(last.select(keep), key="key")


def _graded(samples: pl.LazyFrame, named: pl.DataFrame) -> pl.LazyFrame:
    """Status severity becomes quality; values that cannot be trusted become null, with the reason."""
    value, severity, index = pl.col("value"), pl.col("status") // 2**30, pl.col("index")
    mute = (severity < 2) & value.is_null()
    broken = (
        pl.when(value.is_not_null() & ~value.is_finite()).then(pl.lit("not_finite"))
        .when(mute & pl.col("text").is_null()).then(pl.lit("no_value"))
        .when(mute & index.is_in(_indices(named, *NUMERIC))).then(pl.lit("not_a_number"))
        .when((value < 0) & index.is_in(_indices(named, *CUMULATIVE))).then(pl.lit("negative"))
        .when(severity >= 2).then(_gap())
    )  # fmt: skip
    wrong = pl.col("flag").is_not_null() & (pl.col("flag") != "unit_mismatch")
    quality = pl.when((severity >= 2) | wrong).then(pl.lit("bad"))
    graded = samples.with_columns(flag=broken.when(pl.col("status") == UNCERTAIN_UNIT).then(pl.lit("unit_mismatch")))
    graded = graded.with_columns(
        quality=quality.when(severity == 1).then(pl.lit("uncertain")).otherwise(pl.lit("good"))
    )
    trusted = pl.when(pl.col("quality") != "bad").then(value)
    order = pl.col("key") * 2 + 1
    return graded.with_columns(value=trusted, at="ts", since_at="ts", order=order).drop("ts", "status", "key")


def _gap() -> pl.Expr:
    """Why values are not known, of the row that opens a gap; null for other bad rows."""
    opens = pl.col("value").is_null() & pl.col("text").is_null()
    reason: pl.Expr = pl.lit(None, pl.String)
    for name, status in GAP_STATUS.items():
        reason = pl.when(opens & (pl.col("status") == status)).then(pl.lit(name)).otherwise(reason)
    return reason


def _ranged(samples: pl.LazyFrame, named: pl.DataFrame) -> pl.LazyFrame:
    """Flag values outside the range of their tag."""
    low, high = (pl.lit(named[edge]).gather(pl.col("index")) for edge in ("low", "high"))
    beyond = ((pl.col("value") < low) | (pl.col("value") > high)).fill_null(value=False) & pl.col("flag").is_null()
    doubtful = beyond & (pl.col("quality") == "good")
    return samples.with_columns(
        flag=pl.when(beyond).then(pl.lit("out_of_range")).otherwise("flag"),
        quality=pl.when(doubtful).then(pl.lit("uncertain")).otherwise("quality"),
    )


def _judged(rows: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Flag the readings of counters that do not simply rise, and note what was known before a doubt."""
    valued = rows["value"].is_not_null()
    told = steps(rows.filter(valued).with_columns(series="index"), named)
    odd = told.filter(pl.col("kind").is_not_null() | pl.col("doubt").is_not_null()).select(
        "order", "kind", "doubt", doubt_at=pl.col("doubt_us").cast(INSTANT)
    )
    joined = rows.join(odd, on="order", how="left", maintain_order="left")
    unsure = (pl.col("quality") == "good") & pl.col("kind").is_in(UNSURE)
    return joined.with_columns(
        flag=pl.coalesce("kind", "flag"),
        quality=pl.when(unsure).then(pl.lit("uncertain")).otherwise("quality"),
        text=pl.coalesce(pl.col("doubt").cast(pl.String), "text"),
        held_since_at=pl.coalesce("doubt_at", "held_since_at"),
    ).select(list(ROW))


def _finished(rows: pl.LazyFrame, named: pl.DataFrame, bounds: pl.DataFrame) -> pl.LazyFrame:
    place = named.lazy().select("index", "site", "machine", "tag", "role")
    day = pl.lit(bounds["production_day"].min(), pl.Date) + pl.duration(days="day")
    dated = rows.with_columns(production_day=day.cast(pl.Date)).join(place, on="index", maintain_order="left")
    return dated.select(table("silver.readings").schema.keys())
