"""Elements of ISO 22400-2 and the parts KPIs share, as terms over the measures."""

from __future__ import annotations

from plant.kpi.terms import Number, Sum, Where, absolute, root

ISO, HOUSE = "ISO 22400-2:2014", "Shopfloor 1"
PER_HOUR_US = 3_600_000_000.0
"""Microseconds of an hour: factor of a rate per hour."""
HOURS = 1 / PER_HOUR_US
"""Factor from microseconds to hours."""
KWH = 1 / 3_600_000
"""Factor from joules to kilowatt-hours."""
STANDARD_TIME = "standard time: effectiveness above 1"

PBT = Sum("pbt_us") - Sum("unknown_us")
"""Planned busy time with a trustworthy signal."""
PBT_COUNTING = Sum("pbt_counting_us") - Sum("unknown_counting_us")
APT = Sum("apt_us")
AUPT = Sum("apt_us") + Sum("aust_us")
AUBT = AUPT + Sum("adet_us")
TOTAL = Sum("reference_us") - Sum("unknown_us")
TOTAL_COUNTING = Sum("reference_counting_us") - Sum("unknown_counting_us")
OPERATIONS = Sum("pot_us") - Sum("unknown_us")
"""SEMI E10 operations time with a trustworthy signal."""

IDEAL = Sum("planned_ideal_us") - Sum("planned_gap_ideal_us")
"""Ideal time of pieces made inside shifts, less those counted over time without a signal."""
GOOD_IDEAL = Sum("planned_good_ideal_us") - Sum("planned_gap_good_ideal_us")
SCRAP_IDEAL = Sum("planned_scrap_ideal_us") - Sum("planned_gap_scrap_ideal_us")
REWORK_IDEAL = Sum("planned_rework_ideal_us") - Sum("planned_gap_rework_ideal_us")
QUALITY = Where(Sum("planned_produced_pcs"), Sum("planned_good_pcs") / Sum("planned_produced_pcs"), Number(0.0))
"""Quality ratio inside shifts; 0 where nothing was produced, so that a product with it is 0, not null."""
EFFECTIVE = IDEAL * QUALITY
"""Effectiveness x quality ratio x APT with APT cancelled: 0, not null, where nothing ran."""
NEE_TIME = Where(IDEAL, Sum("aupt_counting_us") / Sum("apt_counting_us") * EFFECTIVE, Number(0.0))

FE = Sum("failures")
MATERIAL = Number(1000.0) * Sum("cm_cents")
"""Consumed material in thousandths of a cent."""

MEAN_U = Sum("spc_u") / Sum("spc_n")
"""Mean of the normalised deviation from the middle of the limits, in millionths of their distance."""
_SPREAD = Sum("spc_u2") - Sum("spc_u") * MEAN_U
OVERALL = root(_SPREAD / (Sum("spc_n") - Number(1.0)))
"""Sample standard deviation s of the normalised deviation, in millionths."""
D2 = 1.128379167095513
"""Mean range of two standard normal values, 2 / sqrt(pi)."""
WITHIN = Sum("spc_mr") / Sum("spc_mr_n") * Number(1 / D2)
"""Standard deviation from the mean moving range of two, in millionths."""
NEAREST = Number(500_000.0) - absolute(MEAN_U)
"""Distance from the mean to the nearer limit, in millionths of the distance of the limits."""
