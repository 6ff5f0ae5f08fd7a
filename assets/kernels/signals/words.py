"""Raw state codes to canonical words, and since when a machine has been in that class of state."""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from plant.states import STATE_WORDS, State

OWN_CLASS = [s.value for s in (State.PRODUCING, State.SETUP, State.PLANNED_STOP, State.UNKNOWN)]
"""Words that are a class of state by themselves; all others are one class: stopped."""


def worded(samples: pl.LazyFrame, named: pl.DataFrame, states: pl.DataFrame) -> pl.LazyFrame:
    """Replace `text` of state samples by the canonical word of the tag's mapping.

    A code the mapping does not hold becomes 'unknown' with flag 'unknown_state'; a bad sample is 'unknown'.
    A tag without a mapping sends the words themselves. Samples need index, value, text, quality, flag.
    """
    mapping = named.lazy().select("index", pl.col("states").fill_null(""))
    own = pl.DataFrame({"states": "", "code": STATE_WORDS, "word": STATE_WORDS})
    words = pl.concat([states, own]).lazy()
    coded = samples.with_columns(code=_code()).join(mapping, on="index", maintain_order="left")
    coded = coded.join(words, on=["states", "code"], how="left", maintain_order="left")
    good = pl.col("quality") != "bad"
    strange = good & pl.col("word").is_null()
    return coded.with_columns(
        text=pl.when(good).then(pl.col("word")).fill_null(State.UNKNOWN.value),
        flag=pl.when(strange).then(pl.lit("unknown_state")).otherwise(pl.col("flag")),
    ).drop("code", "word", "states")


def _code() -> pl.Expr:
    """The code of a sample as plant.toml writes it: text as it is, 3.0 as '3'."""
    value = pl.col("value")
    whole = value.is_finite() & (value == value.floor()) & (value.abs() < 2.0**53)
    number = pl.when(whole).then(value).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.coalesce("text", number, value.cast(pl.String))


def held(states: pl.LazyFrame, named: pl.DataFrame) -> pl.LazyFrame:
    """Set `held_since_at` of state rows in time order: start of the unbroken run in one class of state.

    A gap longer than the tag's `stale_us` breaks the run. A carried row brings the start of its run along.
    """
    stale = named.lazy().select("index", "stale_us")
    bad = pl.when(pl.col("quality") == "bad").then(pl.lit(State.UNKNOWN.value))
    kind = bad.when(pl.col("text").is_in(OWN_CLASS)).then(pl.col("text")).otherwise(pl.lit("stopped"))
    silent = (us("since_at") - us("since_at").shift() > pl.col("stale_us")).fill_null(value=False)  # null: never stale
    begins = (pl.col("index") != pl.col("index").shift()) | (pl.col("kind") != pl.col("kind").shift()) | silent
    since = pl.when(pl.col("begins")).then(pl.coalesce("held_since_at", "since_at"))
    runs = states.join(stale, on="index", maintain_order="left").with_columns(kind=kind)
    marked = runs.with_columns(begins=begins.fill_null(value=True))
    return marked.with_columns(held_since_at=since.forward_fill()).drop("kind", "begins", "stale_us")
