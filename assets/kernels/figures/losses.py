"""gold.losses: where planned busy time went, from stops by reason down to speed, scrap and rework.

For a machine and shift with ideal cycles the rows and the ideal time of good pieces add up:
PBT = good ideal time + all losses inside PBT (every account but planned_down), as long as
effectiveness is at most 1. This is the loss waterfall of OEE (Nakajima's six losses, with logistic
and unknown time kept apart). Pieces counted over time without a signal are in none of it: when they were made
is not known.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.figures.piece_sums import gap_parts, with_ideal
from assets.kernels.figures.sums import scaled
from assets.kernels.finance.loss_costs import TIMELINE_EMPTY, WORTHLESS, priced
from plant.states import REASON_CLASS, Account, LossClass
from plant.tables import table

COLUMNS = [c for c in table("gold.losses").schema if c not in {"cost", "margin"}]
CELL = ("production_day", "machine", "shift")
KEY = (*CELL, "account", "reason", "reason_class")


def losses(
    time: pl.LazyFrame,
    counts: pl.LazyFrame,
    counting: list[str],
    lines: pl.DataFrame = TIMELINE_EMPTY,
    worth: pl.DataFrame = WORTHLESS,
) -> pl.LazyFrame:
    """One row a machine, shift and reason out of the time and count ledgers of whole days.

    `counting` names the machines that can count pieces (one with count rows that day can as well). `lines` says what
    an hour of a machine costs and when (`finance.rates.timeline`); without it, or where it has no rate, cost is null.
    `worth` says what a bottleneck's time is worth (`finance.loss_costs.worth`).

    * Stops: every account but production and not_scheduled, by reason; the reason falls back to the state.
      Parts of a stop shorter than the machine's `minor_stop_s` are class minor_stop. `stops` counts a
      stop once for each of its reasons, where that reason first came up, so a stop that runs on into the
      next shift or day has time but no count there.
    * Pieces: production time beyond the ideal time of the pieces (reduced_speed), and the ideal time of
      scrapped and reworked pieces. No row where effectiveness is above 1 or an ideal cycle is missing.
    """
    rows = pl.concat([stops(time), pieces(time, counts, counting)])
    rows = priced(rows, time, lines, worth)
    return rows.select(*COLUMNS, "cost", "margin").sort(KEY)


def stops(time: pl.LazyFrame) -> pl.LazyFrame:
    """Stopped, unknown, planned and set-up time by reason."""
    outside = [Account.PRODUCTION.value, Account.NOT_SCHEDULED.value]
    state_class = pl.col("state").replace_strict({str(s): str(c) for s, c in REASON_CLASS.items()}, default=None)
    minor = pl.when(pl.col("minor") & (pl.col("account") == Account.DELAY.value)).then(pl.lit(_word("MINOR_STOP")))
    first = pl.col("start_at") == pl.col("start_at").min().over("machine", "production_day", "stop_id", *KEY[-2:])
    carried = pl.col("opens_day") & (pl.col("stop_id") < pl.col("start_at").dt.epoch("us"))
    opens = pl.col("start_at") == pl.col("start_at").min().over("production_day", "machine")
    return (
        time.with_columns(opens_day=opens)
        .filter(~pl.col("account").is_in(outside))
        .with_columns(
            pl.coalesce("reason", "state").alias("reason"),
            pl.coalesce(minor, "reason_class", _by_account(), state_class, pl.lit(_word("UNKNOWN")))
            .alias("reason_class"),
        )
        .with_columns(began=first & ~carried & pl.col("stop_id").is_not_null())
        .group_by(*KEY)
        .agg(
            pl.col("site", "area", "line").first(),
            pl.col("began").fill_null(value=False).sum().cast(pl.Int64).alias("stops"),
            scaled(pl.col("duration_us").sum(), 1_000_000, 6).alias("duration_s"),
        )
        .select(COLUMNS)
    )  # fmt: skip


def pieces(time: pl.LazyFrame, counts: pl.LazyFrame, counting: list[str]) -> pl.LazyFrame:
    """Speed, scrap and rework losses as ideal time, where the shift has ideal cycles for all its pieces."""
    running = (
        time.filter(pl.col("account") == Account.PRODUCTION.value)
        .group_by(*CELL)
        .agg(pl.col("site", "area", "line").first(), pl.col("duration_us").sum().alias("apt_us"))
    )
    seen = [
        (pl.col(name) - pl.col(f"gap_{name}")).alias(name) for name in ("ideal_us", "scrap_ideal_us", "rework_ideal_us")
    ]
    rated = with_ideal(counts).with_columns(gap_parts()).with_columns(seen)
    made = rated.group_by(*CELL).agg(pl.col("^(scrap_|rework_|)ideal_us$", "unrated_pcs").sum())
    counted = counts.select("production_day", "machine").unique().with_columns(counted=pl.lit(value=True))
    both = running.join(made, on=list(CELL), how="left").join(counted, on=["production_day", "machine"], how="left")
    can = pl.col("counted").fill_null(value=False) | pl.col("machine").is_in(counting)
    both = both.filter(can).with_columns(pl.col("^.*ideal_us$", "unrated_pcs").fill_null(0))
    slow = both.filter((pl.col("unrated_pcs") == 0) & (pl.col("ideal_us") <= pl.col("apt_us")))
    parts = {
        "REDUCED_SPEED": pl.col("apt_us") - pl.col("ideal_us"),
        "SCRAP": pl.col("scrap_ideal_us"),
        "REWORK": pl.col("rework_ideal_us"),
    }
    split = [
        slow.filter(lost > 0).with_columns(
            account=pl.lit(Account.PRODUCTION.value), reason=pl.lit(_word(name)), reason_class=pl.lit(_word(name)),
            stops=pl.lit(0, pl.Int64), duration_s=scaled(lost, 1_000_000, 6),
        )
        for name, lost in parts.items()
    ]  # fmt: skip
    return pl.concat(split).select(COLUMNS)


def _word(name: str) -> str:
    return LossClass[name].value


def _by_account() -> pl.Expr:
    """Class of time whose account alone says it: set-up, planned, no signal."""
    words = {
        Account.SETUP.value: _word("SETUP"),
        Account.PLANNED_DOWN.value: _word("PLANNED"),
        Account.UNKNOWN.value: _word("UNKNOWN"),
    }
    return pl.col("account").replace_strict(words, default=None)
