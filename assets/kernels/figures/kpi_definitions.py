"""Every KPI of the house, declared once: name, edition, source, numerator, denominator, unit, direction, null rule.

A KPI is a ratio of two expressions over `assets.kernels.figures.sums.SUMS`; nothing else is needed to have it
at every level and grain, with bounds under unknown time and the reason where it is null. Where sources
differ each variant has its own name, and its page in docs/kpi says which is the default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from assets.kernels.figures.sums import scaled

Better = Literal["higher", "lower", "context"]
Need = Literal["pieces", "ideal", "meter"]
ISO = "ISO 22400-2:2014"
HOUSE = "Shopfloor 1"
JOULE_PER_KWH = 3_600_000


@dataclass(frozen=True)
class Kpi:
    """One KPI: `numerator` / `denominator`, both additive sums or expressions of them.

    `doubt` is what is not known, in the unit of the denominator, which leaves it out: the low bound
    books all of it as loss, the high bound as perfect. `best` is the numerator at best where that is more
    than the numerator. `exact` ones do not depend on unknown time. Neither: bounds exist (the value
    itself) only where no time is unknown.
    `empty` is the note when the denominator is 0 although something was planned and known. `needs` says
    what the scope must have: piece counters, ideal cycles, an energy meter. `finding` is the note of a
    value above 1.
    """

    name: str
    edition: str
    source: str
    formula: str
    numerator: pl.Expr
    denominator: pl.Expr
    empty: str
    unit: str = "1"
    better: Better = "higher"
    doubt: pl.Expr | None = None
    best: pl.Expr | None = None
    exact: bool = False
    needs: Sequence[Need] = ()
    finding: str | None = None
    version: int = 1

    @property
    def definition_id(self) -> str:
        """Name, edition and our version of the definition; changes whenever the number would."""
        return f"{self.name}/{self.edition.lower().replace(' ', '-').replace(':', '-')}/{self.version}"


def _s(name: str) -> pl.Expr:
    """A time sum in seconds."""
    return scaled(pl.col(f"{name}_us"), 1_000_000, 6)


def _h(name: str) -> pl.Expr:
    """A time sum in hours."""
    return scaled(pl.col(f"{name}_us"), 3_600_000_000, 12)


def _pcs(name: str) -> pl.Expr:
    return pl.col(f"{name}_pcs").cast(pl.Float64)


_KWH = scaled(pl.col("energy_j"), JOULE_PER_KWH, 9)
_UNKNOWN, _UNKNOWN_COUNTING = _s("unknown"), _s("unknown_counting")
_AUPT = _s("apt") + _s("aust")
_AUBT = _AUPT + _s("adet")
_KNOWN_PBT = _s("pbt") - _UNKNOWN
_KNOWN_PBT_COUNTING = _s("pbt_counting") - _UNKNOWN_COUNTING
_QUALITY = (
    pl.when(pl.col("planned_produced_pcs") > 0).then(_pcs("planned_good") / _pcs("planned_produced")).otherwise(0.0)
)
_EFFECTIVE = _s("planned_ideal") * _QUALITY
"""Effectiveness x quality ratio with APT cancelled, so that it is 0, not null, where nothing ran."""
_DOUBLED = pl.col("quarantined_pcs") > 0


def _at_best(numerator: pl.Expr) -> pl.Expr:
    """Quarantined counts may have been pieces: at best they fill the production time at the ideal rate."""
    return pl.when(_DOUBLED).then(pl.max_horizontal(numerator, _s("apt_counting"))).otherwise(numerator)


_NEE = (
    pl.when(pl.col("apt_counting_us") > 0)
    .then(_s("aupt_counting") / _s("apt_counting") * _EFFECTIVE)
    .when(pl.col("planned_ideal_us") == 0)
    .then(0.0)
)
_STANDARD_TIME = "standard time: effectiveness above 1"
_IDEAL: tuple[Need, ...] = ("pieces", "ideal")

TIME: tuple[Kpi, ...] = (
    Kpi("availability", ISO, "ISO 22400-2 KPI 8", "APT / PBT",
        _s("apt"), _KNOWN_PBT, "nothing planned", doubt=_UNKNOWN),
    Kpi("allocation_efficiency", ISO, "ISO 22400-2 KPI 4", "AUBT / PBT; AUBT = APT + AUST + ADET",
        _AUBT, _KNOWN_PBT, "nothing planned", doubt=_UNKNOWN),
    Kpi("utilisation_efficiency", ISO, "ISO 22400-2 KPI 5", "APT / AUBT; AUBT = APT + AUST + ADET",
        _s("apt"), _AUBT, "no order worked on", doubt=_UNKNOWN),
    Kpi("technical_efficiency", ISO, "ISO 22400-2 KPI 12", "APT / (APT + ADET)",
        _s("apt"), _s("apt") + _s("adet"), "no production and no delay", doubt=_UNKNOWN),
    Kpi("setup_ratio", ISO, "ISO 22400-2 KPI 11 (set-up rate)", "AUST / AUPT; AUPT = APT + AUST",
        _s("aust"), _AUPT, "no production and no set-up", better="lower", doubt=_UNKNOWN),
    Kpi("coverage", HOUSE, "Shopfloor: share of planned busy time with a trustworthy signal",
        "(PBT - unknown) / PBT", _KNOWN_PBT, _s("pbt"), "nothing planned", exact=True),
)  # fmt: skip

PIECES: tuple[Kpi, ...] = (
    Kpi("effectiveness", ISO, "ISO 22400-2 KPI 9", "sum(PRI x PQ) / APT",
        _s("planned_ideal"), _s("apt_counting"), "no production time", doubt=_UNKNOWN_COUNTING,
        best=_at_best(_s("planned_ideal")), needs=_IDEAL, finding=_STANDARD_TIME),
    Kpi("quality_ratio", ISO, "ISO 22400-2 KPI 10", "GQ / PQ",
        _pcs("good"), _pcs("produced"), "nothing produced", doubt=_pcs("quarantined"), needs=("pieces",)),
    Kpi("scrap_ratio", ISO, "ISO 22400-2 KPI 16", "SQ / PQ",
        _pcs("scrap"), _pcs("produced"), "nothing produced", better="lower", doubt=_pcs("quarantined"),
        needs=("pieces",)),
    Kpi("rework_ratio", ISO, "ISO 22400-2 KPI 17", "RQ / PQ",
        _pcs("rework"), _pcs("produced"), "nothing produced", better="lower", doubt=_pcs("quarantined"),
        needs=("pieces",)),
    Kpi("first_pass_yield", ISO, "ISO 22400-2 KPI 15", "GP / IP; every counted piece is inspected",
        _pcs("good"), _pcs("produced"), "nothing produced", doubt=_pcs("quarantined"), needs=("pieces",)),
    Kpi("throughput_rate", HOUSE, "after ISO 22400-2 KPI 3 (PQ / AOET) with AUBT for AOET", "PQ / AUBT",
        _pcs("produced"), _h("apt") + _h("aust") + _h("adet"), "no order worked on", unit="pcs/h",
        needs=("pieces",)),
)  # fmt: skip

INDEXES: tuple[Kpi, ...] = (
    Kpi("oee", ISO, "ISO 22400-2 KPI 6", "availability x effectiveness x quality ratio",
        _EFFECTIVE, _KNOWN_PBT_COUNTING, "nothing planned", doubt=_UNKNOWN_COUNTING, best=_at_best(_EFFECTIVE),
        needs=_IDEAL, finding=_STANDARD_TIME),
    Kpi("oee_good_time", HOUSE, "SEMI E79 form over PBT; Nakajima, Vorne: good pieces x ideal cycle / planned time",
        "sum(PRI x GQ) / PBT", _s("planned_good_ideal"), _KNOWN_PBT_COUNTING, "nothing planned",
        doubt=_UNKNOWN_COUNTING, best=_at_best(_s("planned_good_ideal")), needs=_IDEAL, finding=_STANDARD_TIME),
    Kpi("nee", ISO, "ISO 22400-2 KPI 7", "AUPT / PBT x effectiveness x quality ratio",
        _NEE, _KNOWN_PBT_COUNTING, "nothing planned", doubt=_UNKNOWN_COUNTING, best=_at_best(_NEE), needs=_IDEAL,
        finding=_STANDARD_TIME),
    Kpi("ooe", HOUSE, "overall operations effectiveness, industry use", "sum(PRI x PQ) x quality ratio / POT",
        _EFFECTIVE, _s("pot_counting") - _UNKNOWN_COUNTING, "nothing planned", doubt=_UNKNOWN_COUNTING,
        best=_at_best(_EFFECTIVE), needs=_IDEAL, finding=_STANDARD_TIME),
    Kpi("teep", HOUSE, "total effective equipment performance, industry use; SEMI E79 has total time as well",
        "sum(PRI x GQ) / calendar time", _s("good_ideal"), _s("reference_counting") - _UNKNOWN_COUNTING, "no time",
        doubt=_UNKNOWN_COUNTING, best=_at_best(_s("good_ideal")), needs=_IDEAL, finding=_STANDARD_TIME),
)  # fmt: skip

RELIABILITY: tuple[Kpi, ...] = (
    Kpi("mtbf", ISO, "ISO 22400-2 KPI 31; TBF without delay times, denominator FE", "(APT + AUST) / FE",
        _h("apt") + _h("aust"), pl.col("failures").cast(pl.Float64), "no failure", unit="h"),
    Kpi("mtbf_up_time", HOUSE, "IEC 60050-192: up time between failures", "(PBT - breakdown) / FE",
        _h("pbt") - _h("unknown") - _h("breakdown"), pl.col("failures").cast(pl.Float64), "no failure", unit="h"),
    Kpi("mttr", ISO, "ISO 22400-2 KPI 33; denominator FE", "sum(TTR) / FE",
        _h("breakdown"), pl.col("failures").cast(pl.Float64), "no failure", unit="h", better="lower"),
)  # fmt: skip

ENERGY: tuple[Kpi, ...] = (
    Kpi("energy_per_good_pc", HOUSE, "energy performance indicator as a ratio, ISO 50006", "E / GQ",
        _KWH, _pcs("good"), "no good pieces", unit="kWh/pc", better="lower", exact=True,
        needs=("pieces", "meter")),
    Kpi("comprehensive_energy_consumption", ISO, "ISO 22400-2 KPI 23, one carrier", "E / PQ",
        _KWH, _pcs("produced"), "nothing produced", unit="kWh/pc", better="lower",
        exact=True, needs=("pieces", "meter")),
)  # fmt: skip

KPIS: tuple[Kpi, ...] = (*INDEXES, *TIME, *PIECES, *RELIABILITY, *ENERGY)
"""Every KPI, in the order they are shown."""

BY_NAME: dict[str, Kpi] = {kpi.name: kpi for kpi in KPIS}
