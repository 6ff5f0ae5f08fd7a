"""All 34 KPIs of ISO 22400-2, each once, in its default reading where sources differ.

The text of the standard is paid; formulas are those on which secondary texts agree (draft text in NIST's
MTConnect sources, the public OWL ontology of the standard, OPC 40001-1 Annex C, OPC 40501, IDTA 02066). Here are
the KPIs of inventory and material (24-29), in value, so that materials of different units add.
"""

from __future__ import annotations

from functools import partial

from plant.kpi.declaration import Kpi
from plant.kpi.elements import ISO, MATERIAL
from plant.kpi.families.iso22400_quality import CAPABILITY, PIECES, USE
from plant.kpi.families.iso22400_time import INDEXES, ORDERS, RELIABILITY, TIME
from plant.kpi.terms import Number, Sum

_iso = partial(Kpi, family="ISO 22400-2", edition=ISO, timed=False)
YEAR_S = 31_536_000.0
"""Seconds of 365 days: turns are a year."""
VALUE = (
    "Quantities of different units are made comparable by value: pieces count with the raw material of their bill of "
    "material at standard cost, stock movements with the value of the posting. "
)

STOCK: tuple[Kpi, ...] = (
    _iso(
        "inventory_turns", "Inventory turns", source="ISO 22400-2 KPI 24", formula="throughput / average inventory",
        numerator=Number(YEAR_S) * Sum("shipped_cents"), denominator=Sum("wip_cent_s") + Sum("fgi_cent_s"),
        empty="no inventory", unit="1/a", needs=("stock",), iso_number=24, iso_name="InventoryTurns",
        remark="Value of finished goods shipped over WIP and finished goods, the inventory of a plant in the note of "
        "the standard, a year. Average inventory is the integral of stock value over time, never (open + close) / 2.",
    ),
)  # fmt: skip

GOODS: tuple[Kpi, ...] = (
    _iso(
        "finished_goods_ratio", "Finished goods ratio", source="ISO 22400-2 KPI 25", formula="GQ / CM",
        numerator=Sum("good_material_mcents"), denominator=MATERIAL, empty="no material issued",
        needs=("material", "routed", "valued"), iso_number=25, iso_name="FinishedGoodsRatio",
        remark=VALUE + "GQ are good pieces of the last operation of their order.",
    ),
    _iso(
        "integrated_goods_ratio", "Integrated goods ratio", source="ISO 22400-2 KPI 26", formula="IGQ / CM",
        numerator=Sum("good_material_mcents") + Sum("rework_material_mcents"), denominator=MATERIAL,
        empty="no material issued", needs=("material", "routed", "valued"), iso_number=26,
        iso_name="IntegratedGoodsRatio",
        remark=VALUE + "IGQ converts grades of product into each other; here good pieces and those sent to rework "
        "count with the material in them.",
    ),
    _iso(
        "production_loss_ratio", "Production loss ratio", source="ISO 22400-2 KPI 27", formula="PL / CM",
        numerator=Sum("scrap_material_mcents"), denominator=MATERIAL, empty="no material issued", better="lower",
        needs=("material", "routed", "valued"), iso_number=27, iso_name="ProductionLossRatio",
        remark=VALUE + "PL is the material in pieces scrapped at any operation.",
    ),
    _iso(
        "storage_and_transport_loss_ratio", "Storage and transportation loss ratio",
        source="ISO 22400-2 KPI 28 (two sources agree)", formula="STL / CM",
        numerator=Number(1000.0) * Sum("stl_cents"), denominator=MATERIAL, empty="no material issued", better="lower",
        needs=("stock_account", "material"), iso_number=28, iso_name="StorageAndTransportationLossRatio",
        remark=VALUE + "STL is stock found missing: adjustments that take value out.",
    ),
    _iso(
        "other_loss_ratio", "Other loss ratio", source="ISO 22400-2 KPI 29 (two sources agree)", formula="OL / CM",
        numerator=Number(1000.0) * Sum("ol_cents"), denominator=MATERIAL, empty="no material issued", better="lower",
        needs=("stock_account", "material"), iso_number=29, iso_name="OtherLossRatio",
        remark=VALUE + "OL is stock written off as scrap without an order.",
    ),
)  # fmt: skip

ISO_KPIS: tuple[Kpi, ...] = (
    *INDEXES, *TIME, *PIECES, *ORDERS, *RELIABILITY, *USE, *CAPABILITY, *STOCK, *GOODS,
)  # fmt: skip
"""In the order they are shown; `iso_number` is the number in the standard."""
