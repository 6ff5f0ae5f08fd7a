"""Ground truth tiles time, agrees with the plant's calendar, and says what the sources say."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from plant.calendar import segments
from plant.states import Account


@pytest.fixture(params=["week", "dst"])
def run(request):
    return request.getfixturevalue(request.param)


def test_intervals_tile_the_time_of_every_machine(run):
    for machine, part in run.truth["intervals"].group_by("machine"):
        start, end = part["start_at"].to_list(), part["end_at"].to_list()
        assert start[0] == run.start_at, machine
        assert end[-1] == run.end_at, machine
        assert start[1:] == end[:-1], machine
        assert all(a < b for a, b in zip(start, end, strict=True))
    assert set(run.truth["intervals"]["machine"]) == set(run.plant.machines)


def test_every_account_but_unknown_occurs(week):
    assert set(week.truth["intervals"]["account"]) == {a.value for a in Account} - {"unknown"}
    assert {"blocked", "starved", "stopped", "failed", "planned_stop"} <= set(week.truth["intervals"]["state"])


def overlap_s(run, machine: str, start, end, accounts: set[str]) -> float:
    part = run.truth["intervals"].filter(
        pl.col("machine") == machine, pl.col("account").is_in(list(accounts)),
        pl.col("start_at") < end, pl.col("end_at") > start,
    )  # fmt: skip
    length = pl.min_horizontal("end_at", pl.lit(end)) - pl.max_horizontal("start_at", pl.lit(start))
    return part.select(length.dt.total_microseconds().sum()).item() / 1e6


def test_calendar_accounts_agree_with_the_calendar_of_the_plant(run):
    """plant.calendar and the simulator's working time share no code: they must still say the same."""
    calendar = segments(run.plant, run.start_at.date() - timedelta(1), run.end_at.date() + timedelta(1))
    calendar = calendar.with_columns(
        start_at=pl.max_horizontal("start_at", pl.lit(run.start_at)),
        end_at=pl.min_horizontal("end_at", pl.lit(run.end_at)),
    ).filter(pl.col("start_at") < pl.col("end_at"))
    for name, machine in run.plant.machines.items():
        mine = calendar.filter(pl.col("line") == machine.line)
        for kind, start, end in mine.select("kind", "start_at", "end_at").iter_rows():
            length = (end - start).total_seconds()
            off = overlap_s(run, name, start, end, {"not_scheduled"})
            assert off == (length if kind == "off" else 0), (name, kind, start)
            if kind == "break" and not machine.runs_through_breaks:
                assert overlap_s(run, name, start, end, {"planned_down"}) == length


def test_the_dst_night_is_an_hour_longer(dst):
    """Saturday's night shift of 24 October ends at 06:00 CET, nine hours after it began."""
    intervals = dst.truth["intervals"].filter(machine="press-1")
    off = intervals.filter(account="not_scheduled")
    assert off["start_at"].min().isoformat() == "2026-10-25T05:00:00+00:00"  # 06:00 CET
    assert off["end_at"].max().isoformat() == "2026-10-26T05:00:00+00:00"
    worked = intervals.filter(pl.col("account") != "not_scheduled", pl.col("end_at") <= off["start_at"].min())
    assert worked.select((pl.col("end_at") - pl.col("start_at")).sum()).item() == timedelta(hours=25)
    assert intervals.select((pl.col("end_at") - pl.col("start_at")).sum()).item() == timedelta(hours=73)


def test_machines_that_run_through_breaks_do(week):
    local = pl.col("start_at").dt.convert_time_zone("Europe/Berlin").dt.time()
    broken = week.truth["intervals"].filter(pl.col("reason") == "break")
    assert not broken["machine"].is_in(["oven-1", "comp-1"]).any()
    assert set(broken.select(local)["start_at"].dt.hour()) == {2, 10, 18}


def test_orders_decide_between_delay_and_down_no_order(week):
    stopped = week.truth["intervals"].filter(pl.col("account").is_in(["delay", "down_no_order"]))
    assert (stopped["order_id"].is_not_null() == (stopped["account"] == "delay")).all()
    comp = week.truth["intervals"].filter(machine="comp-1")
    assert comp["order_id"].null_count() == comp.height
    assert "delay" not in comp["account"]


def test_states_of_the_sources_are_the_states_of_the_truth(week):
    """Where the signal was not lost, the state tag read at the middle of an interval shows its state."""
    words = {float(code): word for code, word in week.plant.file.states["codes"].items()}
    lost = week.truth["lost"]
    for machine, part in week.truth["intervals"].group_by("machine"):
        tag = week.samples.filter(pl.col("tag") == f"{machine[0]}.state", pl.col("status") == 0).select("ts", "value")
        middle = part.with_columns(ts=pl.col("start_at") + (pl.col("end_at") - pl.col("start_at")) / 2).sort("ts")
        for start, end in lost.filter(machine=machine[0]).select("start_at", "end_at").iter_rows():
            middle = middle.filter(~pl.col("ts").is_between(start, end))
        seen = middle.join_asof(tag.sort("ts"), on="ts")
        assert (seen["value"].replace_strict(words, return_dtype=pl.String) == seen["state"]).all()


def test_booked_reasons_reach_the_truth(week):
    booked = week.tables["downtimes"].filter(pl.col("start_at") >= week.start_at).unique("id", keep="last")
    stops = week.truth["intervals"].filter(account="delay")
    found = booked.join(stops, on=["machine", "start_at"], how="inner")
    assert found.height > 50
    assert (found["reason"] == found["reason_right"]).all()
    assert found["reason_class"].is_in(["breakdown", "setup", "minor_stop", "logistic"]).all()
