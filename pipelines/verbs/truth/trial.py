"""One trial of the numbers: a plant simulated with signals lost, built, and judged against its truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from pipelines.build import Builder
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from pipelines.verbs.truth import Proof, prove
from pipelines.verbs.truth.bounds import judged
from pipelines.verbs.truth.cells import cells_of, true_cells
from plant.config import Plant
from simulator import Loss, export, plant_run


@dataclass(frozen=True)
class Trial:
    """What came out: the proofs of `prove`, and every KPI of every machine and shift beside its truth (`judged`)."""

    proofs: list[Proof]
    judged: pl.DataFrame


def trial(plant: Plant, where: Place, seed: int, window: tuple[datetime, datetime], loss: Loss) -> Trial:
    """Simulate `window` under an empty root, build the day tables from files and database, and judge them.

    Without the historian's archive of older months, models, data checks and publication: no KPI reads them.
    """
    run = plant_run(plant, seed, *window, loss=loss)
    export(replace(run, archive=run.archive.clear()), where.root)
    builder = Builder(plant, where, Progress(quiet=True), checks=False)
    builder.ingest_and_recompute()
    found = judged(builder.lake, true_cells(cells_of(builder.lake), where.truth, plant))
    return Trial(prove(builder.lake, where.truth, plant), found)
