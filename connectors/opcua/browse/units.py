"""Units of OPC UA (EUInformation: UNECE code or its sign) in the spelling of plant.units."""

from __future__ import annotations

from typing import Any

from plant.units import UNITS

CODES = {
    "C62": "1", "H87": "pcs", "KGM": "kg", "GRM": "g", "MTR": "m", "MMT": "mm", "LTR": "l", "MTQ": "m3",
    "WTT": "W", "KWT": "kW", "WHR": "Wh", "KWH": "kWh", "VLT": "V", "AMP": "A", "CEL": "degC", "KEL": "K",
    "BAR": "bar", "C16": "mm/s", "MTS": "m/s", "RPM": "rpm", "C94": "1/min", "NU": "Nm", "NEW": "N", "B47": "kN",
    "P1": "%", "SEC": "s", "MIN": "min", "HUR": "h", "HTZ": "Hz", "2N": "dB", "59": "ppm", "MQH": "m3/h", "L2": "l/min",
}  # fmt: skip
"""UNECE Recommendation 20 code -> our unit."""
SIGNS = {
    "°c": "degC", "c": "degC", "celsius": "degC", "pcs": "pcs", "pc": "pcs", "piece": "pcs", "pieces": "pcs",
    "stk": "pcs", "r/min": "rpm", "u/min": "rpm", "min-1": "1/min", "min⁻¹": "1/min", "m³": "m3", "m³/h": "m3/h",
    "n·m": "Nm", "l/min": "l/min", "litre": "l", "percent": "%",
}  # fmt: skip
"""Signs and words devices write, in small letters -> our unit."""


def code_of(unit_id: int) -> str:
    """The UNECE code packed into a UnitId, e.g. 4933453 -> KEL; empty when it holds none.

    >>> code_of(4408652)
    'CEL'
    """
    if not 0 < unit_id < 1 << 32:
        return ""
    text = unit_id.to_bytes(4, "big").lstrip(b"\0").decode("latin-1")
    return text if text.isalnum() else ""


def unit_of(information: Any) -> tuple[str | None, str]:
    """Our unit of an EUInformation, None where we have none, and how the server writes it."""
    code = code_of(int(getattr(information, "UnitId", 0) or 0))
    sign = (getattr(getattr(information, "DisplayName", None), "Text", None) or "").strip()
    ours = CODES.get(code) or SIGNS.get(sign.lower()) or (sign if sign in UNITS else None)
    return ours, f"{sign} ({code})" if sign and code else sign or code
