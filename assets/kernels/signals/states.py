"""What the machines say: state events from their signals, resolved intervals from people's reports.

Both are layers for the time ledger. A signal that is bad says 'unknown' until the next good sample. A tag with
`stale_after` promises a sample at least that often: silent for longer it says 'unknown' from its last sample on,
because nobody knows when in the silence the state changed. A silence is judged inside its production day, so of one
over the day's start up to `stale_after` before it stays believed. Reports that overlap are resolved once:
failed over setup over producing over the rest, then the later start, then the later row.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from assets.kernels.signals.modes import with_modes
from assets.kernels.signals.words import OWN_CLASS
from plant.states import STATE_WORDS, State

PRECEDENCE = {State.FAILED.value: 3, State.SETUP.value: 2, State.PRODUCING.value: 1}
SIGNAL = "signal"
NONE = "none"
STATE_CODE = {word: code for code, word in enumerate(STATE_WORDS)}
"""State words as small integers, in the order of `plant.states.State`."""
UNSEEN = len(STATE_WORDS)
"""Code of 'unknown because nothing trustworthy was said', next to the codes of the words."""
WORDS = pl.Enum(STATE_WORDS)
STOPPED = [code for word, code in STATE_CODE.items() if word not in OWN_CLASS]


def signal_events(readings: pl.LazyFrame, tags: pl.DataFrame, days: pl.LazyFrame) -> pl.LazyFrame:
    """Changes of state as the machines signal them, for `ledger.time_ledger`.

    Takes silver.readings of a range of days, `plant.dimensions.tags_frame` and `horizon.reach` (how far each day goes).
    Returns production_day, machine, at (us since 1970), opening, code (`STATE_CODE`; UNSEEN while the signal is bad),
    since (us, source time of the sample), held (us, since when the machine has been in that class of state). In any
    order; of two rows at one instant the one that does not open the day holds. A machine has one state tag
    (`shopfloor check` refuses a second one), so no other two rows share an instant: silver.readings keeps one per tag
    and source time.

    Silence is found later, by the ledger, with `stale_us` of `with_evidence`; where a mode tag says what
    executing counts as, silences of both tags are events here already.
    """
    moded = tags.filter(pl.col("role") == "mode")["machine"].unique().to_list()
    own = pl.col("machine").is_in(moded)
    plain = _coded(readings.filter(pl.col("role") == "state", *([~own] if moded else [])))
    if not moded:
        return plain
    states, modes = (_worded(readings.filter(own), tags, days, role) for role in ("state", "mode"))
    return pl.concat([plain, _moded(with_modes(states, modes, tags.filter(own)))])


def _coded(rows: pl.LazyFrame) -> pl.LazyFrame:
    word = pl.col("text").cast(WORDS, strict=False).to_physical().fill_null(STATE_CODE["unknown"])
    bad = pl.col("quality") == "bad"
    code = pl.when(bad).then(pl.lit(UNSEEN, pl.UInt8)).otherwise(word)
    times = {"at": us("at"), "since": us("since_at"), "held": us("held_since_at")}
    return rows.select("production_day", "machine", "opening", code=code, **times)


def _moded(events: pl.LazyFrame) -> pl.LazyFrame:
    unseen = (pl.col("source") == NONE) & (pl.col("state") == State.UNKNOWN.value)
    code = pl.when(unseen).then(pl.lit(UNSEEN, pl.UInt8)).otherwise(pl.col("state").cast(WORDS).to_physical())
    times = {"at": us("at"), "since": us("at"), "held": us("since_at")}
    return events.select("production_day", "machine", opening=pl.lit(value=False), code=code, **times)


def _worded(readings: pl.LazyFrame, tags: pl.DataFrame, days: pl.LazyFrame, role: str) -> pl.LazyFrame:
    """Events of one role with words and silences: production_day, machine, at, state, source, since_at."""
    stale = tags.lazy().filter(pl.col("role") == role).select("tag", "stale_us")
    ends = days.select("site", "production_day", over_us=us("end_at"))
    known = readings.filter(pl.col("role") == role).join(stale, on="tag")
    rows = known.join(ends, on=["site", "production_day"], how="left").sort("tag", "at", ~pl.col("opening"))
    same = (pl.col("tag") == pl.col("tag").shift(-1)) & (pl.col("production_day") == pl.col("production_day").shift(-1))
    until = pl.when(same).then(us("at").shift(-1)).otherwise("over_us")
    end = us("since_at") + pl.col("stale_us")
    late = (end < until) | (pl.col("opening") & (end <= us("at")))
    trusted = (pl.col("quality") != "bad") & ~late.fill_null(value=False)
    return rows.select(
        "production_day", "machine", "at",
        state=pl.when(trusted).then(pl.col("text")).fill_null(State.UNKNOWN.value),
        source=pl.when(trusted).then(pl.lit(SIGNAL)).otherwise(pl.lit(NONE)),
        since_at=pl.when(trusted).then(pl.col("held_since_at")),
    )  # fmt: skip


def watched(events: pl.LazyFrame) -> pl.LazyFrame:
    """Put silence into events: code is UNSEEN where the day opens with a signal that is silent already.

    Reads at, since, opening, code, stale_us (how long the signal may be silent; null: for ever). Adds `silent`: when
    it falls silent if nothing follows (us); null where it never does or is not trusted now.
    """
    end = pl.col("since") + pl.col("stale_us")
    late = pl.col("opening") & (end <= pl.col("at"))
    code = pl.when(late).then(pl.lit(UNSEEN, pl.UInt8)).otherwise("code")
    silent = pl.when((pl.col("code") != UNSEEN) & (end > pl.col("at"))).then(end)
    return events.with_columns(code=code).with_columns(silent=silent)


def steadied(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Take short runs out of the signal: a run of 'producing' shorter than `minimum_us` between two stops is not one.

    The state before it goes on. A stop is any word but producing, setup, planned_stop and unknown. Only runs that
    begin and end inside one production day are judged, each by the signal as it came, so a day alone gives what it
    gives in any range; a run that touches the start or the end of the day (or of the data) stays. Silence ends a
    run and is no stop.

    Takes and gives rows in order: t (place on the tape), begins (a day of a machine begins), state (code), minimum_us.
    """
    t, state = pl.col("t"), pl.col("state")
    turns = pl.col("begins") | (state != state.shift()).fill_null(value=True)
    marked = rows.with_columns(turns=turns)
    after = pl.when("turns").then(pl.when("begins").then(pl.lit(UNSEEN, pl.UInt8)).otherwise(state))
    ahead = marked.with_columns(
        after=after.shift(-1).backward_fill(), until=pl.when("turns").then(t).shift(-1).backward_fill()
    )
    between = state.shift().is_in(STOPPED) & pl.col("after").is_in(STOPPED) & ~pl.col("begins")
    short = (state == STATE_CODE[State.PRODUCING]) & between & (pl.col("until") - t < pl.col("minimum_us"))
    held = pl.when("turns").then(pl.when(short).then(state.shift()).otherwise(state)).forward_fill()
    return ahead.with_columns(state=held).select(rows.collect_schema().names())


def strength() -> pl.Expr:
    """Of overlapping reports the stronger state wins: failed over setup over producing over the rest."""
    return pl.col("state").replace_strict(PRECEDENCE, default=0, return_dtype=pl.Int64)


def with_evidence(machines: pl.DataFrame, tags: pl.DataFrame, *, reports: bool) -> pl.DataFrame:
    """Add what a machine says to machines: `evidence` and `stale_us`.

    evidence is 'signal' with a state tag, else 'report' where reports are taken in, else 'none'. stale_us is how
    long its state may be silent; null for ever, and null where `signal_events` holds the silences (mode tags).
    """
    signals = tags.filter(pl.col("role") == "state").group_by("machine").agg(pl.col("stale_us").min())
    moded = tags.filter(pl.col("role") == "mode")["machine"].unique().to_list()
    other = pl.lit("report" if reports else "none")
    evidence = pl.when(pl.col("machine").is_in(signals["machine"].to_list())).then(pl.lit(SIGNAL)).otherwise(other)
    stale = pl.when(~pl.col("machine").is_in(moded)).then(pl.col("stale_us"))
    joined = machines.join(signals, on="machine", how="left", maintain_order="left")
    return joined.with_columns(evidence=evidence, stale_us=stale)
