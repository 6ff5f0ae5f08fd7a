"""The rows of the lake that tell about some lots: their books, and what happened where they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

import polars as pl

from warehouse.lake import Lake

Rows = Mapping[str, pl.DataFrame]
"""Rows by table name, in the columns of their contract."""
BOOKS = ("silver.lots", "silver.lot_links", "silver.stock_ledger", "silver.materials", "silver.locations",
         "silver.sales_orders", "silver.purchase_orders", "silver.partners", "silver.work_orders",
         "silver.operations")  # fmt: skip
FLOOR = ("silver.time_ledger", "silver.downtimes", "silver.attendance", "silver.inspections")
SENSED = ("temperature", "vibration", "power", "pressure", "flow", "speed", "alarm")
"""Roles of tags that tell how a lot was made."""


def rows_of(lake: Lake, lots: Sequence[str]) -> Rows:
    """The books of some lots: every row of `BOOKS` that names one of them, or an order of theirs; by table."""
    named = pl.Series("lot", sorted(set(lots)), dtype=pl.String).implode()

    def of(table: str, column: str, values: pl.Series) -> pl.DataFrame:
        return lake.scan(table).filter(pl.col(column).is_in(values)).collect(engine="in-memory")

    found = {
        "silver.lots": of("silver.lots", "lot", named),
        "silver.stock_ledger": of("silver.stock_ledger", "lot", named),
    }
    ends = pl.col("parent_lot").is_in(named) | pl.col("child_lot").is_in(named)
    found["silver.lot_links"] = lake.scan("silver.lot_links").filter(ends).collect(engine="in-memory")
    for table in ("silver.materials", "silver.locations", "silver.partners"):
        found[table] = lake.scan(table).collect(engine="in-memory")
    orders = _distinct(found["silver.lots"]["order_id"], found["silver.lot_links"]["order_id"])
    references = _distinct(found["silver.stock_ledger"]["reference"])
    found["silver.work_orders"] = of("silver.work_orders", "order_id", orders)
    found["silver.operations"] = of("silver.operations", "order_id", orders)
    found["silver.sales_orders"] = of("silver.sales_orders", "sales_id", references)
    found["silver.purchase_orders"] = of("silver.purchase_orders", "purchase_id", references)
    return found


def with_parents(lake: Lake, rows: Rows) -> Rows:
    """The same rows with the records of every lot that went into one of theirs as well."""
    named = _distinct(rows["silver.lots"]["lot"], rows["silver.lot_links"]["parent_lot"])
    lots = lake.scan("silver.lots").filter(pl.col("lot").is_in(named)).collect(engine="in-memory")
    return {**rows, "silver.lots": lots}


def floor_of(lake: Lake, orders: Sequence[str], machines: Sequence[str], first: datetime, last: datetime) -> Rows:
    """What happened on some machines between two instants: `FLOOR`, and readings of sensors, by table.

    Time and inspections are those of the orders; downtimes and people those that were there meanwhile.
    """
    mine, theirs = (pl.Series(v, dtype=pl.String).implode() for v in (list(orders), list(machines)))
    where = pl.col("machine").is_in(theirs)
    # A production day may begin the evening before and end the morning after its date.
    near = first.date() - timedelta(days=1), last.date() + timedelta(days=1)
    days, sensed_days = (
        [d for d in lake.days(table) if near[0] <= d <= near[1]] for table in ("silver.time_ledger", "silver.readings")
    )

    def there(table: str) -> pl.DataFrame:
        meanwhile = (pl.col("start_at") < last) & (pl.col("end_at").fill_null(last) > first)
        return lake.scan(table).filter(where & meanwhile).collect(engine="in-memory")

    of_orders = pl.col("order_id").is_in(mine)
    sensed = pl.col("role").is_in(SENSED) & ~pl.col("opening") & (pl.col("at") >= first) & (pl.col("at") < last)
    return {
        "silver.time_ledger": lake.scan("silver.time_ledger", partitions=days).filter(where & of_orders).collect(),
        "silver.inspections": lake.scan("silver.inspections").filter(of_orders).collect(engine="in-memory"),
        "silver.downtimes": there("silver.downtimes"), "silver.attendance": there("silver.attendance"),
        "silver.readings": lake.scan("silver.readings", partitions=sensed_days).filter(where & sensed).collect(),
    }  # fmt: skip


def _distinct(*columns: pl.Series) -> pl.Series:
    return pl.concat(columns).drop_nulls().unique().sort().implode()


def fingerprint(*given: Rows) -> str:
    """SHA-256 over all rows, whatever their order in the files: the same books give the same hash."""
    digest = sha256()
    for rows in given:
        for table in sorted(rows):
            frame = rows[table]
            digest.update(f"{table}:{frame.height}:".encode())
            digest.update(frame.sort(frame.columns, nulls_last=True).write_csv().encode())
    return digest.hexdigest()
