"""Orders of the simulated plant: cost to the cent, lead time to the microsecond, as the machines' logs have them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from order_world import World, world

from assets.kernels.finance.cash import cash_to_cash
from assets.kernels.finance.lead_time import BUCKETS
from assets.kernels.finance.order_costs import order_costs
from assets.kernels.finance.performance import operation_performance, order_performance
from assets.kernels.finance.reach import reach, records_reach_us
from assets.kernels.finance.wip import wip
from plant.calendar import bounds

DST = (datetime(2026, 10, 24, 4, tzinfo=UTC), datetime(2026, 10, 27, 5, tzinfo=UTC))
WINDOWS = {
    "two_days": (7, None, None),
    "clocks_change": (11, DST, (date(2026, 10, 24), date(2026, 10, 26))),
}
NAMES = {"production": "run_us", "setup": "setup_us", "delay": "interrupted_us", "planned_down": "planned_us",
         "not_scheduled": "not_scheduled_us", "queue": "queue_us", "wait": "wait_us"}  # fmt: skip


@pytest.fixture(scope="module", params=WINDOWS)
def built(request) -> tuple[World, pl.DataFrame, pl.DataFrame]:
    seed, window, days = WINDOWS[request.param]
    given = {} if window is None else {"window": window, "days": days}
    made = world(seed, **given)
    base, books = made.days(), {n: f.lazy() for n, f in made.books.items()}
    orders = order_performance(
        base.lazy(), books["operations"], books["work_orders"], made.machines(), reach(made.ledgers.time.lazy()), 14_400
    )
    return made, base, orders


def lazy(made: World, *names: str) -> list[pl.LazyFrame]:
    return [made.books[n].lazy() for n in names]


def costs(made: World, base: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    books = lazy(made, "operations", "stock_ledger", "locations", "materials", "bom_lines")
    return order_costs(base.lazy(), orders, *books, made.lines())


def test_cost_of_every_order_is_the_truth_to_the_cent(built):
    made, base, orders = built
    found = costs(made, base, orders)
    key = ["order_id", "component", "item"]
    sure = ~pl.col("order_id").is_in(list(made.touched()))
    true = made.floor.truth["costs"].filter(sure)
    both = true.join(found.filter(sure, ~pl.col("open")), on=key, how="full", coalesce=True)
    both = both.filter((pl.col("cents").fill_null(0) != 0) | (pl.col("actual_cents").fill_null(0) != 0))
    assert true["order_id"].n_unique() >= 5
    assert set(true["component"]) == {"material", "machine", "setup", "labour", "energy", "overhead"}
    exact = both.filter(pl.col("component") != "energy")
    differ = exact.filter(pl.col("cents").ne_missing(pl.col("actual_cents")))
    assert differ.select(*key, "cents", "actual_cents").rows() == []
    # A meter is read once a minute, and what it gains between two production days belongs to the later one.
    days = base.filter(pl.col("machine").is_null()).group_by("order_id").agg(days=pl.len())
    energy = both.filter(pl.col("component") == "energy").join(days, on="order_id")
    off = (pl.col("cents") - pl.col("actual_cents")).abs()
    assert energy.filter(pl.col("days") == 1, off > 0).is_empty()
    assert energy.filter(off > 0.01 * pl.col("cents") + 1).is_empty()


def test_lead_time_of_every_order_is_the_truth_to_the_microsecond(built):
    made, _, orders = built
    sure = ~pl.col("order_id").is_in(list(made.touched()))
    true = made.floor.truth["order_times"].filter(sure).with_columns(pl.col("bucket").replace(NAMES))
    long = orders.select("order_id", *BUCKETS).unpivot(index="order_id", variable_name="bucket", value_name="found_us")
    both = true.join(long, on=["order_id", "bucket"], how="left")
    assert both.height > 15
    assert both.filter(pl.col("duration_us") != pl.col("found_us")).is_empty()
    begin = pl.min_horizontal("released_at", "started_at")
    ended = orders.filter(~pl.col("open"))
    span = (pl.col("ended_at") - begin).dt.total_microseconds()
    assert ended.filter(pl.col("lead_us") != span).is_empty(), "the buckets tile release to end"
    still = orders.filter("open").filter(pl.col("lead_us") != (pl.col("as_of_at") - begin).dt.total_microseconds())
    assert still.is_empty(), "an open order runs to where the ledger reaches"


def test_variances_add_up_and_open_orders_have_no_standard(built):
    found = costs(*built)
    parts = [f"{p}_variance_cents" for p in ("price", "usage", "efficiency", "downtime", "unknown", "yield")]
    known = found.filter(~pl.col("open"))
    assert known["variance_cents"].null_count() == 0
    assert (known["variance_cents"] == known.select(pl.sum_horizontal(parts)).to_series()).all()
    assert (known["volume_variance_cents"] == known["standard_cents"] - known["planned_cents"]).all()
    assert (known["scrap_cents"] <= known["actual_cents"]).all()
    running = found.filter("open")
    assert running["standard_cents"].null_count() == running.height > 0
    assert running["actual_cents"].null_count() == 0
    assert running["note"].str.starts_with("open").all()


def test_operations_add_up_to_the_ledger(built):
    made, base, _ = built
    found = operation_performance(base.lazy(), *lazy(made, "operations", "work_orders"), made.machines(), 14_400)
    ledger = made.ledgers.time.filter(pl.col("order_id").is_not_null(), pl.col("account") == "production")
    assert found["run_us"].sum() == ledger["duration_us"].sum()
    assert found["good_pcs"].sum() == made.ledgers.count.filter(pl.col("order_id").is_not_null())["good_pcs"].sum()
    done = found.filter(~pl.col("open"))
    assert done["adherence"].null_count() == 0
    assert done["standard_run_s"].null_count() == 0


def test_wip_is_the_open_orders_and_cash_has_all_three(built):
    made, base, orders = built
    stock = lazy(made, "operations", "stock_ledger", "locations")
    days = wip(base.lazy(), orders, *stock, bounds(made.plant, made.first, made.last))
    last = days.row(-1, named=True)
    assert last["orders"] == orders["open"].sum()
    assert last["pieces"] >= 0
    assert last["value"] > 0
    assert days["ended_orders"].sum() == orders.height - orders["open"].sum()
    ledger, invoices = lazy(made, "stock_ledger", "invoices")
    now = records_reach_us(made.ledgers.time.lazy(), ledger, invoices)
    found = cash_to_cash(ledger, invoices, *lazy(made, "exchange_rates"), "Europe/Berlin", "EUR", now)
    latest = found.filter(grain="trailing").row(-1, named=True)
    assert latest["cash_to_cash_d"] == pytest.approx(latest["dio_d"] + latest["dso_d"] - latest["dpo_d"])
    before = found.filter(grain="month").row(0, named=True)
    assert before["dio_d"] is None, "no stock was kept then"
    assert "no stock ledger" in before["note"]
