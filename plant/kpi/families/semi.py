"""SEMI E10 (states of equipment, RAM) and SEMI E79 (overall equipment efficiency).

The texts are paid; the states and ratios are those on which secondary texts agree (OPC 40100-1 and OPC 40001-1
for the states, industry use for the ratios). Total = operations + NST; operations = uptime + downtime; uptime =
PRD + SBY + ENG; downtime = SDT + UDT. Time without a trustworthy signal is in none of them.
"""

from __future__ import annotations

from functools import partial

from plant.kpi.declaration import Better, Kpi
from plant.kpi.elements import APT, FE, GOOD_IDEAL, HOURS, IDEAL, OPERATIONS, STANDARD_TIME, TOTAL, TOTAL_COUNTING
from plant.kpi.terms import Sum, Term

_e10 = partial(Kpi, family="SEMI E10", edition="SEMI E10", source="SEMI E10; states after OPC 40001-1 Annex C.3")
_e79 = partial(Kpi, family="SEMI E79", edition="SEMI E79", source="SEMI E79, industry use", needs=("pieces", "ideal"))
_UPTIME = APT + Sum("sby_us") + Sum("eng_us")


def _state(short: str, title: str, time: Term, remark: str, better: Better = "context") -> Kpi:
    return _e10(
        f"e10_{short}_share", title, formula=f"{short.upper()} / total time", numerator=time, denominator=TOTAL,
        empty="no time", timed=False, better=better, remark=remark,
    )  # fmt: skip


E10: tuple[Kpi, ...] = (
    _state("prd", "Productive time", APT, "Account production.", "higher"),
    _state("sby", "Standby time", Sum("sby_us"), "Waiting for work, people or a neighbour, and breaks.", "lower"),
    _state("eng", "Engineering time", Sum("eng_us"), "Stops booked with a reason that begins with 'engineering'; a "
           "plant that books none has none."),
    _state("sdt", "Scheduled downtime", Sum("sdt_us"), "Planned down without breaks, set-up, stops of class planned.",
           "lower"),
    _state("udt", "Unscheduled downtime", Sum("udt_us"), "Breakdowns, minor stops, stops without a class.", "lower"),
    _state("nst", "Non-scheduled time", Sum("reference_us") - Sum("pot_us"), "Time outside every shift."),
    _e10(
        "e10_operational_uptime", "Operational uptime", formula="uptime / operations time", numerator=_UPTIME,
        denominator=OPERATIONS, empty="nothing planned", remark="Uptime = PRD + SBY + ENG.",
    ),
    _e10(
        "e10_operational_utilisation", "Operational utilisation", formula="PRD / operations time", numerator=APT,
        denominator=OPERATIONS, empty="nothing planned", remark="Share of shift time that was productive.",
    ),
    _e10(
        "e10_total_utilisation", "Total utilisation", formula="PRD / total time", numerator=APT, denominator=TOTAL,
        empty="no time", timed=False, remark="Share of all time that was productive.",
    ),
    _e10(
        "e10_mtbfp", "Mean productive time between failures", formula="PRD / failures", numerator=APT, denominator=FE,
        empty="no failure", unit="h", factor=HOURS, remark="Failures are breakdowns that are no minor stop (assist).",
    ),
    _e10(
        "e10_mttr", "Mean time to repair", formula="repair time / failures", numerator=Sum("breakdown_us"),
        denominator=FE, empty="no failure", unit="h", factor=HOURS, better="lower",
        remark="Time from the start of a breakdown until the machine is up.",
    ),
)  # fmt: skip

E79: tuple[Kpi, ...] = (
    _e79(
        "e79_oee", "OEE of total time", formula="availability eff. x performance eff. x quality eff. = theoretical "
        "time of effective units / total time", numerator=GOOD_IDEAL, denominator=TOTAL_COUNTING, empty="no time",
        timed=False, finding=STANDARD_TIME, remark="Over all time, of pieces made inside shifts; teep has the others "
        "as well.",
    ),
    _e79(
        "e79_availability_efficiency", "Availability efficiency", formula="uptime / total time",
        numerator=Sum("uptime_counting_us"), denominator=TOTAL_COUNTING, empty="no time", timed=False,
        needs=("pieces",), remark="Of machines that can count pieces, as the other factors.",
    ),
    _e79(
        "e79_performance_efficiency", "Performance efficiency", formula="operational eff. x rate eff. = theoretical "
        "time of actual units / uptime", numerator=IDEAL, denominator=Sum("uptime_counting_us"), empty="no uptime",
        finding=STANDARD_TIME, remark="Waiting and slow running together.",
    ),
    _e79(
        "e79_operational_efficiency", "Operational efficiency", formula="production time / uptime",
        numerator=Sum("apt_counting_us"), denominator=Sum("uptime_counting_us"), empty="no uptime", needs=("pieces",),
        remark="Share of uptime that was productive.",
    ),
    _e79(
        "e79_rate_efficiency", "Rate efficiency", formula="theoretical time of actual units / production time",
        numerator=IDEAL, denominator=Sum("apt_counting_us"), empty="no production time", finding=STANDARD_TIME,
        remark="The effectiveness of ISO 22400-2.",
    ),
    _e79(
        "e79_quality_efficiency", "Quality efficiency", formula="theoretical time of effective units / theoretical "
        "time of actual units", numerator=GOOD_IDEAL, denominator=IDEAL, empty="nothing produced",
        remark="Quality weighted by ideal time, not by pieces.",
    ),
)  # fmt: skip
