"""OEE after Nakajima as customers use it (Vorne and others), TEEP, OOE, and the six big losses as shares.

Availability = run time / planned time, set-up and stops longer than the machine's minor_stop_s are lost;
performance = ideal time of all pieces / run time, minor stops and slow running are lost; quality = ideal time of good
pieces / ideal time of all pieces. OEE = ideal time of good pieces / planned time. The shares of the losses and OEE
add up to 1.
"""

from __future__ import annotations

from functools import partial

from plant.kpi.declaration import Kpi, Need
from plant.kpi.elements import (
    EFFECTIVE,
    GOOD_IDEAL,
    HOUSE,
    IDEAL,
    PBT_COUNTING,
    REWORK_IDEAL,
    SCRAP_IDEAL,
    STANDARD_TIME,
    TOTAL_COUNTING,
)
from plant.kpi.terms import Sum, Term

_house = partial(Kpi, family="Nakajima", edition=HOUSE)
_nakajima = partial(
    Kpi, family="Nakajima", edition="Nakajima 1988", source="Nakajima, Introduction to TPM; Vorne, OEE calculation"
)
_IDEAL: tuple[Need, ...] = ("pieces", "ideal")
_RUN = Sum("apt_counting_us") + Sum("short_counting_us")
_STOPPED = PBT_COUNTING - Sum("aupt_counting_us")

FACTORS: tuple[Kpi, ...] = (
    _house(
        "oee_good_time", "OEE of good time",
        source="SEMI E79 form over PBT; Nakajima, Vorne: good pieces x ideal cycle / planned time",
        formula="sum(PRI x GQ) / PBT", numerator=GOOD_IDEAL, denominator=PBT_COUNTING, empty="nothing planned",
        needs=_IDEAL, finding=STANDARD_TIME, variant_of="oee", version=2,
        remark="Quality weighted by ideal time: differs from oee where products with different ideal cycles and "
        "different scrap share a period.",
    ),
    _nakajima(
        "nakajima_oee", "OEE after Nakajima", formula="good pieces x ideal cycle / planned production time",
        numerator=GOOD_IDEAL, denominator=PBT_COUNTING, empty="nothing planned", needs=_IDEAL, finding=STANDARD_TIME,
        variant_of="oee", remark="Product of the three factors below; the same number as oee_good_time.",
    ),
    _nakajima(
        "nakajima_availability", "Availability after Nakajima", formula="run time / planned production time",
        numerator=_RUN, denominator=PBT_COUNTING, empty="nothing planned", needs=("pieces",), variant_of="availability",
        remark="Run time holds minor stops; set-up and every longer stop are availability losses. Of machines that can "
        "count pieces.",
    ),
    _nakajima(
        "nakajima_performance", "Performance after Nakajima", formula="ideal cycle x total pieces / run time",
        numerator=IDEAL, denominator=_RUN, empty="no run time", needs=_IDEAL, finding=STANDARD_TIME,
        variant_of="effectiveness", remark="Minor stops and slow running are performance losses.",
    ),
    _nakajima(
        "nakajima_quality", "Quality after Nakajima",
        formula="good pieces x ideal cycle / (total pieces x ideal cycle)",
        numerator=GOOD_IDEAL, denominator=IDEAL, empty="nothing produced", needs=_IDEAL, variant_of="quality_ratio",
        remark="By ideal time, so that the factors multiply to OEE also with mixed products.",
    ),
    _house(
        "ooe", "Overall operations effectiveness", source="overall operations effectiveness, industry use",
        formula="sum(PRI x PQ) x quality ratio / POT", numerator=EFFECTIVE,
        denominator=Sum("pot_counting_us") - Sum("unknown_counting_us"), empty="nothing planned", needs=_IDEAL,
        finding=STANDARD_TIME, variant_of="oee", version=2, remark="Over all shift time: planned down time is a loss.",
    ),
    _house(
        "teep", "Total effective equipment performance",
        source="total effective equipment performance, industry use; SEMI E79 has total time as well",
        formula="sum(PRI x GQ) / calendar time", numerator=Sum("good_ideal_us") - Sum("gap_good_ideal_us"),
        denominator=TOTAL_COUNTING, empty="no time", needs=_IDEAL, finding=STANDARD_TIME, variant_of="oee", version=2,
        remark="Over all time, with pieces made outside every shift.",
    ),
)  # fmt: skip


def _loss(name: str, title: str, time: Term, formula: str, remark: str, *, ideal: bool = True) -> Kpi:
    return _nakajima(
        f"loss_{name}", title, formula=f"{formula} / PBT", numerator=time, denominator=PBT_COUNTING,
        empty="nothing planned", better="lower", needs=_IDEAL if ideal else _IDEAL[:1], remark=remark,
    )  # fmt: skip


SIX_LOSSES: tuple[Kpi, ...] = (
    _loss("breakdown", "Breakdown loss", Sum("breakdown_counting_us"), "breakdown time", "First of the six big losses.",
          ideal=False),
    _loss("setup", "Set-up loss", Sum("aupt_counting_us") - Sum("apt_counting_us"), "AUST",
          "Second of the six big losses: set-up and adjustment.", ideal=False),
    _loss("minor_stops", "Minor stop loss", Sum("minor_counting_us"), "time of minor stops",
          "Third of the six big losses: stops of class minor_stop and those shorter than the machine's minor_stop_s.",
          ideal=False),
    _loss("waiting", "Waiting loss", _STOPPED - Sum("breakdown_counting_us") - Sum("minor_counting_us"),
          "every other stop", "Blocked, starved, no order, idle: outside the six, which look at the machine alone.",
          ideal=False),
    _loss("speed", "Speed loss", Sum("apt_counting_us") - IDEAL, "(APT - ideal time of all pieces)",
          "Fourth of the six big losses; below 0 where effectiveness is above 1."),
    _loss("scrap", "Scrap loss", SCRAP_IDEAL, "ideal time of scrapped pieces", "Fifth of the six big losses."),
    _loss("rework", "Rework loss", REWORK_IDEAL, "ideal time of rework pieces",
          "Sixth of the six big losses; start-up rejects are not told apart from other scrap and rework."),
)  # fmt: skip
