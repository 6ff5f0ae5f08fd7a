"""How far the numbers are from the truth: error where all was heard, share of bounds that hold where it was not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks.figure import Figure
from pipelines.place import place
from pipelines.verbs.truth.bounds import BOUNDS_LIMIT, by_kpi
from pipelines.verbs.truth.trial import Trial, trial
from plant.config import load
from simulator import Loss

WEEK = datetime(2026, 11, 16, 5, tzinfo=UTC), datetime(2026, 11, 22, 5, tzinfo=UTC)
"""Six production days of the example plant, Monday to Saturday."""
SHARES = (0.0, 0.05, 0.10, 0.20)
PLANT = Path(__file__).parent.parent / "plant.toml"


def figures(data: Path) -> Iterator[Figure]:
    """Coverage for each share of lost signal, the worst of them, and for a tenth that is lost without a word."""
    aim, worst = 1 - BOUNDS_LIMIT, 1.0
    for share in SHARES:
        done = _trial(Loss(share))
        if not share:
            error = next(p for p in done.proofs if p.name == "OEE")
            yield Figure("truth.oee_error", error.worst, "1", f"limit {error.limit:g}", error.worst / error.limit,
                         f"worst of {error.cells} machine shifts with full signal")  # fmt: skip
        held = _held(done)
        worst = min(worst, held)
        yield Figure(f"truth.bounds_coverage.loss_{share:.0%}".rstrip("%"), held, "share", f"aim {aim:g}", held / aim,
                     _widths(done))  # fmt: skip
    yield Figure("truth.bounds_coverage", worst, "share", f"aim {aim:g}", worst / aim, "worst of 0 to 20 % lost")
    silent = _held(done := _trial(Loss(0.10, silent=True)))
    yield Figure("truth.bounds_coverage.silent_loss_10", silent, "share", f"aim {aim:g}", silent / aim,
                 f"no source says so; trusted until stale_after; {_widths(done)}")  # fmt: skip


def _trial(loss: Loss) -> Trial:
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-") as root:
        return trial(load(PLANT), place(Path(root)), 7, WEEK, loss)


def _held(done: Trial) -> float:
    return float(done.judged["inside"].mean() or 0.0)  # type: ignore[arg-type]


def _widths(done: Trial) -> str:
    oee = by_kpi(done.judged).filter(pl.col("kpi") == "oee").row(0, named=True)
    return f"{done.judged.height} bounds of {done.judged['kpi'].n_unique()} KPIs; OEE mean width {oee['width']:.3f}"
