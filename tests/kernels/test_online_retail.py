"""The stock kernels on a real year of a shop: 541,909 invoice lines with returns, cancellations and write-offs.

The set holds sales only, no receipts and no cost. So every material opens with the least stock that covers the year
(nothing ever arrives), and value is at the mean sales price: the turns are those of a shop that bought all on day one.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from assets.kernels.stock.classes import classes, on_hand
from assets.kernels.stock.daily import first_needed, inventory
from assets.kernels.stock.demand import weekly
from assets.kernels.stock.sites import Sites
from models.replenishment.pattern import described, panel
from plant.tables import table

DATA = Path(os.environ.get("SHOPFLOOR_DATA", Path(__file__).parents[3] / "shared" / "data"))
SITE, FIRST, LAST = "shop", date(2010, 12, 1), date(2011, 12, 9)
SITES = Sites((SITE,))
SAMPLE = 8
"""One stock code in so many, for a test of seconds; the figures of all are in docs/inventory.md."""


def read(every: int) -> pl.DataFrame:
    """Invoice lines of goods (codes that begin with five digits; postage and charges are none)."""
    path = DATA / "online_retail_uci" / "online_retail.parquet"
    if not path.is_file():
        pytest.skip(f"data set online_retail_uci is not in {DATA}; set SHOPFLOOR_DATA")
    lines = pl.read_parquet(path).filter(pl.col("StockCode").str.contains(r"^\d{5}"))
    return lines.filter(pl.col("StockCode").hash(seed=0) % every == 0)


def ledger(lines: pl.DataFrame) -> pl.DataFrame:
    """Postings: sales are shipments, cancellations (invoice C...) take shipments back, the rest are adjustments."""
    price = (
        lines.filter(pl.col("UnitPrice") > 0)
        .group_by("StockCode")
        .agg(cents=(pl.col("UnitPrice") * pl.col("Quantity").abs()).sum() / pl.col("Quantity").abs().sum() * 100)
    )
    cancelled = pl.col("InvoiceNo").cast(pl.String).str.starts_with("C")
    written_off = ~cancelled & (pl.col("Quantity") < 0)
    qty = pl.when(written_off).then(pl.col("Quantity")).otherwise(-pl.col("Quantity")).cast(pl.Float64)
    rows = lines.join(price, on="StockCode").with_row_index("n").select(
        material="StockCode", qty=qty, cents="cents", at=pl.col("InvoiceDate").cast(pl.Datetime("us", "UTC")),
        kind=pl.when(written_off).then(pl.lit("adjustment")).otherwise(pl.lit("shipment")),
        move_id=pl.format("m{}", "n"),
    ).sort("at", "move_id")  # fmt: skip
    least = rows.with_columns(held=pl.col("qty").cum_sum().over("material")).group_by("material").agg(
        qty=-pl.col("held").min().clip(upper_bound=0), cents=pl.col("cents").first(), at=pl.col("at").min()
    )  # fmt: skip
    opening = least.with_columns(at=pl.lit(FIRST).cast(pl.Datetime("us", "UTC")), kind=pl.lit("adjustment"),
                                 move_id=pl.format("open-{}", "material"))  # fmt: skip
    both = pl.concat([opening.select(rows.columns), rows]).with_columns(
        production_day=pl.col("at").dt.date(), site=pl.lit(SITE), location=pl.lit("store"), lot=pl.lit(None, pl.String),
        reference=pl.lit(None, pl.String), value_cents=(pl.col("qty") * pl.col("cents")).round().cast(pl.Int64),
    )  # fmt: skip
    return both.select(pl.col(c).cast(t) for c, t in table("silver.stock_ledger").schema.items())


def days(first: date) -> pl.LazyFrame:
    """Production days from midnight to midnight."""
    every = pl.date_range(first_needed(first), LAST, eager=True).alias("production_day").to_frame().lazy()
    start = pl.col("production_day").cast(pl.Datetime("us", "UTC"))
    return every.with_columns(site=pl.lit(SITE), start_at=start, end_at=start + pl.duration(days=1))


def stand(postings: pl.DataFrame, first: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """gold.inventory from `first` on, and gold.stock_classes as of the last day; both by the house's kernels."""
    empty = {n: table(f"silver.{n}").empty().lazy() for n in ("purchase_orders", "partners", "sales_orders",
                                                              "bills_of_material", "locations")}  # fmt: skip
    cents = postings.group_by("material").agg(
        standard_cost_cents=(pl.col("value_cents").abs().sum() / pl.col("qty").abs().sum()).round().cast(pl.Int64)
    )
    schema = table("silver.materials").schema
    goods = cents.with_columns(kind=pl.lit("finished"), unit=pl.lit("pcs"))
    materials = pl.concat([pl.DataFrame(schema=schema), goods], how="diagonal_relaxed").lazy()
    orders, partners = empty["purchase_orders"], empty["partners"]
    stock = inventory(postings.lazy(), materials, orders, partners, days(first), first, SITES)
    held = stock.collect(engine="in-memory")
    ends = days(LAST).filter(pl.col("production_day") == LAST).select("site", "production_day", "end_at")
    asked = described(
        panel(weekly(postings.lazy(), empty["sales_orders"], empty["bills_of_material"], ends.collect(), SITES))
    )
    now = on_hand(postings.lazy(), held.lazy(), empty["locations"], ends)
    return held, classes(asked.lazy(), now, materials, 180, 120.0).collect()


def figures(every: int) -> dict[str, object]:
    """What docs/inventory.md reports: classes, patterns, turnover of the year, dead stock."""
    postings = ledger(read(every))
    held, found = stand(postings, FIRST)
    sold = postings.filter(pl.col("kind") == "shipment")
    net = -sold["value_cents"].sum() / 100
    mean = held["average_value"].sum() / held["production_day"].n_unique()
    turns = net / mean * 365 / held["production_day"].n_unique()
    return {
        "lines": postings.height, "materials": found.height, "negative_days": int((held["on_hand_qty"] < 0).sum()),
        "returned": sold.filter(pl.col("qty") > 0).height, "sold": round(net), "turns": round(turns, 2),
        "classes": found.group_by("abc", "xyz").len().sort("abc", "xyz", nulls_last=True).rows(),
        "patterns": found.group_by("pattern").len().sort("pattern", nulls_last=True).rows(),
        "states": found.group_by("state").len().sort("state", nulls_last=True).rows(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def shop():
    postings = ledger(read(SAMPLE))
    return postings, *stand(postings, date(2011, 11, 12))


def test_stock_is_the_sum_of_a_years_postings_and_never_below_zero(shop):
    postings, held, _ = shop
    last = held.filter(pl.col("production_day") == LAST)
    sums = dict(postings.group_by("material").agg(pl.col("qty").sum()).rows())
    assert dict(last.select("material", "on_hand_qty").rows()) == pytest.approx(sums)
    assert held["on_hand_qty"].min() >= 0
    assert held.filter(pl.col("alert") == "negative_stock").is_empty()


def test_a_cancelled_order_is_no_demand(shop):
    postings, _, found = shop
    back = postings.filter((pl.col("kind") == "shipment") & (pl.col("qty") > 0))
    assert back.height > 500
    net = postings.filter(pl.col("kind") == "shipment").group_by("material").agg(net=-pl.col("qty").sum())
    joined = found.join(net, on="material")
    # 53 whole weeks, each at least 0: what is left of the year's net sales or a little more
    assert joined.filter(pl.col("demand_qty") > 0).height > 300
    assert joined["demand_qty"].sum() == pytest.approx(joined["net"].sum(), rel=0.10)


def test_classes_hold_the_shares_they_are_named_for(shop):
    _, _, found = shop
    value = dict(found.group_by("abc").agg(pl.col("demand_value").sum()).rows())
    total = sum(v or 0.0 for v in value.values())
    assert value["A"] / total == pytest.approx(0.80, abs=0.03)
    assert (value["A"] + value["B"]) / total == pytest.approx(0.95, abs=0.02)
    assert {"Y", "Z"} <= set(found["xyz"].drop_nulls())
    assert set(found["pattern"].drop_nulls()) == {"smooth", "erratic", "intermittent", "lumpy"}
    assert (found["turns"].drop_nulls() >= 0).all()
    assert found.filter(pl.col("turns") > 0).height > 250
