"""The ratios of the OEE mart in SQL: the terms of gold.kpi, only those a page shows, over only the measures they need.

`gold.kpi_by` computes every KPI there is; a page wants five of them at once. Both are made from the same declarations,
so a page never shows another number than gold.kpi.
"""

from __future__ import annotations

from plant.kpi.catalogue import BY_NAME
from plant.kpi.declaration import Kpi
from plant.kpi.scenarios import QUARANTINE_DOUBT, QUARANTINED, UNKNOWN, UNKNOWN_DOUBT
from warehouse.kpi_macros import has, unlimited, worlds
from warehouse.kpi_sql import asked, in_doubt, sql_of

SHOWN = {"availability": "availability", "effectiveness": "effectiveness", "quality": "quality_ratio", "oee": "oee",
         "coverage": "coverage"}  # fmt: skip
"""Column of the mart -> KPI."""
TOLD = ("pot_us", "pbt_us", "apt_us", "aust_us", "adet_us", "adot_us", "unknown_us", "produced_pcs", "good_pcs",
        "scrap_pcs", "rework_pcs", "ideal_us")  # fmt: skip
"""Measures the mart tells as they are."""


def filled(text: str) -> str:
    """The SQL of the OEE mart with its words in braces replaced by what `plant.kpi` declares."""
    oee, shown = BY_NAME["oee"], [BY_NAME[name] for name in SHOWN.values()]
    doubted = in_doubt(oee)
    measures = sorted({*TOLD, *doubted, *(m for kpi in shown for m in asked(kpi))})
    parts = {
        "sums": ", ".join(f"sum({measure})::DOUBLE AS {measure}" for measure in measures),
        "worlds": f"{worlds('sums', 'u', UNKNOWN_DOUBT, UNKNOWN, doubted)}, "
        f"{worlds('in_u', 'q', QUARANTINE_DOUBT, QUARANTINED, doubted)}",
        "ratios": ", ".join(f"{_value(BY_NAME[name])} AS {column}" for column, name in SHOWN.items()),
        "oee": sql_of(oee.value), "open": unlimited(oee), "has": has(oee),
    }  # fmt: skip
    for word, sql in parts.items():
        text = text.replace(f"{{{word}}}", sql)
    return text


def _value(kpi: Kpi) -> str:
    return f"CASE WHEN {has(kpi)} THEN {sql_of(kpi.value)} END"
