"""A stock posting that comes late changes the cost of its order and gold.wip of the days it is in, nothing else."""

from __future__ import annotations

import shutil
from datetime import timedelta

import polars as pl
import pytest
from late_plant import BUILT, FIRST, START, Floor, builder, content, plant_of, toml

from pipelines.days.stages import STANDING

TABLES = 'name = "mes"\nkind = "sql"\nurl = "sqlite:///{root}/mes.sqlite"\n'
MORE = ("work_orders", "cost_rates", "materials", "bom_lines", "locations", "stock_moves")
FINANCE = STANDING["finance"]
DAYS = 3
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def plant(tmp_path):
    more = "".join(f'[[source.tables]]\nname = "{n}"\n' for n in MORE)
    return plant_of(tmp_path, toml().replace(TABLES, TABLES + more))


@pytest.fixture
def floor(tmp_path):
    made = Floor(tmp_path)
    made.usual_days(DAYS)
    for order, begin, end in (("A", HOUR, 8 * HOUR), ("B", 9 * HOUR, None), ("C", DAY + HOUR, DAY + 8 * HOUR)):
        stop = None if end is None else START + end
        made.record("work_orders", id=order, product="part", planned_pcs=400.0, status="done" if end else "running",
                    planned_start_at=START + begin, planned_end_at=stop, started_at=START + begin, ended_at=stop,
                    released_at=START + begin)  # fmt: skip
        made.order(order, "m-1" if order != "B" else "m-2", START + begin, stop)
    for kind, unit, cents in (("machine", "h", 3600.0), ("overhead", "h", 0.0), ("energy", "kWh", 20.0)):
        made.record("cost_rates", id=kind, kind=kind, scope=None, unit=unit, rate_cents=cents)
    made.record("materials", id="bar", kind="raw", unit="m", standard_cost_cents=250.25)
    made.record("bom_lines", id="1", product="part", component="bar", qty_per_pc=0.1)
    made.record("locations", id="raw-1", zone="raw", kind="storage")
    issue(made, "A", 40.0, START + HOUR)
    issue(made, "B", 41.0, START + 10 * HOUR)
    issue(made, "C", 39.0, START + DAY + HOUR)
    return made


def issue(floor, order, qty, at, key=None):
    floor.record("stock_moves", id=key or f"issue-{order}", at=at, material="bar", from_location="raw-1",
                 to_location="external", qty=qty, unit_cost_cents=251.5, kind="issue", reference=order)  # fmt: skip


def stand(plant, root):
    """Build the days and the finance tables after them."""
    made = builder(plant, root)
    made.recompute()
    made.only("finance")
    return content(root, (*BUILT, *FINANCE))


def rebuilt(plant, root):
    fresh = root / "fresh"
    (fresh / "lake").mkdir(parents=True)
    (fresh / "lake" / "bronze").symlink_to(root / "lake" / "bronze", target_is_directory=True)
    try:
        return stand(plant, fresh)
    finally:
        shutil.rmtree(fresh)


def changed(before, after, name, *key):
    """Keys of the rows that differ."""
    both = pl.concat([before[name], after[name]])
    return sorted(both.filter(both.is_unique()).select(key).unique().rows())


def test_a_late_posting_changes_its_order_and_the_days_of_wip_from_then_on(floor, plant, tmp_path):
    before = stand(plant, tmp_path)
    issue(floor, "B", 7.0, START + DAY + 2 * HOUR, key="late")
    after = stand(plant, tmp_path)
    assert changed(before, after, "gold.order_costs", "order_id", "component", "item") == [("B", "material", "bar")]
    costs = [f["gold.order_costs"].filter(order_id="B", item="bar")["actual_cents"].item() for f in (before, after)]
    assert costs[1] - costs[0] == 1760  # 7 at 251.5 cents, the half cent to the even one
    assert changed(before, after, "gold.wip", "production_day", "site") == [
        (FIRST + n * DAY, "here") for n in (1, 2)
    ]  # open on both days; not the day before the posting
    worth = [f["gold.wip"].filter(site="here").sort("production_day")["value"] for f in (before, after)]
    assert (worth[1] - worth[0]).round(6).to_list() == [0.0, 17.6, 17.6]
    for name in ("gold.order_days", "gold.order_performance", "gold.operation_performance"):
        assert before[name].equals(after[name]), name
    fresh = rebuilt(plant, tmp_path)
    for name in (*BUILT, *FINANCE):
        assert after[name].equals(fresh[name]), name


def test_a_late_return_to_an_order_that_ended_is_in_its_cost_and_in_no_day_of_wip(floor, plant, tmp_path):
    before = stand(plant, tmp_path)
    issue(floor, "A", -4.0, START + DAY + HOUR, key="back")
    after = stand(plant, tmp_path)
    assert changed(before, after, "gold.order_costs", "order_id", "item") == [("A", "bar")]
    assert changed(before, after, "gold.wip", "production_day") == []
    row = after["gold.order_costs"].filter(order_id="A", item="bar").row(0, named=True)
    assert (row["quantity"], row["actual_cents"]) == (36.0, 10_060 - 1006)
