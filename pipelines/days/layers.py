"""Hashes of the interval tables a ledger is made of, by production day and machine: orders, bookings, edits, reports.

Every row counts on the days it touches, as far as it lies in them: an order that is taken off its machine on Friday
changes nothing about Monday. One pass over the table, for all days at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.days.fingerprints import digest

SEPARATOR, NULL = "\x1f", "\x00"
FAR_US = 2**62
"""End of an interval that is still open, in microseconds."""
Hashes = dict[date, dict[str, str]]
"""Production day -> machine -> hash; days and machines without rows are left out."""


@dataclass(frozen=True)
class Layer:
    """An interval table: its start and end columns, and the columns that mean something to the ledgers.

    With `whole` a row counts as it is on every day it touches, else only up to the day's end. `also` are tables
    whose rows are put beside those of the layer.
    """

    name: str
    part: str
    start: str
    end: str
    columns: tuple[str, ...]
    whole: bool = False
    also: tuple[str, ...] = ()


LAYERS = (
    Layer("silver.operations", "orders", "started_at", "ended_at",
          ("operation_id", "order_id", "operation", "product")),
    Layer("silver.attendance", "orders", "start_at", "end_at", ("attendance_id", "operator")),
    Layer("silver.downtimes", "bookings", "start_at", "end_at", ("downtime_id", "reason", "reason_class")),
    Layer("silver.edits", "edits", "start_at", "end_at",
          ("edit_id", "state", "reason", "reason_class", "edited_at")),
    # Pieces of a report are booked at its end, by the order of their rows: it counts as a whole.
    Layer("bronze.reports", "reports", "start_at", "end_at",
          ("state", "order_id", "product", "operation", "operator", "good_pcs", "scrap_pcs", "rework_pcs", "segment",
           "seq"), whole=True),
)  # fmt: skip
RETRACTIONS = Layer("silver.retractions", "retractions", "start_at", "end_at", ("tag",))
"""Stretches of raw samples that are left out; its rows name a tag, the plan puts the machine beside it."""
RECORDS = (
    Layer("silver.operations", "records", "start_at", "end_at", ("order_id", "routing", "planned"),
          also=("silver.work_orders",)),
    Layer("silver.inspections", "records", "at", "at",
          ("inspection_id", "order_id", "product", "characteristic", "value", "lsl", "usl", "result")),
    Layer("silver.maintenance_orders", "records", "started_at", "ended_at", ("maintenance_id", "kind")),
)  # fmt: skip
"""Enterprise tables gold.kpi_sums reads besides the ledgers: whole orders with their routing, quality, maintenance."""
ROUTING = RECORDS[0]
SPANS = Layer("silver.operations", "spans", "begin_at", "end_at", ("order_id", "product", "started_us", "placed"),
              also=("silver.work_orders",))  # fmt: skip
"""Whole orders from their release to their end, on the machine of their first operation (`finance.lead_time.spans`)."""


def orders(operations: pl.LazyFrame, work_orders: pl.LazyFrame) -> pl.LazyFrame:
    """An order on each of its machines, from its first start to its last end, with its routing and plan as text."""
    step = pl.concat_str(
        [pl.col(c).cast(pl.String).fill_null(NULL) for c in ("operation", "seq", "product", "machine")],
        separator=SEPARATOR,
    )
    ended = pl.when(pl.col("ended_at").is_not_null().all()).then(pl.col("ended_at").max())
    routed = operations.group_by("order_id").agg(
        step.sort().str.join("\n").alias("routing"), pl.col("started_at").min().alias("start_at"),
        ended.alias("end_at"), pl.col("machine").unique(),
    )  # fmt: skip
    numbers = [pl.col(c).cast(pl.String).fill_null(NULL) for c in ("planned_pcs", "planned_scrap_pcs")]
    plan = work_orders.select("order_id", planned=pl.concat_str(numbers, separator=SEPARATOR))
    return routed.join(plan, on="order_id", how="left").explode("machine")


def hashes(layer: Layer, rows: pl.LazyFrame, bounds: pl.DataFrame, sites: Mapping[str, str]) -> Hashes:
    """Hash of what each machine has of a layer on each day.

    Args:
        layer: which.
        rows: the table.
        bounds: `Spans.frame` of the days wanted.
        sites: site of each machine; rows of other machines touch nothing.
    """
    touched = _touched(layer, rows, bounds, sites)
    text = [pl.col(c).cast(pl.String).fill_null(NULL) for c in (*layer.columns, "from_us", "until_us")]
    lines = touched.select("production_day", "machine", line=pl.concat_str(text, separator=SEPARATOR))
    grouped = lines.group_by("production_day", "machine").agg(pl.col("line").sort().str.join("\n"))
    found: Hashes = {}
    for day, machine, joined in grouped.collect(engine="in-memory").iter_rows():
        found.setdefault(day, {})[machine] = digest(joined)
    return found


def _touched(layer: Layer, rows: pl.LazyFrame, bounds: pl.DataFrame, sites: Mapping[str, str]) -> pl.LazyFrame:
    """One row per row and day it touches, with its start and end (us) as they count there."""
    place = pl.LazyFrame({"machine": list(sites), "site": list(sites.values())}, schema=_PLACE)
    begun = rows.filter(pl.col(layer.start).is_not_null()).join(place, on="machine")
    start, end = (pl.col(c).dt.epoch("us") for c in (layer.start, layer.end))
    timed = begun.with_columns(from_us=start, until_us=end.fill_null(FAR_US))
    # A row of no length lies on the day of its instant.
    last_us = pl.max_horizontal("from_us", pl.col("until_us") - 1)
    days = bounds.lazy().with_columns(
        day_start_us=pl.col("day_start_at").dt.epoch("us"), day_end_us=pl.col("day_end_at").dt.epoch("us")
    )
    edges = days.select("site", "production_day", "day_start_us", "day_end_us").sort("day_start_us")
    early = edges.group_by("site").agg(earliest=pl.col("production_day").min())
    first = _day_at(timed, pl.col("from_us"), edges, "first_day").join(early, on="site")
    both = _day_at(first, last_us, edges, "last_day").filter(pl.col("last_day").is_not_null())
    since = pl.coalesce("first_day", "earliest")
    spread = both.with_columns(production_day=pl.date_ranges(since, "last_day")).explode("production_day")
    held = spread.join(edges, on=["site", "production_day"]).filter(
        (pl.col("from_us") < pl.col("day_end_us")) & (last_us >= pl.col("day_start_us"))
    )
    return held if layer.whole else held.with_columns(until_us=pl.min_horizontal("until_us", "day_end_us"))


_PLACE: dict[str, pl.DataType] = {"machine": pl.String(), "site": pl.String()}


def _day_at(rows: pl.LazyFrame, at_us: pl.Expr, edges: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Add the last day that begins at or before an instant, null before the first."""
    starts = edges.select("site", day_start_us="day_start_us", day="production_day")
    found = rows.with_columns(moment_us=at_us).sort("moment_us").join_asof(
        starts, left_on="moment_us", right_on="day_start_us", by="site", strategy="backward", check_sortedness=False
    )  # fmt: skip
    return found.rename({"day": name}).drop("moment_us", "day_start_us", strict=False)
