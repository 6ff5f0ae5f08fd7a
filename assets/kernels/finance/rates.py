"""Which rate holds where and when: cost rates of different scopes laid over each other, by machine.

The most specific scope wins: machine, operation, line, area, site, plant, and for energy last the tariff of plant.toml.
Of two rates of one scope the one that began later wins. Set-up without a set-up rate costs the machine's rate. A rate
per piece stands among the others: where it wins, time and energy cost nothing and each piece counted costs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl

from assets.kernels.axis import us
from plant.calendar import day_bounds
from plant.config import Plant
from plant.dimensions import machines_frame, tariffs_frame

UNIT = {"machine": "h", "setup": "h", "labour": "h", "overhead": "h", "energy": "kWh"}
"""Unit a kind of rate is counted in, where it is not per piece."""
PIECE = "pcs"
_EPOCH = date(1970, 1, 1)
EVER_US, FAR_US = -(2**61), 2**61
SCOPES = ("machine", "operation", "line", "area", "site")
TIMELINE: dict[str, pl.DataType] = {
    "kind": pl.String(), "machine": pl.String(), "from_us": pl.Int64(), "to_us": pl.Int64(), "rate_cents": pl.Float64(),
}  # fmt: skip
Span = tuple[int, int, int, float, bool]  # rank (lower wins), from_us, to_us, cents, per piece


def per_piece(kind: str) -> str:
    """The kind under which `timeline` has the rate per piece of a kind."""
    return f"{kind}_{PIECE}"


def timeline(rates: pl.DataFrame, machines: pl.DataFrame, tariffs: pl.DataFrame | None = None) -> pl.DataFrame:
    """Rates by kind and machine without overlap: kind, machine, from_us, to_us, rate_cents; without a rate no row.

    Where a rate per piece holds its kind has the rate 0, and `per_piece` of the kind has it.

    Args:
        rates: silver.cost_rates.
        machines: machine, operation, line, area, site (`plant.dimensions.machines_frame`).
        tariffs: site, from_us, price_per_kwh in currency units; each holds until the next.
    """
    known = rates.select("kind", "scope", "unit", "rate_cents", from_us=us("valid_from_at"), to_us=us("valid_to_at"))
    rows: list[tuple[str, str, int, int, float]] = []
    for machine in machines.iter_rows(named=True):
        for kind in UNIT:
            spans = list(_candidates(known, kind, machine))
            if kind == "setup":
                # Set-up makes no piece: one that is paid by the machine's piece is in its price.
                spans += [(rank + len(SCOPES) + 1, a, b, 0.0 if each else cents, False)
                          for rank, a, b, cents, each in _candidates(known, "machine", machine)]  # fmt: skip
            if kind == "energy" and tariffs is not None:
                spans += _tariffs(tariffs, machine["site"])
            for a, b, cents, each in _laid(spans):
                rows.append((kind, machine["machine"], a, b, 0.0 if each else cents))
                if each:
                    rows.append((per_piece(kind), machine["machine"], a, b, cents))
    return pl.DataFrame(rows, schema=TIMELINE, orient="row")


def lines_of(plant: Plant, rates: pl.DataFrame) -> pl.DataFrame:
    """`timeline` of a plant: its machines, and its tariffs from the first production day they hold on."""
    tariffs = tariffs_frame(plant).with_columns(
        pl.struct("site", "valid_from")
        .map_elements(lambda row: _begins(plant, row["site"], row["valid_from"]), return_dtype=pl.Int64)
        .alias("from_us")
    )
    return timeline(rates, machines_frame(plant), tariffs)


def _begins(plant: Plant, site: str, day: date) -> int:
    if day <= _EPOCH:  # the default: ever
        return EVER_US
    return (day_bounds(plant, site, day)[0] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def at(lines: pl.DataFrame, kind: str, wanted: pl.DataFrame, at_us: str) -> pl.DataFrame:
    """`wanted` with rate_cents: the rate of its machine at an instant; null without instant or rate."""
    rates = lines.filter(pl.col("kind") == kind).select("machine", "from_us", "to_us", "rate_cents").sort("from_us")
    keyed = wanted.with_row_index("_row").with_columns(_at=pl.col(at_us)).sort("_at", nulls_last=True)
    found = keyed.join_asof(
        rates, left_on="_at", right_on="from_us", by="machine", strategy="backward", check_sortedness=False
    )
    held = pl.when(pl.col("_at") < pl.col("to_us")).then(pl.col("rate_cents"))
    return found.sort("_row").with_columns(rate_cents=held).drop("_row", "_at", "from_us", "to_us")


def _candidates(known: pl.DataFrame, kind: str, machine: dict[str, str | None]) -> Iterable[Span]:
    mine = known.filter(pl.col("kind") == kind, pl.col("unit").is_in([UNIT[kind], PIECE]))
    for scope, cents, since, until, unit in mine.select("scope", "rate_cents", "from_us", "to_us", "unit").iter_rows():
        ranks = [n for n, of in enumerate(SCOPES) if scope is not None and machine.get(of) == scope]
        if scope is None:
            ranks = [len(SCOPES)]
        if ranks:
            edges = EVER_US if since is None else since, FAR_US if until is None else until
            yield ranks[0], *edges, cents, unit == PIECE


def _tariffs(tariffs: pl.DataFrame, site: str | None) -> list[Span]:
    mine = tariffs.filter(pl.col("site") == site).sort("from_us").select("from_us", "price_per_kwh").rows()
    ends = [*(since for since, _ in mine[1:]), FAR_US][: len(mine)]
    rank = 2 * len(SCOPES) + 2
    return [(rank, since, until, price * 100, False) for (since, price), until in zip(mine, ends, strict=True)]


def _laid(spans: Sequence[Span]) -> Iterable[tuple[int, int, float, bool]]:
    """The winner between neighbouring edges; stretches without one are left out."""
    edges = sorted({t for _, a, b, *_ in spans for t in (a, b)})
    for start, end in pairwise(edges):
        here = [(rank, -since, cents, each) for rank, since, until, cents, each in spans
                if since <= start and until >= end]  # fmt: skip
        if here:
            yield start, end, *min(here)[2:]
