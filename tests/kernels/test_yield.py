"""Yield: pieces pooled over parallel machines, first pass yield, rolled throughput yield."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import START, count_ledger

from assets.kernels.figures.yield_ import yields
from plant.tables import table

OPERATIONS = {"cnc-1": "turning", "cnc-2": "turning", "robot-1": "deburring", "pack-1": None}
MACHINES = pl.LazyFrame(list(OPERATIONS.items()), schema={"machine": pl.String, "operation": pl.String}, orient="row")


def run(*frames):
    return yields(pl.concat(frames) if frames else count_ledger(), MACHINES).collect()


def test_the_frame_keeps_the_contract_and_its_key():
    frame = run(count_ledger((9, 1, None)))
    contract = table("gold.yield")
    assert frame.schema == {c: t for c, t in contract.schema.items() if c not in {"revision", "known_from"}}
    assert frame.select(contract.key).is_unique().all()
    assert run().schema == frame.schema


def test_rolled_throughput_yield_is_the_product_over_operations():
    frame = run(
        count_ledger((90, 10, 48.0)), count_ledger((70, 30, 52.0), machine="cnc-2"),
        count_ledger((150, 5, 24.0, {"rework_pcs": 5}), machine="robot-1"),
    )  # fmt: skip
    assert frame.select("operation", "good_pcs", "scrap_pcs", "rework_pcs").rows() == [
        ("deburring", 150, 5, 5),
        ("turning", 160, 40, 0),
    ]
    assert frame["first_pass_yield"].to_list() == pytest.approx([150 / 160, 0.8])
    assert frame["scrap_ratio"].to_list() == pytest.approx([5 / 160, 0.2])
    assert frame["rolled_throughput_yield"].to_list() == pytest.approx([0.8 * 150 / 160] * 2)


def test_parallel_machines_pool_their_pieces_the_mean_of_their_yields_is_another_number():
    frame = run(count_ledger((990, 10, 48.0)), count_ledger((1, 9, 52.0), machine="cnc-2"))
    assert frame["first_pass_yield"].to_list() == pytest.approx([991 / 1010])
    assert frame["first_pass_yield"][0] != pytest.approx((0.99 + 0.1) / 2)


def test_the_operation_of_the_order_comes_before_the_machine_s_own():
    frame = run(
        count_ledger((5, 0, None, {"operation": "facing"})), count_ledger((5, 0, None)),
        count_ledger((5, 0, None), machine="pack-1"),
    )  # fmt: skip
    assert frame["operation"].to_list() == ["facing", "pack-1", "turning"]


def test_pieces_without_a_product_stay_visible_but_have_no_rolled_yield():
    frame = run(count_ledger((5, 5, None, {"product": None})))
    assert frame.select("product", "good_pcs", "first_pass_yield", "rolled_throughput_yield").rows() == [
        ("unknown", 5, 0.5, None)
    ]


def test_no_pieces_no_row():
    assert run(count_ledger((0, 0, None))).is_empty()


PART = st.tuples(st.sampled_from(list(OPERATIONS)), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))


@settings(max_examples=25, deadline=None)
@given(st.lists(PART, min_size=1, max_size=8))
def test_no_piece_is_lost_and_rolled_yield_is_never_above_the_lowest_step(parts):
    frame = run(*(count_ledger((g, s, None, {"rework_pcs": r}), machine=m, hour=START) for m, g, s, r in parts))
    for n, column in enumerate(("good_pcs", "scrap_pcs", "rework_pcs"), start=1):
        assert frame[column].sum() == sum(p[n] for p in parts)
    if frame.height:
        assert frame["rolled_throughput_yield"].n_unique() == 1
        assert frame["rolled_throughput_yield"][0] <= frame["first_pass_yield"].min() + 1e-12
