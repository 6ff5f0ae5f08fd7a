"""Reorder points: what they keep of the service they promise on 2,674 spare parts, and what ten thousand cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.figure import Figure, cpu_of
from models.replenishment.achieved import RULES, walk_forward
from models.replenishment.demand import Floats
from models.replenishment.intermittent import reorder_points
from models.slotting import Bin, Item, slotted

SPANS, FIRST = (1, 3, 6), 36
AIMS = (0.90, 0.95, 0.99)
LIMIT_POINTS = 2.0
ITEMS, WEEKS = 10_000, 104
SHELVED, BINS = 1_000, 60


def figures(data: Path) -> Iterator[Figure]:
    """Largest miss of three aims against Croston and SBA; CPU of 10,000 reorder points and of a slotting."""
    path = data / "carparts_hyndman" / "carparts_wide.csv"
    if path.is_file():
        parts = pl.read_csv(path).drop("month").cast(pl.Float64, strict=False).to_numpy().T.copy()
        yield from (_service(parts, span) for span in SPANS)
    history = np.random.default_rng(1).poisson(0.4, (ITEMS, WEEKS)).astype(np.float64)
    spent = cpu_of(lambda: reorder_points(history, 4, 0.95))
    yield Figure(
        "stock.points_cpu_s_10k", spent, "CPU s", "none", None, "10,000 items x 104 weeks, level set by the past"
    )
    items, bins = _warehouse()
    spent = cpu_of(lambda: slotted(items, bins, 26.0))
    yield Figure(
        "stock.slotting_cpu_s", spent, "CPU s", "none", None, f"{SHELVED:,} materials, {BINS} locations, exact"
    )


def _service(parts: Floats, span: int) -> Figure:
    origins = range(FIRST, parts.shape[1] - span + 1)
    kept = {name: [walk_forward(parts, span, aim, origins, rule) for aim in AIMS] for name, rule in RULES.items()}
    missed = {n: max(abs(s.cycle - aim) * 100 for s, aim in zip(of, AIMS, strict=True)) for n, of in kept.items()}
    ours = "; ".join(
        f"{aim:.0%}: {s.cycle:.1%} at {s.mean_point:.2f}"
        for aim, s in zip(AIMS, kept["negative_binomial"], strict=True)
    )
    note = f"{ours}; Croston {missed['croston_normal']:.1f}, SBA {missed['sba_normal']:.1f}; limit {LIMIT_POINTS:g}"
    best = min(missed["croston_normal"], missed["sba_normal"])
    mine = missed["negative_binomial"]
    return Figure(
        f"stock.service_off_points_{span}_months", mine, "points", "Croston or SBA, normal", mine / best, note
    )


def _warehouse() -> tuple[list[Item], list[Bin]]:
    draw = np.random.default_rng(2)
    bins = [Bin(f"b{n}", None if n == 0 else 400.0, 120.0 - n) for n in range(BINS)]
    names = frozenset(b.name for b in bins)
    trips = draw.pareto(1.2, SHELVED) * 5
    return [
        Item(f"m{n}", {"b0": float(draw.integers(1, 60))}, float(t), 20.0, names) for n, t in enumerate(trips)
    ], bins
