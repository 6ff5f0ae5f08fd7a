"""VDI 3423: availability of machines with technical, organisational and logistic down times kept apart.

T_B, the occupied time, is planned busy time with a trustworthy signal; T_N, the time of use, is APT;
T_B = T_N + T_T + T_O + T_L. Set-up and time without an order are organisational. The text is paid; the
formulas are those of industry use.
"""

from __future__ import annotations

from functools import partial

from plant.kpi.declaration import Kpi
from plant.kpi.elements import APT, PBT
from plant.kpi.terms import Sum

_vdi = partial(Kpi, family="VDI 3423", edition="VDI 3423:2011", source="VDI 3423, industry use", denominator=PBT,
               empty="nothing planned")  # fmt: skip

VDI: tuple[Kpi, ...] = (
    _vdi("vdi_technical_availability", "Technical availability", formula="(T_B - T_T) / T_B",
         numerator=PBT - Sum("vdi_technical_us"), variant_of="availability",
         remark="What the machine itself took away; waiting and organisation do not count against it."),
    _vdi("vdi_utilisation", "Degree of utilisation", formula="T_N / T_B", numerator=APT, variant_of="availability",
         remark="The availability of ISO 22400-2."),
    _vdi("vdi_technical_down_share", "Technical down time", formula="T_T / T_B", numerator=Sum("vdi_technical_us"),
         better="lower", remark="Breakdowns and minor stops."),
    _vdi("vdi_organisational_down_share", "Organisational down time", formula="T_O / T_B",
         numerator=Sum("vdi_organisational_us"), better="lower", remark="Set-up, no order, and every other stop."),
    _vdi("vdi_logistic_down_share", "Logistic down time", formula="T_L / T_B", numerator=Sum("vdi_logistic_us"),
         better="lower", remark="Blocked, starved or idle while an order is registered."),
)  # fmt: skip
