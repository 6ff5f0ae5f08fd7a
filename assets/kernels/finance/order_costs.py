"""gold.order_costs: actual cost of each order by component and item, its standard, and the difference explained.

Standard: the plan of the operation (set-up once, run time, people and energy a piece) at the rates that held when the
order was planned to begin, and the bill of material at standard cost; for the good pieces of the last operation, for
the pieces made, and for the planned ones. An open order has cost so far and no standard. docs/finance.md has it all.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from assets.kernels.finance.day_costs import COSTS, HOUR_US, KWH_J, MICRO
from assets.kernels.finance.material import issued, needed, own_made
from assets.kernels.finance.performance import last_operations, standard_us, with_quantity
from assets.kernels.finance.rates import at, per_piece
from assets.kernels.finance.variances import LEVELS, explained
from plant.tables import table

_PIECES = ("good_pcs", "scrap_pcs", "rework_pcs")
_KEY = ["order_id", "operation", "machine"]
_BESIDE = ("labour", "energy")
"""Components of which nothing may have been used, or nothing was recorded: a log-in or a meter is missing."""
_OCCUPIED = ("run_us", "interrupted_us", "unknown_us")


def order_costs(
    days: pl.LazyFrame,
    orders: pl.DataFrame,
    operations: pl.LazyFrame,
    stock: pl.LazyFrame,
    locations: pl.LazyFrame,
    materials: pl.LazyFrame,
    bills: pl.LazyFrame,
    lines: pl.DataFrame,
) -> pl.DataFrame:
    """gold.order_costs: one row an order, component and item (material or machine).

    days: gold.order_days. orders: gold.order_performance. stock, locations, materials, bills: silver tables, whole.
    lines: `rates.timeline`.
    """
    head = orders.select("order_id", "product", "site", "line", "open", "ended_at", "planned_pcs", "good_pcs",
                         "started_pcs")  # fmt: skip
    worked = _worked(days, operations, head)
    parts = [_component(worked, name, lines) for name in COSTS]
    taken = _material(head, stock, locations, materials.collect(engine="in-memory"), bills, worked)
    rows = pl.concat([*parts, taken], how="diagonal").join(
        head.select("order_id", "product", "site", "line", "open", "ended_at"), on="order_id"
    )
    known = rows.with_columns(
        pl.when(pl.col("open") & pl.lit(level != "actual")).then(None).otherwise(pl.col(level)).alias(level)
        for level in LEVELS
    )
    done = explained(known).with_columns(note=_note(), scrap_cents=_scrap())
    return done.select(pl.col(n).cast(d) for n, d in table("gold.order_costs").schema.items()).sort(
        "order_id", "component", "item"
    )


def _worked(days: pl.LazyFrame, operations: pl.LazyFrame, head: pl.DataFrame) -> pl.DataFrame:
    """One row an order, operation and machine: what it took, its plan, and its share of good, made and lost pieces."""
    sums = days.filter(pl.col("machine").is_not_null()).group_by(_KEY).agg(
        pl.col(*_OCCUPIED, "setup_us", *_PIECES, "person_us", "energy_j").sum(),
        *(_all_or_null(c) for c in ("ideal_us", *(f"{c}_ucents" for c in COSTS))),
    )  # fmt: skip
    plan = ("planned_pcs", "planned_setup_s", "planned_run_s", "planned_labour_s", "planned_energy_kwh")
    planned = (
        with_quantity(operations, head.lazy())
        .group_by(_KEY)
        .agg(*(_all_or_null(c) for c in plan), plan_us=us(pl.coalesce("planned_start_at", "started_at").min()))
    )
    steps = last_operations(operations).select("order_id", "operation", "seq")
    rows = sums.join(planned, on=_KEY, how="left").join(steps, on=["order_id", "operation"], how="left")
    named = rows.collect(engine="in-memory").join(head.select("order_id", order_good="good_pcs"), on="order_id")
    made = named.with_columns(made=pl.sum_horizontal(_PIECES))
    every = pl.col("made").sum().over("order_id", "operation")
    lost = _lost(made)
    both = made.join(lost, on=["order_id", "operation"], how="left")
    part = pl.when(every > 0).then(pl.col("made") / every)
    return both.with_columns(
        run_std_us=standard_us(), good_share=part * pl.col("order_good") / pl.col("made").clip(1),
        lost_share=pl.when(every > 0).then(pl.col("lost") / every).otherwise(0.0).clip(0.0, 1.0),
    )  # fmt: skip


def _lost(made: pl.DataFrame) -> pl.DataFrame:
    """Pieces scrapped at an operation or behind it: order_id, operation, lost."""
    steps = made.group_by("order_id", "operation").agg(pl.col("scrap_pcs").sum(), pl.col("seq").min())
    behind = steps.sort("order_id", "seq", descending=[False, True], nulls_last=True)
    return behind.select("order_id", "operation", lost=pl.col("scrap_pcs").cum_sum().over("order_id"))


def _component(worked: pl.DataFrame, name: str, lines: pl.DataFrame) -> pl.DataFrame:
    """Levels of a component by order and machine (operations of a machine added up)."""
    each = at(lines, per_piece(name), worked, "plan_us")["rate_cents"].fill_null(0.0) * MICRO
    rows = at(lines, name, worked, "plan_us").with_columns(each=each)
    per, amount, unit, fixed, run, whole = _plan(name)
    price = pl.col("rate_cents") * (MICRO / per)
    standing = {"interrupted_us": pl.lit(0.0), "unknown_us": pl.lit(0.0)}
    if name in ("machine", "overhead"):
        standing = {c: pl.col(c).cast(pl.Float64) for c in standing}
    # Of what ran without a piece counted nobody knows how many it should have made; set-up does not ask for pieces.
    none = pl.when((pl.col("run_us") > 0) & pl.lit(name != "setup")).then(None).otherwise(0.0)
    share = pl.when(pl.col("made") > 0).then(pl.col("good_share")).otherwise(none)
    run_made = pl.when(pl.col("made") > 0).then(run).otherwise(none)
    good = pl.when(pl.col("made") > 0).then(pl.col("made") * pl.col("good_share")).otherwise(0.0)
    at_price = _at_price(amount, price) + _at_price(pl.col("made"), pl.col("each"))
    running = at_price - standing["interrupted_us"] * price
    levels = rows.with_columns(
        actual=pl.col(f"{name}_ucents").cast(pl.Float64), at_price=at_price, running=running,
        heard=running - standing["unknown_us"] * price, amount=amount,
        made=_at_price(fixed + run_made, price) + _at_price(pl.col("made"), pl.col("each")),
        standard=_at_price(fixed + run_made * share, price) + _at_price(good, pl.col("each")),
        planned=_at_price(fixed + whole, price) + _at_price(pl.col("planned_pcs"), pl.col("each")),
        lost_ucents=pl.col(f"{name}_ucents") * (0.0 if name == "setup" else pl.col("lost_share")),
    )  # fmt: skip
    summed = levels.group_by("order_id", pl.col("machine").alias("item")).agg(
        *(_all_or_null(c) for c in (*LEVELS, "lost_ucents")), pl.col("amount").sum()
    )
    used = pl.any_horizontal(pl.col("amount") > 0, pl.col("standard") > 0, pl.col("actual") > 0)
    return summed.filter(used.fill_null(value=True)).with_columns(
        component=pl.lit(name), quantity=pl.col("amount") / per, unit=pl.lit(unit)
    ).drop("amount")  # fmt: skip


def _at_price(amount: pl.Expr, price: pl.Expr) -> pl.Expr:
    """At a price of nothing an amount nobody knows costs nothing as well."""
    return pl.when(price == 0).then(0.0).otherwise(amount * price)


def _plan(name: str) -> tuple[int, pl.Expr, str, pl.Expr, pl.Expr, pl.Expr]:
    """Unit in small ones, actual amount, unit, planned amount once an order, of the pieces made, of those planned."""
    setup, run = pl.col("planned_setup_s") * 1e6, pl.col("run_std_us")
    both = pl.col("planned_setup_s") + pl.col("planned_run_s")
    of_run = pl.when(both > 0).then(pl.col("planned_run_s") / both)
    some = pl.col("planned_pcs") > 0
    each = pl.when(some).then(pl.col("made") / pl.col("planned_pcs"))
    ideal = pl.when(pl.col("made") > 0).then(run / pl.col("made") * pl.col("planned_pcs"))
    planned = pl.coalesce(pl.when(some).then(pl.col("planned_run_s") * 1e6), ideal, _nothing_planned())
    people, joules = pl.col("planned_labour_s") * 1e6, pl.col("planned_energy_kwh") * KWH_J
    occupied = pl.sum_horizontal(_OCCUPIED)
    none = pl.lit(0.0)
    return {
        "machine": (HOUR_US, occupied, "h", none, run, planned),
        "setup": (HOUR_US, pl.col("setup_us"), "h", setup, none, none),
        "overhead": (HOUR_US, occupied + pl.col("setup_us"), "h", setup, run, planned),
        "labour": (HOUR_US, pl.col("person_us"), "h", people * (1 - of_run), people * of_run * each,
                   pl.coalesce(_nothing_planned(), people * of_run)),
        "energy": (KWH_J, pl.col("energy_j"), "kWh", joules * (1 - of_run), joules * of_run * each,
                   pl.coalesce(_nothing_planned(), joules * of_run)),
    }[name]  # fmt: skip


def _nothing_planned() -> pl.Expr:
    """0 where no piece was planned, else null."""
    return pl.when(pl.col("planned_pcs") == 0).then(0.0)


def _material(
    head: pl.DataFrame, stock: pl.LazyFrame, locations: pl.LazyFrame, materials: pl.DataFrame, bills: pl.LazyFrame,
    worked: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """Levels of material by order and item.

    What was never issued to an order whose pieces were begun is not known; a product without a bill has no standard.
    """
    own, parts = own_made(stock).collect(engine="in-memory"), bills.collect(engine="in-memory")
    asked, taken = needed(head, parts, own), issued(stock, locations)
    both = taken.join(asked, on=["order_id", "item"], how="full", coalesce=True)
    booked, billed = taken["order_id"].unique().implode(), parts["product"].unique().implode()
    cost = materials.select(item="material", unit="unit", each=pl.col("standard_cost_cents") * float(MICRO))
    first = (
        worked.sort("seq", nulls_last=True).group_by("order_id", maintain_order=True).agg(pl.col("lost_share").first())
    )
    untold = ~pl.col("order_id").is_in(booked) & (pl.col("started_pcs") > 0)
    rows = both.join(head.select("order_id", "product", "planned_pcs", "good_pcs", "started_pcs"), on="order_id").join(
        cost, on="item", how="left").join(first, on="order_id", how="left").with_columns(
        pl.col("qty_micro").fill_null(0), pl.col("packed").fill_null(value=False),
        value_cents=pl.when(~untold).then(pl.col("value_cents").fill_null(0)),
        per_pc=pl.when(pl.col("product").is_in(billed).fill_null(value=False)).then(pl.col("per_pc").fill_null(0)),
    )  # fmt: skip
    begun = pl.when(pl.col("packed")).then(pl.col("good_pcs")).otherwise(pl.col("started_pcs"))
    used = pl.when(pl.col("value_cents").is_not_null()).then(pl.col("qty_micro") / 1e6)
    at_price = used * pl.col("each")
    actual = (pl.col("value_cents") * MICRO).cast(pl.Float64)
    lost = pl.when(pl.col("packed")).then(0.0).otherwise(pl.col("lost_share").fill_null(0.0))
    return rows.select(
        "order_id", "item", "unit", component=pl.lit("material"), quantity=used, actual=actual,
        at_price=at_price, running=at_price, heard=at_price, made=pl.col("per_pc") * begun * pl.col("each"),
        standard=pl.col("per_pc") * pl.col("good_pcs") * pl.col("each"),
        planned=pl.col("per_pc") * pl.col("planned_pcs") * pl.col("each"), lost_ucents=actual * lost,
    ).with_columns(pl.col("unit").fill_null("unknown"))  # fmt: skip


def _all_or_null(column: str) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null().all()).then(pl.col(column).sum()).alias(column)


def _scrap() -> pl.Expr:
    """A part of the actual cost: never more than it, never below nothing."""
    return pl.when(pl.col("actual_cents").is_not_null()).then(
        (pl.col("lost_ucents") / MICRO + 0.5).floor().cast(pl.Int64).clip(0)
    )


def _note() -> pl.Expr:
    words = pl.concat_list(
        pl.when(pl.col("actual_cents").is_null() & (pl.col("component") == "material"))
        .then(pl.lit("no material was issued to it: what it took is not known"))
        .when(pl.col("actual_cents").is_null())
        .then(pl.format("no {} rate for a part of it", "component")),
        pl.when((pl.col("quantity") == 0) & (pl.col("standard_cents") > 0) & pl.col("component").is_in(_BESIDE)).then(
            pl.lit("planned, but none was recorded")
        ),
        pl.when(pl.col("open")).then(pl.lit("open: cost so far, the standard comes with its end")),
        pl.when(~pl.col("open") & pl.col("standard_cents").is_null()).then(
            pl.lit("no standard: a planned time, a rate, a bill of material or a standard cost is missing")
        ),
    ).list.drop_nulls()
    return pl.when(words.list.len() > 0).then(words.list.join("; "))
