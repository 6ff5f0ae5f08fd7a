"""gold.stock_differences: stock as the WMS or ERP states it, or as it was counted, against the ledger at that instant.

The ledger knows what is booked by now, the statement what was booked then. What was entered later for an earlier
instant is the part that explains itself; the rest is a finding.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.stock.places import MICRO, placed, whole
from assets.kernels.stock.sites import Sites
from plant.tables import table

PAIR = ["material", "location"]
NOTHING = 1e-6
"""Quantities closer than this agree, in the unit of the material."""


def differences(
    ledger: pl.LazyFrame,
    moves: pl.LazyFrame,
    levels: pl.LazyFrame,
    materials: pl.LazyFrame,
    locations: pl.LazyFrame,
    sites: Sites,
) -> pl.LazyFrame:
    """One row a statement of `levels` (silver.stock_levels); and one a pair that only the ledger holds.

    A statement without lot is of all lots together. A pair is `not_stated` where the system stated other materials of
    that location (as of the latest of those statements), but neither the pair nor a lot of it, and the ledger is
    not 0. Postings at the very instant of a statement are in it. `moves` is silver.stock_moves.
    """
    posted = ledger.select("material", "lot", "location", "at", "move_id", micro=whole())
    entered = moves.select("move_id", "booked_at").filter(pl.col("booked_at").is_not_null())
    late = posted.join(entered, on="move_id").filter(pl.col("booked_at") > pl.col("at"))
    stated = levels.rename({"level_id": "statement", "qty": "stated_qty"})
    asked = pl.concat([stated, _not_stated(posted, stated)], how="diagonal")
    by_lot, in_all = asked.filter(pl.col("lot").is_not_null()), asked.filter(pl.col("lot").is_null())
    held = pl.concat([_held(by_lot, posted, [*PAIR, "lot"]), _held(in_all, posted, PAIR)], how="diagonal")
    told = pl.concat([_missed(by_lot, late, [*PAIR, "lot"]), _missed(in_all, late, PAIR)])
    both = held.join(told, on="statement", how="left").with_columns(pl.col("late_micro").fill_null(0))
    return _judged(both, materials, placed(locations, sites), sites)


def _not_stated(posted: pl.LazyFrame, stated: pl.LazyFrame) -> pl.LazyFrame:
    system = stated.filter(pl.col("kind") == "system")
    spoke = system.group_by("location").agg(pl.col("at").max().alias("stated_at"))
    alone = posted.join(spoke, on="location").filter(pl.col("at") <= pl.col("stated_at"))
    sums = alone.group_by(PAIR).agg(pl.col("micro").sum(), at=pl.col("stated_at").first())
    left = sums.filter(pl.col("micro") != 0).join(system.select(PAIR).unique(), on=PAIR, how="anti")
    name = pl.format("ledger only {} @ {}", "material", "location").alias("statement")
    return left.select(name, *PAIR, "at", kind=pl.lit("system"))


def _held(asked: pl.LazyFrame, posted: pl.LazyFrame, by: list[str]) -> pl.LazyFrame:
    """The ledger's sum up to and with each statement's instant, in millionths."""
    running = posted.sort("at").select(*by, "at", ledger_micro=pl.col("micro").cum_sum().over(by))
    joined = asked.sort("at").join_asof(running, on="at", by=by, strategy="backward", check_sortedness=False)
    return joined.with_columns(pl.col("ledger_micro").fill_null(0))


def _missed(asked: pl.LazyFrame, late: pl.LazyFrame, by: list[str]) -> pl.LazyFrame:
    """Of each statement: the sum of what counts by its instant and was entered after it."""
    pairs = asked.select("statement", *by, stated_at="at").join(late, on=by)
    in_between = (pl.col("at") <= pl.col("stated_at")) & (pl.col("booked_at") > pl.col("stated_at"))
    return pairs.filter(in_between).group_by("statement").agg(pl.col("micro").sum().alias("late_micro"))


def _judged(rows: pl.LazyFrame, materials: pl.LazyFrame, known: pl.LazyFrame, sites: Sites) -> pl.LazyFrame:
    units = materials.select("material", "unit", "standard_cost_cents")
    named = rows.join(units, on="material", how="left").join(
        known.select("location", "site"), on="location", how="left"
    )
    gap = (pl.col("stated_qty").fill_null(0.0) - pl.col("ledger_qty")).round(6)
    measured = named.with_columns(
        pl.col("site").fill_null(sites.names[0]), pl.col("unit").fill_null("unknown"),
        ledger_qty=(pl.col("ledger_micro") / MICRO).round(6), late_qty=(pl.col("late_micro") / MICRO).round(6),
    ).with_columns(gap.alias("difference_qty"))  # fmt: skip
    finding = (
        pl.when(pl.col("difference_qty").abs() <= NOTHING).then(pl.lit("agrees"))
        .when((pl.col("difference_qty") + pl.col("late_qty")).abs() <= NOTHING).then(pl.lit("late_posting"))
        .when(pl.col("stated_qty").is_null()).then(pl.lit("not_stated"))
        .otherwise(pl.lit("differs"))
    )  # fmt: skip
    value = (pl.col("difference_qty") * pl.col("standard_cost_cents") / 100).round(4)
    valued = measured.with_columns(finding.alias("finding"), value.alias("difference_value"))
    return valued.select(list(table("gold.stock_differences").schema)).sort("statement")
