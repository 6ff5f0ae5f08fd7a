"""Reorder points keep the service they promise: walk-forward on real spare parts, and only the past is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.replenishment.achieved import RULES, walk_forward
from models.replenishment.intermittent import croston, lead_demand, reorder_points

DATA = Path(os.environ.get("SHOPFLOOR_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPAN, FIRST = 3, 36
"""Lead time of three months; the last 13 origins of 51 months are tested, as in the reference's table."""


@pytest.fixture(scope="module")
def parts():
    path = DATA / "carparts_hyndman" / "carparts_wide.csv"
    if not path.is_file():
        pytest.skip(f"data set carparts_hyndman is not in {DATA}; set SHOPFLOOR_DATA")
    wide = pl.read_csv(path).drop("month").cast(pl.Float64, strict=False)
    found = wide.to_numpy().T.copy()
    assert found.shape == (2674, 51)
    return found


@pytest.mark.parametrize("target", [0.90, 0.95, 0.99])
def test_the_service_of_2674_parts_is_within_two_points_of_the_target(parts, target):
    kept = walk_forward(parts, SPAN, target, range(FIRST, parts.shape[1] - SPAN + 1), RULES["negative_binomial"])
    assert kept.windows > 30_000
    assert abs(kept.cycle - target) < 0.02
    assert kept.fill < kept.cycle, "cycle service is not the share of demand met"


def test_croston_and_sba_with_normal_safety_stock_miss_it_at_both_ends(parts):
    origins = range(FIRST, parts.shape[1] - SPAN + 1, 3)
    for target in (0.90, 0.99):
        off = {name: abs(walk_forward(parts, SPAN, target, origins, RULES[name]).cycle - target) for name in RULES}
        assert off["negative_binomial"] < min(off["croston_normal"], off["sba_normal"])
        assert min(off["croston_normal"], off["sba_normal"]) > 0.02
    ours, theirs = (walk_forward(parts, SPAN, 0.90, origins, RULES[n]) for n in ("negative_binomial", "sba_normal"))
    assert ours.mean_point < 0.8 * theirs.mean_point, "what is kept beyond the target is stock"


def test_points_do_not_depend_on_what_came_later(parts):
    some = parts[:300]
    later = np.concatenate([some[:, :40], np.full((300, 11), 99.0)], axis=1)
    for rule in RULES.values():
        assert np.array_equal(rule(some[:, :40], SPAN, 0.95), rule(later[:, :40], SPAN, 0.95))


def test_steady_demand_and_none_at_all():
    history = np.array([[4.0] * 24, [0.0] * 24])
    found = reorder_points(history, 2, 0.95)
    assert found.points[0] >= 8
    assert found.points[1] <= 1
    assert lead_demand(history[:, :3], 2).mean[0] == pytest.approx(8, rel=0.2)
    assert reorder_points(history[:, :5], 2, 0.95).level == 0.95, "nothing is over yet: the target itself"


def test_croston_by_hand():
    # sizes 6, then 3 after two periods: size 6 + 0.1 (3 - 6) = 5.7, interval 2 + 0.1 (2 - 2) = 2
    history = np.array([[0.0, 6.0, 0.0, 3.0]])
    assert croston(history)[0] == pytest.approx(5.7 / 2)
    assert croston(history, corrected=True)[0] == pytest.approx(0.95 * 5.7 / 2)
    assert croston(np.zeros((1, 5)))[0] == 0.0
