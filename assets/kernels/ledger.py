"""silver.time_ledger: every microsecond of every machine in exactly one leaf account.

Few things change seldom (calendar, reports, orders, bookings, edits, people), one changes often: the signal. So the
seldom ones are resolved first, into one table of pictures: stretches in which none of them changes. The days of all
machines lie end to end on one axis (`axis.Tape`); pictures and signal are merged there once, as plain integers, and
what they add up to is looked up in the small table of verdicts (`accounts`). No range join and no words until
the end, so the work grows with the events.

Precedence of the state, highest first: outside every shift, operator's edit, break, report, signal; of the
reason: operator's edit, booking, state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from assets.kernels.accounts import CODES, DECIDED, verdicts, with_case
from assets.kernels.axis import INSTANT, KINDS, Part, Tape, in_order, indexed, micros, opening
from assets.kernels.layers import PLANNED, SHOWN, Stage, pictures
from assets.kernels.signals.states import UNSEEN, steadied, watched
from assets.kernels.stops import with_stops
from plant.calendar import PLANNED_SCHEMA
from plant.tables import table

Engine = Literal["in-memory", "streaming"]
START, BORDER = 0, KINDS - 1
"""Kinds of rows at one place of the tape, in order: start of a day; opening state; state; border of a picture."""
OPENING, SAMPLE = START + 1, START + 1 + CODES
STATE_OF = pl.Series([UNSEEN, *range(CODES), *range(CODES)] + [None] * (KINDS - SAMPLE - CODES), dtype=pl.UInt8)
"""State by kind of row; null where the one before goes on."""
OF_CELL = ("machine", "index", "site", "stale_us", "minimum_us")
"""Columns of machines that the tape keeps by day."""
CELLS_AT_ONCE = 500
"""Days of machines that are worked on together: more fall out of the processor's cache, fewer cost more overhead."""
LAST = 2**63 - 1


@dataclass(frozen=True)
class Signal:
    """The signal of a part: sorted keys of its events; held_us by slot, with which a day begins."""

    keys: pl.DataFrame
    held: pl.DataFrame


@dataclass(frozen=True)
class Given:
    """What `time_ledger` is given, by the names of its arguments."""

    events: pl.LazyFrame
    segments: pl.DataFrame
    machines: pl.DataFrame
    operations: pl.LazyFrame
    downtimes: pl.LazyFrame
    horizon: pl.LazyFrame
    reports: pl.LazyFrame | None = None
    edits: pl.LazyFrame | None = None
    attendance: pl.LazyFrame | None = None
    minor_stops: pl.DataFrame | None = None
    planned: pl.DataFrame | None = None
    engine: Engine = "in-memory"

    def layers(self) -> dict[str, pl.LazyFrame]:
        """Rows of the tables LAYERS names; none where nothing was given."""
        silver = ("operations", "downtimes", "edits", "attendance")
        named = {f"silver.{name}": getattr(self, name) for name in silver} | {"bronze.reports": self.reports}
        rows = {name: table(name).empty().lazy() if rows is None else rows for name, rows in named.items()}
        return rows | {PLANNED: (pl.DataFrame(schema=PLANNED_SCHEMA) if self.planned is None else self.planned).lazy()}


def time_ledger(
    events: pl.LazyFrame,
    segments: pl.DataFrame,
    machines: pl.DataFrame,
    operations: pl.LazyFrame,
    downtimes: pl.LazyFrame,
    horizon: pl.LazyFrame,
    reports: pl.LazyFrame | None = None,
    edits: pl.LazyFrame | None = None,
    attendance: pl.LazyFrame | None = None,
    minor_stops: pl.DataFrame | None = None,
    planned: pl.DataFrame | None = None,
    *,
    engine: Engine = "in-memory",
) -> pl.LazyFrame:
    """Leaf accounts of a range of production days; a day alone gives what it gives inside any range.

    Args:
        events: `states.signal_events` of the range.
        segments: `plant.calendar.segments` of the range and of the day before it (from which a stop that was
            already on at the first day's start takes its beginning).
        machines: `plant.dimensions.machines_frame` with `states.with_evidence`.
        operations: silver.operations; of overlapping ones the later start wins, then the greater id.
        downtimes: silver.downtimes, resolved in the same way.
        horizon: `horizon.reach`: site, production_day, start_at, end_at.
        reports: bronze.reports that touch the range, or None.
        edits: silver.edits that touch the range, or None. State and reason are two layers: of overlapping edits
            the later edited_at wins, then the greater edit_id, in each layer by itself.
        attendance: silver.attendance, or None; the later log-in wins, then the greater attendance_id.
        minor_stops: `plant.dimensions.minor_stops_frame`; None: minor_stop_s of the machines, on all days.
        planned: `plant.calendar.planned_machines`, planned events of single machines; None: there are none.
        engine: polars engine of what grows with the events; what comes out does not depend on it.

    Returns silver.time_ledger, lazily, sorted by production day, machine and start. Neighbours that are equal in
    everything are one interval. `stop_id` runs over contiguous delay and down_no_order, of one day, from at most a
    day before it.
    """
    given = Given(
        events, segments, machines, operations, downtimes, horizon, reports, edits, attendance, minor_stops, planned,
        engine,
    )  # fmt: skip
    schema = table("silver.time_ledger").schema
    return pl.defer(lambda: pl.concat([pl.DataFrame(schema=schema), *parts(given)]), schema=schema)


def parts(given: Given) -> Iterator[pl.DataFrame]:
    """The ledger as `time_ledger` gives it, some days at a time: it need not be held whole."""
    days = given.horizon.collect(engine="in-memory")
    if days.is_empty():
        return
    named = indexed(given.machines, "machine").with_columns(minimum_us=micros("minimum_run_s"))
    tape = Tape.over(named.select(OF_CELL), days)
    cuts = list(tape.parts(CELLS_AT_ONCE))
    signals = [_signal(tape, given, cut) for cut in cuts]
    held = pl.concat(signal.held for signal in signals)
    stage = Stage(named, given.segments, days, tape)
    seldom, cases = with_case(pictures(stage, given.layers(), held, given.minor_stops))
    decided = verdicts(cases)
    for cut, signal in zip(cuts, signals, strict=True):
        yield _rows(given, cut, signal, seldom, decided)


def _signal(tape: Tape, given: Given, part: Part) -> Signal:
    """The signal of some days on the tape."""
    at, silent = pl.col("at"), pl.col("silent")
    high, zero = tape.of_slot("high_us"), tape.of_slot("zero_us")
    heard, watches = _heard(tape, given.events.filter(pl.col("production_day").is_between(part.first, part.last)))
    falls = {"silent": pl.when(silent < high).then(silent - zero)} if watches else {}
    key = (at - zero) * KINDS + pl.col("kind")
    placed = heard.select("slot", "at", "held", key=key, **falls).collect(engine=given.engine)
    rows = in_order(tape, placed)
    keys = rows.select("key", *falls)
    if watches:  # what is followed by silence is not believed from its own instant on
        t = pl.col("key") // KINDS
        unheard = (silent < t.shift(-1, fill_value=LAST)).fill_null(value=False)
        keys = keys.select(key=pl.when(unheard).then(t * KINDS + (SAMPLE + UNSEEN)).otherwise("key"))
    return Signal(keys, opening(tape, rows))


def _heard(tape: Tape, events: pl.LazyFrame) -> tuple[pl.LazyFrame, bool]:
    """Events with slot and kind of row (and silent); and whether there is a silence to look for at all."""
    kind = pl.when("opening").then(OPENING).otherwise(SAMPLE) + pl.col("code").cast(pl.Int64)
    named = events.with_columns(slot=tape.slot())
    if tape.cells["stale_us"].null_count() == tape.cells.height:
        return named.select("slot", "at", "held", kind=kind), False
    told = watched(named.with_columns(stale_us=tape.of_slot("stale_us")))
    return told.select("slot", "at", "held", "silent", kind=kind), True


def _rows(given: Given, part: Part, signal: Signal, every: pl.DataFrame, verdict: pl.DataFrame) -> pl.DataFrame:
    """The ledger of some days from the merged tape: signal and pictures together, decided by looking up."""
    pictures = every.filter(pl.col("t").is_between(part.start, part.end, closed="left"))
    rows = _stretches(signal, pictures)
    if (pictures["minimum_us"] > 0).any():
        rows = steadied(rows.with_columns(_begins(pictures), minimum_us=_of("picture", pictures["minimum_us"])))
    told = rows.select("t", "picture", verdict=_of("picture", pictures["case"]) + pl.col("state"))
    look = _of("verdict", verdict["look"])
    kept = told.filter((look != look.shift()).fill_null(value=True)).with_columns(_begins(pictures))
    found = kept.collect(engine=given.engine)
    spots = _looked_up(pictures, ["zero", "begun", "minor_us"], found["picture"])
    flags = _looked_up(verdict, ["stop", "delay"], found["verdict"])
    stopped = with_stops(found.hstack(spots).hstack(flags).lazy(), part.end)
    start, end = pl.col("t") + pl.col("zero"), pl.col("t").shift(-1, fill_value=part.end) + pl.col("zero")
    times = {"start_at": start.cast(INSTANT), "end_at": end.cast(INSTANT), "duration_us": end - start}
    out = stopped.select("stop_id", "minor", **times).collect(engine=given.engine)
    told_of = [_looked_up(pictures, SHOWN, found["picture"]), _looked_up(verdict, DECIDED, found["verdict"])]
    return out.hstack(told_of[0]).hstack(told_of[1]).select(table("silver.time_ledger").schema.keys())


def _looked_up(values: pl.DataFrame, names: Sequence[str], rows: pl.Series) -> pl.DataFrame:
    """Columns of values at these row numbers: all at once, because each gather by itself looks the numbers over."""
    said = [name for name in names if values[name].null_count() < values.height]
    silent = [pl.lit(None, values[name].dtype).alias(name) for name in names if name not in said]
    return values.select(said).rechunk()[rows].with_columns(silent)


def _begins(pictures: pl.DataFrame) -> pl.Expr:
    """True in the first row of each day of a machine."""
    new = (pl.col("picture") != pl.col("picture").shift()).fill_null(value=True)
    return (new & _of("picture", pictures["begins"])).alias("begins")


def _stretches(signal: Signal, pictures: pl.DataFrame) -> pl.LazyFrame:
    """Merge signal and pictures: t, picture (row number) and state wherever one of them changes."""
    kind = pl.when("begins").then(START).otherwise(BORDER).cast(pl.Int64)
    seldom = pictures.select(key=pl.col("t") * KINDS + kind).sort("key")
    merged = seldom.lazy().merge_sorted(signal.keys.lazy(), key="key")
    parted = merged.select(t=pl.col("key") // KINDS, kind=(pl.col("key") & (KINDS - 1)).cast(pl.UInt8))
    border = (pl.col("kind") == START) | (pl.col("kind") == BORDER)
    state = _of("kind", STATE_OF).forward_fill()
    read = parted.select("t", picture=border.cum_sum() - 1, state=state)
    return read.filter(pl.col("t") != pl.col("t").shift(-1, fill_value=LAST))


def _of(number: str, values: pl.Series) -> pl.Expr:
    """Values looked up by a column of row numbers; in one piece, which is several times faster."""
    if values.null_count() == len(values):
        return pl.lit(None, values.dtype)
    return pl.lit(values.rechunk()).gather(number)
