"""Proposals as records of Tryton: which model, which fields, found by name or code. Nothing is created here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectors.erp.rpc import Rpc
from connectors.erp.target import Outgoing, RefusedError
from plant.proposals.content import Kind, Line

UNITS: Mapping[str, str] = {"pcs": "u", "pc": "u"}
"""Our spelling of a unit to Tryton's symbol; others are looked up as they are."""
Record = dict[str, Any]


class Names:
    """Ids of what Tryton knows by code or name, each looked up once."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._known: dict[tuple[str, str], Record] = {}

    def one(self, model: str, value: str, by: tuple[str, ...], what: str) -> Record:
        """The one record of that code or name; exact, never the nearest.

        Raises:
            RefusedError: there is none, or more than one.
        """
        if (model, value) not in self._known:
            named = ["OR", *([name, "=", value] for name in by)]
            found = self._rpc(f"{model}.search_read", [named], 0, 2, None, ["rec_name"])
            if len(found) != 1:
                said = f"more than one {what} {value!r}" if found else f"no {what} {value!r}"
                raise RefusedError(f"Tryton has {said} by {' or '.join(by)}: correct the proposal, or Tryton")
            self._known[model, value] = found[0]
        return self._known[model, value]

    def product(self, line: Line) -> int:
        """Id of the product of a line."""
        return int(self.one("product.product", line.item, ("code",), "product")["id"])

    def unit(self, line: Line) -> int:
        """Id of the unit of a line."""
        symbol = UNITS.get(line.unit, line.unit)
        return int(self.one("product.uom", symbol, ("symbol", "name"), "unit")["id"])

    def location(self, name: str) -> int:
        """Id of a location by code or name."""
        return int(self.one("stock.location", name, ("code", "name"), "location")["id"])

    def only(self, kind: str, fields: tuple[str, ...] = ()) -> Record:
        """The one location of a type (warehouse, customer): which of several, a proposal does not say."""
        found = self._rpc("stock.location.search_read", [["type", "=", kind]], 0, 2, None, ["rec_name", *fields])
        if len(found) != 1:
            raise RefusedError(f"Tryton has {'several locations' if found else 'no location'} of type {kind}: name one")
        return dict(found[0])


def purchase(names: Names, out: Outgoing) -> Record:
    """purchase.purchase in draft; `reference` is the key."""
    if out.content.partner is None:
        raise RefusedError(f"{out.key} names no supplier: reject it, write its partner, and hand it in again")
    supplier = names.one("party.party", out.content.partner, ("name", "code"), "party")["id"]
    lines = [
        {"type": "line", "product": names.product(line), "unit": names.unit(line), "quantity": line.quantity}
        | ({} if line.price_cents is None else {"unit_price": Decimal(str(line.price_cents)) / 100})
        for line in out.content.lines
    ]
    return {"reference": out.key, "party": supplier, "description": out.content.title, "comment": _note(out),
            "lines": [["create", lines]]}  # fmt: skip


def production(names: Names, out: Outgoing) -> Record:
    """Production in draft; `reference` is the key."""
    if len(out.content.lines) != 1:
        raise RefusedError(f"{out.key} has {len(out.content.lines)} lines; a production of Tryton makes one product")
    line = out.content.lines[0]
    warehouse = names.only("warehouse", ("production_location",))
    return {"reference": out.key, "type": "assembly", "warehouse": warehouse["id"],
            "location": warehouse["production_location"], "product": names.product(line), "unit": names.unit(line),
            "quantity": line.quantity, "planned_start_date": line.start_on, "planned_date": line.due_on}  # fmt: skip


def move(names: Names, out: Outgoing) -> Record:
    """stock.shipment.internal in draft; `reference` is the key."""
    routes = {(line.from_location or "", line.to_location or "", line.due_on) for line in out.content.lines}
    if len(routes) != 1:
        raise RefusedError(f"{out.key} goes {len(routes)} ways; an internal shipment of Tryton goes one, on one day")
    start, end, day = routes.pop()
    way = {"from_location": names.location(start), "to_location": names.location(end)}
    moves = [
        way | {"product": names.product(line), "unit": names.unit(line), "quantity": line.quantity}
        for line in out.content.lines
    ]
    return way | {"reference": out.key, "planned_date": day, "planned_start_date": day, "moves": [["create", moves]]}


def forecast(names: Names, out: Outgoing) -> Record:
    """stock.forecast in draft: it has no reference, and is found again by place and days."""
    days = {(line.start_on, line.due_on) for line in out.content.lines}
    if len(days) != 1:
        raise RefusedError(f"{out.key} is of {len(days)} periods; a forecast of Tryton has one")
    start, end = days.pop()
    lines = [
        {"product": names.product(line), "unit": names.unit(line), "quantity": line.quantity, "minimal_quantity": 1.0}
        for line in out.content.lines
    ]
    return {"warehouse": names.only("warehouse")["id"], "destination": names.only("customer")["id"],
            "from_date": start, "to_date": end, "lines": [["create", lines]]}  # fmt: skip


def _note(out: Outgoing) -> str:
    said = f"Shopfloor {out.key}, approved by {out.approved_by} at {out.approved_at:%Y-%m-%d %H:%M} UTC"
    return f"{said}\n{out.content.reason}" if out.content.reason else said


MODELS: Mapping[Kind, tuple[str, Callable[[Names, Outgoing], Record]]] = {
    "purchase": ("purchase.purchase", purchase), "production": ("production", production),
    "stock_move": ("stock.shipment.internal", move), "forecast": ("stock.forecast", forecast),
}  # fmt: skip
