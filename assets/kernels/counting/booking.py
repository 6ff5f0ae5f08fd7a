"""Where a counted piece is booked: its cell of the calendar, the work it belongs to, whether it spans a gap.

Rows are sorted by `key` (counter and instant, packed); every look-up is one backward as-of step on such keys.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from assets.kernels.cells import WORK


def on_axis(rows: pl.LazyFrame, counters: pl.DataFrame, key: Callable[[str], pl.Expr]) -> pl.LazyFrame:
    """Stretches of machines on every counter of theirs, sorted: from_key, until_key and what else they say.

    Takes machine_index, production_day, start_at, end_at; `key` packs `index` (of the counter) and an instant.
    """
    own = counters.lazy().select("index", "machine_index")
    keyed = rows.join(own, on="machine_index").with_columns(from_key=key("start_at"), until_key=key("end_at"))
    return keyed.drop("index", "machine_index", "production_day", "start_at", "end_at").sort("from_key")


def in_cells(rows: pl.LazyFrame, calendar: pl.LazyFrame) -> pl.LazyFrame:
    """Add `cell` and `fresh` (the row stands where a shift begins); rows outside the calendar are left out."""
    found = rows.join_asof(calendar, left_on="key", right_on="from_key", strategy="backward")
    fresh = pl.col("fresh") & (pl.col("key") == pl.col("from_key"))
    return found.filter(pl.col("key") < pl.col("until_key")).with_columns(fresh=fresh).drop("from_key", "until_key")


def numbered(runs: pl.LazyFrame, works: pl.LazyFrame) -> pl.LazyFrame:
    """Replace the names of machine and WORK by the number of the work in `works`; `ordered`: an order is on."""
    known = runs.join(works, on=WORK, how="left", nulls_equal=True)
    return known.with_columns(ordered=pl.col("order_id").is_not_null()).drop("machine", *WORK)


def on_work(rows: pl.LazyFrame, runs: pl.LazyFrame) -> pl.LazyFrame:
    """Add `work` of the stretch just before `key`, or of the one at `key`.

    The one at `key` where a shift begins, and where an order is on at `key` and none was before.
    """
    found = rows.with_columns(moment=pl.col("key") - 1)
    for name, moment in (("before", "moment"), ("now", "key")):
        found = found.join_asof(runs, left_on=moment, right_on="from_key", strategy="backward")
        holds = pl.col(moment) < pl.col("until_key")
        found = found.with_columns(pl.when(holds).then("work").alias(name), pl.col("ordered").alias(f"{name}_ordered"))
        found = found.drop("from_key", "until_key", "work", "ordered")
    begun = ~pl.col("before_ordered") & pl.col("now_ordered").fill_null(value=False)
    keeps = ~pl.col("fresh") & ~begun & pl.col("before").is_not_null()
    work = pl.when(keeps).then("before").otherwise("now")
    return found.with_columns(work=work).drop("before", "now", "before_ordered", "now_ordered", "moment")


def over_gaps(rows: pl.LazyFrame, unknown: pl.LazyFrame) -> pl.LazyFrame:
    """Add `gap`: some of the time from `since_key` to `key` is in `unknown` (from_key, until_key, sorted)."""
    last = rows.with_columns(moment=pl.col("key") - 1)
    found = last.join_asof(unknown, left_on="moment", right_on="from_key", strategy="backward")
    gap = (pl.col("until_key") > pl.col("since_key")).fill_null(value=False)
    return found.with_columns(gap=gap).drop("moment", "from_key", "until_key")
