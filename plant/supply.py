"""The `[supply]` section of plant.toml: when a delivery is on time and in full, and how far back lead times look."""

from __future__ import annotations

from pydantic import Field

from plant.shifts.sections import Strict


class Supply(Strict):
    """Tolerances of gold.supply_lines and what is made of it, for suppliers and customers alike."""

    late_d: int = Field(default=0, ge=0, le=365, description="days after the due day that are still on time")
    early_d: int | None = Field(default=None, ge=0, le=365, description="days before it; left out: never too early")
    short_share: float = Field(default=0.0, ge=0, lt=1, description="share of the quantity that may be missing")
    over_share: float | None = Field(default=None, ge=0, description="share that may come too much; left out: any")
    lead_time_days: int = Field(default=365, gt=0, description="lead times look at lines ordered in so many days")
