"""silver.readings: clean samples by role, each production day opening with what was true when it began.

Nothing is dropped but exact repetitions: a sample that breaks its tag's contract stays with a reason code.

| flag | meaning | value | quality |
|---|---|---|---|
| not_finite | NaN or infinite | null | bad |
| no_value | Good status without a value | null | bad |
| not_a_number | text where the role needs a number | null | bad |
| negative | a cumulative counter below zero | null | bad |
| unknown_state | code the tag's mapping does not hold | kept | as delivered; text 'unknown' |
| out_of_range | outside the tag's range | kept | uncertain |
| jump | counter rose faster than is physically possible | kept | uncertain; the pieces are not booked |
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import Axis, indexed
from assets.kernels.counters import CUMULATIVE, steps
from assets.kernels.openings import as_rows, closing, markers, prior, with_openings
from assets.kernels.words import held, worded
from plant.tables import table

__all__ = ["NEEDS", "clean", "closing"]
NEEDS = ("date", "ts", "tag", "value", "text", "status", "received_at", "source", "segment", "seq")
NUMERIC = (*CUMULATIVE, "power", "temperature", "vibration", "pressure", "flow", "speed")


def clean(
    bronze: pl.LazyFrame, tags: pl.DataFrame, states: pl.DataFrame, opening: pl.DataFrame, bounds: pl.DataFrame
) -> pl.LazyFrame:
    """Clean samples of a range of production days, with one opening row per tag and day.

    Args:
        bronze: bronze.readings, whole and lazy; pruned here by UTC date.
        tags: `plant.dimensions.tags_frame`. Tags that are no longer in plant.toml are left out.
        states: `plant.dimensions.states_frame`.
        opening: what `closing` gives for the day before the first one; may be empty.
        bounds: `plant.calendar.bounds`: site, production_day, start_at, end_at; days of a site follow each other.

    Returns silver.readings, sorted by tag, at. Of equal (tag, ts) the fact that was received last wins
    (segment, seq break ties); a fact delivered again counts as of its first delivery. A tag never seen has no
    opening row; a counter's opening row is its last trusted value.
    """
    axis = Axis.over(bounds, tags.height * 2)  # twice: rows are ordered by twice their key
    named = indexed(tags, "machine", "tag")
    samples = _graded(_unique(_samples(bronze, named, bounds, axis)), named).cache()
    before = prior(opening, named, axis)
    state = pl.col("index").is_in(_indices(named, "state"))
    told = before.filter(state).merge_sorted(as_rows(worded(samples.filter(state), named, states)), key="order")
    plain = before.filter(~state).merge_sorted(as_rows(samples.filter(~state)), key="order")
    rows = plain.merge_sorted(as_rows(held(told, named)), key="order")
    inside = with_openings(rows, markers(named, bounds, axis), _indices(named, *CUMULATIVE), axis)
    return _finished(_judged(inside.cache(), named, bounds), named, bounds)


def _indices(named: pl.DataFrame, *roles: str) -> list[int]:
    return named.filter(pl.col("role").is_in(roles))["index"].to_list()


def _samples(bronze: pl.LazyFrame, named: pl.DataFrame, bounds: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    first, last = bounds.select(pl.col("start_at").min().dt.date(), pl.col("end_at").max().dt.date()).row(0)
    edges = bounds.group_by("site").agg(pl.col("start_at").min(), pl.col("end_at").max())
    known = named.join(edges, on="site").lazy().select("tag", "index", "start_at", "end_at")
    return (
        bronze.filter(pl.col("date").is_between(first, last))
        .select(NEEDS)
        .join(known, on="tag")
        .filter(pl.col("ts") >= pl.col("start_at"), pl.col("ts") < pl.col("end_at"))
        .with_columns(key=axis.key("index", "ts"))
        .drop("date", "tag", "start_at", "end_at")
        .sort("key")
        .cache()
    )


def _unique(samples: pl.LazyFrame) -> pl.LazyFrame:
    """One row per key, sorted. Rows that share none, nearly all, skip the work."""
    twin = (pl.col("key") == pl.col("key").shift()) | (pl.col("key") == pl.col("key").shift(-1))
    marked = samples.with_columns(twin=twin.fill_null(value=False)).cache()
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
    )  # fmt: skip
    quality = pl.when((severity >= 2) | pl.col("flag").is_not_null()).then(pl.lit("bad"))
    graded = samples.with_columns(flag=broken).with_columns(
        quality=quality.when(severity == 1).then(pl.lit("uncertain")).otherwise(pl.lit("good"))
    )
    trusted = pl.when(pl.col("quality") != "bad").then(value)
    order = pl.col("key") * 2 + 1
    return graded.with_columns(value=trusted, at="ts", since_at="ts", order=order).drop("ts", "status", "key")


def _judged(rows: pl.LazyFrame, named: pl.DataFrame, bounds: pl.DataFrame) -> pl.LazyFrame:
    """Flag samples outside their range and counters that rose faster than they can."""
    limits = named.lazy().select("index", "low", "high", "max_rate_per_s", "rollover")
    limited = named.filter(pl.col("role").is_in(CUMULATIVE), pl.col("max_rate_per_s").is_not_null())["index"].to_list()
    counted = rows.filter(pl.col("index").is_in(limited), pl.col("value").is_not_null())
    series = pl.col("index") * bounds.height + pl.col("day")
    stepped = steps(counted.join(limits, on="index", maintain_order="left").with_columns(series=series))
    jumps = stepped.filter(pl.col("jump")).select("order", "jump")
    beyond = (pl.col("value") < pl.col("low")) | (pl.col("value") > pl.col("high"))
    reason = pl.when(pl.col("jump")).then(pl.lit("jump")).when(beyond).then(pl.lit("out_of_range"))
    doubt = ~pl.col("opening") & pl.col("flag").is_null()
    judged = rows.join(limits, on="index", maintain_order="left").join(
        jumps, on="order", how="left", maintain_order="left"
    )
    judged = judged.with_columns(flag=pl.when(doubt).then(reason).otherwise(pl.col("flag")))
    uncertain = (pl.col("quality") == "good") & pl.col("flag").is_in(["jump", "out_of_range"])
    return judged.with_columns(quality=pl.when(uncertain).then(pl.lit("uncertain")).otherwise(pl.col("quality")))


def _finished(rows: pl.LazyFrame, named: pl.DataFrame, bounds: pl.DataFrame) -> pl.LazyFrame:
    place = named.lazy().select("index", "site", "machine", "tag", "role")
    day = pl.lit(bounds["production_day"].min(), pl.Date) + pl.duration(days="day")
    dated = rows.with_columns(production_day=day.cast(pl.Date)).join(place, on="index", maintain_order="left")
    return dated.select(table("silver.readings").schema.keys())
