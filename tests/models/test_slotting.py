"""Slotting: as good as the best of all layouts tried one by one, within capacity, and only where it pays."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from models.slotting import Bin, Item, move_m, proposed, slotted
from plant.tables import table

WEEKS = 26.0


def item(name, held, trips, allowed, load=10.0):
    return Item(name, held, float(trips), load, frozenset(allowed))


def way(items, bins, flows):
    """Way of a layout over the weeks, moves included, by its definition."""
    of, at = {i.name: i for i in items}, {b.name: b for b in bins}
    total = 0.0
    for item_name, source, target, space in flows:
        one = of[item_name]
        total += WEEKS * one.trips_week * space / one.space * at[target].way_m
        total += move_m(one, at[source], at[target], space) if source != target else 0.0
    return total


def tuples(flows):
    return [(f.item, f.source, f.target, f.space) for f in flows]


UNITS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), min_size=1, max_size=4)
ROOM = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([5.0, 20.0, 60.0])), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(UNITS, ROOM)
def test_no_layout_of_whole_pieces_is_better(stock, room):
    """Each material is one piece at one of three locations; every assignment that fits is tried."""
    lies = [where for where, _ in stock]
    bins = [Bin(f"b{n}", float(max(cap, lies.count(n))), far) for n, (cap, far) in enumerate(room)]
    names = [b.name for b in bins]
    items = [item(f"m{n}", {names[where]: 1.0}, trips, names) for n, (where, trips) in enumerate(stock)]
    best = min(
        way(items, bins, [(i.name, names[w], t, 1.0) for i, w, t in zip(items, lies, targets, strict=True)])
        for targets in product(names, repeat=len(items))
        if all(targets.count(b.name) <= b.capacity for b in bins)
    )
    found = tuples(slotted(items, bins, WEEKS))
    assert way(items, bins, found) == pytest.approx(best, abs=1e-4)
    for b in bins:
        assert sum(space for _, _, target, space in found if target == b.name) <= b.capacity + 1e-6
    for i in items:
        assert sum(space for name, _, _, space in found if name == i.name) == pytest.approx(i.space)


@settings(max_examples=25, deadline=None)
@given(st.permutations([3, 9, 1, 14]), st.lists(st.floats(1, 90), min_size=4, max_size=4, unique=True))
def test_one_material_a_location_is_the_assignment_problem(trips, ways):
    bins = [Bin(f"b{n}", 1.0, w) for n, w in enumerate(ways)]
    names = [b.name for b in bins]
    items = [item(f"m{n}", {names[n]: 1.0}, t, names, load=1e9) for n, t in enumerate(trips)]
    cost = np.array([[WEEKS * t * b.way_m for b in bins] for t in trips])
    rows, columns = linear_sum_assignment(cost)
    brute = min(sum(cost[n, c] for n, c in enumerate(p)) for p in permutations(range(4)))
    assert cost[rows, columns].sum() == pytest.approx(brute)
    found = tuples(slotted(items, bins, WEEKS, alone=True))
    assert way(items, bins, found) == pytest.approx(brute, rel=1e-4)
    assert len({target for _, _, target, _ in found}) == 4


def test_one_material_may_need_several_bins_and_the_near_ones_fill_first():
    bins = [Bin("far", None, 80.0), Bin("near", 30.0, 10.0), Bin("middle", 50.0, 30.0)]
    items = [item("fast", {"far": 100.0}, 50, [b.name for b in bins])]
    got = {target: space for _, _, target, space in tuples(slotted(items, bins, WEEKS))}
    assert got == pytest.approx({"near": 30.0, "middle": 50.0, "far": 20.0})


def test_a_move_that_does_not_pay_back_is_not_proposed():
    bins = [Bin("far", None, 80.0), Bin("near", None, 10.0)]
    rare = item("rare", {"far": 100.0}, 0.01, ["far", "near"], load=1.0)
    assert tuples(slotted([rare], bins, WEEKS)) == [("rare", "far", "far", 100.0)]


def test_zones_keep_what_does_not_belong_out():
    bins = [Bin("far", None, 80.0), Bin("cold", None, 5.0)]
    assert tuples(slotted([item("bar", {"far": 10.0}, 40, ["far"])], bins, WEEKS)) == [("bar", "far", "far", 10.0)]


def test_a_location_over_its_capacity_may_stay_so_but_takes_no_more():
    bins = [Bin("full", 10.0, 5.0), Bin("far", None, 50.0)]
    items = [item("a", {"full": 25.0}, 1, ["full", "far"]), item("b", {"far": 5.0}, 1, ["full", "far"])]
    found = tuples(slotted(items, bins, WEEKS))
    assert sum(space for _, _, target, space in found if target == "full") <= 25.0 + 1e-9


def test_bad_input_says_what_is_wrong():
    with pytest.raises(ValueError, match="stock lies at lost-1, which is none of the bins far"):
        slotted([item("a", {"lost-1": 1.0}, 1, [])], [Bin("far", None, 1.0)], WEEKS)
    two = [item(n, {"x": 1.0}, 1, ["x"]) for n in "ab"]
    with pytest.raises(ValueError, match="keeps items apart"):
        slotted(two, [Bin("x", 9.0, 1.0)], WEEKS, alone=True)
    assert slotted([], [Bin("far", None, 1.0)], WEEKS) == []


def lying(*rows):
    names = ("site", "material", "location", "zone", "qty", "each", "trips_week", "load")
    frame = pl.DataFrame(rows, schema=list(names), orient="row")
    return frame.with_columns(production_day=pl.date(2026, 9, 1), unit=pl.lit("pcs"))


def places(*rows):
    return pl.DataFrame(rows, schema=["site", "location", "zone", "capacity", "travel_m"], orient="row")


def test_the_table_moves_whole_pieces_and_its_figures_add_up():
    known = places(("s", "fg-1", "finished", 1000.0, 90.0), ("s", "fg-2", "finished", 25.0, 15.0))
    found = proposed(
        lying(("s", "slow", "fg-1", "finished", 40.0, 1.0, 2.0, 20.0),
              ("s", "fast", "fg-1", "finished", 30.0, 2.0, 30.0, 20.0)),
        known, WEEKS,
    )  # fmt: skip
    assert dict(found.schema) == table("gold.slotting").schema
    fast = {r["to_location"]: r for r in found.filter(pl.col("material") == "fast").iter_rows(named=True)}
    assert (fast["fg-2"]["qty"], fast["fg-1"]["qty"]) == (12.0, 18.0), "25 units of space hold 12 pieces of 2"
    assert fast["fg-2"]["saved_m_week"] == pytest.approx(30 * 12 / 30 * (90 - 15))
    assert fast["fg-2"]["move_m"] == 2 * (90 + 15) / 2, "24 of space in loads of 20"
    assert found["payback_weeks"].unique().to_list() == pytest.approx([105.0 / (30 * 12 / 30 * 75)])
    assert found.filter(pl.col("material") == "slow")["saved_m_week"].to_list() == [0.0]
    assert proposed(lying().clear(), known, WEEKS).schema == found.schema
