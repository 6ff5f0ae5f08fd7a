"""What may have been while nothing was seen: the worlds the bounds of a KPI are taken from.

Doubt is put, as a whole, into one place at a time: unknown time into each leaf of the time tree (production at the
ideal rate or at the rate seen if that is higher, production of nothing, of scrap, of rework, set-up, breakdown, minor
stop, waiting, engineering, no order, planned down; three of the stops once more after a piece that was all but done),
quarantined pieces into none, good, scrap and rework. A ratio of sums that are linear in the doubt takes its
extremes at these corners, so the bounds are the least and the greatest value over all pairs of one world of each
kind, and the point value.

A world changes measures of a scope's sums: `changes` gives the new value of a measure as a term over the old ones,
all at once. First UNKNOWN is applied, then QUARANTINED to its result. A measure that becomes null has no limit. A KPI
has no bounds where in some world its numerator or denominator is null, though the scope lacks nothing, or the
denominator is not above 0 while the numerator is not 0; 0 / 0 is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from plant.kpi.terms import Number, Sum, Term, Where, greatest, least

NOTHING = Number(0.0)
UNLIMITED = Where(NOTHING, NOTHING)
"""Null: nothing limits what this measure may have been."""


@dataclass(frozen=True)
class Scenario:
    """One world: its name and the measures it changes."""

    name: str
    changes: tuple[tuple[str, Term], ...] = ()


UNKNOWN_DOUBT = Sum("unknown_us") + Sum("order_unknown_us")
"""Above 0 where the worlds of UNKNOWN have to be looked at."""
QUARANTINE_DOUBT = Sum("quarantined_pcs") + Sum("order_quarantined_pcs")
"""Above 0 where the worlds of QUARANTINED have to be looked at."""

_U, _UC = Sum("unknown_us"), Sum("unknown_counting_us")
_UA, _UO = Sum("unknown_attended_us"), Sum("order_unknown_us")
_SEEN = Sum("planned_ideal_us") - Sum("planned_gap_ideal_us")
_RATE = greatest(Number(1.0), _SEEN / Sum("apt_counting_us"))
"""Ideal time made per time: 1 is the ideal rate."""
_PIECE_RATE = greatest(
    (Sum("produced_pcs") - Sum("gap_pcs")) / Sum("apt_counting_us"), Sum("produced_pcs") / Sum("ideal_us")
)
_GAP, _PLANNED_GAP, _GOOD, _PLANNED_GOOD = (
    Sum(name) for name in ("gap_pcs", "planned_gap_pcs", "good_pcs", "planned_good_pcs")
)
_SOME_RATE = greatest(_PIECE_RATE, Number(1e-15))
"""Where no piece and no ideal cycle was seen any rate does for a share of pieces; `gap_pcs` has no limit then."""
_MADE, _PLANNED_MADE = greatest(_UC * _SOME_RATE, _GAP), greatest(_UC * _SOME_RATE, _PLANNED_GAP)
"""Pieces made in the unknown time at most: what the rate allows, at least those the counter showed after it."""
_GROWTH = _MADE / Sum("produced_pcs")


def _add(amount: Term, *names: str) -> list[tuple[str, Term]]:
    return [(name, Sum(name) + amount) for name in names]


def _without(gap: Term, *names: str) -> list[tuple[str, Term]]:
    return [(name, greatest(Sum(name) - gap, NOTHING)) for name in names]


def _unseen(name: str) -> list[tuple[str, Term]]:
    """Ideal time of a kind and its gap after the world made that kind all through the unknown time."""
    gap = name.replace("planned_", "planned_gap_") if name.startswith("planned_") else f"gap_{name}"
    return [(name, Sum(name) - Sum(gap) + greatest(_UC * _RATE, Sum(gap)) + _first(gap)), (gap, NOTHING)]


def _first(gap: str) -> Term:
    """Ideal time of the piece that was in the machine when the signal went: most of its time may have been seen."""
    return Where(Sum("apt_counting_us"), least(Sum(gap), Sum("ideal_us") / Sum("produced_pcs")), NOTHING)


_KNOWN = [(name, NOTHING) for name in ("unknown_us", "unknown_counting_us", "unknown_attended_us")]
_BUSY = _add(_UO, "order_aubt_us")
_STOP = [*_add(_U, "adet_us"), *_BUSY]
_UP = _add(_UC, "uptime_counting_us")
_MAKING = [
    *_add(_U, "apt_us"), *_add(_UC, "apt_counting_us", "aupt_counting_us"), *_UP, *_add(_UA, "apwt_us"), *_BUSY,
    *_add(_UO, "order_apt_us"),
]  # fmt: skip
_PIECES = [
    ("gap_pcs", NOTHING * _PIECE_RATE),
    ("produced_pcs", Sum("produced_pcs") - _GAP + _MADE),
    ("planned_produced_pcs", Sum("planned_produced_pcs") - _PLANNED_GAP + _PLANNED_MADE),
    ("first_op_pcs", Sum("first_op_pcs") + _GROWTH * Sum("first_op_pcs")),
    ("produced_material_mcents", Sum("produced_material_mcents") + _GROWTH * Sum("produced_material_mcents")),
]
_BAD_GAP = [*_without(_GAP, "good_pcs"), *_without(_PLANNED_GAP, "planned_good_pcs")]
"""Pieces of the gap were made before the period, and good ones of them."""


def _world(name: str, *changes: tuple[str, Term]) -> Scenario:
    return Scenario(name, (*_KNOWN, *changes))


def _bad(kind: str, *more: tuple[str, Term]) -> Scenario:
    """All that was made unseen was scrap, or rework."""
    made = (f"{kind}_pcs", greatest(Sum(f"{kind}_pcs") - greatest(_GAP - _GOOD, NOTHING), NOTHING) + _MADE)
    ideal = [*_unseen("planned_ideal_us"), *_unseen(f"planned_{kind}_ideal_us")]
    material = f"{kind}_material_mcents"
    lost = (material, Sum(material) + _GROWTH * Sum("produced_material_mcents"))
    return _world(f"production of {kind}", *_MAKING, *_PIECES, *_BAD_GAP, made, lost, *ideal, *more)


_GOOD_MADE = [
    ("good_pcs", _GOOD - greatest(_GAP - Sum("scrap_pcs") - Sum("rework_pcs"), NOTHING) + _MADE),
    ("planned_good_pcs", _PLANNED_GOOD - greatest(_PLANNED_GAP - Sum("planned_produced_pcs") + _PLANNED_GOOD, NOTHING)
     + _PLANNED_MADE),
    *_without(_GAP, "scrap_pcs", "rework_pcs"),
    ("good_material_mcents", Sum("good_material_mcents") + _GROWTH * Sum("produced_material_mcents")),
    *(change for kind in ("planned_ideal_us", "planned_good_ideal_us", "good_ideal_us") for change in _unseen(kind)),
]  # fmt: skip

_SETUP = _world("set-up", *_add(_U, "aust_us", "sdt_us", "vdi_organisational_us"), *_add(_UC, "aupt_counting_us"),
                *_add(_UA, "apwt_us"), *_BUSY)  # fmt: skip
_WAITING = _world("waiting", *_STOP, *_UP, *_add(_U, "sby_us", "vdi_logistic_us"))
_IDLE = Where(_SEEN, Sum("apt_counting_us"), Number(1.0))
"""Above 0 where all unknown time may have been planned down: pieces were made in time that was seen, or none were."""
_DOWN, _DOWN_COUNTING = Where(_IDLE, _U, NOTHING), Where(_IDLE, _UC, NOTHING)
_PLANNED_DOWN = _world(
    "planned down", *_add(_DOWN, "planned_down_us", "sdt_us"), ("pbt_us", Sum("pbt_us") - _DOWN),
    ("pbt_counting_us", Sum("pbt_counting_us") - _DOWN_COUNTING), ("apat_us", Sum("apat_us") - _UA),
)  # fmt: skip
_SEEN_GAP = [(gap, Sum(gap) - _first(gap)) for gap in (
    "planned_gap_ideal_us", "planned_gap_good_ideal_us", "planned_gap_scrap_ideal_us", "planned_gap_rework_ideal_us",
    "gap_good_ideal_us")]  # fmt: skip
_SEEN_GAP.append(("gap_pcs", Sum("gap_pcs") - Where(Sum("apt_counting_us"), least(Sum("gap_pcs"), 1.0), NOTHING)))
"""One piece was all but finished when the signal went."""

UNKNOWN: tuple[Scenario, ...] = (
    _world("production", *_MAKING, *_PIECES, *_GOOD_MADE),
    _world("production of nothing", *_MAKING, *_BAD_GAP, ("gap_pcs", NOTHING), *_without(_GAP, "scrap_pcs",
    "rework_pcs", "produced_pcs"),
           *_without(_PLANNED_GAP, "planned_produced_pcs")),
    _bad("scrap", ("routed_scrap_pcs", Sum("routed_scrap_pcs") + _GROWTH * Sum("routed_pcs")),
         ("first_op_scrap_pcs", Sum("first_op_scrap_pcs") + _GROWTH * Sum("first_op_pcs"))),
    _bad("rework"),
    _SETUP,
    _world("breakdown", *_STOP, *_add(_U, "breakdown_us", "breakdown_delay_us", "udt_us", "vdi_technical_us"),
           *_add(_UC, "breakdown_counting_us"), ("failures", UNLIMITED)),
    _world("minor stop", *_STOP, *_add(_U, "minor_us", "udt_us", "vdi_technical_us"),
           *_add(_UC, "minor_counting_us", "short_counting_us")),
    _WAITING,
    _world("engineering", *_STOP, *_UP, *_add(_U, "eng_us", "vdi_organisational_us")),
    _world("no order", *_UP, *_add(_U, "adot_us", "sby_us", "vdi_organisational_us")),
    _PLANNED_DOWN,
    *(Scenario(f"{world.name}, after a piece of the gap", (*world.changes, *_SEEN_GAP))
      for world in (_SETUP, _WAITING, _PLANNED_DOWN)),
)  # fmt: skip
"""Where the unknown time went."""

_Q, _QO, _QM = Sum("quarantined_pcs"), Sum("order_quarantined_pcs"), Sum("quarantined_material_mcents")
_ROOM = Where(Sum("planned_quarantined_pcs"), greatest(Sum("apt_counting_us") - _SEEN, NOTHING), NOTHING)
"""At best the pieces fill the production time at the ideal rate."""
_ROOM_ALL = Where(
    _Q,
    greatest(Sum("apt_counting_us") + Sum("overtime_us") - Sum("ideal_us") + Sum("gap_ideal_us"), NOTHING),
    NOTHING,
)
_COUNTED = [
    *_add(_Q, "produced_pcs"), *_add(_QO, "order_pcs"), *_add(_QM, "produced_material_mcents"),
    *_add(Sum("first_op_quarantined_pcs"), "first_op_pcs"),
]  # fmt: skip

_PLANNED_BAD = _add(
    least(Sum("planned_quarantined_pcs"), _ROOM / (Sum("planned_ideal_us") / Sum("planned_produced_pcs"))),
    "planned_produced_pcs",
)
"""Bad pieces, as many as the added ideal time is worth: the ideal time of good ones stays what it was."""

QUARANTINED: tuple[Scenario, ...] = (
    Scenario("no pieces"),
    Scenario("good pieces", (
        *_COUNTED, *_add(_Q, "good_pcs"), *_add(_QM, "good_material_mcents"),
        *_add(Sum("planned_quarantined_pcs"), "planned_produced_pcs", "planned_good_pcs"),
        *_add(_ROOM, "planned_ideal_us", "planned_good_ideal_us"), *_add(_ROOM_ALL, "ideal_us", "good_ideal_us"),
    )),
    Scenario("scrap", (
        *_COUNTED, *_add(_Q, "scrap_pcs"), *_add(_QO, "order_scrap_pcs"), *_add(_QM, "scrap_material_mcents"),
        *_add(Sum("routed_quarantined_pcs"), "routed_scrap_pcs"), *_add(_ROOM, "planned_ideal_us",
        "planned_scrap_ideal_us"), *_add(Sum("first_op_quarantined_pcs"), "first_op_scrap_pcs"), *_PLANNED_BAD,
    )),
    Scenario("rework", (
        *_COUNTED, *_add(_Q, "rework_pcs"), *_add(_QM, "rework_material_mcents"), *_PLANNED_BAD,
        *_add(_ROOM, "planned_ideal_us", "planned_rework_ideal_us"),
    )),
)  # fmt: skip
"""What the quarantined counts were."""


def changed_by(scenarios: tuple[Scenario, ...]) -> Iterator[str]:
    """Measures that some of the scenarios change, each once, in order of appearance."""
    seen: set[str] = set()
    for name, _ in (change for scenario in scenarios for change in scenario.changes):
        if name not in seen:
            seen.add(name)
            yield name
