"""The additive measures of gold.kpi_sums: integers per machine, hour, shift, order, product and operator.

Everything the house says about a scope and a period is a term over sums of these. They add over any
dimension, in 64-bit integers, exactly. The prefix `planned_` means inside shifts, `gap_` what was counted
over time without a trustworthy signal, the suffix `_counting_us` only machines that can count pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

DIMENSIONS = (
    "production_day", "site", "area", "line", "machine", "shift", "hour_at", "order_id", "operation", "product",
    "operator", "characteristic",
)  # fmt: skip
"""Dimensions of gold.kpi_sums. All but production_day, site and hour_at may be null: not of one machine, order, ..."""


@dataclass(frozen=True)
class Measure:
    """One additive integer: name with unit, and what it adds up."""

    name: str
    doc: str


def _of(**docs: str) -> tuple[Measure, ...]:
    return tuple(Measure(name, doc) for name, doc in docs.items())


TIME = _of(
    reference_us="all time of the ledger",
    pot_us="planned operation time (POT): inside shifts",
    planned_down_us="planned down time inside shifts",
    pbt_us="planned busy time (PBT) = POT - planned down; holds unknown time",
    apt_us="actual production time (APT)",
    aust_us="actual unit set-up time (AUST)",
    adet_us="actual unit delay time (ADET): not executing while an order is registered",
    adot_us="actual unit down time (ADOT): not executing, no order registered",
    unknown_us="inside shifts, no trustworthy signal",
    overtime_us="producing or set up outside every shift; in no other account than reference_us",
    breakdown_us="delay and down time of class breakdown that is no minor stop (sum of TTR)",
    breakdown_delay_us="part of breakdown_us while an order is registered (in ADET)",
    minor_us="delay shorter than the machine's minor_stop_s",
    failures="breakdowns that began (FE)",
)
STATES = _of(
    sby_us="SEMI E10 standby (SBY): waiting for work, people or the next machine, breaks",
    eng_us="SEMI E10 engineering (ENG): not producing, reason booked as engineering",
    sdt_us="SEMI E10 scheduled down (SDT): planned down without breaks, set-up, stops of class planned",
    udt_us="SEMI E10 unscheduled down (UDT): breakdowns, minor stops, stops without a class",
    vdi_technical_us="VDI 3423 technical down time (T_T): breakdowns and minor stops inside PBT",
    vdi_logistic_us="VDI 3423 logistic down time (T_L): waiting for material or removal while an order is registered",
    vdi_organisational_us="VDI 3423 organisational down time (T_O): set-up, no order, every other stop inside PBT",
)
PEOPLE = _of(
    apat_us="actual personnel attendance time (APAT): logged in inside shifts, less planned down time",
    apwt_us="actual personnel work time (APWT): logged in while the machine produced or was set up",
    unknown_attended_us="part of apat_us without a trustworthy signal of the machine",
)
COUNTING = _of(
    reference_counting_us="reference_us of machines that can count pieces",
    pot_counting_us="pot_us of machines that can count pieces",
    pbt_counting_us="pbt_us of machines that can count pieces",
    apt_counting_us="apt_us of machines that can count pieces",
    aupt_counting_us="apt_us + aust_us of machines that can count pieces",
    unknown_counting_us="unknown_us of machines that can count pieces",
    breakdown_counting_us="breakdown_us of machines that can count pieces",
    minor_counting_us="delay and down time of class minor_stop or shorter than minor_stop_s, machines that can count",
    short_counting_us="minor_us of machines that can count pieces",
    uptime_counting_us="SEMI E10 uptime (PRD + SBY + ENG) of machines that can count pieces",
)
PIECES = _of(
    produced_pcs="good + scrap + rework (PQ)",
    good_pcs="good pieces (GQ)",
    scrap_pcs="scrapped pieces (SQ)",
    rework_pcs="rework pieces (RQ)",
    quarantined_pcs="pieces a counter claimed beyond the physical limit; in no other measure",
    gap_pcs="part of produced_pcs counted over time without a trustworthy signal",
    unrated_pcs="part of produced_pcs without an ideal cycle",
    ideal_us="ideal time of produced pieces (sum of PRI x PQ)",
    good_ideal_us="ideal time of good pieces",
    scrap_ideal_us="ideal time of scrapped pieces",
    rework_ideal_us="ideal time of rework pieces",
    gap_ideal_us="ideal time of gap_pcs",
    gap_good_ideal_us="part of good_ideal_us in gap_ideal_us",
)
PLANNED = _of(
    planned_produced_pcs="produced_pcs inside shifts",
    planned_good_pcs="good_pcs inside shifts",
    planned_quarantined_pcs="quarantined_pcs inside shifts",
    planned_gap_pcs="gap_pcs inside shifts",
    planned_ideal_us="ideal_us inside shifts",
    planned_good_ideal_us="good_ideal_us inside shifts",
    planned_scrap_ideal_us="scrap_ideal_us inside shifts",
    planned_rework_ideal_us="rework_ideal_us inside shifts",
    planned_gap_ideal_us="gap_ideal_us inside shifts",
    planned_gap_good_ideal_us="part of planned_good_ideal_us in planned_gap_ideal_us",
    planned_gap_scrap_ideal_us="part of planned_scrap_ideal_us in planned_gap_ideal_us",
    planned_gap_rework_ideal_us="part of planned_rework_ideal_us in planned_gap_ideal_us",
)
ENERGY = _of(energy_j="metered energy in joules", metered_us="time with an energy meter")
ROUTED = _of(
    routed_pcs="part of produced_pcs whose order and operation are in silver.operations",
    first_op_pcs="produced_pcs of the first operation of their order",
    first_op_scrap_pcs="scrap_pcs of the first operation of their order",
    first_op_quarantined_pcs="quarantined_pcs of the first operation of their order",
    routed_scrap_pcs="scrap_pcs of routed_pcs",
    routed_quarantined_pcs="quarantined_pcs of known orders and operations",
)
ORDERS = _of(
    aoet_us="actual order execution time (AOET): from an order's first start to its end, on rows without a machine",
    order_apt_us="apt_us of the order, on the rows of its aoet_us",
    order_aubt_us="apt_us + aust_us + adet_us of the order, on the rows of its aoet_us",
    order_unknown_us="unknown_us of the order, on the rows of its aoet_us",
    order_pcs="produced_pcs of the order's last operation, on the rows of its aoet_us",
    order_scrap_pcs="scrap_pcs of all operations of the order, on the rows of its aoet_us",
    order_quarantined_pcs="quarantined_pcs of the order, on the rows of its aoet_us",
    psq_micropcs="planned scrap (PSQ) of order_pcs, in millionths of a piece: PSQ of the order x order_pcs / ordered",
)
MATERIAL = _of(
    cm_cents="consumed material (CM): raw material issued to orders, at the value of the posting",
    good_material_mcents="raw material in good pieces of the last operation, thousandths of a cent at standard cost",
    rework_material_mcents="raw material in rework pieces of the last operation, thousandths of a cent",
    scrap_material_mcents="raw material in scrapped pieces of every operation, thousandths of a cent",
    produced_material_mcents="raw material in produced pieces of the last operation, thousandths of a cent",
    quarantined_material_mcents="raw material in quarantined pieces, thousandths of a cent",
    unvalued_pcs="part of routed_pcs of products without a priced bill of material",
    stl_cents="storage and transport loss (STL): stock found missing (negative adjustments)",
    ol_cents="other loss (OL): stock written off as scrap without an order",
)
STOCK = _of(
    stock_us="time of the site with a stock ledger, on rows without product",
    shipped_cents="value of finished goods shipped (throughput)",
    produced_value_cents="value of finished goods received from production",
    rmi_cent_s="raw material inventory (RMI) integrated over time, cent-seconds",
    wip_cent_s="work in process (WIP) integrated over time, cent-seconds",
    fgi_cent_s="finished goods inventory (FGI) integrated over time, cent-seconds",
)
MAINTENANCE = _of(
    cmt_us="corrective maintenance time (CMT), from start of work to back in operation",
    pmt_us="preventive maintenance time (PMT), from start of work to back in operation",
)
QUALITY = _of(
    inspected_pcs="inspections (IP): one characteristic of one piece",
    passed_pcs="inspections that passed (GP)",
    spc_n="measured values with both limits",
    spc_u="sum of u = (value - middle) / (upper - lower limit), each rounded to 1e-6, in millionths",
    spc_u2="sum of squares of those millionths",
    spc_mr="sum of |u - u before| of one machine, product and characteristic within a production day, in millionths",
    spc_mr_n="number of those differences",
)

GROUPS: dict[str, tuple[Measure, ...]] = {
    "time": (*TIME, *STATES, *PEOPLE, *COUNTING), "pieces": (*PIECES, *PLANNED, *ROUTED), "energy": ENERGY,
    "orders": ORDERS, "material": MATERIAL, "stock": STOCK, "maintenance": MAINTENANCE, "quality": QUALITY,
}  # fmt: skip
"""Measures by what they are taken from."""

MEASURES: tuple[Measure, ...] = tuple(m for group in GROUPS.values() for m in group)
"""Every measure, in the order of the columns."""

NAMES: tuple[str, ...] = tuple(m.name for m in MEASURES)
"""Their names."""
