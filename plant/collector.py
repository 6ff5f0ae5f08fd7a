"""The `[collector]` section: bounds and manners of the process that reads live sources."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from plant.shifts.sections import Duration, Strict

Size = Annotated[str, Field(pattern=r"^\s*\d+(\.\d+)?\s*[kMGT]i?B\s*$", description="e.g. '2GiB' or '500MB'")]


class Collector(Strict):
    """Settings of `shopfloor collect`. Changes take effect when it is started again."""

    spool_max: Size = Field(default="2GiB", description="disk the spool may take; at it no source is read")
    spool_every: Duration = Field(
        default="200ms", description="time between writes to the spool: no value is safe sooner, each write costs"
    )
    commit: Duration = Field(default="5s", description="time between appends to the lake")
    reload: bool = Field(default=True, description="take up a changed plant.toml without a restart")
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Prometheus metrics on 127.0.0.1; none without"
    )
    skew_limit: Duration = Field(default="5s", description="warn when a source's clock differs by more")
