"""Proposals into Tryton through its own JSON-RPC: looked up by key, created as drafts, read back. Never by SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from connectors.erp.rpc import Rpc, decoded
from connectors.erp.target import Delivered, Kept, KeptLine, Outgoing, RefusedError, one_by_one
from connectors.erp.tryton_forms import MODELS, Names, Record
from plant.errors import TerminalError

MANY = 100
"""Keys asked for in one call."""
GONE = ("cancelled", "cancel")
FORECAST_KEY = ("warehouse", "destination", "from_date", "to_date")
_LINES = {  # model -> (model of its lines, how a line names it, fields of a line)
    "purchase.purchase": ("purchase.line", "purchase", ("unit_price",)),
    "stock.shipment.internal": ("stock.move", "shipment", ()),
    "stock.forecast": ("stock.forecast.line", "forecast", ()),
}


class TrytonTarget:
    """One database of Tryton. Everything it creates is a draft there: people confirm it in Tryton."""

    name = "tryton"
    answers = True

    def __init__(self, url: str, user: str, password: str) -> None:
        self._rpc = Rpc(url, user, password)
        self._names = Names(self._rpc)

    def ready(self) -> None:
        """Log in; the user needs a company."""
        if not self._rpc.context.get("company"):
            raise TerminalError(f"Tryton at {self._rpc.where}: the user has no company in its preferences; set one")

    def deliver(self, outgoing: Sequence[Outgoing], batch: str) -> Iterator[Delivered]:
        """One transaction of Tryton a proposal, each looked up before."""
        return one_by_one(self, outgoing)

    def place(self, out: Outgoing) -> str:
        """Find a proposal by its key, or create it; Tryton's name of it.

        Tryton keeps no reference unique: only one export at a time may run against a database.
        """
        if out.content.kind not in MODELS:
            raise RefusedError(f"Tryton has no place for a {out.content.kind} proposal: export it to a file or a table")
        model, form = MODELS[out.content.kind]
        record = form(self._names, out)
        held = self._found(model, out, record)
        if not held:
            company = {"company": self._rpc.context["company"]}
            moves = record.get("moves")
            if moves:
                record["moves"] = [["create", [m | company for m in moves[0][1]]]]
            held = self._rpc(f"{model}.create", [record | company])
        return ", ".join(f"{model},{n}" for n in held)

    def _found(self, model: str, out: Outgoing, record: Record) -> list[int]:
        """Ids of what is there already: by reference; a forecast by place, days and products."""
        if model != "stock.forecast":
            return list(self._rpc(f"{model}.search", [["reference", "=", out.key]], 0, 10, [["id", "ASC"]]))
        place = [[name, "=", record[name]] for name in FORECAST_KEY]
        ids = list(self._rpc(f"{model}.search", [*place, ["state", "!=", "cancelled"]], 0, 100, [["id", "ASC"]]))
        lines = self._lines(model, ids)
        wanted = sorted((line.item, line.quantity) for line in out.content.lines)
        same = [n for n in ids if sorted((r.item, r.quantity) for r in lines[n]) == wanted]
        return same[:1]

    def kept(self, outgoing: Sequence[Outgoing]) -> dict[str, Kept]:
        """What Tryton holds by key: state, lines, how often."""
        by_model: dict[str, list[Outgoing]] = defaultdict(list)
        for out in outgoing:
            if out.content.kind in MODELS:
                by_model[MODELS[out.content.kind][0]].append(out)
        found: dict[str, Kept] = {}
        for model, outs in by_model.items():
            by_key = self._forecasts(outs) if model == "stock.forecast" else self._by_reference(model, outs)
            for key, rows in by_key.items():
                found[key] = self._kept(model, key, rows)
        return found

    def _by_reference(self, model: str, outs: Sequence[Outgoing]) -> dict[str, list[Record]]:
        own = ["product.code", "quantity", "unit.symbol"] if model == "production" else []
        rows: dict[str, list[Record]] = defaultdict(list)
        for n in range(0, len(outs), MANY):
            keys = [o.key for o in outs[n : n + MANY]]
            asked = [["reference", "in", keys]], 0, None, [["id", "ASC"]], ["reference", "state", "rec_name", *own]
            for row in self._rpc(f"{model}.search_read", *asked):
                rows[row["reference"]].append(row)
        return rows

    def _forecasts(self, outs: Sequence[Outgoing]) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {}
        for out in outs:
            model, form = MODELS["forecast"]
            if ids := self._found(model, out, form(self._names, out)):
                found[out.key] = self._rpc(f"{model}.read", ids, ["state", "rec_name"])
        return found

    def _kept(self, model: str, key: str, rows: Sequence[Record]) -> Kept:
        live = [r for r in rows if r["state"] not in GONE] or list(rows[:1])
        first = live[0]
        lines = [_line(first)] if model == "production" else self._lines(model, [first["id"]])[first["id"]]
        named = ", ".join(f"{model},{r['id']}" for r in live)
        return Kept(key, named, first["state"], tuple(lines), gone=first["state"] in GONE, times=len(live))

    def _lines(self, model: str, ids: Iterable[int]) -> dict[int, list[KeptLine]]:
        of, parent, more = _LINES[model]
        held: dict[int, list[KeptLine]] = defaultdict(list)
        wanted = list(ids)
        names = [f"{model},{n}" for n in wanted] if model == "stock.shipment.internal" else wanted
        domain = [[parent, "in", names]]
        asked = domain, 0, None, [["id", "ASC"]], [parent, "product.code", "quantity", "unit.symbol", *more]
        for row in self._rpc(f"{of}.search_read", *asked) if wanted else ():
            held[int(str(row[parent]).rpartition(",")[2])].append(_line(row))
        return held


def _line(row: Record) -> KeptLine:
    """A line of an answer; related fields come as `product.` and `unit.`."""
    product: Any = row.get("product.") or {}
    unit: Any = row.get("unit.") or {}
    price = decoded(row.get("unit_price"))
    return KeptLine(
        product.get("code"), row["quantity"], unit.get("symbol"), None if price is None else float(price * 100)
    )
