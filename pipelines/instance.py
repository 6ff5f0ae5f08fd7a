"""Dagster's own state under `root/dagster`, and its settings, written where Dagster looks for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.place import Place

if TYPE_CHECKING:
    import dagster as dg

TEMPLATE = Path(__file__).parent.parent / "dagster.yaml"


def prepare(where: Place) -> Path:
    """Create DAGSTER_HOME with our dagster.yaml, keeping one the operator changed. Sets the environment."""
    where.dagster.mkdir(parents=True, exist_ok=True)
    settings = where.dagster / "dagster.yaml"
    if not settings.exists():
        settings.write_text(TEMPLATE.read_text(encoding="utf8"), encoding="utf8")
    os.environ["DAGSTER_HOME"] = str(where.dagster)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    return where.dagster


def instance(where: Place) -> dg.DagsterInstance:
    """The instance under this root."""
    import dagster as dg

    return dg.DagsterInstance.from_config(str(prepare(where)))
