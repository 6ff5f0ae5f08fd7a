"""Every KPI of the house: one declaration each, from which values, SQL, bounds and pages are made."""

from __future__ import annotations

from plant.kpi.declaration import Kpi
from plant.kpi.families.house import HOUSE
from plant.kpi.families.iso22400 import ISO_KPIS
from plant.kpi.families.nakajima import FACTORS, SIX_LOSSES
from plant.kpi.families.semi import E10, E79
from plant.kpi.families.variants import VARIANTS
from plant.kpi.families.vdi3423 import VDI

KPIS: tuple[Kpi, ...] = (*ISO_KPIS, *HOUSE, *FACTORS, *SIX_LOSSES, *VARIANTS, *E10, *E79, *VDI)
"""Every KPI, in the order they are shown."""

BY_NAME: dict[str, Kpi] = {kpi.name: kpi for kpi in KPIS}
