"""Random late edits in batches: after each the lake is what a rebuild gives, and every earlier answer is still there.

A few in `make test`; SHOPFLOOR_PROOF_EDITS=1000 runs a thousand (minutes).
"""

import os
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import hypothesis
import polars as pl
import pytest
from late_edits import Late
from late_plant import FIRST, MACHINES, START, Floor, builder, content, plant_of, rebuilt

from warehouse import as_of, refresh_changes, why
from warehouse.lake import Lake

DAYS, BATCH = 2, 20
NIGHTLY = hypothesis.settings.default.max_examples > 1000
EDITS = int(os.environ.get("SHOPFLOOR_PROOF_EDITS", "1000" if NIGHTLY else str(BATCH)))
SEED = int(os.environ.get("SHOPFLOOR_PROOF_SEED", "7"))
KPIS = ["availability", "effectiveness", "quality_ratio", "oee"]
LAST = FIRST + timedelta(days=DAYS + 1)


def answers(root, at):
    """Numbers of every machine and day, and of the sites over all days, as known at an instant."""
    asked = (("machine", "day"), ("machine", "shift"), ("site", "all"))
    frames = [as_of(root, KPIS, at, level, grain=grain, first=START.date(), last=LAST) for level, grain in asked]
    return pl.concat(frames).drop("known_to").sort("kpi", "level", "scope", "grain", "period_start", nulls_last=True)


def decomposed(root, before, after, then, now):
    """The parts of every changed number of a machine and day, to the last digit; returns how many changed."""
    keys = ["kpi", "scope", "period_start"]
    days = [frame.filter(pl.col("level") == "machine", pl.col("grain") == "day") for frame in (before, after)]
    both = days[0].join(days[1], on=keys, how="inner", suffix="_now")
    moved = both.filter(pl.col("value").ne_missing(pl.col("value_now")))
    for kpi, scope, start in moved.select(keys).head(6).iter_rows():
        parts = why(root, kpi, "machine", scope, "day", start, then, now)
        steps, total = (
            parts.filter(pl.col("cause") != "total"),
            parts.filter(pl.col("cause") == "total").row(0, named=True),
        )
        assert not steps["cause"].str.contains("unstated").any(), parts
        if total["contribution"] is not None and steps["contribution"].null_count() == 0:
            assert sum(steps["contribution"], Decimal(0)) == total["contribution"], parts
    return moved.height


@pytest.mark.timeout(300 + 10 * EDITS)
def test_random_late_edits_end_where_a_rebuild_ends(tmp_path):
    root = tmp_path / "root"
    floor = Floor(root)
    floor.usual_days(DAYS)
    for machine in MACHINES:
        floor.order(f"wo-{machine}", machine, START, None)
    late, plant = Late(floor, DAYS, SEED), plant_of(tmp_path)
    known, changed = [], 0
    pick = random.Random(SEED)
    for batch in range(0, EDITS + BATCH, BATCH):
        for _ in range(min(BATCH, EDITS - batch + BATCH) if batch else 0):
            late.one(plant)
        plant = plant_of(tmp_path, late.plant_text())
        builder(plant, root).recompute()
        refresh_changes(root)
        ours, theirs = content(root), rebuilt(plant, root, tmp_path / "fresh")
        wrong = [n for n in ours if not ours[n].equals(theirs[n])]
        assert not wrong, (SEED, batch, wrong, late.done[-BATCH:])
        now = datetime.now(UTC)
        told = answers(root, now)
        for at, then in pick.sample(known, min(3, len(known))):
            assert answers(root, at).equals(then), (SEED, batch, at)
        changed += decomposed(root, known[-1][1], told, known[-1][0], now) if known else 0
        known.append((now, told))
    assert len(late.done) == EDITS
    assert changed > 0
    assert Lake(root).scan("gold.kpi_sums", history=True).filter(pl.col("known_to").is_not_null()).collect().height > 0
