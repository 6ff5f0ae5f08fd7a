"""Why the same shift reads differently in each standard: walks from one KPI to another, one rule at a time.

Each step changes one rule of the ratio before it, so the differences of the values along a walk sum exactly to
the difference between its two ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from plant.kpi.catalogue import BY_NAME
from plant.kpi.elements import APT, EFFECTIVE, GOOD_IDEAL, OPERATIONS, PBT, PBT_COUNTING, TOTAL, TOTAL_COUNTING
from plant.kpi.terms import Sum, Term

_POT_COUNTING = Sum("pot_counting_us") - Sum("unknown_counting_us")
_AVAILABLE = PBT - Sum("vdi_technical_us")
_UPTIME = APT + Sum("sby_us") + Sum("eng_us")


@dataclass(frozen=True)
class Step:
    """One rule changed: what it is in words, and the ratio after it."""

    words: str
    numerator: Term
    denominator: Term


@dataclass(frozen=True)
class Walk:
    """From one KPI to another. The last step is the other's own ratio."""

    start: str
    end: str
    steps: tuple[Step, ...]

    def ratios(self) -> list[tuple[str, Term, Term]]:
        """Words, numerator and denominator of the start and after each step."""
        first = BY_NAME[self.start]
        return [(first.title, first.numerator, first.denominator)] + [
            (s.words, s.numerator, s.denominator) for s in self.steps
        ]


_BY_TIME = Step("quality is weighted by ideal time, not by pieces", GOOD_IDEAL, PBT_COUNTING)
_ALL_TIME = Step("time outside every shift is a loss as well", GOOD_IDEAL, TOTAL_COUNTING)

WALKS: tuple[Walk, ...] = (
    Walk("oee", "nakajima_oee", (_BY_TIME,)),
    Walk("oee", "ooe", (Step("planned down time inside shifts is a loss as well", EFFECTIVE, _POT_COUNTING),)),
    Walk("oee", "e79_oee", (
        _BY_TIME, Step("planned down time inside shifts is a loss as well", GOOD_IDEAL, _POT_COUNTING), _ALL_TIME,
    )),
    Walk("oee", "teep", (
        _BY_TIME, Step("planned down time inside shifts is a loss as well", GOOD_IDEAL, _POT_COUNTING), _ALL_TIME,
        Step("pieces made outside every shift count", BY_NAME["teep"].numerator, TOTAL_COUNTING),
    )),
    Walk("availability", "nakajima_availability", (
        Step("only machines that can count pieces", Sum("apt_counting_us"), PBT_COUNTING),
        Step("stops shorter than minor_stop_s are run time", BY_NAME["nakajima_availability"].numerator, PBT_COUNTING),
    )),
    Walk("availability", "vdi_technical_availability", (
        Step("set-up, waiting, no order and every other stop are not the machine's", _AVAILABLE, PBT),
    )),
    Walk("availability", "e10_operational_uptime", (
        Step("planned down time inside shifts is in the denominator", APT, OPERATIONS),
        Step("waiting and breaks (standby) and engineering are uptime", _UPTIME, OPERATIONS),
    )),
    Walk("availability", "e10_total_utilisation", (
        Step("planned down time inside shifts is in the denominator", APT, OPERATIONS),
        Step("time outside every shift is in the denominator", APT, TOTAL),
    )),
    Walk("availability", "allocation_efficiency", (
        Step("set-up is use of the machine", BY_NAME["setup_ratio"].denominator, PBT),
        Step("delay under an order is use of the machine", BY_NAME["allocation_efficiency"].numerator, PBT),
    )),
)  # fmt: skip
"""The walks of gold.kpi_reconciliation. All ratios are shares without a factor."""
