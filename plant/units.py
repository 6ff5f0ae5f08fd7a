"""Durations and units of measure as they are written in plant.toml."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)\s*$")
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
