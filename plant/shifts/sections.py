"""What every section of plant.toml is built on: a strict frozen model and the words for names, clocks, durations."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=80)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="local wall clock, HH:MM")]
Duration = Annotated[str, Field(pattern=r"^\s*\d+(\.\d+)?\s*(us|ms|s|min|h|d)\s*$", description="e.g. '250ms'")]


class Strict(BaseModel):
    """Base of every section: unknown keys are errors, values are not coerced silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
