"""The `[finance]` section of plant.toml: what counts as in time for orders."""

from __future__ import annotations

from pydantic import Field

from plant.shifts.sections import Strict


class Finance(Strict):
    """Rules of gold.order_performance and gold.operation_performance."""

    adherence_h: float = Field(
        default=4.0, ge=0, le=8760, description="hours before or after its plan in which an order is in time"
    )
