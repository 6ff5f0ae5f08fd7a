"""Named variants of KPIs of ISO 22400-2 where sources differ, so that nobody chooses silently."""

from __future__ import annotations

from functools import partial

from plant.kpi.declaration import Kpi
from plant.kpi.elements import APT, AUBT, AUPT, FE, HOURS, HOUSE, PBT, PER_HOUR_US
from plant.kpi.families.iso22400 import VALUE, YEAR_S
from plant.kpi.terms import Number, Sum

_variant = partial(Kpi, family="Shopfloor", edition=HOUSE)
_MORE = FE + Number(1.0)
_TTR = Sum("breakdown_us")
_FUUZ = "one secondary source (Fuuz ISO 22400 formulas)"
_MADE = Sum("produced_material_mcents")
_NO_LAST = "last operation made nothing here"
_ALL_STOCK = Sum("rmi_cent_s") + Sum("wip_cent_s") + Sum("fgi_cent_s")
_hours = partial(_variant, unit="h", factor=HOURS)
_AFTER = "after ISO 22400-2 KPI"
_PRINT = "the print is remembered with FE + 1; mean over FE failures makes FE + 1 intervals"

PIECES: tuple[Kpi, ...] = (
    _variant(
        "throughput_rate", "Throughput rate over busy time", source=f"{_AFTER} 3 (PQ / AOET) with AUBT for AOET",
        formula="PQ / AUBT", numerator=Sum("produced_pcs") - Sum("gap_pcs"), denominator=AUBT,
        empty="no order worked on", unit="pcs/h", factor=PER_HOUR_US, needs=("pieces",),
        variant_of="order_throughput_rate", version=2, remark="Pieces an hour under an order, of any scope and period.",
    ),
    _variant(
        "first_pass_yield_inspected", "First pass yield of inspections", source=f"{_AFTER} 15", formula="GP / IP",
        numerator=Sum("passed_pcs"), denominator=Sum("inspected_pcs"), empty="nothing inspected", needs=("inspected",),
        timed=False, variant_of="first_pass_yield",
        remark="Over recorded inspections (silver.inspections), one characteristic of one piece each.",
    ),
    _variant(
        "fall_off_ratio_first_operation", "Fall-off ratio of the first operation", source=f"{_AFTER} 18",
        formula="SQ of the first operation / PQ of the first operation", numerator=Sum("first_op_scrap_pcs"),
        denominator=Sum("first_op_pcs"), empty="first operation made nothing", better="lower",
        needs=("pieces", "routed"), timed=False, variant_of="fall_off_ratio",
        remark="Both sides from the first operation of each order.",
    ),
    _variant(
        "fall_off_ratio_of_produced", "Fall-off ratio of produced pieces", source=f"KPI 18 in {_FUUZ}",
        formula="(PQ - GQ) / PQ", numerator=Sum("produced_pcs") - Sum("good_pcs"), denominator=Sum("produced_pcs"),
        empty="nothing produced", better="lower", needs=("pieces",), variant_of="fall_off_ratio",
        remark="1 - quality ratio: rework falls off as well.",
    ),
    _variant(
        "equipment_load_ratio_time", "Equipment load by time", source=f"KPI 30 in {_FUUZ}", formula="AUPT / POT",
        numerator=AUPT, denominator=Sum("pot_us") - Sum("unknown_us"), empty="nothing planned", better="context",
        variant_of="equipment_load_ratio", remark="Processing time over all planned operation time.",
    ),
)  # fmt: skip

RELIABILITY: tuple[Kpi, ...] = (
    _hours("mtbf_fe_plus_1", "MTBF over FE + 1", source=f"{_AFTER} 31; {_PRINT}", formula="(APT + AUST) / (FE + 1)",
           numerator=AUPT, denominator=_MORE, empty="no failure", variant_of="mtbf",
           remark="Has a value without a failure: all busy time."),
    _hours("mtbf_with_delay", "MTBF with delay", source=f"{_AFTER} 31, TBF with delay times", formula="AUBT / FE",
           numerator=AUBT, denominator=FE, empty="no failure", variant_of="mtbf",
           remark="Busy time from failure to failure with repair and every delay."),
    _hours("mtbf_with_delay_fe_plus_1", "MTBF with delay over FE + 1", source=f"{_AFTER} 31, TBF with delay times",
           formula="AUBT / (FE + 1)", numerator=AUBT, denominator=_MORE, empty="no failure", variant_of="mtbf",
           remark="Both choices at once."),
    _hours("mtbf_iec60050", "MTBF of operating time", source="IEC 60050-192: mean operating time between failures",
           formula="APT / FE", numerator=APT, denominator=FE, empty="no failure", variant_of="mtbf",
           remark="Operating time is time in which the machine performed as required, here production."),
    _hours("mtbf_up_time", "Up time between failures", source="IEC 60050-192: up time between failures",
           formula="(PBT - breakdown) / FE", numerator=PBT - _TTR, denominator=FE, empty="no failure",
           variant_of="mtbf",
           remark="Up time is all planned busy time in which the machine was able to work, idle or not."),
    _hours("mttf_fe_plus_1", "MTTF over FE + 1", source=f"{_AFTER} 32; {_PRINT}",
           formula="(AUBT - sum(TTR)) / (FE + 1)", numerator=AUBT - Sum("breakdown_delay_us"), denominator=_MORE,
           empty="no failure", variant_of="mttf", remark="As mttf, over one more."),
    _hours("mttf_iso_text", "MTTF as the text reads", source=f"{_AFTER} 32; TTF = TBF - TTR, TBF without delay times",
           formula="(APT + AUST - sum(TTR)) / FE", numerator=AUPT - Sum("breakdown_delay_us"), denominator=FE,
           empty="no failure", variant_of="mttf",
           remark="Takes repair off twice, because TBF without delay has no repair in it; below 0 where repair "
           "outweighs work."),
    _hours("mttr_fe_plus_1", "MTTR over FE + 1", source=f"{_AFTER} 33; {_PRINT}", formula="sum(TTR) / (FE + 1)",
           numerator=_TTR, denominator=_MORE, empty="no failure", better="lower", variant_of="mttr",
           remark="0 without a failure."),
)  # fmt: skip

MATERIAL_VARIANTS: tuple[Kpi, ...] = (
    _variant("inventory_turns_material", "Inventory turns of material", source=f"KPI 24 in {_FUUZ}",
             formula="cost of materials / (RMI + WIP + FGI)", numerator=Number(YEAR_S) * Sum("cm_cents"),
             denominator=_ALL_STOCK, empty="no inventory", unit="1/a", needs=("stock",), timed=False,
             variant_of="inventory_turns", remark="Raw material issued over all inventory, a year."),
    _variant("inventory_turns_finished", "Inventory turns of finished goods", source=f"{_AFTER} 24, for a warehouse",
             formula="throughput / FGI", numerator=Number(YEAR_S) * Sum("shipped_cents"), denominator=Sum("fgi_cent_s"),
             empty="no inventory", unit="1/a", needs=("stock",), timed=False, variant_of="inventory_turns",
             remark="Shipments over finished goods, a year."),
    _variant("inventory_turns_raw", "Inventory turns of raw material", source=f"{_AFTER} 24, for raw material",
             formula="CM / RMI", numerator=Number(YEAR_S) * Sum("cm_cents"), denominator=Sum("rmi_cent_s"),
             empty="no inventory", unit="1/a", needs=("stock",), timed=False, variant_of="inventory_turns",
             remark="Raw material issued over raw material in stock, a year."),
    _variant("finished_goods_ratio_inventory", "Finished goods in stock over production", source=f"KPI 25 in {_FUUZ}",
             formula="FGI / PQ", numerator=Number(1_000_000.0) * Sum("fgi_cent_s"),
             denominator=Sum("produced_value_cents") * Sum("stock_us"), empty="nothing produced", better="context",
             needs=("stock_account",), timed=False, variant_of="finished_goods_ratio",
             remark="Time-weighted value of finished goods in stock over the value of finished goods received from "
             "production in the period. For a whole site; several sites weigh by their time."),
    _variant("production_loss_ratio_of_produced", "Production loss of produced", source=f"KPI 27 in {_FUUZ}",
             formula="PL / PQ", numerator=Sum("scrap_material_mcents"), denominator=_MADE, empty=_NO_LAST,
             better="lower", needs=("routed", "valued"), timed=False, variant_of="production_loss_ratio",
             remark=VALUE + "PQ are the pieces off the last operation."),
    _variant("storage_and_transport_loss_ratio_of_produced", "Storage and transportation loss of produced",
             source=f"KPI 28 in {_FUUZ}", formula="STL / PQ", numerator=Number(1000.0) * Sum("stl_cents"),
             denominator=_MADE, empty=_NO_LAST, better="lower", needs=("stock_account", "routed", "valued"),
             timed=False,
             variant_of="storage_and_transport_loss_ratio", remark=VALUE + "PQ are the pieces off the last operation."),
    _variant("other_loss_ratio_of_produced", "Other loss of produced", source=f"KPI 29 in {_FUUZ}", formula="OL / PQ",
             numerator=Number(1000.0) * Sum("ol_cents"), denominator=_MADE, empty=_NO_LAST, better="lower",
             needs=("stock_account", "routed", "valued"), timed=False, variant_of="other_loss_ratio",
             remark=VALUE + "PQ are the pieces off the last operation."),
)  # fmt: skip

VARIANTS: tuple[Kpi, ...] = (*PIECES, *RELIABILITY, *MATERIAL_VARIANTS)
"""In the order they are shown."""
