"""Durations and units of measure: as they are written in plant.toml, and of quantities of material; prices in words."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)\s*$")
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kMGT])(i?)B\s*$")
_FACTOR_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}

UNITS: frozenset[str] = frozenset(
    {
        "1", "pcs", "kg", "g", "m", "mm", "l", "m3", "W", "kW", "Wh", "kWh", "V", "A", "degC", "K", "bar",
        "mm/s", "m/s", "rpm", "1/min", "Nm", "N", "kN", "%", "s", "min", "h", "Hz", "dB", "ppm", "m3/h", "l/min",
    }
)  # fmt: skip
"""Units a tag may carry (UCUM-like spelling)."""


def duration(text: str) -> timedelta:
    """Read a duration with its unit.

    >>> duration("90s")
    datetime.timedelta(seconds=90)

    Raises:
        ValueError: no number, or a unit other than us, ms, s, min, h, d.
    """
    match = _DURATION.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a duration: write a number and one of us, ms, s, min, h, d, as in '250ms'")
    return timedelta(seconds=float(match[1]) * _FACTOR_S[match[2]])


def size(text: str) -> int:
    """Read a size in bytes with its unit: kB, MB, GB, TB by 1000, kiB, MiB, GiB, TiB by 1024.

    >>> size("2GiB")
    2147483648

    Raises:
        ValueError: no number, or another unit.
    """
    match = _SIZE.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a size: write a number and one of kB, MB, GB, TB, kiB, MiB, GiB, TiB")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** ("kMGT".index(match[2]) + 1))


# Quantities of material: which convert into which, and what UN/ECE calls them

_OF: dict[str, tuple[str, float]] = {
    "pcs": ("count", 1.0), "1": ("count", 1.0), "dozen": ("count", 12.0),
    "kg": ("mass", 1.0), "g": ("mass", 1e-3), "mg": ("mass", 1e-6), "t": ("mass", 1e3),
    "m": ("length", 1.0), "mm": ("length", 1e-3), "cm": ("length", 1e-2), "km": ("length", 1e3),
    "l": ("volume", 1.0), "ml": ("volume", 1e-3), "m3": ("volume", 1e3),
    "m2": ("area", 1.0), "cm2": ("area", 1e-4), "mm2": ("area", 1e-6),
}  # fmt: skip
UNECE: dict[str, str] = {
    "dozen": "DZN", "kg": "KGM", "g": "GRM", "mg": "MGM", "t": "TNE", "m": "MTR", "mm": "MMT", "cm": "CMT", "km": "KMT",
    "l": "LTR", "ml": "MLT", "m3": "MTQ", "m2": "MTK", "cm2": "CMK", "mm2": "MMK",
}  # fmt: skip
"""UN/ECE Recommendation 20 codes. Pieces have none here: GS1 EPCIS counts what has no unit."""
PIECES = frozenset({"pcs", "1"})


def factor(from_unit: str | None, to_unit: str | None) -> float | None:
    """What a quantity is multiplied by to be in another unit; None when the units do not convert.

    The same word always converts into itself; an unknown word (None) into nothing else.

    >>> factor("g", "kg"), factor("kg", "pcs"), factor("roll", "roll")
    (0.001, None, 1.0)
    """
    if from_unit == to_unit:
        return 1.0
    a, b = _OF.get(from_unit or ""), _OF.get(to_unit or "")
    return a[1] / b[1] if a and b and a[0] == b[0] else None


def price(cents: float) -> str:
    """A price per unit in currency units: two decimals, more where it has more.

    >>> price(25_000), price(5.17)
    ('250.00', '0.0517')
    """
    whole, _, rest = f"{cents / 100:,.8f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"
