"""Lots of the tiny lake: two bars into a lot in work, three lots of shafts out of it; one shipped, one short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from plant.tables import table
from warehouse.lake import Lake

NOW = datetime(2026, 11, 18, 8, tzinfo=UTC)
BAR = "lot-bar-7"
Rows = list[dict[str, Any]]


def frame(name: str, rows: Rows) -> pl.DataFrame:
    """Rows in the contract's columns; what a row leaves out is null."""
    schema = table(name).schema
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=schema, orient="row")


def _lot(
    name: str, material: str, qty: float, hours: float, order: str | None = None, supplier: str | None = None
) -> dict:
    at = NOW + timedelta(hours=hours)
    return {"lot": name, "material": material, "qty": qty, "created_at": at, "order_id": order, "supplier": supplier}


def _link(parent: str, child: str, qty: float, hours: float) -> dict:
    return {"link_id": f"{parent}>{child}", "parent_lot": parent, "child_lot": child, "qty": qty,
            "at": NOW + timedelta(hours=hours), "order_id": "WO-9"}  # fmt: skip


def _post(lot: str, material: str, kind: str, qty: float, location: str, hours: float, reference: str) -> dict:
    return {"production_day": NOW.date(), "site": "northmill", "at": NOW + timedelta(hours=hours), "lot": lot,
            "kind": kind, "move_id": f"{lot}-{kind}-{hours}-{qty}", "material": material, "location": location,
            "qty": qty, "value_cents": 0, "reference": reference}  # fmt: skip


def frames() -> dict[str, pl.DataFrame]:
    """The tables by name."""
    lots = [
        _lot(BAR, "bar-20", 40.0, -20, supplier="S1"), _lot("lot-bar-8", "bar-20", 60.0, -10, supplier="S1"),
        _lot("lot-wo-9", "shaft-20-wip", 90.0, 0, "WO-9"),
        *(_lot(f"lot-wo-9-{n}", "shaft-20", 30.0, n, "WO-9") for n in (1, 2, 3)),
    ]  # fmt: skip
    links = [_link(BAR, "lot-wo-9", 40.0, 0), _link("lot-bar-8", "lot-wo-9", 50.0, 0),
             *(_link("lot-wo-9", f"lot-wo-9-{n}", 30.0, n) for n in (1, 2, 3))]  # fmt: skip
    moves = [
        _post(BAR, "bar-20", "receipt", 40.0, "raw-1", -20, "PO-1"),
        _post(BAR, "bar-20", "issue", -40.0, "raw-1", 0, "WO-9"),
        _post("lot-bar-8", "bar-20", "receipt", 60.0, "raw-1", -10, "PO-2"),
        _post("lot-bar-8", "bar-20", "issue", -50.0, "raw-1", 0, "WO-9"),
        _post("lot-wo-9", "shaft-20-wip", "production", 90.0, "wip-shafts", 0, "WO-9"),
        _post("lot-wo-9", "shaft-20-wip", "issue", -90.0, "wip-shafts", 3, "WO-9"),
        *(_post(f"lot-wo-9-{n}", "shaft-20", "production", 30.0, "fg-1", n, "WO-9") for n in (1, 2)),
        _post("lot-wo-9-3", "shaft-20", "production", 29.0, "fg-1", 3, "WO-9"),
        _post("lot-wo-9-1", "shaft-20", "shipment", -30.0, "fg-1", 9, "shaft-20-1"),
    ]  # fmt: skip
    places: Rows = [
        {"location": n, "zone": z} for n, z in (("raw-1", "raw"), ("wip-shafts", "wip"), ("fg-1", "finished"))
    ]
    materials: Rows = [
        {"material": m, "kind": k, "unit": u, "standard_cost_cents": 100}
        for m, k, u in (("bar-20", "raw", "m"), ("shaft-20-wip", "semi", "pcs"), ("shaft-20", "finished", "pcs"))
    ]
    partners: Rows = [{"partner": "C1", "kind": "customer", "name": "Autoline"}, {"partner": "S1", "kind": "supplier",
                      "name": "Ferrotec"}]  # fmt: skip
    orders: Rows = [{"order_id": "WO-9", "product": "shaft-20", "planned_pcs": 90.0, "status": "done"}]
    given = {"lots": lots, "lot_links": links, "stock_ledger": moves, "locations": places, "materials": materials,
             "partners": partners, "work_orders": orders}  # fmt: skip
    return {f"silver.{name}": frame(f"silver.{name}", rows) for name, rows in given.items()}


def fill(root: Path) -> None:
    """Write them through the real door."""
    lake = Lake(root)
    for name, rows in frames().items():
        lake.replace(name, rows)
