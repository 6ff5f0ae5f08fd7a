"""What the machines say: state events from their signals, resolved intervals from people's reports.

Both are layers for the time ledger. A signal that is bad, or silent for longer than its tag's
`stale_after`, says 'unknown' until the next good sample. Reports that overlap are resolved once:
failed over setup over producing over the rest, then the later start, then the later row.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import INSTANT, us
from assets.kernels.layers import ranked
from plant.states import STATE_WORDS, State

PRECEDENCE = {State.FAILED.value: 3, State.SETUP.value: 2, State.PRODUCING.value: 1}
SIGNAL = "signal"
NONE = "none"
STATE_CODE = {word: code for code, word in enumerate(STATE_WORDS)}
"""State words as small integers, in the order of `plant.states.State`."""
UNSEEN = len(STATE_WORDS)
"""Code of 'unknown because nothing trustworthy was said', next to the codes of the words."""


def signal_events(readings: pl.LazyFrame, tags: pl.DataFrame) -> pl.LazyFrame:
    """Changes of state as the machines signal them.

    Takes silver.readings of a range of days and `plant.dimensions.tags_frame` (for `stale_us`). Returns
    machine, at, state (word), source ('signal', or 'none' while the signal is bad or stale) and
    since_at (since when the machine has been in that class of state; null while unknown), in time order.
    """
    stale = tags.lazy().filter(pl.col("role") == "state").select("tag", "stale_us")
    rows = readings.filter(pl.col("role") == "state").join(stale, on="tag").sort("tag", "at", ~pl.col("opening"))
    last_word = us("since_at") + pl.col("stale_us")
    late = pl.col("opening") & (last_word <= us("at"))
    trusted = (pl.col("quality") != "bad") & ~late.fill_null(value=False)
    said = rows.with_columns(
        state=pl.when(trusted).then(pl.col("text")).fill_null(State.UNKNOWN.value),
        said_by=pl.when(trusted).then(pl.lit(SIGNAL)).otherwise(pl.lit(NONE)),
        held=pl.when(trusted).then(pl.col("held_since_at")),
        silent_us=last_word,
    )
    following = pl.when(pl.col("tag") == pl.col("tag").shift(-1)).then(us("at").shift(-1))
    falls_silent = (pl.col("silent_us") > us("at")) & (pl.col("silent_us") < following).fill_null(value=True)
    silences = said.filter(falls_silent & trusted).select(
        "machine",
        at=pl.col("silent_us").cast(INSTANT),
        state=pl.lit(State.UNKNOWN.value),
        source=pl.lit(NONE),
        since_at=pl.lit(None, INSTANT),
    )
    return pl.concat([said.select("machine", "at", "state", source="said_by", since_at="held"), silences])


def report_layer(reports: pl.LazyFrame) -> pl.LazyFrame:
    """Reports numbered by precedence: bronze.reports plus `rank`; the highest rank wins at every instant."""
    strength = pl.col("state").replace_strict(PRECEDENCE, default=0, return_dtype=pl.Int64)
    order = ["strength", "start_at", "segment", "seq"]
    return ranked(reports.with_columns(strength=strength), order)


def with_evidence(machines: pl.DataFrame, tags: pl.DataFrame, *, reports: bool) -> pl.DataFrame:
    """Add `evidence` to machines: 'signal' with a state tag, else 'report' where reports are taken in, else 'none'."""
    signalled = tags.filter(pl.col("role") == "state")["machine"].unique().to_list()
    other = pl.lit("report" if reports else "none")
    signal = pl.col("machine").is_in(signalled)
    return machines.with_columns(evidence=pl.when(signal).then(pl.lit(SIGNAL)).otherwise(other))
