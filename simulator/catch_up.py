"""What a historian recorded between the end of the exported history and now, while nobody collected."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from simulator.export import advance, engine_for, write_historian
from simulator.run import Run


def catch_up(run: Run, root: Path, until: datetime, database_url: str | None = None) -> int:
    """Add historian files and database changes from the end of the last export to `until`; returns samples.

    truth/run.json remembers how far the historian reaches, so nothing is exported twice or left out.
    """
    noted = root / "truth" / "run.json"
    meta = json.loads(noted.read_text(encoding="utf8")) if noted.exists() else {}
    since = datetime.fromisoformat(meta.get("historian_end_at") or meta.get("end_at") or run.start_at.isoformat())
    span = pl.col("ts").is_between(_instant(since), _instant(until), closed="left")
    missed = run.samples.filter(span)
    write_historian(run.plant, missed, root / "plant" / "historian", f"from-{since.astimezone(UTC):%Y%m%dT%H%M%S%f}")
    if meta:
        engine = engine_for(root, database_url)
        advance(run, engine, since, until)
        engine.dispose()
        noted.write_text(json.dumps({**meta, "historian_end_at": until.isoformat()}, indent=2) + "\n", encoding="utf8")
    return missed.height


def _instant(at: datetime) -> pl.Expr:
    return pl.lit(at.astimezone(UTC)).cast(pl.Datetime("us", "UTC"))
