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

from assets.kernels.axis import Axis, indexed, us
from assets.kernels.counters import CUMULATIVE, steps
from plant.states import STATE_WORDS, State
from plant.tables import table

NEEDS = ("ts", "tag", "value", "text", "status", "received_at", "source", "segment", "seq", "date")
NUMERIC = (*CUMULATIVE, "power", "temperature", "vibration", "pressure", "flow", "speed")
STOPPED = "stopped"
BEFORE = -1
"""Day number of what lies outside the range."""


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
    axis = Axis.over(bounds, tags.height)
    named = indexed(tags, "tag")
    samples = _graded(_unique(_samples(bronze, named, bounds, axis)), states)
    rows = pl.concat([_prior(opening, named, axis), _markers(named, bounds, axis), samples], how="diagonal")
    rows = rows.sort("key", maintain_order=True).with_columns(pl.col("day").forward_fill())
    rows = _held(rows.with_row_index("row"), named)
    inside = pl.concat([_opened(rows, named, axis), rows.filter(pl.col("day") >= 0, pl.col("at").is_not_null())])
    return _finished(inside, named, bounds)


def closing(day: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of one day of silver.readings that the next day opens with: the last per tag.

    Of a cumulative tag it is the last with a value: a bad sample at midnight must not lose the base.
    """
    useful = day.filter(pl.col("value").is_not_null() | ~pl.col("role").is_in(CUMULATIVE))
    order = ["tag", "at", pl.col("opening").not_()]
    return useful.sort(order).group_by("tag", maintain_order=True).last().select(day.collect_schema().names())


def _samples(bronze: pl.LazyFrame, named: pl.DataFrame, bounds: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    first, last = bounds.select(pl.col("start_at").min().dt.date(), pl.col("end_at").max().dt.date()).row(0)
    edges = bounds.group_by("site").agg(pl.col("start_at").min().alias("low"), pl.col("end_at").max().alias("high"))
    known = named.join(edges, on="site").lazy().select("tag", "index", "role", "low", "high")
    return (
        bronze.filter(pl.col("date").is_between(first, last))
        .select(NEEDS)
        .join(known, on="tag")
        .filter(pl.col("ts") >= pl.col("low"), pl.col("ts") < pl.col("high"))
        .with_columns(key=axis.key("index", "ts"))
        .drop("date", "tag", "low", "high")
        .sort("key")
    )


def _unique(samples: pl.LazyFrame) -> pl.LazyFrame:
    """One row per key. Rows that share none, nearly all, skip the work."""
    twin = (pl.col("key") == pl.col("key").shift()) | (pl.col("key") == pl.col("key").shift(-1))
    marked = samples.with_columns(twin=twin.fill_null(value=False))
    receipt = ["key", "received_at", "segment", "seq"]
    facts = (
        marked.filter("twin")
        .sort(receipt)
        .group_by("key", "value", "text", "status", maintain_order=True)
        .agg(pl.col("source").min(), pl.exclude("source").first())
    )
    last = facts.sort(receipt).group_by("key", maintain_order=True).last()
    keep = ["key", "index", "role", "ts", "value", "text", "status", "source"]
    return pl.concat([marked.filter(~pl.col("twin")).select(keep), last.select(keep)])


def _graded(samples: pl.LazyFrame, states: pl.DataFrame) -> pl.LazyFrame:
    """Status severity becomes quality; values that cannot be trusted become null, with the reason."""
    value, severity = pl.col("value"), (pl.col("status") // 2**30)
    number = pl.col("role").is_in(NUMERIC)
    broken = (
        pl.when(value.is_not_null() & ~value.is_finite()).then(pl.lit("not_finite"))
        .when((severity < 2) & value.is_null() & pl.col("text").is_null()).then(pl.lit("no_value"))
        .when((severity < 2) & value.is_null() & number).then(pl.lit("not_a_number"))
        .when(pl.col("role").is_in(CUMULATIVE) & (value < 0)).then(pl.lit("negative"))
    )  # fmt: skip
    quality = pl.when((severity >= 2) | pl.col("flag").is_not_null()).then(pl.lit("bad"))
    quality = quality.when(severity == 1).then(pl.lit("uncertain")).otherwise(pl.lit("good"))
    graded = samples.with_columns(flag=broken).with_columns(quality=quality)
    graded = graded.with_columns(
        value=pl.when(pl.col("quality") != "bad").then(value), at=pl.col("ts"), since_at=pl.col("ts"), opening=False
    ).drop("ts", "status")
    is_state = pl.col("role") == "state"
    return pl.concat([graded.filter(~is_state), _words(graded.filter(is_state), states)], how="diagonal")


def _words(samples: pl.LazyFrame, states: pl.DataFrame) -> pl.LazyFrame:
    """Raw codes to canonical words by the tag's mapping; without a mapping the words themselves are the codes."""
    whole = pl.col("value").is_finite() & (pl.col("value") == pl.col("value").floor()) & (pl.col("value").abs() < 2**53)
    number = pl.when(whole).then(pl.col("value").cast(pl.Int64, strict=False).cast(pl.String))
    code = pl.coalesce(pl.col("text"), number, pl.col("value").cast(pl.String))
    words = pl.DataFrame({"mapping": "", "code": STATE_WORDS, "word": STATE_WORDS})
    mapping = pl.concat([words, states.rename({"states": "mapping"})]).lazy()
    seen = samples.with_columns(code=pl.when(pl.col("quality") != "bad").then(code))
    joined = seen.join(mapping_of_tags(states, mapping), on=["index", "code"], how="left") if False else seen
    return joined
