"""A lake with hand-made order books of two suppliers and two customers, gold built by the real assets through the door.

The day is Friday 20 November 2026; figures are those of `FIGURES`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.gold import delivery_performance, purchasing, supply_lines
from pipelines.definitions import resources
from pipelines.place import Place
from plant.config import load
from plant.tables import table
from warehouse.lake import Lake

PLANT = Path(__file__).parents[2] / "plant.toml"
NOW = datetime(2026, 11, 20, 11, tzinfo=UTC)
Rows = list[dict[str, Any]]
SECRET = "secret-rival"
FIGURES = {"due": 4, "otif": 1, "overdue": 2, "late": 1}
"""Of the supplier acme against the date first confirmed."""


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def _po(key: str, due: float, *, who: str = "acme", **more: Any) -> dict[str, Any]:
    given = {
        "purchase_id": key,
        "supplier": who,
        "material": "bolt",
        "qty": 100.0,
        "unit_price_cents": 25,
        "status": "open",
    }
    return given | {"ordered_at": ago(due + 10), "requested_at": ago(due), "confirmed_at": ago(due)} | more


def books() -> dict[str, Rows]:
    """Silver tables by name. acme: one good, one late, one short and open, one not sent, one to come, one cancelled."""
    return {
        "purchase_orders": [
            _po("p1", 12, status="received", order_id="o1"),
            _po("p2", 9, status="received", order_id="o1", unit_price_cents=30),
            _po("p3", 6), _po("p4", 1, order_id="=HYPERLINK(1)"), _po("p5", -3),
            _po("p6", 2, status="cancelled"),
            _po("r1", 5, who=SECRET, unit_price_cents=99_999, order_id="rival-order"),
        ],
        "sales_orders": [
            {"sales_id": "s1", "customer": "zeta", "product": "nut", "qty": 10.0, "unit_price_cents": 900,
             "status": "shipped", "ordered_at": ago(8), "requested_at": ago(4), "confirmed_at": ago(3)},
            {"sales_id": "s2", "customer": "omega", "product": "nut", "qty": 5.0, "unit_price_cents": 800,
             "status": "open", "ordered_at": ago(0), "requested_at": ago(2)},
        ],
        "deliveries": [
            _came("d1", "p1", "inbound", 100, 12, rejected_qty=0.0, documents_ok=True),
            _came("d2", "p2", "inbound", 100, 7, rejected_qty=5.0, documents_ok=True),
            _came("d3", "p3", "inbound", 60, 6),
            _came("d4", "s1", "outbound", 10, 3, rejected_qty=0.0, documents_ok=True),
        ],
        "suppliers": [
            {"supplier": "acme", "name": "Acme Bolts", "lead_time_d": 9.0}, {"supplier": SECRET, "name": "Rival Ltd"},
        ],
        "customers": [{"customer": "zeta", "name": "Zeta Cars"}, {"customer": "omega", "name": "Omega"}],
        "materials": [
            {"material": "bolt", "description": "Bolt M8", "kind": "raw", "unit": "pcs", "standard_cost_cents": 24},
            {"material": "nut", "description": "Nut M8", "kind": "finished", "unit": "pcs", "standard_cost_cents": 700},
        ],
    }  # fmt: skip


def _came(key: str, line: str, way: str, qty: float, days: float, **more: Any) -> dict[str, Any]:
    given = {
        "delivery_id": key,
        "order_line": line,
        "direction": way,
        "partner": "acme" if way == "inbound" else "zeta",
    }
    return given | {"material": "bolt", "qty": float(qty), "delivered_at": ago(days)} | more


def write(lake: Lake, tables: dict[str, Rows]) -> None:
    """Silver tables as given, whole."""
    for name, rows in tables.items():
        schema = table(f"silver.{name}").schema
        frame = pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=schema, orient="row")
        lake.replace(f"silver.{name}", frame)


def build(root: Path) -> None:
    """The gold tables of the supply chain by their assets, written by the door."""
    modules = (supply_lines, delivery_performance, purchasing)
    found = [a for m in modules for a in dg.load_assets_from_modules([m])]
    by = {"dagster/io_manager_key": "io_manager"}
    silver = [dg.AssetSpec(["silver", name], metadata=by) for name in (*books(), "exchange_rates")]
    done = dg.materialize([*found, *silver], selection=found, resources=resources(load(PLANT), Place(root)))
    assert done.success


def fill(root: Path) -> Lake:
    """A root with the books and their gold tables."""
    (root / "lake").mkdir(parents=True, exist_ok=True)
    lake = Lake(root)
    write(lake, books())
    build(root)
    return lake
