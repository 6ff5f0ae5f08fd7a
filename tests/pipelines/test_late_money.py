"""Late invoices, exchange rates and cancelled orders give at two sites what a rebuild gives."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from late_plant import BUILT, FIRST, START, Floor, builder, content, plant_of, toml
from test_late_postings import FINANCE, TABLES, changed

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MORE = ("work_orders", "cost_rates", "stock_moves", "locations", "invoices", "exchange_rates")


@pytest.fixture
def plant(tmp_path):
    more = "".join(f'[[source.tables]]\nname = "{n}"\n' for n in MORE)
    return plant_of(tmp_path, toml().replace(TABLES, TABLES + more))


@pytest.fixture
def floor(tmp_path):
    """Two sites in two zones: A ran in Berlin, N is on a machine in New York, S waits there; an invoice in dollars."""
    made = Floor(tmp_path)
    made.usual_days(1)
    for order, machine, begin, end in (("A", "m-1", HOUR, 8 * HOUR), ("N", "m-3", 7 * HOUR, None)):
        stop = None if end is None else START + end
        work_order(made, order, "done" if end else "running", released_at=START + begin, ended_at=stop)
        made.order(order, machine, START + begin, stop)
    work_order(made, "S", "released", released_at=START + 2 * HOUR)
    made.record("operations", id="op-S", order_id="S", machine="m-3", operation="cut", seq=10, product="part",
                planned_start_at=START + DAY)  # fmt: skip
    for kind, unit, each in (("machine", "h", 3600.0), ("overhead", "h", 0.0), ("energy", "kWh", 20.0)):
        made.record("cost_rates", id=kind, kind=kind, scope=None, unit=unit, rate_cents=each)
    invoice(made, "1", 10_000, START + HOUR, currency="USD")
    exchange(made, "u-1", 0.9, START - DAY)
    return made


def work_order(floor, key, status, **more):
    floor.record("work_orders", id=key, product="part", planned_pcs=400.0, status=status, **more)


def invoice(floor, key, cents, issued, **more):
    floor.record("invoices", id=key, kind="receivable", partner="c", reference=key, amount_cents=cents,
                 issued_at=issued, **more)  # fmt: skip


def exchange(floor, key, worth, since):
    floor.record("exchange_rates", id=key, currency="USD", rate=worth, valid_from_at=since)


def stand(plant, root):
    made = builder(plant, root)
    made.recompute()
    made.only("finance")
    return content(root, (*BUILT, *FINANCE))


def test_late_money_at_two_sites_gives_what_a_rebuild_gives(floor, plant, tmp_path):
    before = stand(plant, tmp_path)
    days = before["gold.order_days"].filter(order_id="N", machine="m-3").sort("production_day")
    spent = (days.select(pl.sum_horizontal("machine_ucents", "energy_ucents").cum_sum()) / 1e8).to_series().to_list()
    worth = before["gold.wip"].filter(site="there").sort("production_day")["value"].to_list()
    assert worth == pytest.approx([0.0, *spent]), "by the end of its own days; the first one S alone is there"
    floor.record("exchange_rates", id="u-2", currency="USD", rate=0.8, valid_from_at=START)
    invoice(floor, "2", -30_000, START + 20 * HOUR)  # a credit note, more than was invoiced
    invoice(floor, "3", 5_000, None, paid_at=START + 19 * HOUR)
    work_order(floor, "S", "cancelled", released_at=START + 2 * HOUR)
    after = stand(plant, tmp_path)
    month = after["gold.cash_to_cash"].filter(grain="month", first_day=FIRST.replace(day=1)).row(0, named=True)
    assert month["revenue"] == pytest.approx(80 - 300)
    assert "1 paid invoices without a date of issue" in month["note"]
    assert changed(before, after, "gold.order_performance", "order_id") == [("S",)]
    late = after["gold.order_performance"].filter(order_id="S").row(0, named=True)
    assert (late["open"], late["ended_at"], late["lead_us"]) == (False, START + 2 * HOUR, 0)
    fresh = tmp_path / "fresh"
    (fresh / "lake").mkdir(parents=True)
    (fresh / "lake" / "bronze").symlink_to(tmp_path / "lake" / "bronze", target_is_directory=True)
    again = stand(plant, fresh)
    for name in (*BUILT, *FINANCE):
        assert after[name].equals(again[name]), name
