"""What the sources deliver, decoded the plain way, gives back the truth."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import simulator
from simulator.signals.registers import counter

OPCUA = {"cnc-1", "cnc-2", "robot-1"}


def booked(samples: pl.DataFrame, tag: str, rollover: int | None = None) -> tuple[int, int]:
    """Pieces a cumulative counter stands for, and how often it started again."""
    value = samples.filter(pl.col("tag") == tag, pl.col("value").is_not_null())["value"].to_numpy()
    step = np.diff(value)
    back = step < 0
    gained = np.where(back, value[1:] if rollover is None else step + rollover + 1, step)
    return int(gained.sum()), int(back.sum())


def test_counters_stand_for_every_piece(week):
    pieces = week.truth["pieces"].group_by("machine").agg(pl.col("good_pcs", "scrap_pcs").sum())
    resets = 0
    for machine, good, scrap in pieces.iter_rows():
        counted, back = booked(week.samples, f"{machine}.good")
        assert counted == good
        assert booked(week.samples, f"{machine}.scrap")[0] == scrap
        resets += back
    assert pieces.height == 7
    assert resets >= 1


def test_counters_step_at_the_piece(week):
    lost = week.truth["lost"].filter(machine="pack-2")
    assert lost.height == 0
    at = week.truth["pieces"].filter(pl.col("machine") == "pack-2", pl.col("good_pcs") == 1)["at"]
    seen = week.samples.filter(tag="pack-2.good")["ts"]
    assert set(at) <= set(seen)


def test_a_counter_with_rollover_starts_again(changed, week):
    def change(raw):
        for machine in raw["machine"]:
            for tag in machine["tags"]:
                if machine["name"] == "press-1" and tag["name"] == "good":
                    tag["rollover"] = 9999

    start = week.start_at + timedelta(days=1)
    run = simulator.plant_run(changed(change), 7, start, start + timedelta(days=1))
    value = run.samples.filter(tag="press-1.good")["value"]
    assert value.max() == 9999
    made = run.truth["pieces"].filter(machine="press-1")["good_pcs"].sum()
    assert made > 700
    counted, back = booked(run.samples, "press-1.good", 9999)
    assert back >= 1
    assert counted == made


def test_counter_resets_count_from_zero():
    at, value = counter(np.array([10, 20, 30, 40]), [25], 7, None, 0)
    assert at.tolist() == [0, 10, 20, 25, 30, 40]
    assert value.tolist() == [7, 8, 9, 0, 1, 2]
    _, rolled = counter(np.array([10, 20, 30]), [], 8, 9, 0)
    assert rolled.tolist() == [8, 9, 0, 1]


def test_every_tag_opens_at_the_start_and_speaks_only_inside_the_run(week):
    first = week.samples.group_by("tag").agg(pl.col("ts").min())
    assert (first["ts"] == week.start_at).all()
    assert first.height == sum(1 for _ in week.plant.tags())
    assert week.samples["ts"].max() < week.end_at
    assert week.samples["ts"].is_sorted()
    assert week.samples.select("tag", "ts").is_duplicated().sum() == 0


def test_values_stay_in_the_range_of_their_tag(week):
    extremes = week.samples.group_by("tag").agg(pl.col("value").min().alias("low"), pl.col("value").max().alias("high"))
    ranges = {f"{m.name}.{t.name}": t.range for m, t in week.plant.tags() if t.range}
    for tag, low, high in extremes.iter_rows():
        if tag in ranges:
            assert ranges[tag][0] <= low <= high <= ranges[tag][1], tag
            assert low < high, tag


def test_state_is_repeated_at_least_every_five_minutes(week):
    for name in week.plant.machines:
        lost = week.truth["lost"].filter(machine=name)
        at = week.samples.filter(tag=f"{name}.state")["ts"]
        wide = pl.DataFrame({"a": at[:-1], "b": at[1:]}).filter(pl.col("b") - pl.col("a") > timedelta(minutes=5))
        assert wide.height <= lost.height
        for a, _ in wide.iter_rows():
            assert a in lost["start_at"] or (lost["start_at"] - a < timedelta(minutes=5)).any()


def test_lost_signals_are_silent_and_come_back(week):
    assert week.truth["lost"].height >= 3
    for machine, start, end, noticed in week.truth["lost"].iter_rows():
        assert noticed == (machine in OPCUA)
        mine = week.samples.filter(pl.col("tag").str.starts_with(f"{machine}."))
        inside = mine.filter(pl.col("ts") >= start, pl.col("ts") < end)
        if machine in OPCUA:
            assert inside.height == len(week.plant.machines[machine].tags)
            assert (inside["ts"] == start).all()
            assert (inside["status"] == 0x80310000).all()
            assert inside["value"].null_count() == inside.height
        else:
            assert inside.height == 0
        back = mine.filter(pl.col("ts") == end)["tag"].to_list()
        assert f"{machine}.state" in back
        assert timedelta(minutes=5) <= end - start <= timedelta(minutes=40)


def test_meters_deliver_on_the_full_minute_and_close_with_the_truth(week):
    energy = week.truth["energy"]
    assert (energy["energy_j"] >= 0).all()
    for name in week.plant.machines:
        meter = week.samples.filter(pl.col("tag") == f"{name}.energy", pl.col("value").is_not_null())
        assert (meter["ts"].dt.truncate("1m") == meter["ts"]).all()
        assert (meter["value"].diff().drop_nulls() >= 0).all()
        hours = meter.filter(pl.col("ts").dt.truncate("1h") == pl.col("ts"))
        used = energy.filter(machine=name).with_columns(total=pl.col("energy_j").cum_sum())
        both = hours.join(used.select(ts="end_at", total="total"), on="ts").with_columns(
            (pl.col("value") - meter["value"][0]).alias("wh")
        )
        assert both.height > 150
        assert ((both["total"] / 3600 - both["wh"]) >= 0).all()
        assert ((both["total"] / 3600 - both["wh"]) < 1).all()


def test_machines_use_more_energy_while_producing(week):
    busy = week.truth["intervals"].filter(account="production")
    for name in week.plant.machines:
        energy = (
            week.truth["energy"].filter(machine=name).with_columns(middle=pl.col("start_at") + timedelta(seconds=30))
        )
        joined = energy.sort("middle").join_asof(
            busy.filter(machine=name).sort("start_at"), left_on="middle", right_on="start_at"
        )
        on = joined["middle"] < joined["end_at_right"]
        assert joined.filter(on)["energy_j"].mean() > 1.6 * joined.filter(~on)["energy_j"].mean()


@pytest.mark.parametrize("role", ["power", "temperature", "vibration"])
def test_the_archive_continues_into_the_live_signal(week, role):
    """Hourly means of the first working days lie in the range of the same machine's archive."""
    for name in week.plant.machines:
        tag = f"{name}.{role}"
        old = week.archive.filter(tag=tag)["value"]
        live = week.samples.filter(tag=tag).group_by_dynamic("ts", every="1h").agg(pl.col("value").mean())["value"]
        assert old.len() == 120 * 24 - 1
        assert abs(live.median() - old.median()) < 0.25 * abs(old.median()) + 0.2
