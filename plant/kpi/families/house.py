"""KPIs of the house: how much is known, and energy per good piece."""

from __future__ import annotations

from plant.kpi.declaration import Kpi
from plant.kpi.elements import HOUSE as EDITION
from plant.kpi.elements import KWH, PBT
from plant.kpi.terms import Sum

HOUSE: tuple[Kpi, ...] = (
    Kpi(
        "coverage", "Coverage", "Shopfloor", EDITION,
        "Shopfloor: share of planned busy time with a trustworthy signal", "(PBT - unknown) / PBT", PBT, Sum("pbt_us"),
        "nothing planned", exact=True,
        remark="Every KPI of time leaves unknown time out of its value and has bounds; coverage says how much that is.",
    ),
    Kpi(
        "energy_per_good_pc", "Energy per good piece", "Shopfloor", EDITION,
        "energy performance indicator as a ratio, ISO 50006", "E / GQ", Sum("energy_j"), Sum("good_pcs"),
        "no good pieces", unit="kWh/pc", factor=KWH, better="lower", needs=("pieces", "meter"),
        variant_of="comprehensive_energy_consumption", remark="Energy of scrap and idle time is carried by good "
        "pieces.",
    ),
)  # fmt: skip
