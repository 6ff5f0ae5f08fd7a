"""Tags: one signal of a machine, and what is to hold for it."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from plant.shifts.sections import Duration, Name, Strict

Role = Literal[
    "state", "mode", "good_count", "scrap_count", "rework_count", "energy", "power", "temperature", "vibration",
    "pressure", "flow", "speed", "alarm", "order", "product", "other",
]  # fmt: skip


class Replacement(Strict):
    """A counter or meter that was replaced by another device."""

    at: AwareDatetime = Field(description="instant with an offset, as in 2026-05-04T10:00:00+02:00")
    starts_at: float = Field(default=0.0, ge=0, description="what the new device showed when it began, 0 or more")


class Tag(Strict):
    """One signal of a machine. `address` is read by the protocol of its source."""

    name: Name
    role: Role
    source: Name
    address: str
    unit: str = "1"
    type: Literal["bool", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64", "string"] = "float64"
    range: tuple[float, float] | None = None
    word_order: Literal["big", "little"] = "big"
    states: Name | None = Field(default=None, description="mapping of raw codes, for roles state and mode")
    stale_after: Duration | None = Field(default=None, description="no sample for longer: the value is not trusted")
    max_rate_per_s: float | None = Field(default=None, gt=0, description="physical limit of a counter")
    rollover: int | None = Field(default=None, gt=0, description="a counter starts again at 0 after this value")
    back_step_pcs: float | None = Field(default=None, gt=0, description="a counter may fall by this: a correction")
    replaced: tuple[Replacement, ...] = Field(default=(), description="devices put in: when, and where they began")
    deadband: float = Field(default=0.0, ge=0)
