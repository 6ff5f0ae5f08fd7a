"""Order cost against standard by hand; and the parts of a variance on any numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_books import _frame, at, bills, locations, materials, stock
from plant_floor import count_ledger, machines, time_ledger
from test_order_days import ORDER, order, rates

from assets.kernels.finance.cash import cash_to_cash
from assets.kernels.finance.order_costs import order_costs
from assets.kernels.finance.order_days import order_days
from assets.kernels.finance.performance import operation_performance, order_performance
from assets.kernels.finance.rates import timeline
from assets.kernels.finance.reach import reach
from assets.kernels.finance.variances import LEVELS, explained
from assets.kernels.finance.wip import wip

RATES = (
    ("machine", None, 6000, None, 60), ("machine", None, 7200, 60, None), ("setup", None, 3000, None, None),
    ("labour", None, 3600, None, None), ("overhead", None, 600, None, None), ("energy", None, 20, None, None),
)  # fmt: skip
NO_RATES = _frame("exchange_rates", [])
ISSUES = (
    (1, "blank", "raw-1", "issue", -11000, {"qty": -110.0, "reference": "A"}),
    (50, "blank", "raw-1", "issue", 500, {"qty": 5.0, "reference": "A"}),
    (2, "blank", "raw-1", "issue", -999, {"qty": -9.0, "reference": "B"}),
    (90, "shaft-20", "fg-1", "production", 20000, {"qty": 90.0, "reference": "A"}),
    (40, "glue", "raw-1", "issue", -70, {"qty": -2.0, "reference": "A"}),
)


def operations(**more):
    row = {"operation_id": "1", "machine": "cnc-1", "seq": 1, **ORDER, "started_at": at(0), "ended_at": at(100),
           "planned_start_at": at(0), "planned_end_at": at(100), "planned_pcs": 100.0, "planned_setup_s": 600.0,
           "planned_run_s": 3000.0, "planned_labour_s": 3600.0, "planned_energy_kwh": 10.0}  # fmt: skip
    return _frame("operations", [row | more])


def ordered(steps=None, cost_rates=RATES, orders=None):
    """An order of 100 pieces: set up in 20 min, 60 min of production, 20 stopped; 90 good, 10 scrapped."""
    time = time_ledger(("setup", 20, ORDER), ("production", 40, ORDER), ("delay", 20, ORDER), ("production", 20, ORDER))
    counts = count_ledger((90, 10, 30.0, ORDER))
    steps = operations() if steps is None else steps
    orders = order(ended=100, status="done") if orders is None else orders
    places = machines(time).with_columns(operation=pl.lit("turning"))
    lines = timeline(rates(*cost_rates), places)
    none = _frame("energy_ledger", [])
    days = order_days(time, counts, none, steps, orders, places, lines)
    performed = order_performance(days.lazy(), steps, orders, places, reach(time), 14_400)
    return days, performed.with_columns(planned_pcs=pl.lit(100.0)), lines


def books(steps=None, cost_rates=RATES, orders=None, moves=ISSUES):
    """The costs of `ordered`, its days, the orders, and the books of its material."""
    days, performed, lines = ordered(steps, cost_rates, orders)
    steps = operations() if steps is None else steps
    parts = (stock(*moves), locations(("raw-1", "raw")), materials(("blank", "raw", 90), ("glue", "raw", 40)),
             bills(("shaft-20", "blank", 1.0)))  # fmt: skip
    return order_costs(days.lazy(), performed, steps, *parts, lines), days, performed, parts


def of(frame, component, item="cnc-1"):
    return frame.filter(component=component, item=item).row(0, named=True)


def test_material_is_what_was_issued_minus_what_came_back():
    blank = of(books()[0], "material", "blank")
    # 105 taken at 100 a piece; 100 pieces begun, 90 good; standard 90 each.
    assert (blank["actual_cents"], blank["quantity"], blank["standard_cents"]) == (10500, 105.0, 8100)
    assert blank["price_variance_cents"] == 105 * (100 - 90)
    assert blank["usage_variance_cents"] == 5 * 90
    assert blank["yield_variance_cents"] == 10 * 90
    assert blank["variance_cents"] == 1050 + 450 + 900
    assert blank["volume_variance_cents"] == -10 * 90
    assert blank["scrap_cents"] == 1050, "a tenth of the pieces were scrapped"
    glue = of(books()[0], "material", "glue")
    assert (glue["standard_cents"], glue["usage_variance_cents"], glue["price_variance_cents"]) == (0, 80, -10)


def test_machine_time_by_rate_standing_speed_and_yield():
    row = of(books()[0], "machine")
    # Producing 40 min and standing 0 before the hour at 60.00, then 20 min stopped and 20 min producing at 72.00.
    assert row["actual_cents"] == 4000 + 2400 + 2400
    assert row["price_variance_cents"] == 8800 - 8000, "80 min at the rate of the planned start"
    assert row["downtime_variance_cents"] == 2000
    assert row["efficiency_variance_cents"] == 1000, "60 min for pieces planned at 30 s: 50 min"
    assert row["yield_variance_cents"] == 500
    assert (row["standard_cents"], row["planned_cents"], row["volume_variance_cents"]) == (4500, 5000, -500)
    setup = of(books()[0], "setup")
    assert (setup["actual_cents"], setup["standard_cents"], setup["efficiency_variance_cents"]) == (1000, 500, 500)
    assert setup["yield_variance_cents"] == setup["volume_variance_cents"] == setup["scrap_cents"] == 0


def test_what_is_missing_is_null_with_a_note_and_never_nothing():
    some = tuple(r for r in RATES if r[0] != "overhead")
    row = of(books(cost_rates=some)[0], "overhead")
    assert row["actual_cents"] is row["variance_cents"] is row["scrap_cents"] is None
    assert "no overhead rate" in row["note"]
    unplanned = books(steps=operations(planned_run_s=None, planned_setup_s=None, planned_labour_s=None))[0]
    assert of(unplanned, "machine")["standard_cents"] == 4500, "without a plan the ideal cycles are the standard"
    assert of(unplanned, "machine")["planned_cents"] == 5000
    assert of(unplanned, "setup")["standard_cents"] is None
    assert "no standard" in of(unplanned, "setup")["note"]
    still = books(orders=order(), steps=operations(ended_at=None))[0]
    assert still["open"].all()
    assert still["standard_cents"].null_count() == still.height
    assert of(still, "machine")["actual_cents"] == 8800


def test_what_an_order_makes_on_its_way_is_no_material():
    moves = (*ISSUES, (3, "wip", "line-1", "production", 9000, {"qty": 100.0, "reference": "A"}),
             (60, "wip", "line-1", "issue", -9000, {"qty": -90.0, "reference": "A"}))  # fmt: skip
    found, days, performed, parts = books(moves=moves)
    assert "wip" not in found.filter(component="material")["item"].to_list()
    two = bills(("shaft-20", "wip", 1.0), ("wip", "blank", 1.0), ("shaft-20", "glue", 0.1))
    lines = timeline(rates(*RATES), machines(time_ledger(("production", 1))).with_columns(operation=pl.lit("turning")))
    costs = order_costs(days.lazy(), performed, operations(), *parts[:3], two, lines)
    assert of(costs, "material", "blank")["standard_cents"] == 8100, "the bill is taken apart through it"
    glue = of(costs, "material", "glue")
    assert (glue["standard_cents"], glue["yield_variance_cents"]) == (360, 0), "packed with good pieces only"


def test_work_in_progress_is_cost_so_far_minus_what_was_delivered():
    _, days, performed, parts = books(orders=order(released=-30), steps=operations(ended_at=None))
    day = pl.DataFrame({"site": ["northmill"], "production_day": [days["production_day"][0]],
                        "start_at": [at(0)], "end_at": [at(1440)]}).with_columns(
        pl.col("start_at", "end_at").cast(pl.Datetime("us", "UTC")))  # fmt: skip
    row = wip(days.lazy(), performed, operations(ended_at=None), *parts[:2], day).row(0, named=True)
    cost = 8800 + 1000 + 1000  # machine, set-up, overhead; nobody was there
    assert row["value"] == pytest.approx((10500 + 70 + cost - 20000) / 100)
    assert (row["orders"], row["ended_orders"], row["little_orders"]) == (1, 0, None)
    assert row["average_orders"] == pytest.approx(100 / 1440), "known until the ledger ends"


@given(
    st.lists(st.integers(-(10**12), 10**14) | st.none(), min_size=7, max_size=7), st.sampled_from(("machine", "energy"))
)
def test_the_parts_always_sum_to_the_difference(levels, component):
    row = pl.DataFrame({"component": component, **dict(zip(LEVELS, levels, strict=True))},
                       schema={"component": pl.String} | dict.fromkeys(LEVELS, pl.Float64))  # fmt: skip
    found = explained(row).row(0, named=True)
    parts = [found[f"{p}_variance_cents"] for p in ("price", "usage", "efficiency", "downtime", "unknown", "yield")]
    if None not in levels:
        assert sum(parts) == found["variance_cents"] == found["actual_cents"] - found["standard_cents"]
        assert found["volume_variance_cents"] == found["standard_cents"] - found["planned_cents"]
        assert abs(found["actual_cents"] - levels[0] / 1e6) <= 0.5
    if levels[0] is None or levels[5] is None:
        assert found["variance_cents"] is None


def test_cash_to_cash_is_balances_over_time():
    def instant(day, hour=0):
        return datetime(2026, 3, day, hour, tzinfo=UTC)

    def move(n, day, cents, kind):
        return {"production_day": instant(day).date(), "site": "s", "at": instant(day), "move_id": f"m{n}",
                "material": "a", "location": "l", "kind": kind, "qty": 1.0, "value_cents": cents}  # fmt: skip

    moves = _frame("stock_ledger", [move(1, 1, 10_000, "receipt"), move(2, 11, -4_000, "shipment")])
    bills_ = _frame("invoices", [
        {"invoice_id": "1", "kind": "receivable", "partner": "c", "reference": "x", "amount_cents": 9_000,
         "issued_at": instant(11), "paid_at": instant(21)},
        {"invoice_id": "2", "kind": "payable", "partner": "s", "reference": "y", "amount_cents": 10_000,
         "issued_at": instant(1), "paid_at": None},
    ])  # fmt: skip
    as_of = int(instant(31).timestamp() * 1e6)
    row = cash_to_cash(moves, bills_, NO_RATES, "UTC", "EUR", as_of).filter(grain="month").row(0, named=True)
    assert row["days"] == row["inventory_days"] == 30
    assert row["inventory"] == pytest.approx((100 * 10 + 60 * 20) / 30)
    assert row["dio_d"] == pytest.approx((100 * 10 + 60 * 20) / 40)
    assert row["dso_d"] == pytest.approx(90 * 10 / 90)
    assert row["dpo_d"] == pytest.approx(30)
    assert row["cash_to_cash_d"] == pytest.approx(55 + 10 - 30)
    alone = cash_to_cash(moves.head(1), bills_.filter(kind="payable"), NO_RATES, "UTC", "EUR", as_of).row(0, named=True)
    assert (alone["dio_d"], alone["dso_d"], alone["cash_to_cash_d"]) == (None, None, None)
    assert "nothing was shipped" in alone["note"]
    assert cash_to_cash(moves.head(0), bills_.head(0), NO_RATES, "UTC", "EUR", as_of).is_empty()


@pytest.mark.parametrize(("hours", "word"), [(0.5, "late_start"), (1.0, "on_time")])
def test_what_is_in_time_is_what_the_plant_says(hours, word):
    time = time_ledger(("production", 100, ORDER))
    steps = operations(planned_start_at=at(-60), planned_end_at=at(100))
    found = operation_performance(_days(time, steps), steps, order(), machines(time), hours * 3600)
    assert found["adherence"].to_list() == [word]


def _days(time, steps):
    places = machines(time).with_columns(operation=pl.lit("turning"))
    none = _frame("energy_ledger", [])
    days = order_days(time, count_ledger(), none, steps, order(), places, timeline(rates(), places))
    return days.lazy()
