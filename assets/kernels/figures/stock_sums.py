"""Measures of stock and material: inventory integrated over time, consumption, shipments and losses, in value.

Rows have no machine and no shift; they are of a site and full local hour. Material of a product (finished goods, and
semi-finished material that goes into one product only) is under that product, consumption under its order.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us
from assets.kernels.figures.hours import Hours

KEY = ("production_day", "site", "hour_at", "order_id", "product")
MEASURES = (
    "cm_cents", "stl_cents", "ol_cents", "stock_us", "shipped_cents", "produced_value_cents", "rmi_cent_s",
    "wip_cent_s", "fgi_cent_s",
)  # fmt: skip
SCRAP_ZONE = "scrap"
"""Locations of this zone, or of this name, hold what is no inventory any more."""
_INVENTORY = {"raw": "rmi_cent_s", "semi": "wip_cent_s", "finished": "fgi_cent_s"}
_SECOND_US = 1_000_000


def stock_sums(
    stock: pl.LazyFrame,
    materials: pl.LazyFrame,
    bills: pl.LazyFrame,
    locations: pl.LazyFrame,
    operations: pl.LazyFrame,
    hours: Hours,
    ends: pl.DataFrame,
) -> pl.DataFrame:
    """Sums per site, full local hour, order and product: `KEY` and `MEASURES`.

    `stock` is the whole silver.stock_ledger: what is on hand at an hour is the sum of all postings before it.
    `ends` (site, end_us) is how far the ledgers of each site reach; nothing is booked after it.
    """
    named = _posted(stock, materials, bills, operations).collect(engine="in-memory")
    bins = locations.filter((pl.col("zone") == SCRAP_ZONE) | (pl.col("location") == SCRAP_ZONE)).select("location")
    held = named.join(bins.collect(engine="in-memory"), on="location", how="anti")
    grid = _grid(hours, ends)
    frames = [_moved(named, hours, ends), _on_hand(held, grid), _time_of(held, grid)]
    whole = pl.concat(frames, how="diagonal").with_columns(pl.col(MEASURES).fill_null(0))
    summed = whole.group_by(KEY).agg(pl.col(MEASURES).sum())
    return summed.filter(pl.any_horizontal(pl.col(m) != 0 for m in MEASURES))


def _posted(
    stock: pl.LazyFrame, materials: pl.LazyFrame, bills: pl.LazyFrame, operations: pl.LazyFrame
) -> pl.LazyFrame:
    """Postings with the kind of their material, its product, and order and product they were consumed for."""
    parents = bills.group_by(material="component").agg(
        parent=pl.when(pl.col("product").n_unique() == 1).then(pl.col("product").first())
    )
    known = materials.select("material", sort="kind").join(parents, on="material", how="left")
    finished, semi = pl.col("sort") == "finished", pl.col("sort") == "semi"
    own = pl.when(finished).then("material").when(semi).then("parent")
    orders = operations.group_by(reference="order_id").agg(order_product=pl.col("product").drop_nulls().sort().first())
    joined = stock.join(known, on="material", how="left").join(
        orders.with_columns(ordered=pl.lit(value=True)), on="reference", how="left"
    )
    return joined.with_columns(own=own, at_us=us("at"))


def _moved(rows: pl.DataFrame, hours: Hours, ends: pl.DataFrame) -> pl.DataFrame:
    """What was consumed, shipped, received from production and lost, in the hour of the posting."""
    tracked = rows.drop("production_day").with_columns(hours.track(pl.lit("site:") + pl.col("site")))
    inside = tracked.drop_nulls("track").join(ends, on="site").filter(pl.col("at_us") < pl.col("end_us"))
    at = hours.named(hours.at(inside))
    kind, out = pl.col("kind"), pl.col("value_cents") < 0
    raw, finished = pl.col("sort") == "raw", pl.col("sort") == "finished"
    tests = {
        "cm_cents": (kind == "issue") & raw & out, "shipped_cents": (kind == "shipment") & finished & out,
        "produced_value_cents": (kind == "production") & finished & ~out, "stl_cents": (kind == "adjustment") & out,
        "ol_cents": (kind == "scrap") & out & pl.col("reference").is_null(),
    }  # fmt: skip
    ordered = pl.col("ordered").fill_null(value=False) & (kind == "issue")
    placed = at.with_columns(
        order_id=pl.when(ordered).then("reference"),
        product=pl.when(ordered).then("order_product").otherwise("own"),
        **{name: pl.when(test).then(pl.col("value_cents").abs()).otherwise(0) for name, test in tests.items()},
    )
    return placed.group_by(KEY).agg(pl.col(tests).sum())


def _grid(hours: Hours, ends: pl.DataFrame) -> pl.DataFrame:
    """Full local hours of the sites up to where the ledgers reach: site, production_day, hour_at, from_us, until_us."""
    of_sites = {n: name.removeprefix("site:") for name, n in hours.tracks.items() if name.startswith("site:")}
    cells = hours.cells.filter(pl.col("track").is_in(list(of_sites)))
    named = cells.with_columns(site=pl.col("track").replace_strict(of_sites or {-1: ""}, return_dtype=pl.String)).join(
        ends, on="site"
    )
    cut = named.with_columns(until_us=pl.min_horizontal("until_us", "end_us"))
    return cut.filter(pl.col("from_us") < pl.col("until_us")).select(
        "site", "production_day", "hour_at", "from_us", "until_us"
    )


def _on_hand(rows: pl.DataFrame, grid: pl.DataFrame) -> pl.DataFrame:
    """Value on hand integrated over each hour: what was there at its start, and postings for the rest of it."""
    kinds = rows.filter(pl.col("sort").is_in(list(_INVENTORY))).select(
        "site", "sort", "at_us", "value_cents", product="own"
    )
    groups = kinds.group_by("site", "sort", "product").agg(first_us=pl.col("at_us").min())
    cells = groups.join(grid, on="site").filter(pl.col("until_us") > pl.col("first_us"))
    running = kinds.sort("at_us").with_columns(on_hand=pl.col("value_cents").cum_sum().over("site", "sort", "product"))
    keyed = running.select("site", "sort", pl.col("product").fill_null(""), "at_us", "on_hand")
    asked = cells.with_columns(pl.col("product").fill_null("")).sort("from_us")
    opened = asked.join_asof(
        keyed.sort("at_us"), left_on="from_us", right_on="at_us", by=["site", "sort", "product"], strategy="backward",
        allow_exact_matches=False, check_sortedness=False,
    )  # fmt: skip
    length = (pl.col("until_us") - pl.col("from_us")) // _SECOND_US
    opening = opened.with_columns(cent_s=pl.col("on_hand").fill_null(0) * length)
    at = pl.col("at_us")
    inside = (at >= pl.col("from_us")) & (at < pl.col("until_us"))
    recent = kinds.filter(at >= (grid["from_us"].min() or 0)).sort("at_us").join_asof(
        grid.sort("from_us"), left_on="at_us", right_on="from_us", by="site", strategy="backward",
        check_sortedness=False,
    ).filter(inside)  # fmt: skip
    # Both sides of a transfer must cancel exactly: round towards zero, not down.
    area = pl.col("value_cents").abs() * (pl.col("until_us") - at) // _SECOND_US
    posted = recent.with_columns(pl.col("product").fill_null(""), cent_s=area * pl.col("value_cents").sign())
    columns = ("site", "production_day", "hour_at", "sort", "product", "cent_s")
    both = pl.concat([opening.select(columns), posted.select(columns)])
    return both.select(
        "site", "production_day", "hour_at", pl.when(pl.col("product") != "").then("product").alias("product"),
        pl.lit(None, pl.String).alias("order_id"),
        *(pl.when(pl.col("sort") == sort).then("cent_s").otherwise(0).alias(m) for sort, m in _INVENTORY.items()),
    )  # fmt: skip


def _time_of(rows: pl.DataFrame, grid: pl.DataFrame) -> pl.DataFrame:
    """Time of each site since it has a stock ledger."""
    since = rows.group_by("site").agg(first_us=pl.col("at_us").min())
    cells = grid.join(since, on="site").filter(pl.col("until_us") > pl.col("first_us"))
    return cells.select(
        "site", "production_day", "hour_at", order_id=pl.lit(None, pl.String), product=pl.lit(None, pl.String),
        stock_us=pl.col("until_us") - pl.col("from_us"),
    )  # fmt: skip
