"""Slotting: which material should lie in which location so that least is travelled, the way of moving it counted in.

A transport problem: what lies at a location flows to locations with room. A trip to a location costs its way there and
back; trips to a material spread over its stock. Solved exactly by HiGHS (linear; mixed-integer where a location may
hold one material only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import optimize, sparse

from plant.tables import table

Floats = npt.NDArray[np.float64]
NOTHING = 1e-7


@dataclass(frozen=True)
class Item:
    """A material: space it takes now by location, trips a week, space one trip carries, where it may lie."""

    name: str
    held: Mapping[str, float]
    trips_week: float
    load: float
    allowed: frozenset[str]

    @property
    def space(self) -> float:
        """All the space it takes."""
        return sum(self.held.values())


@dataclass(frozen=True)
class Bin:
    """A location: the space it has (None: as much as there is) and the way to it and back, m."""

    name: str
    capacity: float | None
    way_m: float


@dataclass(frozen=True)
class Flow:
    """So much space of an item from where it lies to where it should lie (the same: it stays)."""

    item: str
    source: str
    target: str
    space: float


def slotted(items: Sequence[Item], bins: Sequence[Bin], weeks: float, *, alone: bool = False) -> list[Flow]:
    """The layout of least way over `weeks`, moves included, as flows; ties are broken towards staying.

    A location that is over its capacity now may stay so, but takes nothing more. `alone`: a location holds one item.

    Raises:
        ValueError: an item lies where there is no bin, or (`alone`) no layout keeps the items apart.
    """
    at = {b.name: n for n, b in enumerate(bins)}
    lost = sorted({place for i in items for place in i.held if place not in at})
    if lost:
        raise ValueError(f"stock lies at {', '.join(lost)}, which is none of the bins {', '.join(at)}")
    flows = [
        (n, source, target)
        for n, i in enumerate(items)
        for source in sorted(i.held)
        for target in sorted(i.allowed | {source})
        if i.held[source] > NOTHING and target in at
    ]
    if not flows:
        return []
    cost = np.array([_cost(items[n], bins[at[a]], bins[at[b]], weeks) for n, a, b in flows])
    found = _solved(items, bins, flows, cost, alone=alone)
    return [
        Flow(items[n].name, a, b, float(space))
        for (n, a, b), space in zip(flows, found, strict=True)
        if space > NOTHING
    ]


def _cost(item: Item, source: Bin, target: Bin, weeks: float) -> float:
    """Way per unit of space: trips in the weeks to come, and the move itself by way of where everything goes to."""
    trips = weeks * item.trips_week / item.space * target.way_m
    return trips if source.name == target.name else trips + move_m(item, source, target, 1.0) + NOTHING


def move_m(item: Item, source: Bin, target: Bin, space: float) -> float:
    """Way of moving so much: half there and half back at each end, for each load. Loads are not rounded up here."""
    return space / item.load * (source.way_m + target.way_m) / 2


def loads(item: Item, space: float) -> int:
    """Trips a move takes."""
    return ceil(space / item.load - NOTHING)


Flows = Sequence[tuple[int, str, str]]
Rule = tuple[Any, Floats, Floats]
"""A matrix, and the bounds of its product with the variables."""


def _solved(items: Sequence[Item], bins: Sequence[Bin], flows: Flows, cost: Floats, *, alone: bool) -> Floats:
    supply = sorted({(n, a) for n, a, _ in flows})
    row = {pair: k for k, pair in enumerate(supply)}
    out = _incidence([row[n, a] for n, a, _ in flows], len(supply))
    there = np.array([items[n].held[a] for n, a in supply])
    place = {b.name: k for k, b in enumerate(bins)}
    into = _incidence([place[b] for _, _, b in flows], len(bins))
    room = np.array([_room(b, items) for b in bins])
    rules: list[Rule] = [(out, there, there), (into, np.zeros(len(bins)), room)]
    if not alone:
        return _minimal(cost, rules, 0)
    pairs = sorted({(n, place[b]) for n, _, b in flows})
    rank = {pair: k for k, pair in enumerate(pairs)}
    used = _incidence([rank[n, place[b]] for n, _, b in flows], len(pairs))
    limit = sparse.hstack([used, -sparse.diags([room[k] for _, k in pairs])])
    one = _incidence([k for _, k in pairs], len(bins))
    wide: list[Rule] = [(sparse.hstack([m, sparse.csr_array((m.shape[0], len(pairs)))]), lo, hi) for m, lo, hi in rules]
    wide.append((limit, np.full(len(pairs), -np.inf), np.zeros(len(pairs))))
    wide.append(
        (sparse.hstack([sparse.csr_array((len(bins), len(flows))), one]), np.zeros(len(bins)), np.ones(len(bins)))
    )
    return _minimal(np.append(cost, np.zeros(len(pairs))), wide, len(pairs))[: len(flows)]


def _room(one: Bin, items: Sequence[Item]) -> float:
    held = sum(i.held.get(one.name, 0.0) for i in items)
    everything = sum(i.space for i in items)
    return max(held, everything if one.capacity is None else one.capacity)


def _incidence(rows: Sequence[int], height: int) -> sparse.csr_array:
    wide = len(rows)
    return sparse.csr_array((np.ones(wide), (np.array(rows), np.arange(wide))), shape=(height, wide))


def _minimal(cost: Floats, rules: Sequence[Rule], whole: int) -> Floats:
    """The cheapest solution; the last `whole` variables are 0 or 1."""
    integral = np.append(np.zeros(len(cost) - whole), np.ones(whole))
    upper = np.where(integral > 0, 1.0, np.inf)
    done = optimize.milp(
        cost, integrality=integral, bounds=optimize.Bounds(0.0, upper),
        constraints=[optimize.LinearConstraint(m, low, high) for m, low, high in rules],
    )  # fmt: skip
    if done.x is None:
        raise ValueError(f"no layout keeps to the capacities and keeps items apart: {done.message}")
    return np.asarray(done.x)


def proposed(shelved: pl.DataFrame, bins: pl.DataFrame, weeks: float) -> pl.DataFrame:
    """Rows of gold.slotting out of `assets.kernels.stock.shelves`: every material and place, moved or not.

    A material may lie in the bins of the zones it lies in or was fetched from; only whole units are moved.
    """
    schema = table("gold.slotting").schema
    rows = [row for site, part in sorted(shelved.partition_by("site", as_dict=True).items())
            for row in _site(part, bins.filter(pl.col("site") == site[0]), weeks)]  # fmt: skip
    return pl.DataFrame(rows, schema=schema).sort(table("gold.slotting").sort)


def _site(part: pl.DataFrame, bins: pl.DataFrame, weeks: float) -> list[dict[str, Any]]:
    known = {b["location"]: Bin(b["location"], b["capacity"], b["travel_m"]) for b in bins.iter_rows(named=True)}
    zones = dict(bins.select("location", "zone").iter_rows())
    items = {i.name: i for i in (_item(rows, bins) for rows in part.partition_by("material")) if i.space > NOTHING}
    first = {row["material"]: row for row in part.iter_rows(named=True)}
    rows = []
    for flow in _whole(slotted(list(items.values()), list(known.values()), weeks), first):
        item, source, target = items[flow.item], known[flow.source], known[flow.target]
        trips = item.trips_week * flow.space / item.space
        moved = 0.0 if source == target else loads(item, flow.space) * (source.way_m + target.way_m) / 2
        rows.append({
            **{c: first[flow.item][c] for c in ("production_day", "site", "material", "unit")},
            "zone": zones[flow.target], "from_location": flow.source, "to_location": flow.target,
            "qty": round(flow.space / first[flow.item]["each"], 6), "space": round(flow.space, 6), "trips_week": trips,
            "now_m_week": trips * source.way_m, "then_m_week": trips * target.way_m,
            "saved_m_week": trips * (source.way_m - target.way_m), "move_m": moved,
        })  # fmt: skip
    saved, way = sum(r["saved_m_week"] for r in rows), sum(r["move_m"] for r in rows)
    payback = way / saved if saved > NOTHING and way > 0 else None
    return [r | {"payback_weeks": payback} for r in rows]


def _item(rows: pl.DataFrame, bins: pl.DataFrame) -> Item:
    held = {r["location"]: r["qty"] * r["each"] for r in rows.iter_rows(named=True) if r["qty"] > 0}
    near = bins.filter(pl.col("zone").is_in(rows["zone"].unique().to_list()))["location"].to_list()
    load = rows["load"].drop_nulls().mean()
    return Item(
        rows["material"][0], held, float(rows["trips_week"].sum()),
        float(load) if load else max(sum(held.values()), NOTHING), frozenset(near),  # type: ignore[arg-type]
    )  # fmt: skip


def _whole(flows: Sequence[Flow], of: Mapping[str, Mapping[str, Any]]) -> list[Flow]:
    """Moves in whole units; what is left of a unit stays where it is."""
    kept: dict[tuple[str, str], float] = {}
    moves = []
    for flow in flows:
        each = of[flow.item]["each"]
        space = floor(flow.space / each + NOTHING) * each if flow.source != flow.target and each > 0 else flow.space
        if flow.source == flow.target or space < flow.space:
            at = (flow.item, flow.source)
            kept[at] = kept.get(at, 0.0) + (flow.space if flow.source == flow.target else flow.space - space)
        if flow.source != flow.target and space > NOTHING:
            moves.append(Flow(flow.item, flow.source, flow.target, space))
    return [*moves, *(Flow(item, at, at, space) for (item, at), space in kept.items() if space > NOTHING)]
