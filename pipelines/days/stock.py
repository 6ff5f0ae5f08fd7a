"""What gold.inventory of a day is built from, as a hash: the stock before its window, the postings in it, supply.

gold.space_use is of the same days and made of it, so it hangs on the same hashes and on the space of things.

A posting that is booked back to an old day changes that day and those after it; one that is cancelled out again
changes only the days in which the stock differs. One pass over the ledger, for all days at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from hashlib import sha256

import polars as pl

from assets.kernels.stock.daily import MICRO, PAIR, first_needed
from assets.kernels.stock.sites import sites_of
from assets.kernels.stock.supply import lead_times, on_order
from pipelines.days.fingerprints import content_hash, digest, frame_hash
from pipelines.days.spans import run
from plant.config import Plant

FIELDS = ("qty", "value_cents", "kind", "at")
READ = ("silver.stock_ledger", "silver.purchase_orders", "silver.partners", "silver.materials")
SPACES = {
    "silver.materials": ("material", "space_per_unit"),
    "silver.locations": ("location", "zone", "kind", "capacity", "site"),
}  # fmt: skip
_LARGE = 2**64


Rows = Callable[[str], pl.LazyFrame]
"""Rows of a table by its name."""


def spanned(rows: Rows, days: list[date]) -> list[date]:
    """The days of the plant and those of stock before them: stock may begin before the first reading.

    A plant of which nothing but records is known yet has the days of its postings.
    """
    day = pl.col("production_day")
    first, last = rows(READ[0]).select(day.min().alias("first"), day.max().alias("last")).collect().row(0)
    if first is None:
        return days
    return run(min(first, days[0]), max(first, days[-1])) if days else run(first, last)


def known(rows: Rows, bounds: pl.DataFrame, last: date | None, plant: Plant) -> dict[date, str]:
    """`hashes` of the tables as they are."""
    ledger, purchases, partners, materials = (rows(name) for name in READ)
    sited = purchases.with_columns(sites_of(plant).of("site"))
    return hashes(ledger, (sited, partners), materials, bounds, last)


def hashes(
    ledger: pl.LazyFrame,
    supply: tuple[pl.LazyFrame, pl.LazyFrame],
    materials: pl.LazyFrame,
    bounds: pl.DataFrame,
    last: date | None,
) -> dict[date, str]:
    """Hash by production day, from the first posting to `last` (or the last posting).

    Args:
        ledger: silver.stock_ledger.
        supply: silver.purchase_orders with its site (`Sites.of`), and silver.partners.
        materials: silver.materials; a unit shows in every day.
        bounds: `Spans.frame` of the days up to `last`.
        last: last production day of the plant.
    """
    rows = ledger.with_columns(micro=(pl.col("qty") * MICRO).round().cast(pl.Int64)).collect(engine="in-memory")
    if rows.is_empty():
        return {}
    edges: list[date] = [rows["production_day"].min(), rows["production_day"].max()]  # type: ignore[list-item]
    days = run(edges[0], max(edges[1], last or edges[1]))
    posted, stock = _posted(rows), _stock(rows, days)
    on_its_way = _supplied(supply, bounds)
    units = content_hash(materials.select("material", "unit").collect(engine="in-memory"))
    found = {}
    for day in days:
        window = run(first_needed(day), day)
        moves = [posted.get(d, "") for d in window]
        before = stock.get(window[0] - timedelta(days=1), "")
        found[day] = digest(before, *moves, (day - edges[0]).days < len(window), on_its_way.get(day, ""), units)
    return found


def moved(ledger: pl.LazyFrame, operations: pl.LazyFrame, days: Sequence[date]) -> dict[date, str]:
    """Hash by day of what gold.kpi_sums reads of stock: what each day begins with, and its postings.

    A posting counts with the product of the order it refers to.
    """
    micro = (pl.col("qty") * MICRO).round().cast(pl.Int64)
    made = operations.group_by(reference="order_id").agg(made=pl.col("product").drop_nulls().sort().first())
    rows = ledger.with_columns(micro=micro).join(made, on="reference", how="left").collect(engine="in-memory")
    if rows.is_empty() or not days:
        return {}
    posted = _posted(rows, "reference", "made")
    first = min(rows["production_day"].min(), days[0])  # type: ignore[type-var]
    stock = _stock(rows, run(first, days[-1]))  # type: ignore[arg-type]
    return {d: digest(stock.get(d - timedelta(days=1), ""), posted.get(d, "")) for d in days}


def spaces(rows: Rows, plant: Plant) -> str:
    """Hash of what gold.space_use reads of the masters."""
    frames = (rows(name).select(columns).collect(engine="in-memory") for name, columns in SPACES.items())
    return digest(*(content_hash(f) for f in frames), str(sites_of(plant)))


def _posted(rows: pl.DataFrame, *more: str) -> dict[date, str]:
    """Hash of the postings of each day."""
    parts = rows.select("production_day", *PAIR, *FIELDS, *more).partition_by("production_day", as_dict=True)
    return {day[0]: content_hash(part) for day, part in parts.items()}


def _stock(rows: pl.DataFrame, days: Iterable[date]) -> dict[date, str]:
    """Hash of what each pair of material and location has at the end of each day: a sum of one hash a pair."""
    sums = rows.group_by("production_day", *PAIR).agg(pl.col("micro", "value_cents").sum()).sort("production_day")
    by_day: dict[date, list[tuple[object, ...]]] = {}
    for day, *moved in sums.iter_rows():
        by_day.setdefault(day, []).append(tuple(moved))
    held: dict[tuple[object, ...], tuple[int, int]] = {}
    total, found = 0, {}
    for day in days:
        for site, material, location, micro, cents in by_day.get(day, ()):
            pair = (site, material, location)
            before = held.get(pair)
            after = held[pair] = ((before or (0, 0))[0] + micro, (before or (0, 0))[1] + cents)  # type: ignore[operator]
            total += _number(pair, after) - (0 if before is None else _number(pair, before))
        found[day] = str(total % _LARGE)
    return found


def _number(pair: tuple[object, ...], stock: tuple[int, int]) -> int:
    return int.from_bytes(sha256(repr((pair, stock)).encode()).digest()[:8], "big")


def _supplied(supply: tuple[pl.LazyFrame, pl.LazyFrame], bounds: pl.DataFrame) -> dict[date, str]:
    """Hash of the lead times and open orders known at the end of each day."""
    purchases, partners = supply
    facts = ((lead_times(purchases, partners), "known_at"), (on_order(purchases), "since_at"))
    ends = bounds.lazy().select("site", "production_day", "day_end_at").sort("day_end_at")
    found: dict[date, list[str]] = {}
    for rows, since in facts:
        kept = rows.collect(engine="in-memory").lazy()
        pairs = ends.join(kept.select("site", "material").unique(), on="site").sort("day_end_at")
        known = pairs.join_asof(
            kept.sort(since), left_on="day_end_at", right_on=since, by=["site", "material"], strategy="backward",
            allow_exact_matches=False, check_sortedness=False,
        )  # fmt: skip
        parts = known.drop("day_end_at").drop_nulls(since).collect(engine="in-memory")
        for day, part in parts.partition_by("production_day", as_dict=True).items():
            found.setdefault(day[0], []).append(frame_hash(part.drop("production_day", since, strict=False)))
    return {day: digest(*told) for day, told in found.items()}
