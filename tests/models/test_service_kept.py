"""Reorder points keep the service they promise: walk-forward on real spare parts, and only the past is looked at."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.replenishment.achieved import RULES, walk_forward
from models.replenishment.croston import croston
from models.replenishment.intermittent import EVIDENCE, lead_demand, reorder_points

DATA = Path(os.environ.get("SHOPFLOOR_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPAN, FIRST = 3, 36
"""Lead time of three months; the last 13 origins of 51 months are tested, as in the reference's table."""
OURS = RULES["negative_binomial"]
MOST_STOCK = {
    (1, 0.90): 0.90, (1, 0.95): 1.75, (1, 0.99): 4.2, (3, 0.90): 3.13, (3, 0.95): 4.51, (3, 0.99): 8.75,
    (6, 0.90): 6.4, (6, 0.95): 9.0, (6, 0.99): 16.5,
}  # fmt: skip
"""Mean reorder point by lead time and aim: at most what the same service took before the discount was chosen."""


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
@pytest.mark.parametrize("span", [1, 3, 6])
def test_the_service_of_2674_parts_is_within_two_points_of_the_target(parts, span, target):
    every = 2 if span == 1 else 1
    kept = walk_forward(parts, span, target, range(FIRST, parts.shape[1] - span + 1, every), OURS)
    assert kept.windows > 20_000
    assert abs(kept.cycle - target) < 0.02
    assert kept.mean_point <= MOST_STOCK[span, target], "the aim is not bought by stock"
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


def test_an_item_counted_in_thousands_says_nothing_wrong_of_one_counted_in_ones():
    drawn = np.random.default_rng(5).poisson(0.3, (40, 36)).astype(float)
    bulk = drawn.copy()
    bulk[0] *= 1000
    assert np.allclose(lead_demand(bulk, 3).mean[1:], lead_demand(drawn, 3).mean[1:])
    assert lead_demand(bulk, 3).mean[0] == pytest.approx(1000 * lead_demand(drawn, 3).mean[0])


def test_a_few_items_prove_little_so_the_level_stays_near_the_target():
    few = np.zeros((3, 40))
    few[:, ::6] = 1.0
    assert 0.93 < reorder_points(few, 2, 0.95).level < 0.97
    assert few.shape[0] * 6 < EVIDENCE


def test_croston_by_hand():
    # sizes 6, then 3 after two periods: size 6 + 0.1 (3 - 6) = 5.7, interval 2 + 0.1 (2 - 2) = 2
    history = np.array([[0.0, 6.0, 0.0, 3.0]])
    assert croston(history)[0] == pytest.approx(5.7 / 2)
    assert croston(history, corrected=True)[0] == pytest.approx(0.95 * 5.7 / 2)
    assert croston(np.zeros((1, 5)))[0] == 0.0
