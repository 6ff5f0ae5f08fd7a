"""ISO 22400-2: the KPIs of pieces, capability, energy and load (10, 14-23, 30)."""

from __future__ import annotations

from functools import partial

from plant.kpi.declaration import Kpi
from plant.kpi.elements import ISO, KWH, NEAREST, OVERALL, WITHIN
from plant.kpi.terms import Number, Sum

_iso = partial(Kpi, family="ISO 22400-2", edition=ISO)
_PQ = Sum("produced_pcs")

PIECES: tuple[Kpi, ...] = (
    _iso(
        "quality_ratio", "Quality ratio", source="ISO 22400-2 KPI 10", formula="GQ / PQ", numerator=Sum("good_pcs"),
        denominator=_PQ, empty="nothing produced", needs=("pieces",), iso_number=10, iso_name="QualityRatio",
        remark="Pieces counted over lost time are sure pieces and take part.",
    ),
    _iso(
        "scrap_ratio", "Scrap ratio", source="ISO 22400-2 KPI 16", formula="SQ / PQ", numerator=Sum("scrap_pcs"),
        denominator=_PQ, empty="nothing produced", better="lower", needs=("pieces",), iso_number=16,
        iso_name="ScrapRatio", remark="Share of pieces scrapped.",
    ),
    _iso(
        "rework_ratio", "Rework ratio", source="ISO 22400-2 KPI 17", formula="RQ / PQ", numerator=Sum("rework_pcs"),
        denominator=_PQ, empty="nothing produced", better="lower", needs=("pieces",), iso_number=17,
        iso_name="ReworkRatio", remark="Share of pieces sent to rework.",
    ),
    _iso(
        "first_pass_yield", "First pass yield", source="ISO 22400-2 KPI 15",
        formula="GP / IP; every counted piece is inspected", numerator=Sum("good_pcs"), denominator=_PQ,
        empty="nothing produced", needs=("pieces",), iso_number=15, iso_name="FirstPassYield",
        remark="Every counted piece takes part as inspected, good ones as good the first time. Over recorded "
        "inspections only it is first_pass_yield_inspected.",
    ),
    _iso(
        "actual_to_planned_scrap_ratio", "Actual to planned scrap ratio", source="ISO 22400-2 KPI 14",
        formula="SQ / PSQ", numerator=Number(1_000_000.0) * Sum("order_scrap_pcs"), denominator=Sum("psq_micropcs"),
        empty="no planned scrap of whole orders", better="lower", needs=("planned_scrap",), timed=False, iso_number=14,
        iso_name="ActualToPlannedScrapRatio",
        remark="Scrap of an order over the scrap planned for the pieces it has made so far: PSQ of the work order x "
        "pieces off the last operation / pieces ordered. Both sides in millionths of a piece.",
    ),
    _iso(
        "fall_off_ratio", "Fall-off ratio", source="ISO 22400-2 KPI 18 (draft text and public ontology agree)",
        formula="SQ / PQ of the first operation", numerator=Sum("routed_scrap_pcs"), denominator=Sum("first_op_pcs"),
        empty="first operation made nothing", better="lower", needs=("pieces", "routed"), timed=False, iso_number=18,
        iso_name="FallOfRatio",
        remark="Scrap of the scope's operations over the pieces the first operation of their orders made: of pieces "
        "that set out, how many fell off. At the level of one later operation it has no first operation and is null; "
        "fall_off_ratio_first_operation takes both sides from the first operation, fall_off_ratio_of_produced is the "
        "reading of one secondary source.",
    ),
)  # fmt: skip

CAPABILITY: tuple[Kpi, ...] = (
    _iso(
        "machine_capability", "Machine capability index Cm", source="ISO 22400-2 KPI 19", formula="(USL - LSL) / (6 s)",
        numerator=Number(1_000_000.0), denominator=Number(6.0) * OVERALL, empty="no spread measured",
        needs=("measured",), timed=False, one="characteristic", iso_number=19, iso_name="MachineCapabilityIndex",
        remark="s is the sample standard deviation of all values of the period, each normalised by its own limits.",
    ),
    _iso(
        "critical_machine_capability", "Critical machine capability index Cmk", source="ISO 22400-2 KPI 20",
        formula="min(USL - mean, mean - LSL) / (3 s)", numerator=NEAREST, denominator=Number(3.0) * OVERALL,
        empty="no spread measured", needs=("measured",), timed=False, one="characteristic", iso_number=20,
        iso_name="CriticalMachineCapabilityIndex", remark="Below 0 where the mean lies outside the limits.",
    ),
    _iso(
        "process_capability", "Process capability index Cp", source="ISO 22400-2 KPI 21",
        formula="(USL - LSL) / (6 sigma); sigma = mean moving range / d2", numerator=Number(1_000_000.0),
        denominator=Number(6.0) * WITHIN, empty="no spread measured", needs=("measured",), timed=False,
        one="characteristic", iso_number=21, iso_name="ProcessCapabilityIndex",
        remark="The standard deviation is estimated within the process, from moving ranges of two consecutive values "
        "of one machine, product and characteristic within a production day (d2 = 1.128).",
    ),
    _iso(
        "critical_process_capability", "Critical process capability index Cpk", source="ISO 22400-2 KPI 22",
        formula="min(USL - mean, mean - LSL) / (3 sigma); sigma = mean moving range / d2", numerator=NEAREST,
        denominator=Number(3.0) * WITHIN, empty="no spread measured", needs=("measured",), timed=False,
        one="characteristic", iso_number=22, iso_name="CriticalProcessCapabilityIndex",
        remark="Below 0 where the mean lies outside the limits.",
    ),
)  # fmt: skip

USE: tuple[Kpi, ...] = (
    _iso(
        "comprehensive_energy_consumption", "Comprehensive energy consumption",
        source="ISO 22400-2 KPI 23, one carrier", formula="E / PQ", numerator=Sum("energy_j"), denominator=_PQ,
        empty="nothing produced", unit="kWh/pc", factor=KWH, better="lower", needs=("pieces", "meter"), iso_number=23,
        iso_name="ComprehensiveEnergyConsumption", remark="Metered energy per produced piece; idle energy is in it.",
    ),
    _iso(
        "equipment_load_ratio", "Equipment load rate", source="ISO 22400-2 KPI 30 (two sources agree)",
        formula="PQ / EPC", numerator=Sum("planned_ideal_us"), denominator=Sum("pot_counting_us"),
        empty="nothing planned", better="context", needs=("pieces", "ideal"), iso_number=30,
        iso_name="EquipmentLoadRate",
        remark="EPC, the production capacity, is what the machine makes at the ideal rate in all planned operation "
        "time; both sides are in ideal time, so that mixed products add. Higher is better up to the capacity, then a "
        "risk.",
    ),
)  # fmt: skip
