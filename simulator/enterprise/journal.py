"""The relational tables as change logs: every version of every record with the instant from which it reads so."""

from __future__ import annotations

import polars as pl

from simulator.instants import INSTANT, to_datetime

_S, _I, _F, _T, _B = pl.String(), pl.Int64(), pl.Float64(), INSTANT, pl.Boolean()

SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "materials": {
        "description": _S, "kind": _S, "unit": _S, "standard_cost_cents": _F, "price_cents": _F,
        "space_per_unit": _F,
    },
    "bom_lines": {"product": _S, "component": _S, "qty_per_pc": _F},
    "work_orders": {
        "product": _S, "planned_pcs": _F, "planned_scrap_pcs": _F, "status": _S, "planned_start_at": _T,
        "planned_end_at": _T, "started_at": _T, "ended_at": _T, "released_at": _T,
    },
    "operations": {
        "order_id": _S, "machine": _S, "operation": _S, "seq": _I, "product": _S, "started_at": _T, "ended_at": _T,
        "planned_start_at": _T, "planned_end_at": _T, "planned_setup_s": _F, "planned_run_s": _F, "planned_pcs": _F,
        "planned_labour_s": _F, "planned_energy_kwh": _F,
    },
    "work_instructions": {
        "operation": _S, "product": _S, "machine": _S, "seq": _I, "title": _S, "text": _S, "document": _S,
        "edition": _S, "valid_from_at": _T, "valid_to_at": _T,
    },
    "downtimes": {
        "machine": _S, "start_at": _T, "end_at": _T, "reason": _S, "reason_class": _S, "operator": _S,
    },
    "attendance": {"operator": _S, "machine": _S, "start_at": _T, "end_at": _T},
    "lots": {"material": _S, "qty": _F, "created_at": _T, "order_id": _S, "supplier": _S},
    "lot_links": {"parent_lot": _S, "child_lot": _S, "qty": _F, "at": _T, "order_id": _S, "unit": _S},
    "locations": {"zone": _S, "capacity": _F, "kind": _S, "travel_m": _F, "site": _S},
    "stock_moves": {
        "at": _T, "material": _S, "lot": _S, "from_location": _S, "to_location": _S, "qty": _F,
        "unit_cost_cents": _F, "kind": _S, "reference": _S, "booked_at": _T,
    },
    "stock_levels": {"material": _S, "location": _S, "lot": _S, "qty": _F, "at": _T, "kind": _S},
    "partners": {"kind": _S, "name": _S, "lead_time_d": _F},
    "purchase_orders": {
        "supplier": _S, "material": _S, "qty": _F, "unit_price_cents": _F, "ordered_at": _T, "promised_at": _T,
        "received_at": _T, "received_qty": _F, "status": _S, "order_id": _S, "requested_at": _T, "confirmed_at": _T,
        "confirmed_qty": _F, "currency": _S, "site": _S,
    },
    "sales_orders": {
        "customer": _S, "product": _S, "qty": _F, "unit_price_cents": _F, "ordered_at": _T, "requested_at": _T,
        "shipped_at": _T, "shipped_qty": _F, "status": _S, "order_id": _S, "confirmed_at": _T, "confirmed_qty": _F,
        "currency": _S, "site": _S,
    },
    "deliveries": {
        "direction": _S, "shipment": _S, "order_line": _S, "partner": _S, "material": _S, "qty": _F, "shipped_at": _T,
        "delivered_at": _T, "rejected_qty": _F, "documents_ok": _B, "lot": _S,
    },
    "suppliers": {"name": _S, "lead_time_d": _F, "country": _S, "active": _B},
    "customers": {"name": _S, "country": _S, "active": _B},
    "cost_rates": {
        "kind": _S, "scope": _S, "unit": _S, "rate_cents": _F, "valid_from_at": _T, "valid_to_at": _T,
    },
    "purchase_terms": {
        "material": _S, "supplier": _S, "min_qty": _F, "multiple_qty": _F, "from_qty": _F, "unit_price_cents": _F,
    },
    "exchange_rates": {"currency": _S, "rate": _F, "valid_from_at": _T},
    "people_shifts": {"person": _S, "shift": _S, "line": _S, "role": _S, "start_at": _T, "end_at": _T},
    "invoices": {
        "kind": _S, "partner": _S, "reference": _S, "amount_cents": _I, "issued_at": _T, "due_at": _T, "paid_at": _T,
        "qty": _F, "tax_cents": _I, "currency": _S,
    },
    "inspections": {
        "at": _T, "machine": _S, "order_id": _S, "product": _S, "characteristic": _S, "value": _F, "lsl": _F,
        "usl": _F, "result": _S,
    },
    "maintenance_orders": {
        "machine": _S, "kind": _S, "failure_mode": _S, "reported_at": _T, "started_at": _T, "ended_at": _T,
    },
}  # fmt: skip
"""Columns of the MES, WMS and ERP tables; each also has `id` (text key) and `updated_at` (UTC)."""


def schema_of(table: str) -> dict[str, pl.DataType]:
    """All columns of a table with their dtypes: id first, updated_at last."""
    return {"id": _S, **SCHEMAS[table], "updated_at": _T}


class Journal:
    """Collects versions of records. Instants are given in us since 1970."""

    def __init__(self) -> None:
        self._now: dict[tuple[str, str], dict[str, object]] = {}
        self._versions: dict[str, list[dict[str, object]]] = {table: [] for table in SCHEMAS}

    def put(self, table: str, at_us: int, key: str, **values: object) -> None:
        """From at_us on, the record of that key has these values; those not named stay as they were.

        Raises:
            KeyError: the table has no such column.
        """
        if not values.keys() <= SCHEMAS[table].keys():
            raise KeyError(f"{table} has no column {', '.join(sorted(values.keys() - SCHEMAS[table].keys()))}")
        row = {**self._now.get((table, key), {"id": key}), **values, "updated_at": at_us}
        self._now[table, key] = row
        self._versions[table].append(row)

    def frames(self, end_us: int) -> dict[str, pl.DataFrame]:
        """Every table with the versions known before end_us, in order of updated_at and id."""
        out = {}
        for table, rows in self._versions.items():
            schema = schema_of(table)
            raw = {name: pl.Int64() if dtype == INSTANT else dtype for name, dtype in schema.items()}
            frame = pl.DataFrame([r for r in rows if r["updated_at"] < end_us], schema=raw)  # type: ignore[operator]
            frame = frame.with_columns(pl.col(name).cast(INSTANT) for name, d in schema.items() if d == INSTANT)
            out[table] = frame.sort("updated_at", "id", maintain_order=True)
        return out


def known_at(versions: pl.DataFrame, until_us: int) -> pl.DataFrame:
    """The last version of each record before an instant: what a query sees then."""
    before = versions.filter(pl.col("updated_at") < pl.lit(to_datetime(until_us)).cast(INSTANT))
    return before.unique("id", keep="last", maintain_order=True)
