"""The recall report: every affected lot, where it is, who got it, which orders, and whether the masses close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from assets.kernels.lineage.balance import FINDINGS, SCRAP_ZONE, Given, balance
from assets.kernels.lineage.flow import Trace, circles
from assets.kernels.lineage.making import alarms, making, signals, stops

LOTS = ["lot", "steps", "material", "kind", "unit", "made_qty", "created_at", "order_id", "supplier", "carries_qty",
        "share", "circular"]  # fmt: skip
CARRIED = (("shipped", "shipped_qty"), ("on hand", "on_hand_qty"), ("scrapped", "scrapped_qty"),
           ("corrected", "adjusted_qty"), ("not accounted for", "difference_qty"))  # fmt: skip


@dataclass(frozen=True)
class Report:
    """A recall: frames by section, in the order they are read, and the facts above them.

    Sections: lots, links, destiny (forward only), stock, shipments, receipts, orders, balance, findings; with the floor
    joined also making, alarms, stops, failed_inspections, signals. `closes`: every mass balance closes; null when some
    are not known and the others close.
    """

    title: str
    direction: str
    starts: tuple[str, ...]
    sections: Mapping[str, pl.DataFrame]
    closes: bool | None
    inputs_sha256: str
    versions: Mapping[str, int]


def affected(traced: Trace, names: Sequence[str], given: Given) -> pl.DataFrame:
    """One row a lot that was reached, starts first (`LOTS`).

    `carries_qty`, forward: how much of the origin is in the lot, in the origin's unit; back: how much of the lot is in
    the target, in its own unit. `share`: the same as a part of the origin (forward) or of the lot (back). Null
    where a quantity on the way is not known, and forward where the starts are in several units.
    """
    reached = traced.reached
    flows = pl.DataFrame(
        {"lot": names, "steps": reached.depth, "amount": traced.amount, "circular": traced.circular}
    ).with_columns(pl.col("amount").fill_nan(None), pl.col("steps").cast(pl.Int64))
    materials = given["silver.materials"].select("material", "kind", "unit")
    lots = given["silver.lots"].rename({"qty": "made_qty"})
    rows = flows.join(lots, on="lot", how="left").join(materials, on="material", how="left")
    amount = pl.col("amount")
    if traced.direction == "back":
        rows = rows.with_columns(carries_qty=amount * pl.col("made_qty"), share=amount)
    else:
        one = rows.filter(pl.col("steps") == 0)["unit"].n_unique() == 1
        origin = rows.filter(pl.col("steps") == 0)["made_qty"].sum()
        known = amount if one else pl.lit(None, pl.Float64)
        part = known / origin if origin else pl.lit(None, pl.Float64)
        rows = rows.with_columns(carries_qty=known, share=part)
    return rows.select(LOTS).sort("steps", "lot")


def report(
    title: str, traced: Trace, names: Sequence[str], given: Given, inputs_sha256: str, versions: Mapping[str, int]
) -> Report:
    """Put the report of a trace together from the books of its lots.

    Args:
        title: what was asked.
        traced: the trace.
        names: of the lots of `traced.reached.lots`, in their order.
        given: rows of the books that name these lots, by table (`warehouse.lineage.rows_of`).
        inputs_sha256: hash of `given`.
        versions: Delta versions of the tables the index was made of.
    """
    lots = affected(traced, names, given)
    balanced, found = balance(lots, given)
    carried = lots.select("lot", "material", "unit", part=pl.col("carries_qty") / pl.col("made_qty"))
    sections = {"lots": lots, "links": _links(traced, names, lots)}
    if traced.direction == "forward":
        sections["destiny"] = destiny(lots, balanced)
    sections |= {
        "stock": _stock(carried, given), "shipments": _shipments(carried, given), "receipts": _receipts(lots, given),
        "orders": _orders(lots, given), "balance": balanced,
        "findings": pl.concat([_of_trace(traced, names, lots), found]),
    }  # fmt: skip
    closes = balanced["closes"].all(ignore_nulls=False)
    starts = tuple(lots.filter(pl.col("steps") == 0)["lot"])
    return Report(title, traced.direction, starts, sections, closes, inputs_sha256, versions)


def with_floor(book: Report, window: pl.DataFrame, floor: Given, inputs_sha256: str) -> Report:
    """The report joined to what happened where its lots were made: making, alarms, stops, failed inspections, signals.

    Args:
        book: the report.
        window: `making.windows` of its lots.
        floor: rows of those machines and times, by table (`warehouse.lineage.floor_of`).
        inputs_sha256: hash of all rows, the books included.
    """
    failed = floor["silver.inspections"].filter(pl.col("result") == "fail").sort("at", "inspection_id")
    floor_sections = {
        "making": making(window, floor), "alarms": alarms(window, floor), "stops": stops(window, floor),
        "failed_inspections": failed, "signals": signals(window, floor),
    }  # fmt: skip
    return replace(book, sections={**book.sections, **floor_sections}, inputs_sha256=inputs_sha256)


def _links(traced: Trace, names: Sequence[str], lots: pl.DataFrame) -> pl.DataFrame:
    """Every link walked: parent_lot, child_lot, share (of the parent it took), carries_qty.

    carries_qty, forward: how much of the origin took this link, in the origin's unit; back: how much of the parent came
    into the target by it, in the parent's unit. Null where it is not known.
    """
    near, far = (pl.Series([names[i] for i in ends], dtype=pl.String) for ends in (
        traced.reached.source.tolist(), traced.reached.target.tolist()))  # fmt: skip
    parent, child = (near, far) if traced.direction == "forward" else (far, near)
    rows = pl.DataFrame({"parent_lot": parent, "child_lot": child, "share": traced.share, "near": near})
    rows = rows.join(lots.select(near="lot", whole="carries_qty", part="share"), on="near", how="left")
    made = rows.join(lots.select(parent_lot="lot", made="made_qty"), on="parent_lot", how="left")
    carried = pl.col("whole") if traced.direction == "forward" else pl.col("part") * pl.col("made")
    made = made.with_columns(pl.col("share").fill_nan(None)).with_columns(carries_qty=carried * pl.col("share"))
    return made.select("parent_lot", "child_lot", "share", "carries_qty").sort("parent_lot", "child_lot")


def destiny(lots: pl.DataFrame, balanced: pl.DataFrame) -> pl.DataFrame:
    """What became of the origin, all lots together: place, qty, share (origin's unit); the last row is the origin.

    Each lot's balance, weighed by the part of it that is origin. The rows above the last sum to it when every link
    and lot is known; null where they are not.
    """
    part = pl.col("carries_qty") / pl.col("made_qty")
    both = lots.select("lot", part=part).join(balanced, on="lot")
    known = lots["carries_qty"].null_count() == 0 and both["difference_qty"].null_count() == 0
    signed = both.with_columns(adjusted_qty=0.0 - pl.col("adjusted_qty"))
    sums = [float((signed["part"] * signed[c]).sum()) if known else None for _, c in CARRIED]
    made = lots.filter(pl.col("steps") == 0)["carries_qty"]
    origin = None if made.null_count() else float(made.sum())
    rows = pl.DataFrame(
        {"place": [*(place for place, _ in CARRIED), "origin"], "qty": [*sums, origin]},
        schema={"place": pl.String(), "qty": pl.Float64()},
    )
    whole = pl.lit(origin or None, pl.Float64)
    return rows.with_columns(share=pl.col("qty") / whole)


def _stock(carried: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Affected stock still in the house: location, zone, lot, material, on_hand_qty, unit, carries_qty."""
    held = given["silver.stock_ledger"].group_by("lot", "location").agg(on_hand_qty=pl.col("qty").sum())
    rows = held.filter(pl.col("on_hand_qty").abs() > 1e-9).join(carried, on="lot")
    rows = rows.join(given["silver.locations"].select("location", "zone"), on="location", how="left")
    rows = rows.filter(pl.col("zone").fill_null("") != SCRAP_ZONE)
    return rows.select(
        "location", "zone", "lot", "material", "on_hand_qty", "unit", carries_qty=pl.col("part") * pl.col("on_hand_qty")
    ).sort("location", "lot")


def _shipments(carried: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Affected quantities that left: customer, delivery, shipped_at, lot, material, qty, unit, carries_qty."""
    moves = given["silver.stock_ledger"].filter(pl.col("kind") == "shipment").join(carried, on="lot")
    sales = given["silver.sales_orders"].select("sales_id", "customer")
    people = given["silver.partners"].select("partner", customer_name="name")
    rows = moves.join(sales, left_on="reference", right_on="sales_id", how="left")
    rows = rows.join(people, left_on="customer", right_on="partner", how="left")
    return rows.select(
        "customer", "customer_name", delivery="reference", shipped_at="at", lot="lot", material="material_right",
        qty=-pl.col("qty"), unit="unit", carries_qty=-pl.col("part") * pl.col("qty"),
    ).sort("customer", "shipped_at", "lot", nulls_last=True)  # fmt: skip


def _receipts(lots: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Lots that came from outside: supplier, purchase, received_at, lot, material, qty, unit."""
    moves = given["silver.stock_ledger"].filter(pl.col("kind") == "receipt").group_by("lot").agg(
        purchase=pl.col("reference").first(), received_at=pl.col("at").min()
    )  # fmt: skip
    names = given["silver.partners"].select("partner", supplier_name="name")
    rows = lots.filter(pl.col("supplier").is_not_null()).join(moves, on="lot", how="left")
    rows = rows.join(names, left_on="supplier", right_on="partner", how="left")
    return rows.select(
        "supplier", "supplier_name", "purchase", "received_at", "lot", "material", qty="made_qty", unit="unit"
    ).sort("supplier", "lot")


def _orders(lots: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Work orders that made affected lots, with how many."""
    made = lots.filter(pl.col("order_id").is_not_null()).group_by("order_id").agg(lots=pl.len().cast(pl.Int64))
    about = given["silver.work_orders"].select("order_id", "product", "status", "planned_pcs", "started_at", "ended_at")
    return made.join(about, on="order_id", how="left").sort("order_id")


def _of_trace(traced: Trace, names: Sequence[str], lots: pl.DataFrame) -> pl.DataFrame:
    """Findings of the walk itself: circular, over_consumed, mixed_units."""
    place = {int(n): i for i, n in enumerate(traced.reached.lots)}
    said = []
    for circle in circles(traced):
        inside = [names[place[lot]] for lot in circle]
        words = ", ".join(inside[:5]) + (f" and {len(inside) - 5} more" if len(inside) > 5 else "")
        said.append(
            ("circular", inside[0], f"these lots lead back to themselves: {words}; quantities beyond are unknown")
        )
    parents = traced.reached.source if traced.direction == "forward" else traced.reached.target
    taken = np.bincount(parents, weights=np.nan_to_num(traced.share), minlength=len(names))
    said += [
        ("over_consumed", names[i], f"links take {taken[i]:.4g} times what was made of it")
        for i in np.flatnonzero(taken > 1 + 1e-6).tolist()
    ]
    starts = lots.filter(pl.col("steps") == 0)
    if traced.direction == "forward" and starts["unit"].n_unique() > 1:
        units = ", ".join(str(u) for u in starts["unit"].unique().sort())
        said.append(("mixed_units", starts["lot"][0], f"the starts are in {units}: quantities cannot be summed"))
    return pl.DataFrame(said, schema=FINDINGS, orient="row")
