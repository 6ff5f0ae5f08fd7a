"""Measures of time: the time ledger cut at hours and summed by machine, hour, shift and work.

Two steps keep it lean: rows are summed by (stretch of the same work, hour, pattern of measures) over one packed
integer, and only those sums are spread over the measures.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from assets.kernels.figures.hours import Hours
from assets.kernels.figures.time_kinds import BREAKDOWN_PATTERN, MINOR_STOPS, PATTERN_OF_KIND, PATTERNS, kind
from plant.kpi.measures import GROUPS

PLACE = ("site", "area", "line", "machine")
WORK = ("order_id", "operation", "product", "operator")
MEASURES = tuple(m.name for m in GROUPS["time"])
NEEDED = (
    "production_day", *PLACE, "start_at", "end_at", "account", "state", "reason", "reason_class", "minor", "stop_id",
    *WORK, "source",
)  # fmt: skip
_RUN = (*PLACE, *WORK)
_COUNTING = {
    "reference": "reference_us", "pot": "pot_us", "pbt": "pbt_us", "apt": "apt_us", "unknown": "unknown_us",
    "breakdown": "breakdown_us", "minor": MINOR_STOPS, "short": "minor_us",
}  # fmt: skip


def time_sums(ledger: pl.LazyFrame, hours: Hours, counting: pl.DataFrame) -> pl.DataFrame:
    """Sums per machine, hour, shift and work: PLACE, production_day, shift, hour_at, WORK and every time measure.

    `counting` (production_day, machine) says where pieces can be counted. `ledger` is silver.time_ledger of whole
    production days, all of them in the calendar of `hours`.

    Raises:
        ValueError: the ledger has time of a line or a day the calendar does not have.
    """
    rows, runs = _numbered(ledger.select(NEEDED).collect(engine="in-memory"))
    placed = rows.with_columns(track=pl.lit(runs.select(hours.track(pl.col("line"))).to_series()).gather(pl.col("run")))
    parts = hours.cut(placed.select("track", "start_us", "end_us", "run", "pattern"))
    _nothing_lost(placed, parts)
    at = pl.col("run") * hours.cells.height + pl.col("cell")
    keyed = parts.lazy().group_by((at * len(PATTERNS) + pl.col("pattern")).alias("key"))
    spread = _spread(keyed.agg(pl.col("part_us").sum()).collect(engine="in-memory"))
    failures = hours.at(_failures(placed)).group_by(at.alias("at")).agg(failures=pl.len().cast(pl.Int64))
    whole = spread.join(failures, on="at", how="left").with_columns(
        pl.col("failures").fill_null(0),
        run=pl.col("at") // hours.cells.height,
        cell=pl.col("at") % hours.cells.height,
    )
    named = hours.named(whole.drop("at")).join(runs, on="run").drop("run")
    known = counting.select("production_day", "machine", counts=pl.lit(value=True))
    return _by_machine(named.join(known, on=["production_day", "machine"], how="left"))


def _numbered(ledger: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ledger's rows as numbers, by machine and start inside a production day, and its stretches of one work.

    Rows: run, part (number of the machine and day), opens (first of it), start_us, end_us, pattern (of measures),
    stop_id. Runs: run, PLACE, WORK.
    """
    opens = _changes(ledger, "machine", "production_day")
    rows = ledger.select(
        "stop_id", start_us=us("start_at"), end_us=us("end_at"), pattern=pl.lit(PATTERN_OF_KIND).gather(kind()),
        opens=opens, fresh=opens | _changes(ledger, *WORK),
    )  # fmt: skip
    begins = ledger[rows["opens"].arg_true()].select("production_day", "machine")
    back = rows.select(((pl.col("start_us") < pl.col("start_us").shift()) & ~pl.col("opens")).any()).item()
    if back or begins.is_duplicated().any():
        return _numbered(ledger.sort("production_day", "machine", "start_at"))
    runs = ledger[rows["fresh"].arg_true()].select(*PLACE, *WORK).with_row_index("run")
    count = {"run": pl.col("fresh"), "part": pl.col("opens")}
    numbered = rows.with_columns((flag.cum_sum().cast(pl.Int64) - 1).alias(name) for name, flag in count.items())
    return numbered.drop("fresh"), runs.with_columns(pl.col("run").cast(pl.Int64))


def _changes(ledger: pl.DataFrame, *names: str) -> pl.Expr:
    """Whether one of the columns reads otherwise than in the row before; columns without any value never do."""
    told = [name for name in names if ledger[name].null_count() < ledger.height]
    differs = [pl.col(name).ne_missing(pl.col(name).shift()) for name in told]
    return pl.any_horizontal(pl.int_range(pl.len()) == 0, *differs)


def _nothing_lost(rows: pl.DataFrame, parts: pl.DataFrame) -> None:
    left = rows.select((pl.col("end_us") - pl.col("start_us")).sum()).item() - parts["part_us"].sum()
    if left:
        raise ValueError(
            f"{left} us of the time ledger lie on lines or days the calendar does not have: "
            "pass the segments of every line and day of the ledger"
        )


def _spread(summed: pl.DataFrame) -> pl.DataFrame:
    """From (stretch and cell, pattern) to one row a stretch and cell with every measure that is a sum of patterns."""
    pattern, at = pl.col("key") % len(PATTERNS), pl.col("key") // len(PATTERNS)
    split = summed.select("part_us", pattern=pattern, at=at)
    found = split["pattern"].unique().sort().to_list()
    columns = {n: pl.when(pl.col("pattern") == n).then("part_us").otherwise(0).sum().alias(f"p{n}") for n in found}
    wide = split.lazy().group_by("at").agg(columns.values()).collect(engine="in-memory")
    names = sorted(frozenset().union(*PATTERNS))
    sums = [pl.sum_horizontal(pl.lit(0), *(f"p{n}" for n in found if m in PATTERNS[n])).alias(m) for m in names]
    return wide.select("at", *sums)


def _failures(rows: pl.DataFrame) -> pl.DataFrame:
    """Where breakdowns began: the first row of class breakdown of a stop, not one carried in from the day before."""
    broken = rows.filter(pl.lit(BREAKDOWN_PATTERN).gather(pl.col("pattern")))
    same = [pl.col(name).eq_missing(pl.col(name).shift()) for name in ("part", "stop_id")]
    first = ~pl.all_horizontal(same) | (pl.int_range(pl.len()) == 0)
    carried = pl.col("opens") & (pl.col("stop_id") < pl.col("start_us")).fill_null(value=False)
    return broken.filter(first).filter(~carried).select("track", "run", at_us="start_us")


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
