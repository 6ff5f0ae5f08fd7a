"""gold.cash_to_cash: days of inventory + days of sales outstanding - days of payables outstanding.

Metric AM.1.1 of SCOR (cash-to-cash cycle time) is inventory days of supply (AM.2.2) + days sales outstanding (AM.2.1) -
days payable outstanding (AM.2.3). SCOR takes five-point rolling averages of balances; here a balance is the integral
over the window divided by its length, so a window of any length is right and no day is looked at twice. A base of
nothing (nothing shipped, sold or bought) makes a ratio null, not nothing and not endless. An invoice in another
currency counts at the rate of its issue until it is paid: what the rate does in between is no receivable.
A credit note is an invoice below nothing; one paid before it was written was never open.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from assets.kernels.axis import us
from assets.kernels.finance.exchange import in_plant_money
from plant.tables import table

TRAILING_D = 28
DAY_US = 86_400_000_000
SHIPPED = "shipment"
KINDS = ("receivable", "payable")
_BASES = (
    ("cost_of_sales", "nothing was shipped", "more came back than was shipped"),
    ("revenue", "nothing was invoiced to customers", "customers were credited more than was invoiced"),
    ("purchases", "nothing was invoiced by suppliers", "suppliers credited more than they invoiced"),
)
"""What days are counted in: the words where there is none of it, and where there is less than none."""
_SCHEMA = {"grain": pl.String(), "first_day": pl.Date(), "last_day": pl.Date()}


def cash_to_cash(
    stock: pl.LazyFrame, invoices: pl.LazyFrame, rates: pl.LazyFrame, zone: str, currency: str, as_of_us: int
) -> pl.DataFrame:
    """gold.cash_to_cash: each calendar month since the first invoice or posting, and trailing windows.

    stock: silver.stock_ledger. invoices: silver.invoices. rates: silver.exchange_rates. zone: of the plant's days.
    currency: the plant's. as_of_us: how far the records reach; nothing after it counts, and an invoice paid after it is
    open. A trailing window ends on each of the last 28 days. Balances of invoices count from their issue to their
    payment; where one has no exchange rate what it is part of is null, and the note says so. One that was paid and
    has no date of issue is in no sum; windows of its payment say so.
    """
    moved = _postings(stock, as_of_us)
    undated = invoices.filter(pl.col("issued_at").is_null(), us("paid_at") < as_of_us)
    lost = undated.select(paid_us=us("paid_at")).collect(engine="in-memory")["paid_us"].sort()
    worth = in_plant_money(_dated(invoices), rates, currency, "issued_at").collect(engine="in-memory").lazy()
    billed, strange = _bills(worth, as_of_us), _unpriced(worth, as_of_us)
    firsts = [f["at_us"][0] for f in (moved, *billed.values()) if f.height]
    if not firsts:
        return table("gold.cash_to_cash").empty()
    windows = _windows(min(firsts), as_of_us, zone)
    stocked_us = moved["at_us"][0] if moved.height else as_of_us
    since = (pl.col("high_us") - pl.max_horizontal("low_us", pl.lit(stocked_us))).clip(0)
    rows = _over(windows.with_columns(stock_us=since), moved, "inventory", "cost_of_sales")
    rows = _over(rows, billed["receivable"], "receivable", "revenue")
    rows = _over(rows, billed["payable"], "payable", "purchases")
    counts = [_met(rows, strange[k]).alias(f"{k}_unpriced") for k in KINDS]
    after = pl.when(pl.col("high_us") == as_of_us).then(
        _after(stock, "at", as_of_us) + _after(invoices, "issued_at", as_of_us)
    )
    return _ratios(rows.with_columns(*counts, _between(rows, lost).alias("undated"), after.alias("after")))


def _after(rows: pl.LazyFrame, at: str, as_of_us: int) -> int:
    """How many rows are dated after all that happened."""
    found: int = rows.filter(us(at) >= as_of_us).select(pl.len()).collect(engine="in-memory").item()
    return found


def _dated(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Invoices that were written, open from then on: paid_at is not before issued_at."""
    paid = pl.when(pl.col("paid_at").is_not_null()).then(pl.max_horizontal("issued_at", "paid_at"))
    return invoices.filter(pl.col("issued_at").is_not_null()).with_columns(paid_at=paid)


def _between(rows: pl.DataFrame, instants: pl.Series) -> pl.Series:
    """How many of the instants, in order, are in each window."""
    until, since = instants.search_sorted(rows["high_us"]), instants.search_sorted(rows["low_us"])
    return until.cast(pl.Int64) - since.cast(pl.Int64)


def _postings(stock: pl.LazyFrame, as_of_us: int) -> pl.DataFrame:
    """Changes of the stock value up to as_of_us: at_us, step_cents, base_cents (value shipped), in order of time."""
    out = pl.when(pl.col("kind") == SHIPPED).then(-pl.col("value_cents")).otherwise(0)
    rows = stock.select(at_us=us("at"), step_cents="value_cents", base_cents=out)
    return rows.filter(pl.col("at_us") < as_of_us).sort("at_us").collect(engine="in-memory")


def _bills(invoices: pl.LazyFrame, as_of_us: int) -> dict[str, pl.DataFrame]:
    """By kind, changes of what is open up to as_of_us: at_us, step_cents, base_cents (issued), in order of time."""
    amount = (pl.col("amount_cents") * pl.col("per_unit")).round().cast(pl.Int64)
    invoices = invoices.filter(pl.col("per_unit").is_not_null())
    issued = invoices.select("kind", at_us=us("issued_at"), step_cents=amount, base_cents=amount)
    paid = invoices.select("kind", at_us=us("paid_at"), step_cents=-amount, base_cents=pl.lit(0, pl.Int64))
    both = pl.concat([issued, paid]).filter(pl.col("at_us") < as_of_us).sort("at_us").collect(engine="in-memory")
    return {kind: both.filter(pl.col("kind") == kind).drop("kind") for kind in KINDS}


def _unpriced(invoices: pl.LazyFrame, as_of_us: int) -> dict[str, pl.DataFrame]:
    """By kind, invoices whose currency has no rate at their issue: issued_us, paid_us (an open one: never)."""
    strange = invoices.filter(pl.col("per_unit").is_null(), us("issued_at") < as_of_us)
    rows = strange.select("kind", issued_us=us("issued_at"), paid_us=us("paid_at").fill_null(2**61)).collect()
    return {kind: rows.filter(pl.col("kind") == kind).drop("kind") for kind in KINDS}


def _met(rows: pl.DataFrame, strange: pl.DataFrame) -> pl.Series:
    """How many of these invoices were open in each window: issued before its end less those paid before it begins."""
    issued = strange["issued_us"].sort().search_sorted(rows["high_us"])
    return issued.cast(pl.Int64) - strange["paid_us"].sort().search_sorted(rows["low_us"], side="right").cast(pl.Int64)


def _windows(first_us: int, as_of_us: int, zone: str) -> pl.DataFrame:
    """Windows with the part the records cover: grain, first_day, last_day, low_us, high_us."""
    local = pl.Series([first_us, as_of_us - 1]).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone).dt.date()
    first, last = local.to_list()
    rows: list[tuple[str, date, date]] = []
    month = first.replace(day=1)
    while month <= last:
        following = (month + timedelta(days=32)).replace(day=1)
        rows.append(("month", month, following - timedelta(days=1)))
        month = following
    ends = [last - timedelta(days=n) for n in range(TRAILING_D)]
    rows += [("trailing", d - timedelta(days=TRAILING_D - 1), d) for d in ends if d >= first]
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def at(day: pl.Expr) -> pl.Expr:
        return us(day.cast(pl.Datetime("us")).dt.replace_time_zone(zone).dt.convert_time_zone("UTC"))

    return frame.with_columns(
        low_us=at(pl.col("first_day")).clip(lower_bound=first_us),
        high_us=at(pl.col("last_day") + pl.duration(days=1)).clip(upper_bound=as_of_us),
    )


def _over(rows: pl.DataFrame, changes: pl.DataFrame, name: str, base: str) -> pl.DataFrame:
    """Adds the integral of a balance over each window (cents x us) and the sum of what is new in it."""
    origin = changes["at_us"][0] if changes.height else 0
    area = pl.col("step_cents").cast(pl.Float64) * (pl.col("at_us") - origin)  # beyond whole 64 bits
    sums = changes.select(
        "at_us", held=pl.col("step_cents").cum_sum(), moment=area.cum_sum(), new=pl.col("base_cents").cum_sum()
    ).unique("at_us", keep="last", maintain_order=True)
    upto = {edge: _upto(rows, sums, edge, origin) for edge in ("low_us", "high_us")}
    parts = {c: upto["high_us"][c] - upto["low_us"][c] for c in ("area", "new")}
    return rows.with_columns(parts["area"].alias(f"{name}_area"), parts["new"].alias(f"{base}_cents"))


def _upto(rows: pl.DataFrame, sums: pl.DataFrame, edge: str, origin: int) -> pl.DataFrame:
    """Integral and sum of everything before an edge of each window, in the order of the windows."""
    edges = rows.select(edge_us=pl.col(edge)).with_row_index("row").sort("edge_us")
    found = edges.join_asof(
        sums.rename({"at_us": "edge_us"}), on="edge_us", strategy="backward", allow_exact_matches=False
    )
    told = found.with_columns(pl.col("held", "moment", "new").fill_null(0))
    area = pl.col("held").cast(pl.Float64) * (pl.col("edge_us") - origin) - pl.col("moment")
    return told.with_columns(area=area).sort("row")


def _ratios(rows: pl.DataFrame) -> pl.DataFrame:
    length = pl.col("high_us") - pl.col("low_us")
    days, stock_days = length / DAY_US, pl.col("stock_us") / DAY_US
    known = {kind: pl.col(f"{kind}_unpriced") == 0 for kind in KINDS}
    balance = {
        "inventory": pl.when(pl.col("stock_us") > 0).then(pl.col("inventory_area") / pl.col("stock_us") / 100),
        **{
            k: pl.when(known[k]).then(pl.col(f"{k}_area") / (pl.col("high_us") - pl.col("low_us")) / 100) for k in KINDS
        },
    }
    based = rows.with_columns(
        **balance, days=days, inventory_days=stock_days,
        revenue=pl.when(known["receivable"]).then(pl.col("revenue_cents") / 100),
        cost_of_sales=pl.when(pl.col("stock_us") > 0).then(pl.col("cost_of_sales_cents") / 100),
        purchases=pl.when(known["payable"]).then(pl.col("purchases_cents") / 100),
    )  # fmt: skip
    ratio = based.with_columns(
        _days_of("inventory", "cost_of_sales", "inventory_days", "dio_d"),
        _days_of("receivable", "revenue", "days", "dso_d"), _days_of("payable", "purchases", "days", "dpo_d"),
    )  # fmt: skip
    told = ratio.with_columns(cash_to_cash_d=pl.col("dio_d") + pl.col("dso_d") - pl.col("dpo_d"), note=_note())
    schema = table("gold.cash_to_cash").schema
    return told.select(pl.col(n).cast(d) for n, d in schema.items()).sort("grain", "first_day")


def _days_of(balance: str, base: str, over: str, name: str) -> pl.Expr:
    return pl.when(pl.col(base) > 0).then(pl.col(balance) / pl.col(base) * pl.col(over)).alias(name)


def _note() -> pl.Expr:
    whole = (pl.col("last_day") - pl.col("first_day")).dt.total_days() + 1
    strange = pl.col("receivable_unpriced") + pl.col("payable_unpriced")
    words = pl.concat_list(
        pl.when(strange > 0).then(
            pl.format("{} invoices in a currency without an exchange rate at their issue", strange)
        ),
        pl.when(pl.col("stock_us") == 0).then(pl.lit("no stock ledger in this window")),
        *(
            pl.when(pl.col(base) == 0).then(pl.lit(nothing)).when(pl.col(base) < 0).then(pl.lit(less))
            for base, nothing, less in _BASES
        ),
        pl.when(pl.col("undated") > 0).then(
            pl.format("{} paid invoices without a date of issue are in no sum", "undated")
        ),
        # An hour less or more where the clocks change is no missing day.
        pl.when((pl.col("stock_us") > 0) & (pl.col("inventory_days") < whole - 0.1)).then(
            pl.format("stock is known for {} of {} days", pl.col("inventory_days").round(1), whole)
        ),
        pl.when(pl.col("after") > 0).then(
            pl.format("{} invoices or postings are dated after all others: not counted, correct their dates", "after")
        ),
    ).list.drop_nulls()
    return pl.when(words.list.len() > 0).then(words.list.join("; "))
