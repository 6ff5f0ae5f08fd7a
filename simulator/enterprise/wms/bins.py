"""Storage locations: what each is, how far away it lies, what it holds; and the space a piece takes.

Each store has bins besides the one everything is put into (`raw-1`, `fg-1`): near ones that hold little, and one
in between. They are empty: nobody ever sorted this warehouse, which is what a slotting proposal is for.
"""

from __future__ import annotations

from collections.abc import Iterable

from simulator.enterprise.journal import Journal
from simulator.streams import stream

STORES = {"raw": "raw", "fg": "finished"}
"""First part of the name of a bin, and its zone."""
KINDS = {
    "inbound": "receiving", "raw": "storage", "finished": "storage", "outbound": "shipping", "scrap": "lost",
    "work in progress": "production", "external": "view",
}  # fmt: skip
WAYS = {"inbound": 36.0, "raw": 84.0, "finished": 96.0, "outbound": 12.0, "scrap": 50.0, "work in progress": 8.0}
"""Way to a location of the zone and back, m."""
NEAR = (("2", 18.0, 0.010), ("3", 40.0, 0.025))
"""The other bins of a store: number, way in m, share of the capacity of the first."""
SPACES = (0.5, 1.0, 1.0, 2.0)
"""Space a finished or raw piece may take; a carton is flat."""


def book_locations(journal: Journal, at_us: int, site: str, work_places: Iterable[str], a_day: float) -> None:
    """Table locations, all of one site: `a_day` pieces a day set how much a store holds."""
    places = {"dock-1": "inbound", "raw-1": "raw", "fg-1": "finished", "ship-1": "outbound", "scrap": "scrap"}
    places |= dict.fromkeys(work_places, "work in progress") | {"external": "external"}
    most = float(round(a_day * 40, -3) + 1000)
    for place, zone in places.items():
        capacity = None if zone in {"external", "scrap"} else most
        _location(journal, at_us, site, place, zone, capacity, WAYS.get(zone))
    for store, zone in STORES.items():
        for number, way, share in NEAR:
            _location(journal, at_us, site, f"{store}-{number}", zone, float(round(most * share, -2)), way)


def _location(
    journal: Journal, at_us: int, site: str, place: str, zone: str, capacity: float | None, travel_m: float | None
) -> None:
    journal.put("locations", at_us, place, zone=zone, capacity=capacity, kind=KINDS[zone], travel_m=travel_m, site=site)


def space_per_unit(seed: int, product: str, *, carton: bool = False) -> float:
    """Space a piece of a product takes on its shelf, in pieces of the ordinary size."""
    return 0.1 if carton else stream(seed, "space", product).choice(SPACES)
