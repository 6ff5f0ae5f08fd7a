"""Rates per piece: every piece counted costs one, and time beside it nothing."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from plant_floor import START, count_ledger, machines, time_ledger
from test_order_costs import RATES, books, of
from test_order_days import ORDER, base, machine_row, rates

from assets.kernels.finance.loss_costs import WORTHLESS, priced
from assets.kernels.finance.rates import timeline

CENT = 1_000_000
BY_HOUR = ("machine", None, 6000, None, None)


def counted(*hours):
    return pl.concat(
        [count_ledger((good, bad, 30.0, ORDER), hour=START + timedelta(hours=h)) for h, good, bad in hours]
    )


def test_each_piece_costs_the_rate_of_its_hour_and_the_hours_of_another_rate_their_time():
    time = time_ledger(("setup", 10, ORDER), ("production", 110, ORDER))
    known = rates(BY_HOUR, ("machine", "turning", 12.5, 60, None, "pcs"), ("overhead", None, 1.5, None, None, "pcs"))
    row = machine_row(base(time, known, counts=counted((0, 30, 0), (1, 40, 2))))
    assert row["machine_ucents"] == (50 * 100 + 42 * 12.5) * CENT, "50 min by the hour, then 42 pieces, scrap as well"
    assert row["overhead_ucents"] == 72 * 1.5 * CENT
    assert row["setup_ucents"] == 10 * 100 * CENT, "set up while the hour was paid"
    assert machine_row(base(time, known, counts=count_ledger()))["overhead_ucents"] == 0, "no piece, no cost"


def test_the_narrower_scope_wins_whatever_it_is_per():
    time = time_ledger(("setup", 60, ORDER), ("production", 60, ORDER))
    known = rates(("machine", None, 9, None, None, "pcs"), ("machine", "cnc-1", 6000, None, None))
    row = machine_row(base(time, known, counts=counted((0, 30, 0))))
    assert row["machine_ucents"] == 6000 * CENT
    alone = machine_row(base(time, known.head(1), counts=counted((0, 30, 0))))
    assert alone["machine_ucents"] == 30 * 9 * CENT
    assert alone["setup_ucents"] == 0, "the price of a piece has its set-up in it"
    assert alone["labour_ucents"] == 0
    assert alone["overhead_ucents"] is None, "of overhead there is no rate of any kind"


def test_the_standard_of_a_piece_is_its_rate_and_only_scrap_is_lost():
    costs = books(cost_rates=(("machine", None, 50, None, None, "pcs"), *RATES[2:]))[0]
    machine = of(costs, "machine")
    # 100 pieces, 90 of them good, 100 planned; where it stood costs nothing more.
    assert (machine["actual_cents"], machine["standard_cents"], machine["planned_cents"]) == (5000, 4500, 5000)
    assert (machine["yield_variance_cents"], machine["variance_cents"], machine["scrap_cents"]) == (500, 500, 500)
    assert machine["downtime_variance_cents"] == machine["price_variance_cents"] == 0


def test_a_stop_of_a_machine_paid_by_the_piece_has_no_cost_that_anybody_knows():
    time = time_ledger(("production", 60, ORDER), ("delay", 60, ORDER))
    places = machines(time).with_columns(operation=pl.lit("turning"))
    lost = time.filter(pl.col("account") == "delay").select(
        "production_day", "machine", "shift", "account", duration_s=pl.col("duration_us") / 1e6
    )
    by_piece, by_hour = (
        priced(lost, time, timeline(known, places), WORTHLESS).collect()["cost"].to_list()
        for known in (rates(("machine", None, 9, None, None, "pcs")), rates(BY_HOUR))
    )
    assert (by_piece, by_hour) == ([None], [60.0])
