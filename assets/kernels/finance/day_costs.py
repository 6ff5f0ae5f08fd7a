"""What each order took on its machines on a day, and what that cost: time, people, energy, overhead at the rates then.

Time is charged while the order is on the machine and the machine is in a shift: producing, standing and without signal
at the machine's rate, set-up at the set-up rate; pieces where a rate is per piece (`finance.pieces`). Breaks, planned
stops and time out of shift are not charged. A cost is rounded to a millionth of a cent once a rate, then added as
integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

import polars as pl

from assets.kernels.axis import us
from assets.kernels.finance.pieces import with_piecework

KEY = ("production_day", "site", "area", "line", "machine", "order_id", "operation", "product")
HOUR_US, KWH_J, MICRO = 3_600_000_000, 3_600_000, 1_000_000
RUNNING = ("production", "delay", "unknown")
CHARGED = (*RUNNING, "setup")
IDLE = ("not_scheduled", "planned_down")
"""Accounts in which nobody is paid for an order."""
BUCKETS = {
    "run_us": "production", "setup_us": "setup", "interrupted_us": "delay", "planned_us": "planned_down",
    "not_scheduled_us": "not_scheduled", "unknown_us": "unknown",
}  # fmt: skip
_PARTS = lcm(*range(1, 17))
"""A microsecond of a person in so many parts, so that halves and thirds of it are whole."""
COSTS = ("machine", "setup", "labour", "energy", "overhead")


def machine_rows(
    time: pl.LazyFrame, counts: pl.LazyFrame, energy: pl.LazyFrame, operations: pl.LazyFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """Rows of gold.order_days with a machine, without the columns that only orders as a whole have.

    `lines`: `rates.timeline`. time, counts, energy: the ledgers of the days.
    """
    spent = timed(time)
    mine = spent.filter(pl.col("order_id").is_not_null())
    sums = mine.group_by(KEY).agg(
        pl.col("duration_us").filter(pl.col("account") == account).sum().alias(name)
        for name, account in BUCKETS.items()
    )
    parts = [
        _by_time(mine, RUNNING, "machine", lines), _by_time(mine, ("setup",), "setup", lines),
        _by_time(mine, CHARGED, "overhead", lines), _labour(spent, lines),
    ]  # fmt: skip
    for part in parts:
        sums = sums.join(part, on=KEY, how="left", nulls_equal=True)
    whole = _with_energy(_with_pieces(sums, counts), energy, operations, lines)
    return with_piecework(whole, counts, lines, KEY, COSTS)


def timed(time: pl.LazyFrame) -> pl.DataFrame:
    """The time ledger with start_us and end_us, as far as costs read it."""
    columns = (*KEY, "account", "operator", "duration_us")
    return time.select(*columns, start_us=us("start_at"), end_us=us("end_at")).collect(engine="in-memory")


def cut(rows: pl.DataFrame, kind: str, lines: pl.DataFrame) -> pl.DataFrame:
    """Stretches (machine, start_us, end_us) cut where the rate changes, with rate_cents: null where there is none."""
    rates = lines.filter(pl.col("kind") == kind).select("machine", "from_us", "to_us", "rate_cents")
    numbered = rows.with_row_index("stretch")
    met = numbered.join(rates, on="machine").filter(
        pl.col("from_us") < pl.col("end_us"), pl.col("to_us") > pl.col("start_us")
    )
    paid = met.with_columns(
        start_us=pl.max_horizontal("start_us", "from_us"), end_us=pl.min_horizontal("end_us", "to_us")
    ).drop("from_us", "to_us")
    covered = paid.group_by("stretch").agg(covered_us=(pl.col("end_us") - pl.col("start_us")).sum())
    whole = pl.col("end_us") - pl.col("start_us")
    # A stretch that no rate, or not one all the way, covers is unpaid as a whole: its cost is not known.
    left = numbered.join(covered, on="stretch", how="left").filter(pl.col("covered_us").fill_null(0) < whole)
    kept = paid.join(left.select("stretch"), on="stretch", how="anti")
    return pl.concat([kept, left.drop("covered_us")], how="diagonal").drop("stretch")


def _by_time(mine: pl.DataFrame, accounts: Sequence[str], kind: str, lines: pl.DataFrame) -> pl.DataFrame:
    rows = mine.filter(pl.col("account").is_in(accounts)).select(*KEY, "start_us", "end_us")
    taken = cut(rows, kind, lines).with_columns(amount=pl.col("end_us") - pl.col("start_us"))
    return _costed(taken, f"{kind}_ucents", HOUR_US)


def _costed(rows: pl.DataFrame, name: str, unit: int, amount: str | None = None) -> pl.DataFrame:
    """Cost of amounts by `KEY`; null where an amount has no rate. With `amount` the sum of amounts as well."""
    by_rate = rows.group_by(*KEY, "rate_cents").agg(pl.col("amount").sum())
    cost = (pl.col("amount") * pl.col("rate_cents") / unit * MICRO).round().cast(pl.Int64)
    unpaid = (pl.col("rate_cents").is_null() & (pl.col("amount") > 0)).any()
    sums = [pl.when(~unpaid).then(cost.sum()).alias(name)]
    return by_rate.group_by(KEY).agg(*sums, *([] if amount is None else [pl.col("amount").sum().alias(amount)]))


def _labour(spent: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Time of people at machines with an order, and its cost: of k machines at once each has one k-th."""
    at_work = spent.filter(pl.col("operator").is_not_null(), ~pl.col("account").is_in(IDLE))
    rows = cut(at_work.select(*KEY, "operator", "start_us", "end_us"), "labour", lines)
    shared = rows.with_columns(amount=_shares(rows)).filter(pl.col("order_id").is_not_null())
    found = _costed(shared, "labour_ucents", HOUR_US * _PARTS, "person_us")
    return found.with_columns(pl.col("person_us") // _PARTS)


def _shares(rows: pl.DataFrame) -> pl.Series:
    """Each stretch in parts of a microsecond, divided by the machines its person is at at once."""
    who = ["operator", "production_day"]
    edges = pl.concat([
        rows.select(*who, at_us="start_us", step=pl.lit(1)), rows.select(*who, at_us="end_us", step=pl.lit(-1)),
    ])  # fmt: skip
    steps = edges.group_by(*who, "at_us").agg(pl.col("step").sum()).sort(*who, "at_us")
    on = steps.with_columns(here=pl.col("step").cum_sum().over(who), length=pl.col("at_us").shift(-1).over(who))
    length = (pl.col("length") - pl.col("at_us")).fill_null(0) * _PARTS // pl.max_horizontal("here", 1)
    passed = on.with_columns(gone=length.cum_sum().over(who) - length).select(*who, "at_us", "gone")
    first = rows.join(passed, left_on=[*who, "start_us"], right_on=[*who, "at_us"], how="left", maintain_order="left")
    last = rows.join(passed, left_on=[*who, "end_us"], right_on=[*who, "at_us"], how="left", maintain_order="left")
    return last["gone"] - first["gone"]


def _with_pieces(sums: pl.DataFrame, counts: pl.LazyFrame) -> pl.DataFrame:
    pieces = ("good_pcs", "scrap_pcs", "rework_pcs")
    rated = pl.when(pl.col("ideal_us").is_not_null().all()).then(pl.col("ideal_us").sum())
    made = (
        counts.filter(pl.col("order_id").is_not_null()).group_by(KEY).agg(pl.col(pieces).sum(), rated.alias("ideal_us"))
    )
    both = sums.join(made.collect(engine="in-memory"), on=KEY, how="full", nulls_equal=True, coalesce=True)
    costs = [c for c in sums.columns if c.endswith("_ucents")]
    # No row of a kind: nothing of it was used, so it cost nothing. A null in a row is a missing rate.
    used = {"machine": ("run_us", "interrupted_us", "unknown_us"), "setup": ("setup_us",), "labour": ("person_us",),
            "overhead": ("run_us", "interrupted_us", "unknown_us", "setup_us")}  # fmt: skip
    zero = both.with_columns(pl.col(*pieces, *BUCKETS, "person_us").fill_null(0))
    return zero.with_columns(
        pl.when(pl.sum_horizontal(used[c.removesuffix("_ucents")]) == 0).then(0).otherwise(pl.col(c)).alias(c)
        for c in costs
    )


def _with_energy(
    sums: pl.DataFrame, energy: pl.LazyFrame, operations: pl.LazyFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """Energy while the order was on the machine, at the price of the hour's start.

    Its operation is the one the time ledger has on that day, else the one begun there: a plan alone names none.
    """
    first = pl.col("operation").drop_nulls().sort().first()
    begun = operations.filter(pl.col("started_at").is_not_null()).group_by("machine", "order_id").agg(begun=first)
    booked = sums.lazy().group_by("production_day", "machine", "order_id").agg(first)
    used = energy.filter(pl.col("order_id").is_not_null(), pl.col("account").is_in(CHARGED))
    named = used.join(booked, on=["production_day", "machine", "order_id"], how="left")
    told = pl.coalesce("operation", "begun").alias("operation")
    known = named.join(begun, on=["machine", "order_id"], how="left").with_columns(told).select(
        *KEY, start_us=us("hour_at"), end_us=us("hour_at") + 1, amount="energy_j"
    )  # fmt: skip
    rows = cut(known.collect(engine="in-memory"), "energy", lines)
    cost = _costed(rows, "energy_ucents", KWH_J, "energy_j")
    both = sums.join(cost, on=KEY, how="full", nulls_equal=True, coalesce=True)
    zero = both.with_columns(pl.exclude("ideal_us", *KEY, "^.*_ucents$").fill_null(0))
    # Energy of an operation the time ledger has no row of: its other costs are nothing, not unknown.
    nothing = {c: pl.when(pl.sum_horizontal(*BUCKETS) == 0).then(pl.col(c).fill_null(0)).otherwise(pl.col(c)).alias(c)
               for c in ("machine_ucents", "setup_ucents", "labour_ucents", "overhead_ucents")}  # fmt: skip
    paid = pl.when(pl.col("energy_j") == 0).then(0).otherwise(pl.col("energy_ucents")).alias("energy_ucents")
    return zero.with_columns(*nothing.values(), paid)
