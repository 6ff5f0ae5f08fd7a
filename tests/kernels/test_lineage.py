"""Walks, shares, circles and paths against a naive oracle on random graphs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_lineage import carried, on_circle, reached, ways

from assets.kernels.lineage.flow import Trace, circles, trace
from assets.kernels.lineage.graph import reach
from assets.kernels.lineage.paths import paths
from warehouse.lineage.arrays import Arrays, linked

LOTS = 9
NOTHING = np.zeros(0, dtype=np.uint8)


def graph(links: list[tuple[int, int, int]], made: dict[int, int], lots: int = LOTS) -> Arrays:
    parent, child, qty = (np.array([link[i] for link in links], dtype=np.int64) for i in range(3))
    quantities = np.array([made.get(i, np.nan) for i in range(lots)], dtype=np.float64)
    return Arrays(made=quantities, name_bytes=NOTHING, name_start=NOTHING, **linked(parent, child, qty, lots))


lot = st.integers(0, LOTS - 1)
any_links = st.lists(st.tuples(lot, lot, st.integers(1, 50)), max_size=24)
dag = any_links.map(lambda links: [(min(a, b), max(a, b), q) for a, b, q in links if a != b])
quantities = st.lists(st.integers(1, 100), min_size=LOTS, max_size=LOTS).map(lambda q: dict(enumerate(q)))


def amounts(traced: Trace) -> dict[int, float]:
    return dict(zip(traced.reached.lots.tolist(), traced.amount.tolist(), strict=True))


@given(any_links, lot, st.sampled_from(["forward", "back"]))
def test_every_lot_is_reached_once_with_its_fewest_steps(links, start, direction):
    found = reach(graph(links, {}), np.array([start]), direction)
    assert dict(zip(found.lots.tolist(), found.depth.tolist(), strict=True)) == reached(links, start, direction)
    lots = found.lots
    walked = sorted(zip(lots[found.source].tolist(), lots[found.target].tolist(), strict=True))
    ends = [(a, b) if direction == "forward" else (b, a) for a, b, _ in links]
    assert walked == sorted(e for e in ends if e[0] in set(lots.tolist()))


@given(dag, quantities, lot)
def test_forward_amounts_are_the_sum_over_all_ways(links, made, start):
    traced = trace(graph(links, made), np.array([start]), "forward")
    for end, amount in amounts(traced).items():
        assert amount == pytest.approx(float(carried(links, made, start, end)), rel=1e-9)


@given(dag, quantities, lot)
def test_back_shares_are_what_forward_says_of_each_ancestor(links, made, end):
    traced = trace(graph(links, made), np.array([end]), "back")
    for start, share in amounts(traced).items():
        assert share * made[start] == pytest.approx(float(carried(links, made, start, end)), rel=1e-9)


@given(any_links, quantities, lot)
def test_circles_are_found_end_and_make_what_is_beyond_unknown(links, made, start):
    traced = trace(graph(links, made), np.array([start]), "forward")
    mine = set(traced.reached.lots.tolist())
    inside = {n for n in mine if on_circle(links, n)}
    assert {n for group in circles(traced) for n in group} == inside
    beyond = {n for knot in inside for n in reached(links, knot, "forward")}
    assert {n for n, amount in amounts(traced).items() if np.isnan(amount)} == beyond
    assert [g for g in circles(traced) if len(g) == 1] == [
        [n] for n in sorted(inside) if any(a == b == n for a, b, _ in links) and {n} == _knot(links, n)
    ]


def _knot(links, n):
    return {m for m in reached(links, n, "forward") if n in reached(links, m, "forward")}


@given(dag, quantities, lot, lot)
def test_paths_are_all_ways_with_their_amounts(links, made, start, end):
    traced = trace(graph(links, made), np.array([start]), "forward")
    expected = ways(links, start, end)
    if not expected:
        with pytest.raises(KeyError, match="was not reached"):
            paths(traced, end)
        return
    listed, left = paths(traced, end, most=10_000)
    assert sorted(p.lots for p in listed) == sorted(tuple(lots) for lots, _ in expected)
    assert sum(p.amount for p in listed) == pytest.approx(amounts(traced)[end], rel=1e-9)
    assert left == 0.0
    few, rest = paths(traced, end, most=1)
    assert few[0].amount + rest == pytest.approx(amounts(traced)[end], rel=1e-9)


@given(dag, quantities, st.lists(lot, min_size=2, max_size=4, unique=True))
@settings(max_examples=50)
def test_several_starts_count_whole_each(links, made, starts):
    traced = trace(graph(links, made), np.array(starts), "forward")
    assert {n: a for n, a in amounts(traced).items() if n in starts} == {n: float(made[n]) for n in starts}
    without = [link for link in links if link[1] not in starts]
    for end, amount in amounts(traced).items():
        if end not in starts:
            expected = sum(carried(without, made, start, end) for start in starts)
            assert amount == pytest.approx(float(expected), rel=1e-9)


def test_an_unknown_quantity_makes_only_what_hangs_on_it_unknown():
    traced = trace(graph([(0, 1, 5), (0, 2, 5), (1, 3, 2)], {0: 10, 2: 4, 3: 1}), np.array([0]), "forward")
    assert amounts(traced)[2] == 5.0
    assert amounts(traced)[1] == 5.0
    assert np.isnan(amounts(traced)[3])  # lot 1 went into it, and nobody knows how much there was of lot 1


def test_a_chain_of_ten_thousand_lots_ends():
    n = 10_000
    links = [(i, i + 1, 1) for i in range(n - 1)]
    traced = trace(graph(links, dict.fromkeys(range(n), 1), n), np.array([0]), "forward")
    assert traced.reached.depth.max() == n - 1
    assert traced.amount[-1] == 1.0


def test_a_lot_without_links_is_reached_alone():
    traced = trace(graph([], {3: 7}), np.array([3]), "back")
    assert amounts(traced) == {3: 1.0}
    assert circles(traced) == []
