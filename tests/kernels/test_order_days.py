"""Time, people, energy and their cost by order, on ledgers small enough to do by hand; and the tiling of lead time."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_books import _frame, at, operations, stock, work_orders
from plant_floor import START, count_ledger, energy_ledger, machines, time_ledger

from assets.kernels.axis import us
from assets.kernels.finance.lead_time import BUCKETS, order_rows, spans
from assets.kernels.finance.order_days import order_days
from assets.kernels.finance.performance import order_performance
from assets.kernels.finance.rates import timeline
from assets.kernels.finance.reach import reach

ORDER = {"order_id": "A", "operation": "turning", "product": "shaft-20"}


def rates(*rows):
    """Rows are (kind, scope, cents, from minute or None, to minute or None, unit where it is another)."""
    return _frame("cost_rates", [
        {"rate_id": f"r{n}", "kind": kind, "scope": scope, "rate_cents": float(cents),
         "unit": unit[0] if unit else "kWh" if kind == "energy" else "h",
         "valid_from_at": None if a is None else at(a), "valid_to_at": None if b is None else at(b)}
        for n, (kind, scope, cents, a, b, *unit) in enumerate(rows)
    ]).collect()  # fmt: skip


def base(time, cost_rates, *, counts=None, energy=None, steps=None, orders=None, tariffs=None):
    places = machines(time).with_columns(operation=pl.lit("turning"))
    steps = operations(("A", "cnc-1", "turning", 1, 0, None)) if steps is None else steps
    orders = work_orders(("A", 100, None)) if orders is None else orders
    lines = timeline(cost_rates, places, tariffs)
    counts = count_ledger() if counts is None else counts
    energy = energy_ledger() if energy is None else energy
    return order_days(time, counts, energy, steps, orders, places, lines)


def machine_row(frame, machine="cnc-1"):
    return frame.filter(pl.col("machine") == machine).row(0, named=True)


def test_time_costs_what_the_rate_is_then():
    time = time_ledger(("setup", 30, ORDER), ("production", 60, ORDER), ("delay", 15, ORDER),
                       ("planned_down", 20, ORDER), ("unknown", 15, ORDER), ("not_scheduled", 60, ORDER))  # fmt: skip
    # 6000 a minute past the first hour, before 3600: 30 min of production at each.
    found = base(time, rates(("machine", "cnc-1", 3600, None, 60), ("machine", "cnc-1", 6000, 60, None),
                             ("setup", None, 2400, None, None), ("overhead", None, 600, None, None)))  # fmt: skip
    row = machine_row(found)
    assert row["machine_ucents"] == (1800 + 3000 + 1500 + 1500) * 1_000_000
    assert row["setup_ucents"] == 1200 * 1_000_000
    assert row["overhead_ucents"] == 1200 * 1_000_000, "two hours on the machine; break and no shift cost nothing"
    assert row["labour_ucents"] == row["energy_ucents"] == 0, "nobody was there, no meter: nothing was used"


def test_a_missing_rate_is_null_and_only_where_something_was_used():
    time = time_ledger(("production", 60, ORDER), ("setup", 30, ORDER | {"operator": "eve"}))
    row = machine_row(base(time, rates(("machine", "cnc-1", 3600, 30, None))))
    assert row["machine_ucents"] is None, "half of the time has no rate: the cost of all of it is not known"
    assert row["setup_ucents"] == 1800 * 1_000_000, "set-up without a rate of its own costs the machine's"
    assert row["labour_ucents"] is None
    assert row["person_us"] == 30 * 60_000_000
    assert row["overhead_ucents"] is None
    assert row["energy_ucents"] == 0


def test_the_most_specific_scope_wins_then_the_later_begin():
    time = time_ledger(("production", 60, ORDER))
    many = rates(("machine", None, 100, None, None), ("machine", "northmill", 200, None, None),
                 ("machine", "machining", 300, None, None), ("machine", "shafts", 400, None, None),
                 ("machine", "turning", 500, None, None), ("machine", "turning", 600, -60, None))  # fmt: skip
    assert machine_row(base(time, many))["machine_ucents"] == 600 * 1_000_000
    assert machine_row(base(time, many.head(4)))["machine_ucents"] == 400 * 1_000_000
    assert machine_row(base(time, many.head(1)))["machine_ucents"] == 100 * 1_000_000
    assert machine_row(base(time, rates(("machine", "cnc-9", 1, None, None))))["machine_ucents"] is None


def test_a_person_at_two_machines_gives_each_half():
    eve = {"operator": "eve"}
    one = time_ledger(
        ("production", 60, ORDER | eve), ("planned_down", 30, ORDER | eve), ("production", 60, ORDER | eve)
    )
    two = time_ledger(("production", 30, eve), ("delay", 90, ORDER | eve | {"order_id": "B"}), machine="cnc-2")
    steps = operations(("A", "cnc-1", "turning", 1, 0, None), ("B", "cnc-2", "turning", 1, 30, None))
    found = base(pl.concat([one, two]), rates(("labour", None, 3600, None, None)), steps=steps,
                 orders=work_orders(("A", 1, None), ("B", 1, None)))  # fmt: skip
    # cnc-1 alone: 0. shared 0..60 -> 30; break 60..90 takes nobody; 90..120 shared -> 15, 120..150 alone -> 30.
    assert machine_row(found)["person_us"] == 75 * 60_000_000
    # cnc-2: 30..60 shared -> 15, 60..90 alone (the other is in a break) -> 30, 90..120 shared -> 15.
    assert machine_row(found, "cnc-2")["person_us"] == 60 * 60_000_000
    assert machine_row(found)["labour_ucents"] == 75 * 60 * 1_000_000
    paid = found.filter(pl.col("machine").is_not_null())["person_us"].sum()
    assert paid == (150 - 15) * 60_000_000, "his 150 minutes, without 15 that went to no order"


def test_energy_takes_the_cost_rate_and_else_the_tariff():
    time = time_ledger(("production", 120, ORDER))
    used = energy_ledger((START, "production", 2.0, 60), (START + timedelta(hours=1), "production", 3.0, 60))
    used = used.with_columns(order_id=pl.lit("A"))
    tariff = pl.DataFrame({"site": ["northmill"], "from_us": [0], "price_per_kwh": [0.2]})
    later = rates(("energy", "northmill", 30, 60, None))
    row = machine_row(base(time, later, energy=used, tariffs=tariff))
    assert row["energy_ucents"] == (2 * 20 + 3 * 30) * 1_000_000
    assert row["energy_j"] == 5 * 3_600_000
    assert machine_row(base(time, later, energy=used))["energy_ucents"] is None


def test_pieces_and_a_late_count_without_time_are_kept():
    time = time_ledger(("production", 60, ORDER))
    counts = count_ledger((9, 1, 60.0, ORDER), (5, 0, None, ORDER | {"operation": "milling"}))
    found = base(time, rates(), counts=counts).filter(pl.col("machine").is_not_null()).sort("operation")
    assert found["good_pcs"].to_list() == [5, 9]
    assert found["ideal_us"].to_list() == [None, 600_000_000]
    assert found["machine_ucents"].to_list() == [0, None]


def lead(time, *, steps, orders):
    frame = order_rows(time, spans(steps, orders, machines(time)))
    return frame.row(0, named=True) if frame.height else None


def order(released=None, ended=None, status="running"):
    row = {"order_id": "A", "product": "shaft-20", "planned_pcs": 1.0, "status": status,
           "released_at": None if released is None else at(released),
           "ended_at": None if ended is None else at(ended)}  # fmt: skip
    return _frame("work_orders", [row])


def test_lead_time_from_release_to_end_with_queue_wait_and_shifts():
    none = {"order_id": None, "operation": None, "product": None}
    one = time_ledger(("down_no_order", 30, none), ("setup", 10, ORDER), ("production", 20, ORDER),
                      ("delay", 15, ORDER), ("down_no_order", 45, none), ("not_scheduled", 120, none))  # fmt: skip
    two = time_ledger(("down_no_order", 65, none), ("production", 25, ORDER), ("down_no_order", 30, none),
                      ("not_scheduled", 60, none), ("production", 60, ORDER), machine="cnc-2")  # fmt: skip
    time = pl.concat([one, two])
    steps = operations(("A", "cnc-1", "turning", 1, 30, 75), ("A", "cnc-2", "milling", 2, 65, 90))
    row = lead(time, steps=steps, orders=order(released=10, ended=150))
    minutes = {b: row[b] / 6e7 for b in BUCKETS if row[b]}
    # queue 10..30, set-up 30..40, run 40..60, stopped 60..65, run 65..90, wait 90..120, no shift 120..150.
    assert minutes == {"queue_us": 20, "setup_us": 10, "run_us": 45, "interrupted_us": 5, "wait_us": 30,
                       "not_scheduled_us": 30}  # fmt: skip


def test_an_order_without_release_begins_with_its_operation_and_open_ones_end_where_the_ledger_does():
    time = time_ledger(("down_no_order", 30), ("production", 30, ORDER), ("unknown", 30, ORDER))
    steps = operations(("A", "cnc-1", "turning", 1, 30, None))
    row = lead(time, steps=steps, orders=order())
    assert {b: row[b] / 6e7 for b in BUCKETS if row[b]} == {"run_us": 30, "unknown_us": 30}
    alone = spans(operations(("A", "cnc-1", "turning", 1, 30, 60)), work_orders(), machines(time))
    assert alone["end_us"].to_list() == alone.select(us(pl.lit(at(60)))).to_series().to_list(), (
        "no work order: its steps say"
    )
    assert spans(_frame("operations", [{"order_id": "A", "machine": "cnc-1"}]), order(), machines(time)).is_empty()


@given(
    st.lists(st.tuples(st.sampled_from(("production", "setup", "delay", "planned_down", "unknown", "not_scheduled",
                                        "down_no_order")), st.integers(1, 90), st.booleans()), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from(("production", "setup", "delay", "down_no_order")), st.integers(1, 90),
                       st.booleans()), min_size=1, max_size=8),
    st.integers(0, 60), st.integers(61, 400),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_lead_time_is_tiled_whatever_happens(first, second, released, ended):
    def ledger(stretches, machine):
        return time_ledger(
            *((a, m, ORDER if on and a != "down_no_order" else {}) for a, m, on in stretches), machine=machine
        )

    time = pl.concat([ledger(first, "cnc-1"), ledger(second, "cnc-2")])
    steps = operations(("A", "cnc-1", "turning", 1, 5, 50))
    row = lead(time, steps=steps, orders=order(released=released, ended=ended))
    reaches = max(sum(m for _, m, _ in part) for part in (first, second))
    wanted = max(0, min(ended, reaches) - min(released, 5)) * 60_000_000
    assert (0 if row is None else sum(row[b] for b in BUCKETS)) == wanted


def test_an_order_without_operations_is_unknown_once_begun_and_counts_what_was_received():
    time = time_ledger(("production", 60))
    row = {"order_id": "A", "product": "shaft-20", "planned_pcs": 10.0, "status": "done", "released_at": at(5),
           "started_at": at(20), "ended_at": at(50)}  # fmt: skip
    orders, none = _frame("work_orders", [row]), _frame("operations", [])
    split = lead(time, steps=none, orders=orders)
    assert {b: split[b] / 6e7 for b in BUCKETS if split[b]} == {"queue_us": 15, "unknown_us": 30}
    days = base(time, rates(), steps=none, orders=orders)
    received = stock((40, "shaft-20", "fg", "production", 700, {"qty": 9.0, "reference": "A"}))
    performed = order_performance(days.lazy(), none, orders, machines(time), reach(time), 14_400, received)
    found = performed.row(0, named=True)
    assert (found["good_pcs"], found["started_pcs"], found["line"], found["site"]) == (9, 9, None, "northmill")
    two = pl.concat([machines(time), machines(time).with_columns(machine=pl.lit("m-9"), site=pl.lit("elsewhere"))])
    assert spans(none, orders, two).is_empty(), "nobody says at which site"
