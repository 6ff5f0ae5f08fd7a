"""gold.supply_lines: every order line held to the date asked for, first confirmed and last promised."""

from __future__ import annotations

import polars as pl

from assets.kernels.figures.sums import scaled
from assets.kernels.supply.facts import KEY, MICRO, arrivals, as_of, day, order_lines, returns
from plant.supply import Supply
from plant.tables import table

COUNTING = ("on_time", "early", "late", "overdue")
"""Outcomes that count: the line was due."""
COLUMNS = list(table("gold.supply_lines").schema)


def supply_lines(
    purchases: pl.LazyFrame, sales: pl.LazyFrame, deliveries: pl.LazyFrame, rules: Supply, zone: str, currency: str
) -> pl.LazyFrame:  # fmt: skip
    """One row a line and basis: requested and confirmed, of purchases also promised.

    Days are those of `zone`. The window of a line is [due day - early_d, due day + late_d]; it is due when that is
    over as of the newest booking (`facts.as_of`), whatever came until then: the outcome does not choose who counts.
    A line ends with the arrival that brings its sum to the quantity due less `short_share`; a closed one that never got
    there ends with its last arrival. In full: the sum is within `short_share` and `over_share`. What is due and not
    there is overdue, and has failed. A line closed without any arrival is `untold` and does not count.
    A return takes nothing from what arrived (SCOR judges that at receipt): it spoils the condition where the sender
    is at fault, leaves it untold where nobody said, and what was sent too much and came back is not too much.
    `currency` is the plant's: a line in it has none of its own.
    """
    known = as_of(purchases, sales, deliveries)
    lines = order_lines(purchases, sales)
    came = arrivals(lines, deliveries, known)
    held = _against(lines, rules, zone).join(known, how="cross").with_columns(day("as_of_at", zone).alias("as_of_day"))
    summed = _arrived(held, came, zone)
    back = held.join(summed, on="row", how="left").join(returns(deliveries, known), on=KEY, how="left")
    judged = _outcome(back, rules, zone)
    judged = judged.with_columns(pl.when(pl.col("currency") != currency).then("currency").alias("currency"))
    return judged.select(COLUMNS).sort("direction", "partner", "line", "basis")


def _against(lines: pl.LazyFrame, rules: Supply, zone: str) -> pl.LazyFrame:
    """A row a line and basis, with the quantity due, the due day and its window."""
    confirmed = pl.coalesce("confirmed_qty", "qty")
    parts = [
        lines.with_columns(basis=pl.lit("requested"), due_at="requested_at", due_qty="qty"),
        lines.with_columns(basis=pl.lit("confirmed"), due_at="confirmed_at", due_qty=confirmed),
        lines.filter(direction="inbound").with_columns(basis=pl.lit("promised"), due_at="promised_at", due_qty="qty"),
    ]
    due_micro = (pl.col("due_qty") * MICRO).round().cast(pl.Int64)
    long = pl.concat(parts).with_columns(day("due_at", zone).alias("due_day"), due_micro.alias("due_micro"))
    # A number for each line and basis: grouping millions of rows by three texts takes five times as long.
    return long.with_row_index("row").with_columns(
        (pl.col("due_day") + pl.duration(days=rules.late_d)).alias("limit_day"),
        (pl.col("due_micro") * (1 - rules.short_share)).round().cast(pl.Int64).alias("need_micro"),
    )


def _arrived(held: pl.LazyFrame, came: pl.LazyFrame, zone: str) -> pl.LazyFrame:
    """What arrived of each line and basis; `done_at`: the arrival that made it full."""
    in_order = came.sort("at", "tie", nulls_last=True).with_row_index("nth")
    each = held.select(*KEY, "row", "due_micro", "need_micro", "limit_day").join(in_order, on=KEY, how="inner")
    there = pl.col("at").is_not_null()
    run = each.sort("row", "nth").with_columns(
        pl.when(there).then("micro").otherwise(0).cum_sum().over("row").alias("sum_micro"),
        day("at", zone).alias("day"),
    )
    full = there & (pl.col("sum_micro") >= pl.col("need_micro"))
    here = {name: pl.col(name).filter(there) for name in ("micro", "rejected_micro", "documents_ok", "told_by", "at")}
    checked = pl.col("micro").filter(there & pl.col("rejected_micro").is_not_null())
    return run.group_by("row").agg(
        here["at"].min().alias("first_at"), here["at"].max().alias("last_at"),
        pl.col("at").filter(full).min().alias("done_at"),
        here["micro"].sum().alias("arrived_micro"), pl.col("micro").filter(~there).sum().alias("way_micro"),
        pl.col("micro").filter(pl.col("day") <= pl.col("limit_day")).sum().alias("in_time_micro"),
        here["rejected_micro"].sum().alias("rejected_micro"), checked.sum().alias("checked_micro"),
        (here["rejected_micro"] == 0).all(ignore_nulls=False).alias("damage_free"),
        here["documents_ok"].all(ignore_nulls=False).alias("documents_ok"),
        here["told_by"].first().alias("told_by"), there.sum().cast(pl.Int64).alias("deliveries"),
        here["rejected_micro"].is_not_null().any().alias("told"),
    )  # fmt: skip


def _outcome(joined: pl.LazyFrame, rules: Supply, zone: str) -> pl.LazyFrame:
    """The verdict of each row, out of what was due and what arrived."""
    counts = ("arrived_micro", "way_micro", "in_time_micro", "checked_micro", "returned_micro", "deliveries")
    filled = joined.with_columns(pl.col(counts).fill_null(0), pl.col("told").fill_null(value=False))
    came = pl.col("deliveries") > 0
    closed = (pl.col("status") != "open") & (pl.col("way_micro") == 0)
    ended = pl.when(came).then(pl.coalesce("done_at", pl.when(closed).then("last_at")))
    timed = filled.with_columns(ended.alias("ended_at"), closed.alias("closed")).with_columns(
        day("ended_at", zone).alias("ended_day"), day("first_at", zone).alias("first_day")
    )
    named = timed.with_columns(_word(rules).alias("outcome")).with_columns(
        pl.col("outcome").is_in(list(COUNTING)).alias("due")
    )
    due = pl.col("due")
    end = pl.coalesce("ended_day", "as_of_day")
    return named.with_columns(
        pl.when(due).then(pl.col("outcome") == "on_time").alias("on_time"),
        pl.when(due).then(_full(rules)).alias("in_full"),
        pl.when(due).then((pl.col("outcome") == "on_time") & _full(rules)).alias("otif"),
        pl.when(due).then((end - pl.col("due_day")).dt.total_days()).alias("days_late"),
        pl.when(came).then(_condition()).alias("damage_free"),
        pl.when(came).then("documents_ok").alias("documents_ok"),
        *_quantities(),
    )


def _word(rules: Supply) -> pl.Expr:
    early = pl.lit(value=False)
    if rules.early_d is not None:
        early = pl.col("first_day") < pl.col("due_day") - pl.duration(days=rules.early_d)
    return (
        pl.when(pl.col("status") == "cancelled").then(pl.lit("cancelled"))
        .when(pl.col("due_day").is_null() | (pl.col("due_micro") <= 0)).then(pl.lit("undated"))
        .when((pl.col("limit_day") >= pl.col("as_of_day")).fill_null(value=True)).then(pl.lit("not_due"))
        .when(pl.col("closed") & (pl.col("deliveries") == 0)).then(pl.lit("untold"))
        .when(pl.col("ended_day").is_null()).then(pl.lit("overdue"))
        .when(pl.col("ended_day") > pl.col("limit_day")).then(pl.lit("late"))
        .when(early).then(pl.lit("early"))
        .otherwise(pl.lit("on_time"))
    )  # fmt: skip


def _condition() -> pl.Expr:
    """Nothing rejected, and nothing sent back by the sender's fault; one of them settles it, else all must be told."""
    unharmed = pl.when(pl.col("returned_micro") > 0).then(~pl.col("blamed")).otherwise(pl.lit(value=True))
    return pl.col("damage_free") & unharmed


def _full(rules: Supply) -> pl.Expr:
    enough = pl.col("arrived_micro") >= pl.col("need_micro")
    if rules.over_share is None:
        return enough
    most = (pl.col("due_micro") * (1 + rules.over_share)).round().cast(pl.Int64)
    return enough & (pl.col("arrived_micro") - pl.col("returned_micro") <= most)


def _quantities() -> list[pl.Expr]:
    in_time = pl.when(pl.col("limit_day").is_not_null()).then(pl.min_horizontal("in_time_micro", "due_micro"))
    value = (pl.col("qty") * pl.col("unit_price_cents")).round().cast(pl.Int64)
    return [
        scaled(pl.col("arrived_micro"), MICRO, 6).alias("arrived_qty"),
        scaled(pl.col("way_micro"), MICRO, 6).alias("on_the_way_qty"),
        scaled(in_time, MICRO, 6).alias("in_time_qty"),
        scaled(pl.when(pl.col("told")).then("rejected_micro"), MICRO, 6).alias("rejected_qty"),
        scaled(pl.col("checked_micro"), MICRO, 6).alias("rejection_told_qty"),
        scaled(pl.col("returned_micro"), MICRO, 6).alias("returned_qty"),
        scaled(value, 100, 2).alias("value"),
    ]
