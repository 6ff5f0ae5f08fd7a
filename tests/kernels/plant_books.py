"""Builds tiny books for KPI tests: orders, inspections, maintenance, stock; one tuple a record."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from plant_floor import DAY, START

from plant.tables import table


def at(minutes):
    """An instant so many minutes after the start of the floor's first shift."""
    return START + timedelta(minutes=minutes)


def _frame(name, rows):
    schema = table(f"silver.{name}").schema
    return pl.LazyFrame([{c: row.get(c) for c in schema} for row in rows], schema=schema, orient="row")


def operations(*rows):
    """Rows are (order, machine, operation, seq, start minute, end minute or None)."""
    return _frame("operations", [
        {"operation_id": f"{o}-{op}-{m}", "order_id": o, "machine": m, "operation": op, "seq": seq,
         "product": "shaft-20", "started_at": at(a), "ended_at": None if b is None else at(b)}
        for o, m, op, seq, a, b in rows
    ])  # fmt: skip


def work_orders(*rows):
    """Rows are (order, planned pieces, planned scrap or None)."""
    return _frame("work_orders", [
        {"order_id": o, "product": "shaft-20", "planned_pcs": float(n), "planned_scrap_pcs": scrap, "status": "running"}
        for o, n, scrap in rows
    ])  # fmt: skip


def inspections(values, machine="cnc-1", characteristic="diameter", lsl=9.9, usl=10.1):
    """One value every ten minutes from minute 5 on; outside the limits it fails."""
    return _frame("inspections", [
        {"inspection_id": f"{machine}-{characteristic}-{n:04}", "at": at(5 + 10 * n), "machine": machine,
         "product": "shaft-20", "characteristic": characteristic, "value": v, "lsl": lsl, "usl": usl,
         "result": "pass" if lsl <= v <= usl else "fail"}
        for n, v in enumerate(values)
    ])  # fmt: skip


def maintenance(*rows):
    """Rows are (kind, start minute, end minute or None)."""
    return _frame("maintenance_orders", [
        {"maintenance_id": f"mo-{n}", "machine": "cnc-1", "kind": kind, "started_at": at(a),
         "ended_at": None if b is None else at(b)}
        for n, (kind, a, b) in enumerate(rows)
    ])  # fmt: skip


def stock(*rows):
    """Rows are (minute, material, location, kind, cents signed, {column: value})."""
    out = []
    for n, (minute, material, location, kind, cents, *more) in enumerate(rows):
        out.append(
            {"production_day": DAY, "site": "northmill", "at": at(minute), "move_id": f"mv-{n}", "material": material,
             "location": location, "kind": kind, "qty": 1.0 if cents > 0 else -1.0, "value_cents": cents}
            | (more[0] if more else {})
        )  # fmt: skip
    return _frame("stock_ledger", out)


def materials(*rows):
    """Rows are (material, kind, standard cost in cents)."""
    return _frame("materials", [
        {"material": m, "kind": kind, "unit": "pcs", "standard_cost_cents": cost} for m, kind, cost in rows
    ])  # fmt: skip


def bills(*rows):
    """Rows are (product, component, quantity a piece)."""
    return _frame("bills_of_material", [
        {"bom_line_id": f"b-{n}", "product": p, "component": c, "qty_per_pc": q} for n, (p, c, q) in enumerate(rows)
    ])  # fmt: skip


def locations(*rows):
    """Rows are (location, zone)."""
    return _frame("locations", [{"location": name, "zone": zone} for name, zone in rows])
