"""Why a KPI has no value: what a scope must have, as terms, and the words of every null."""

from __future__ import annotations

from plant.kpi.declaration import Need
from plant.kpi.terms import Number, Sum, Term, absolute

NOTHING_PLANNED, NO_SIGNAL = "nothing planned", "no signal"
NO_COUNTER, NO_IDEAL, QUARANTINED = "no piece counter", "no ideal cycle", "counts quarantined"
SEVERAL = "several characteristics"
"""Note of a capability over more than one characteristic: their values are not of one thing."""
LATE = ", or pieces of lost time counted after it"
"""Added to the finding of a value above 1 where time is unknown."""

_COUNTS = Sum("reference_counting_us") + Sum("produced_pcs") + Sum("quarantined_pcs")

NEEDS: dict[Need, tuple[Term, str]] = {
    "pieces": (_COUNTS, NO_COUNTER),
    "ideal": (Number(1.0) - Sum("unrated_pcs"), NO_IDEAL),
    "meter": (Sum("metered_us"), "no energy meter"),
    "people": (Sum("apat_us"), "nobody logged in"),
    "order": (Sum("aoet_us"), "no whole order"),
    "routed": (Sum("routed_pcs") + Sum("routed_quarantined_pcs"), "no order with a routing"),
    "valued": (Number(1.0) - Sum("unvalued_pcs"), "no priced bill of material"),
    "material": (Sum("cm_cents"), "no material issued"),
    "stock": (Sum("stock_us") + absolute(Sum("rmi_cent_s")) + absolute(Sum("wip_cent_s")) + absolute(Sum("fgi_cent_s")),
              "no stock account of the scope"),
    "stock_account": (Sum("stock_us"), "no stock account of the scope"),
    "measured": (Sum("spc_n"), "nothing measured with two limits"),
    "inspected": (Sum("inspected_pcs"), "nothing inspected"),
    "planned_scrap": (Sum("psq_micropcs"), "no planned scrap of whole orders"),
}  # fmt: skip
"""A term that must be above 0, and the note when it is not. A KPI's needs are asked in their order."""
