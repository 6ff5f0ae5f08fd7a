"""Pieces, orders and buffers: nothing appears or vanishes between the machines of a line."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest

import simulator
from simulator.floor.layout import layouts


def made(run, machine_names) -> pl.DataFrame:
    mine = run.truth["pieces"].filter(pl.col("machine").is_in(machine_names))
    return mine.group_by("order_id").agg(pl.col("good_pcs", "scrap_pcs").sum(), pl.col("at").max())


@pytest.fixture(scope="module")
def lines(week):
    return {x.line: x for x in layouts(week.plant, week.start_at.date())}


def test_routing_comes_from_machine_order_and_operation(lines):
    assert [s.machines for s in lines["shafts"].stages] == [("cnc-1", "cnc-2"), ("robot-1",), ("pack-1",)]
    assert [s.machines for s in lines["brackets"].stages] == [("press-1",), ("oven-1",), ("pack-2",)]
    assert lines["air"].stages == ()
    assert lines["air"].utilities == ("comp-1",)


@pytest.mark.parametrize("line", ["shafts", "brackets"])
def test_a_stage_uses_what_the_stage_before_made_good(week, lines, line):
    stages = lines[line].stages
    for before, after in pairwise(stages):
        flow = made(week, before.machines).join(made(week, after.machines), on="order_id", how="left", suffix="_next")
        waiting = flow["good_pcs"] - flow["good_pcs_next"].fill_null(0) - flow["scrap_pcs_next"].fill_null(0)
        assert (waiting >= 0).all()
        assert waiting.sum() <= 2 * 120 + 2  # what lies in the buffers at the end


@pytest.mark.parametrize("line", ["shafts", "brackets"])
def test_buffers_never_overflow_nor_go_below_zero(week, lines, line):
    layout = lines[line]
    for i, (before, after) in enumerate(pairwise(layout.stages), start=1):
        into = week.truth["pieces"].filter(pl.col("machine").is_in(before.machines), pl.col("good_pcs") == 1)
        out = week.truth["pieces"].filter(pl.col("machine").is_in(after.machines))
        moves = pl.concat(
            [into.select("at", "order_id", "product", n=1), out.select("at", "order_id", "product", n=-1)]
        )
        moves = moves.sort("at", "n").with_columns(level=pl.col("n").cum_sum().over("order_id"))
        assert moves["level"].min() >= 0
        for product in layout.routes:
            level = moves.filter(product=product)["level"].max()
            # Pieces leave the buffer when their work begins, the log knows when it ends.
            assert level <= layout.buffer_pcs(i, product) + len(after.machines)


@pytest.mark.parametrize("line", ["shafts", "brackets"])
def test_finished_orders_account_for_every_planned_piece(week, lines, line):
    done = week.tables["work_orders"].filter(pl.col("id").str.contains(line), pl.col("status") == "done")
    assert done.height >= 8
    stages = lines[line].stages
    scrap = made(week, [m for s in stages for m in s.machines]).select("order_id", "scrap_pcs")
    good = made(week, stages[-1].machines).select("order_id", "good_pcs")
    both = done.join(scrap, left_on="id", right_on="order_id").join(good, left_on="id", right_on="order_id")
    assert both.height == done.height
    assert (both["planned_pcs"] == both["good_pcs"] + both["scrap_pcs"]).all()


def test_pieces_are_made_while_their_order_is_registered(week):
    operations = week.tables["operations"].unique(["id"], keep="last")
    joined = week.truth["pieces"].join(operations, on=["machine", "order_id"], how="left")
    assert joined["started_at"].null_count() == 0
    assert (joined["at"] > joined["started_at"]).all()
    assert (joined["at"] <= joined["ended_at"].fill_null(week.end_at)).all()


def test_a_machine_holds_one_order_at_a_time(week):
    operations = week.tables["operations"].unique(["id"], keep="last").sort("machine", "started_at")
    following = operations.with_columns(pl.col("started_at").shift(-1).over("machine").alias("next"))
    assert (following["ended_at"].fill_null(week.end_at) <= following["next"].fill_null(week.end_at)).all()


def test_cycles_are_a_little_above_ideal(week):
    """Time in production per piece over ideal: between 1 and 1.1 for every machine and product."""
    ideal = {(i.machine, p.name): i.seconds for p in week.plant.file.product for i in p.ideal}
    busy = (
        week.truth["intervals"]
        .filter(pl.col("state") == "producing")
        .with_columns(s=(pl.col("end_at") - pl.col("start_at")).dt.total_microseconds() / 1e6)
    )
    time = busy.group_by("machine", "product").agg(pl.col("s").sum()).drop_nulls()
    pieces = week.truth["pieces"].group_by("machine", "product").agg(pl.len().alias("n"))
    for machine, product, seconds, n in time.join(pieces, on=["machine", "product"]).iter_rows():
        assert 1.0 < seconds / n / ideal[machine, product] < 1.1


def test_there_are_micro_stops_changeovers_and_time_without_an_order(week):
    stops = week.truth["intervals"].with_columns(length=pl.col("end_at") - pl.col("start_at"))
    assert stops.filter(pl.col("state") == "stopped", pl.col("length") < timedelta(seconds=60)).height > 200
    assert stops.filter(account="setup").height > 40
    assert stops.filter(account="down_no_order").height > 5
    assert set(stops.filter(state="planned_stop")["account"]) <= {"planned_down", "not_scheduled"}


def test_machines_do_not_start_outside_shifts(week):
    """What runs on after the end of a shift is what was in hand: one piece, one stop, one repair."""
    off = week.truth["intervals"].filter(pl.col("account") == "not_scheduled", pl.col("state") == "producing")
    assert (off["end_at"] - off["start_at"] < timedelta(minutes=3)).all()


def test_a_run_may_begin_outside_shifts(plant, week):
    quiet = simulator.plant_run(plant, 2, week.start_at, week.start_at + timedelta(hours=20))  # a Sunday
    assert quiet.truth["pieces"].height == 0
    assert set(quiet.truth["intervals"]["account"]) == {"not_scheduled"}
    assert quiet.tables["sales_orders"].height > 5000
