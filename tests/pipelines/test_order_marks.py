"""Orders and losses of a day hang on the rates and orders of that day: changed days are repaired, others stay."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from late_plant import BUILT, FIRST, START, Floor, content, plant_of, rebuilt, stages, toml

from pipelines.days.stages import COSTS
from warehouse.lake import Lake

DAYS = 3
TABLES = 'name = "mes"\nkind = "sql"\nurl = "sqlite:///{root}/mes.sqlite"\n'
MORE = "".join(f'[[source.tables]]\nname = "{n}"\n' for n in ("work_orders", "cost_rates"))


@pytest.fixture
def floor(tmp_path):
    made = Floor(tmp_path)
    made.usual_days(DAYS)
    made.record("work_orders", id="A", product="part", planned_pcs=600.0, planned_scrap_pcs=None, status="running",
                planned_start_at=START, planned_end_at=None, started_at=None, ended_at=None,
                released_at=START)  # fmt: skip
    made.order("A", "m-1", START + timedelta(hours=2), START + timedelta(days=1, hours=3))
    made.order("B", "m-1", START + timedelta(days=1, hours=3), None)
    rate(made, "r-1", 3600.0, None)
    return made


def rate(floor, key, cents, since, scope=None):
    floor.record("cost_rates", id=key, kind="machine", scope=scope, unit="h", rate_cents=cents, valid_from_at=since,
                 valid_to_at=None)  # fmt: skip


@pytest.fixture
def plant(tmp_path):
    return plant_of(tmp_path, toml().replace(TABLES, TABLES + MORE))


def costed(ran):
    return [s for s in ran if s.startswith("costs")]


def span(first, last):
    return f"costs {FIRST + timedelta(days=first)}..{FIRST + timedelta(days=last)}"


def of(root, name, day):
    return Lake(root).scan(name).filter(pl.col("production_day") == FIRST + timedelta(days=day)).collect()


def test_a_rate_repairs_the_days_it_holds_on_and_no_other(floor, plant, tmp_path):
    stages(plant, tmp_path)
    before = of(tmp_path, "gold.order_days", 0).filter(machine="m-1")
    assert before["machine_ucents"].to_list() == [sum(before.row(0, named=True)[c] for c in (
        "run_us", "interrupted_us", "unknown_us"))]  # fmt: skip
    assert of(tmp_path, "gold.losses", 0)["cost"].null_count() == 0
    assert stages(plant, tmp_path) == [], "nothing changed"
    rate(floor, "r-2", 7200.0, START + timedelta(days=1), scope="m-1")
    ran = stages(plant, tmp_path)
    assert costed(ran) == [span(1, DAYS - 1)]
    assert not [s for s in ran if s.startswith(("ledgers", "numbers"))], "no number hangs on what an hour costs"
    dear = of(tmp_path, "gold.order_days", 2).filter(machine="m-1").row(0, named=True)
    assert dear["machine_ucents"] == 2 * (dear["run_us"] + dear["interrupted_us"] + dear["unknown_us"])
    rate(floor, "r-1", 1800.0, None)
    # The day before holds time of the other site, whose day begins later.
    assert costed(stages(plant, tmp_path)) == [span(-1, DAYS - 1)], "the rate of the other machines"


def test_late_orders_and_dates_give_what_a_rebuild_gives(floor, plant, tmp_path):
    stages(plant, tmp_path)
    floor.order("B", "m-1", START + timedelta(days=1, hours=2), START + timedelta(days=2, hours=1))
    floor.order("A", "m-1", START + timedelta(hours=2), START + timedelta(days=1, hours=2))
    floor.record("work_orders", id="A", product="part", planned_pcs=600.0, planned_scrap_pcs=None, status="done",
                 planned_start_at=START, planned_end_at=None, started_at=START,
                 ended_at=START + timedelta(days=1, hours=2), released_at=START - timedelta(hours=1))  # fmt: skip
    floor.record("attendance", id="at-1", operator="eve", machine="m-1", start_at=START, end_at=None)
    assert costed(stages(plant, tmp_path))
    assert stages(plant, tmp_path) == []
    now, fresh = content(tmp_path), rebuilt(plant, tmp_path, tmp_path / "fresh")
    for name in (*COSTS, *BUILT):
        assert now[name].equals(fresh[name]), name
    whole = now["gold.order_days"].filter(pl.col("machine").is_null(), pl.col("order_id") == "A")
    buckets = [c for c in whole.columns if c.endswith("_us") and c not in ("ideal_us", "person_us")]
    # The day before the ledger begins has no row: released an hour before it, the order's 26 hours and its queue.
    assert whole.select(pl.sum_horizontal(buckets).sum()).item() == 26 * 3_600_000_000
    assert whole["queue_us"].sum() == 2 * 3_600_000_000
