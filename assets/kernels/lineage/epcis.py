"""Lots as GS1 EPCIS 2.0 events in JSON-LD: received, made out of others, shipped.

Receiving and shipping are ObjectEvents, production is a TransformationEvent per lot made. There is no AggregationEvent:
nothing in the lake says what was packed into what. Ids hang on what the event is of: the same books, the same file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import polars as pl

from assets.kernels.lineage.balance import Given, consumptions
from plant.errors import PlantError
from plant.units import PIECES, UNECE

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
Event = dict[str, Any]


class Names:
    """URIs of one plant, all beginning with `base`. Lots are classes of material, as EPCIS has them."""

    def __init__(self, base: str, units: Mapping[str, str | None]) -> None:
        self.base, self.units = base.rstrip("/:"), units
        self._mark = ":" if self.base.startswith("urn:") else "/"

    def uri(self, *words: str) -> str:
        """A URI of the plant, made of words of any letters."""
        return self._mark.join([self.base, *(quote(w, safe="") for w in words)])

    def quantity(self, material: str, lot: str, qty: float) -> Event:
        """An element of a quantity list. Pieces are counted, everything else has its UN/ECE unit.

        Raises:
            PlantError: the material's unit has no UN/ECE code.
        """
        unit = self.units.get(material)
        told: Event = {"epcClass": self.uri("class", material, "lot", lot), "quantity": qty}
        if unit in PIECES:
            return told
        if unit not in UNECE:
            raise PlantError(
                f"material {material} is kept in {unit or 'no unit'}, which has no UN/ECE code here; "
                f"valid are pcs, {', '.join(UNECE)}: correct its unit in the source"
            )
        return told | {"uom": UNECE[unit]}


def document(given: Given, lots: Sequence[str], base: str, zone: str, made_at: datetime) -> Event:
    """An EPCISDocument of all events of some lots, in order of time.

    Args:
        given: rows of the books of these lots, and the records of those that went into them, by table.
        lots: the lots.
        base: beginning of every URI, e.g. 'urn:shopfloor:northmill' or 'https://id.example.org'.
        zone: IANA zone of the site, for eventTimeZoneOffset.
        made_at: creation date of the document.

    Raises:
        PlantError: a unit has no UN/ECE code.
    """
    names = Names(base, dict(given["silver.materials"].select("material", "unit").iter_rows()))
    told = [*_received(given, names), *_made(given, set(lots), names), *_shipped(given, names)]
    events = [_timed(at, event, zone) for at, event in sorted(told, key=lambda e: (e[0], e[1]["eventID"]))]
    return {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": _stamp(made_at),
        "epcisBody": {"eventList": events},
    }


def _timed(at: datetime, event: Event, zone: str) -> Event:
    local = pl.Series([at]).dt.convert_time_zone(zone)
    minutes = int((local.dt.base_utc_offset() + local.dt.dst_offset())[0].total_seconds() // 60)
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    kind = {"type": event.pop("type"), "eventID": event.pop("eventID")}
    return kind | {"eventTime": _stamp(at), "eventTimeZoneOffset": offset} | event


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _event(kind: str, names: Names, *words: str) -> Event:
    return {"type": kind, "eventID": f"urn:uuid:{uuid5(NAMESPACE_URL, names.uri(kind, *words))}"}


def _moves(given: Given, kind: str) -> Iterator[Mapping[str, Any]]:
    """Postings of a kind of move that have a lot, in order of time."""
    rows = given["silver.stock_ledger"].filter(pl.col("kind") == kind, pl.col("lot").is_not_null(), pl.col("qty") != 0)
    yield from rows.sort("at", "move_id", "location").iter_rows(named=True)


def _received(given: Given, names: Names) -> Iterator[tuple[datetime, Event]]:
    bought = {r["purchase_id"]: r["supplier"] for r in given["silver.purchase_orders"].iter_rows(named=True)}
    for row in _moves(given, "receipt"):
        event = _event("ObjectEvent", names, "receipt", row["move_id"], row["location"])
        event |= _object(names, row, "receiving", "in_progress")
        event["bizLocation"] = {"id": names.uri("location", row["location"])}
        if supplier := bought.get(row["reference"]):
            event["bizTransactionList"] = [_business(names, "po", "purchase", row["reference"])]
            event["sourceList"] = [{"type": "owning_party", "source": names.uri("party", supplier)}]
        yield row["at"], event


def _shipped(given: Given, names: Names) -> Iterator[tuple[datetime, Event]]:
    sold = {r["sales_id"]: r["customer"] for r in given["silver.sales_orders"].iter_rows(named=True)}
    for row in _moves(given, "shipment"):
        event = _event("ObjectEvent", names, "shipment", row["move_id"], row["location"])
        event |= _object(names, row, "shipping", "in_transit")
        if customer := sold.get(row["reference"]):
            event["bizTransactionList"] = [_business(names, "po", "sale", row["reference"])]
            event["destinationList"] = [{"type": "owning_party", "destination": names.uri("party", customer)}]
        yield row["at"], event


def _object(names: Names, row: Mapping[str, Any], step: str, disposition: str) -> Event:
    return {
        "action": "OBSERVE", "quantityList": [names.quantity(row["material"], row["lot"], abs(row["qty"]))],
        "bizStep": step, "disposition": disposition, "readPoint": {"id": names.uri("location", row["location"])},
    }  # fmt: skip


def _business(names: Names, kind: str, *words: str) -> Event:
    return {"type": kind, "bizTransaction": names.uri(*words)}


def _taken(links: pl.DataFrame) -> pl.DataFrame:
    """Parents of one lot with what was taken of each, in its own unit.

    Raises:
        PlantError: a link's unit does not convert.
    """
    odd = links.filter(pl.col("own_qty").is_null() & pl.col("own_unit").is_not_null())
    for row in odd.head(1).iter_rows(named=True):
        raise PlantError(
            f"link {row['link_id']}: {row['parent_lot']} is kept in {row['own_unit']}, taken in {row['unit']}, which "
            "does not convert; correct the unit in the source"
        )
    return links.group_by("parent_lot", maintain_order=True).agg(pl.col("own_qty").sum())


def _made(given: Given, mine: set[str], names: Names) -> Iterator[tuple[datetime, Event]]:
    """One TransformationEvent a lot made out of others, at the moment it was made (else when the last one went in)."""
    lots = {r["lot"]: r for r in given["silver.lots"].iter_rows(named=True)}
    links = consumptions(given).filter(pl.col("child_lot").is_in(mine)).sort("child_lot", "parent_lot", "link_id")
    for (child,), rows in links.group_by("child_lot", maintain_order=True):
        lot, at = lots.get(str(child)), rows["at"].drop_nulls().max()
        made_at = None if lot is None else lot["created_at"] or at
        if lot is None or not isinstance(made_at, datetime):
            continue
        event = _event("TransformationEvent", names, "production", str(child))
        inputs = [names.quantity(lots[p]["material"], p, qty) for p, qty in _taken(rows).iter_rows() if p in lots]
        if not inputs:  # only lots nobody knows the material of: a finding of the balance, no event
            continue
        event |= {
            "inputQuantityList": inputs,
            "outputQuantityList": [names.quantity(lot["material"], lot["lot"], lot["qty"])],
        }
        event |= {"bizStep": "commissioning", "disposition": "active"}
        if lot["order_id"]:
            event["transformationID"] = names.uri("order", lot["order_id"])
            event["bizTransactionList"] = [_business(names, "prodorder", "order", lot["order_id"])]
        yield made_at, event
