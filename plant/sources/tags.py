"""Tags: one signal of a machine, and what is to hold for it."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from plant.shifts.sections import Duration, Name, Strict

Role = Literal[
    "state", "mode", "good_count", "scrap_count", "rework_count", "energy", "power", "temperature", "vibration",
    "pressure", "flow", "speed", "alarm", "order", "product", "other",
]  # fmt: skip
Type = Literal["bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "string"]


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
    type: Type = "float64"
    range: tuple[float, float] | None = None
    word_order: Literal["big", "little"] = "big"
    byte_order: Literal["big", "little"] = "big"
    scale: float = Field(default=1.0, description="value = raw * scale + offset")
    offset: float = 0.0
    states: Name | None = Field(default=None, description="mapping of raw codes, for roles state and mode")
    stale_after: Duration | None = Field(
        default=None, description="a sample is promised at least this often: a longer silence is unknown"
    )
    max_rate_per_s: float | None = Field(
        default=None, gt=0, description="physical limit of a counter, or of the change of a measured value"
    )
    rollover: int | None = Field(default=None, gt=0, description="a counter starts again at 0 after this value")
    back_step_pcs: float | None = Field(default=None, gt=0, description="a counter may fall by this: a correction")
    replaced: tuple[Replacement, ...] = Field(default=(), description="devices put in: when, and where they began")
    monotone: Literal["rising", "falling"] | None = Field(
        default=None, description="a measured value that goes one way only; counters have rules of their own"
    )
    deadband: float = Field(default=0.0, ge=0)
    deadband_percent: float = Field(default=0.0, ge=0, le=100, description="OPC UA: of the node's EURange, in percent")
    sampling: Duration | None = Field(default=None, description="OPC UA: sampling interval of this node")
    queue: int | None = Field(default=None, ge=1, description="OPC UA: values the server keeps of this node")
