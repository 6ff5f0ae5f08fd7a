"""Every KPI of the house, declared once: name, edition, source, numerator, denominator, unit, direction, null rule.

A KPI is a ratio of two expressions over `assets.kernels.sums.SUMS`; nothing else is needed to have it
at every level and grain, with bounds under unknown time and the reason when it is null. Where sources
differ, each variant has its own name, and its page in docs/kpi says which is the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

Better = Literal["higher", "lower", "context"]
ISO = "ISO 22400-2:2014"
WH_PER_KWH_J = 3.6e6


@dataclass(frozen=True)
class Kpi:
    """One KPI.

    `doubt` is what is not known, in the unit of the denominator (the denominator leaves it out): the
    low bound books all of it as loss, the high bound all of it as best case. `best` is the numerator at
    best where that is more than the numerator itself. Without `doubt` the KPI cannot be bounded: it has
    bounds (its own value) only where no time is unknown; `exact` ones do not depend on unknown time.
    `empty` says why the value is null when the denominator is 0. `pieces` and `ideal` need piece
    counters and ideal cycles, `metered` an energy meter.
    """

    name: str
    definition_id: str
    edition: str
    source: str
    formula: str
    numerator: pl.Expr
    denominator: pl.Expr
    unit: str = "1"
    better: Better = "higher"
    empty: str = "nothing planned"
    doubt: pl.Expr | None = None
    best: pl.Expr | None = None
    exact: bool = False
    pieces: bool = False
    ideal: bool = False
    metered: bool = False
    above_one: str | None = None


def _s(name: str) -> pl.Expr:
    """A time sum in seconds."""
    return pl.col(f"{name}_us") / 1e6


def _h(*names: str) -> pl.Expr:
    """A sum of times in hours."""
    return pl.sum_horizontal(pl.col(f"{n}_us") for n in names) / 3.6e9


def _pcs(name: str) -> pl.Expr:
    return pl.col(f"{name}_pcs").cast(pl.Float64)


_KNOWN_PBT = _s("pbt") - _s("unknown")
_AUPT = _s("apt") + _s("aust")
_AUBT = _AUPT + _s("adet")
_QUALITY = pl.when(pl.col("produced_pcs") > 0).then(_pcs("good") / _pcs("produced")).otherwise(0.0)
_EFFECTIVE = _s("ideal") * _QUALITY
"""Ideal time of the pieces times their quality ratio: what OEE's numerator comes to, APT cancelled."""
_EFFECTIVE_BEST = (
    pl.when(pl.col("quarantined_pcs") > 0)
    .then(pl.max_horizontal(_EFFECTIVE, _s("apt_counting")))
    .otherwise(_EFFECTIVE)
)
"""Quarantined counts might have been real pieces: at best they fill the production time at the ideal rate."""
_PRODUCED_DOUBT = _pcs("quarantined")
_NEE = (
    pl.when(pl.col("apt_counting_us") > 0)
    .then(_s("aupt_counting") / _s("apt_counting") * _EFFECTIVE)
    .when(pl.col("ideal_us") == 0)
    .then(0.0)
)
_STANDARD_TIME = "standard time: effectiveness above 1"
_NO_PIECES = "nothing produced"


def _time_share(name: str, number: int | str, formula: str, part: pl.Expr, whole: pl.Expr, empty: str, better: Better):
    """A share of time whose unknown part lies inside the whole."""
    edition = ISO if isinstance(number, int) else "house"
    return Kpi(
        name, f"{'iso22400-2' if isinstance(number, int) else 'house'}/{name}@1", edition,
        f"{ISO} KPI {number}" if isinstance(number, int) else number, formula, part, whole, "1", better, empty,
        doubt=_s("unknown"),
    )  # fmt: skip
