"""ISO 22400-2: the KPIs of time, orders, people, indexes and maintenance (1-9, 11-13, 31-34)."""

from __future__ import annotations

from functools import partial

from plant.kpi.declaration import Kpi
from plant.kpi.elements import (
    APT,
    AUBT,
    AUPT,
    EFFECTIVE,
    FE,
    HOURS,
    IDEAL,
    ISO,
    NEE_TIME,
    PBT,
    PBT_COUNTING,
    PER_HOUR_US,
    STANDARD_TIME,
)
from plant.kpi.terms import Sum

_iso = partial(Kpi, family="ISO 22400-2", edition=ISO)

INDEXES: tuple[Kpi, ...] = (
    _iso(
        "oee", "OEE index", source="ISO 22400-2 KPI 6", formula="availability x effectiveness x quality ratio",
        numerator=EFFECTIVE, denominator=PBT_COUNTING, empty="nothing planned", needs=("pieces", "ideal"),
        finding=STANDARD_TIME, iso_number=6, iso_name="OverallEquipmentEffectiveness", version=2,
        remark="Share of planned busy time that made good pieces at the ideal rate. Computed with APT cancelled, so "
        "that it is 0, not null, where nothing ran; where all three ratios exist it is their product. Quality is by "
        "pieces, as ISO says; weighted by ideal time it is oee_good_time. Only machines that can count pieces take "
        "part.",
    ),
    _iso(
        "nee", "NEE index", source="ISO 22400-2 KPI 7", formula="AUPT / PBT x effectiveness x quality ratio",
        numerator=NEE_TIME, denominator=PBT_COUNTING, empty="nothing planned", needs=("pieces", "ideal"),
        finding=STANDARD_TIME, iso_number=7, iso_name="NetEquipmentEffectiveness", version=2,
        remark="OEE with set-up counted as use of the machine; AUPT = APT + AUST.",
    ),
)  # fmt: skip

TIME: tuple[Kpi, ...] = (
    _iso(
        "availability", "Availability", source="ISO 22400-2 KPI 8", formula="APT / PBT",
        numerator=APT, denominator=PBT, empty="nothing planned", iso_number=8, iso_name="Availability",
        remark="Share of planned busy time in which the machine produced. Breaks, planned maintenance and time outside "
        "every shift are not in PBT; set-up and every stop are losses.",
    ),
    _iso(
        "effectiveness", "Effectiveness", source="ISO 22400-2 KPI 9", formula="sum(PRI x PQ) / APT",
        numerator=IDEAL, denominator=Sum("apt_counting_us"), empty="no production time", needs=("pieces", "ideal"),
        finding=STANDARD_TIME, iso_number=9, iso_name="Effectiveness", version=2,
        remark="Ideal time of the pieces made over the time spent making them; mixed products by the sum of their "
        "ideal times. Above 1 it is kept and is a finding about the standard time, never capped.",
    ),
    _iso(
        "allocation_efficiency", "Allocation efficiency", source="ISO 22400-2 KPI 4",
        formula="AUBT / PBT; AUBT = APT + AUST + ADET", numerator=AUBT, denominator=PBT, empty="nothing planned",
        iso_number=4, iso_name="AllocationEfficiency",
        remark="Share of planned busy time in which an order occupied the machine.",
    ),
    _iso(
        "utilisation_efficiency", "Utilisation efficiency", source="ISO 22400-2 KPI 5",
        formula="APT / AUBT; AUBT = APT + AUST + ADET", numerator=APT, denominator=AUBT, empty="no order worked on",
        iso_number=5, iso_name="UtilizationEfficiency",
        remark="Share of the time under an order in which the machine produced.",
    ),
    _iso(
        "technical_efficiency", "Technical efficiency", source="ISO 22400-2 KPI 12", formula="APT / (APT + ADET)",
        numerator=APT, denominator=APT + Sum("adet_us"), empty="no production and no delay", iso_number=12,
        iso_name="TechnicalEfficiency",
        remark="Production against production and delay; set-up is in neither.",
    ),
    _iso(
        "setup_ratio", "Set-up rate", source="ISO 22400-2 KPI 11 (set-up rate)",
        formula="AUST / AUPT; AUPT = APT + AUST",
        numerator=Sum("aust_us"), denominator=AUPT, empty="no production and no set-up", better="lower", iso_number=11,
        iso_name="SetUpRate", remark="Share of processing time spent on set-up and changeover.",
    ),
    _iso(
        "worker_efficiency", "Worker efficiency", source="ISO 22400-2 KPI 1", formula="APWT / APAT",
        numerator=Sum("apwt_us"), denominator=Sum("apat_us") - Sum("unknown_attended_us"),
        empty="no attended time known",
        needs=("people",), iso_number=1, iso_name="WorkerEfficiency",
        remark="Share of attendance in which the machine the person is logged in at produced or was set up. "
        "Attendance is by machine (silver.attendance), inside shifts, less planned down time; a person at two "
        "machines attends both.",
    ),
)  # fmt: skip

ORDERS: tuple[Kpi, ...] = (
    _iso(
        "allocation_ratio", "Allocation ratio", source="ISO 22400-2 KPI 2", formula="sum(AUBT) / AOET",
        numerator=Sum("order_aubt_us"), denominator=Sum("aoet_us"), empty="no whole order", needs=("order",),
        timed=False,
        better="higher", iso_number=2, iso_name="AllocationRatio",
        remark="Share of an order's way through the plant in which it occupied machines; the rest is transport and "
        "queues. Above 1 where operations overlap. An order counts at the levels that hold all its operations.",
    ),
    _iso(
        "production_process_ratio", "Production process rate", source="ISO 22400-2 KPI 13", formula="sum(APT) / AOET",
        numerator=Sum("order_apt_us"), denominator=Sum("aoet_us"), empty="no whole order", needs=("order",),
        timed=False,
        iso_number=13, iso_name="ProductionProcessRate",
        remark="Share of an order's way through the plant in which it was produced. Above 1 where operations overlap.",
    ),
    _iso(
        "order_throughput_rate", "Throughput rate", source="ISO 22400-2 KPI 3", formula="PQ / AOET",
        numerator=Sum("order_pcs"), denominator=Sum("aoet_us"), empty="no whole order", unit="pcs/h",
        factor=PER_HOUR_US, needs=("order",), timed=False, iso_number=3, iso_name="ThroughputRate",
        remark="Pieces off an order's last operation per hour between its first start and its end. The variant over "
        "the busy time of machines, which a machine and a shift have as well, is throughput_rate.",
    ),
)  # fmt: skip

RELIABILITY: tuple[Kpi, ...] = (
    _iso(
        "mtbf", "Mean operating time between failures",
        source="ISO 22400-2 KPI 31; TBF without delay times, denominator FE", formula="(APT + AUST) / FE",
        numerator=AUPT, denominator=FE, empty="no failure", unit="h", factor=HOURS, iso_number=31,
        iso_name="MeanOperationTimeBetweenFailures",
        remark="TBF is the busy time between two failures with set-up and production, without delay times. A failure "
        "is a stop of class breakdown that is no minor stop, counted where it began.",
    ),
    _iso(
        "mttf", "Mean time to failure", source="ISO 22400-2 KPI 32; TTF = TBF - TTR, TBF with delay times, FE",
        formula="(AUBT - sum(TTR)) / FE", numerator=AUBT - Sum("breakdown_delay_us"), denominator=FE,
        empty="no failure",
        unit="h", factor=HOURS, iso_number=32, iso_name="MeanTimeToFailure",
        remark="The texts clash: TBF leaves delay out already, so TBF - TTR would take repair off twice. The default "
        "takes it off once, from a TBF with delays; mttf_iso_text does as the text reads.",
    ),
    _iso(
        "mttr", "Mean time to restoration", source="ISO 22400-2 KPI 33; denominator FE", formula="sum(TTR) / FE",
        numerator=Sum("breakdown_us"), denominator=FE, empty="no failure", unit="h", factor=HOURS, better="lower",
        iso_number=33, iso_name="MeanTimeToRestoration",
        remark="Time down through breakdowns over breakdowns that began in the period.",
    ),
    _iso(
        "corrective_maintenance_ratio", "Corrective maintenance ratio", source="ISO 22400-2 KPI 34",
        formula="CMT / (CMT + PMT)", numerator=Sum("cmt_us"), denominator=Sum("cmt_us") + Sum("pmt_us"),
        empty="no maintenance", better="lower", timed=False, iso_number=34, iso_name="CorrectiveMaintenanceRatio",
        remark="From maintenance orders: start of work to back in operation.",
    ),
)  # fmt: skip
