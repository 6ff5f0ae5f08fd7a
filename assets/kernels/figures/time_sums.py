"""Measures of time: the time ledger cut at hours and summed by machine, hour, shift and work.

Portions of days, small enough to stay in the processor's cache, are worked on one after the other. Two steps keep it
lean: durations are added up by (stretch of the same work, hour, pattern of measures), and only those
sums are spread over the measures. Stretches and hours are numbered without gaps, so adding up is by place: polars would
hash every row, which takes twenty times as long; numpy does it here, in 64-bit integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.kernels.axis import us
from assets.kernels.figures.hours import Hours
from assets.kernels.figures.time_kinds import MINOR_STOPS, PATTERN_OF_KIND, PATTERNS, kind
from plant.kpi.measures import GROUPS

PLACE = ("site", "area", "line", "machine")
WORK = ("order_id", "operation", "product", "operator")
NEEDED = (
    "production_day", *PLACE, "start_at", "end_at", "account", "state", "reason", "reason_class", "minor", "stop_id",
    *WORK, "source",
)  # fmt: skip
ROWS_AT_ONCE = 200_000
"""Least rows of a portion; it ends with the production day."""
MEASURES = tuple(m.name for m in GROUPS["time"])
_BREAKDOWN = np.array(["breakdown_us" in pattern for pattern in PATTERNS])
_SUMMED = sorted(frozenset().union(*PATTERNS))
_COUNTING = {
    "reference": "reference_us", "pot": "pot_us", "pbt": "pbt_us", "apt": "apt_us", "unknown": "unknown_us",
    "breakdown": "breakdown_us", "minor": MINOR_STOPS, "short": "minor_us",
}  # fmt: skip
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Portion:
    """Some days of machines, by machine and start inside a production day.

    rows: start_us, end_us, pattern (of measures), stop_id, run (number of the stretch), opens (first of its machine
    and day). runs: by number of the stretch, PLACE, WORK, end_us and part (number of the machine and day).
    """

    rows: pl.DataFrame
    runs: pl.DataFrame


def time_sums(ledger: pl.LazyFrame, hours: Hours, counting: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sums per machine, hour, shift and work: PLACE, production_day, shift, hour_at, WORK and every time measure.

    And how far the ledger of each site reaches: site, end_us. `counting` (production_day, machine) says where pieces
    can be counted. `ledger` is silver.time_ledger of whole production days, all of them in the calendar of `hours`.

    Raises:
        ValueError: the ledger has time of a line or a day the calendar does not have.
    """
    rows = ledger.select(NEEDED).collect(engine="in-memory")
    made, ends = [], []
    for portion in portions(rows):
        made.append(_summed(portion, hours))
        ends.append(portion.runs.select("site", "end_us"))
    reach = pl.concat(ends).group_by("site").agg(pl.col("end_us").max())
    summed = pl.concat(made)
    known = counting.select("production_day", "machine", counts=pl.lit(value=True))
    named = hours.named(summed).join(known, on=["production_day", "machine"], how="left")
    return _by_machine(named), reach


def portions(ledger: pl.DataFrame) -> Iterator[Portion]:
    """The ledger (NEEDED) in portions; sorted first where it does not come by machine and start inside each day."""
    told = ledger.select("production_day", "machine", "start_at", opens=_changes(ledger, "production_day", "machine"))
    begins = told.select("production_day", "machine")[told["opens"].arg_true()]
    back = told.select(((pl.col("start_at") < pl.col("start_at").shift()) & ~pl.col("opens")).any()).item()
    if back or begins.is_duplicated().any():
        yield from portions(ledger.sort("production_day", "machine", "start_at"))
        return
    days = ledger.select(_changes(ledger, "production_day")).to_series().arg_true().to_list()
    begin = 0
    for end in [*days[1:], ledger.height]:
        if end - begin >= ROWS_AT_ONCE or end == ledger.height:
            yield _portion(ledger.slice(begin, end - begin).rechunk(), told["opens"].slice(begin, end - begin))
            begin = end


def _portion(ledger: pl.DataFrame, opens: pl.Series) -> Portion:
    rows = ledger.select(
        "stop_id", start_us=us("start_at"), end_us=us("end_at"), pattern=pl.lit(PATTERN_OF_KIND).gather(kind()),
        opens=opens, fresh=opens | _changes(ledger, *WORK),
    )  # fmt: skip
    first = rows["fresh"].arg_true()
    lengths = np.diff(first.to_numpy(), append=ledger.height)
    run = pl.Series("run", np.repeat(np.arange(first.len()), lengths))
    found = [opens.gather(first).cum_sum().alias("part"), pl.Series("end_us", _latest(rows["end_us"], first))]
    return Portion(rows.drop("fresh").hstack([run]), ledger.select(*PLACE, *WORK)[first].hstack(found))


def _latest(values: pl.Series, first: pl.Series) -> Whole:
    """The greatest of the values from each of `first` up to the next."""
    return np.maximum.reduceat(values.to_numpy(), first.to_numpy()) if first.len() else np.empty(0, np.int64)


def _changes(ledger: pl.DataFrame, *names: str) -> pl.Expr:
    """Whether one of the columns reads otherwise than in the row before; columns without any value never do."""
    told = [name for name in names if ledger[name].null_count() < ledger.height]
    differs = [pl.col(name).ne_missing(pl.col(name).shift()) for name in told]
    return pl.any_horizontal(pl.int_range(pl.len()) == 0, *differs)


def _summed(portion: Portion, hours: Hours) -> pl.DataFrame:
    """PLACE, WORK and cell with every measure that is a sum of patterns, and failures."""
    tracks = portion.runs.select(hours.track(pl.col("line"))).to_series()
    rows = portion.rows.with_columns(track=pl.lit(tracks).gather(pl.col("run")))
    placed = rows.drop_nulls("track") if tracks.has_nulls() else rows
    parts = hours.cut(placed.select("track", "start_us", "end_us", "run", "pattern"))
    _nothing_lost(rows, parts)
    low, high = _reached(parts, portion.runs.height)
    width = np.maximum(high - low + 1, 0)
    base, places = pl.Series(np.cumsum(width) - width - low), int(width.sum())
    at = pl.lit(base).gather(pl.col("run")) + pl.col("cell")
    spread = _spread(parts.select("part_us", "pattern", at=at), places)
    began = hours.at(_failures(rows, portion.runs["part"])).with_columns(
        low=pl.lit(pl.Series(low)).gather(pl.col("run")), at=at
    )
    began = began.filter(pl.col("cell").is_between("low", pl.lit(pl.Series(high)).gather(pl.col("run"))))
    failures = np.bincount(began["at"].to_numpy(), minlength=places)
    cells = portion.runs.drop("part", "end_us").with_columns(cell=pl.int_ranges(pl.Series(low), pl.Series(high) + 1))
    named = cells.filter(pl.Series(width > 0)).explode("cell")
    return named.hstack([*spread, pl.Series("failures", failures)]).filter(pl.col("reference_us") > 0)


def _reached(parts: pl.DataFrame, runs: int) -> tuple[Whole, Whole]:
    """First and last cell of each stretch."""
    run, cell = parts["run"].to_numpy(), parts["cell"].to_numpy()
    low, high = np.full(runs, np.iinfo(np.int64).max // 2), np.full(runs, -1)
    np.minimum.at(low, run, cell)
    np.maximum.at(high, run, cell)
    return low, high


def _nothing_lost(rows: pl.DataFrame, parts: pl.DataFrame) -> None:
    left = rows.select((pl.col("end_us") - pl.col("start_us")).sum()).item() - parts["part_us"].sum()
    if left:
        raise ValueError(
            f"{left} us of the time ledger lie on lines or days the calendar does not have: "
            "pass the segments of every line and day of the ledger"
        )


def _spread(parts: pl.DataFrame, places: int) -> list[pl.Series]:
    """Measures that are sums of patterns, by place (`at`), from time by place and pattern."""
    key = parts.select(pl.col("pattern").cast(pl.Int64) * places + pl.col("at")).to_series()
    sums = np.zeros(len(PATTERNS) * places, np.int64)
    np.add.at(sums, key.to_numpy(), parts["part_us"].to_numpy())
    of_pattern = sums.reshape(len(PATTERNS), places)
    found = np.flatnonzero(of_pattern.any(axis=1))
    holding = {name: [n for n in found if name in PATTERNS[n]] for name in _SUMMED}
    return [pl.Series(name, of_pattern[numbers].sum(axis=0)) for name, numbers in holding.items()]


def _failures(rows: pl.DataFrame, part: pl.Series) -> pl.DataFrame:
    """Where breakdowns began: the first row of class breakdown of a stop, not one carried in from the day before."""
    broken = pl.Series(_BREAKDOWN[rows["pattern"].to_numpy()])
    told = rows.select("track", "run", "start_us", "stop_id", "opens").filter(broken)
    told = told.with_columns(part=pl.lit(part).gather(pl.col("run")))
    same = [pl.col(name).eq_missing(pl.col(name).shift()) for name in ("part", "stop_id")]
    first = ~pl.all_horizontal(same) | (pl.int_range(pl.len()) == 0)
    carried = pl.col("opens") & (pl.col("stop_id") < pl.col("start_us")).fill_null(value=False)
    return told.filter(first).filter(~carried).select("track", "run", at_us="start_us")


def _by_machine(sums: pl.DataFrame) -> pl.DataFrame:
    """Add the measures that hang on who is logged in and on whether the machine can count pieces."""
    attended, counts = pl.col("operator").is_not_null(), pl.col("counts").fill_null(value=False)
    people = {
        "apat_us": pl.col("pot_us") - pl.col("planned_down_us"),
        "apwt_us": pl.col("apt_us") + pl.col("aust_us"),
        "unknown_attended_us": pl.col("unknown_us"),
    }
    counting = {f"{name}_counting_us": pl.col(of) for name, of in _COUNTING.items()} | {
        "aupt_counting_us": pl.col("apt_us") + pl.col("aust_us"),
        "uptime_counting_us": pl.col("apt_us") + pl.col("sby_us") + pl.col("eng_us"),
    }
    return sums.with_columns(
        *(pl.when(attended).then(time).otherwise(0).alias(name) for name, time in people.items()),
        *(pl.when(counts).then(time).otherwise(0).alias(name) for name, time in counting.items()),
    ).select("production_day", *PLACE, "shift", "hour_at", *WORK, *MEASURES)
