"""Order cost where the books have holes: nothing made, no plan, no bill of material, nothing issued."""

from __future__ import annotations

import polars as pl
import pytest
from plant_books import bills, locations, materials, stock
from plant_floor import count_ledger, energy_ledger, machines, time_ledger
from test_order_costs import ISSUES, RATES, of, operations
from test_order_days import ORDER, order, rates

from assets.kernels.finance.order_costs import order_costs
from assets.kernels.finance.order_days import order_days
from assets.kernels.finance.performance import operation_performance, order_performance
from assets.kernels.finance.rates import timeline
from assets.kernels.finance.reach import reach
from plant.tables import table
from warehouse.writing import enforce

BLANK = ("shaft-20", "blank", 1.0)
SET_UP = (("setup", 20, ORDER), ("delay", 20, ORDER))
RAN = (("setup", 20, ORDER), ("production", 60, ORDER))


def costs(stretches, counts=None, moves=(), bill=(BLANK,), planned=100.0, **plan):
    """gold.order_costs of an order that ended, and gold.operation_performance of it."""
    time, counts = time_ledger(*stretches), count_ledger() if counts is None else counts
    steps, head = operations(**plan), order(ended=100, status="done").with_columns(planned_pcs=pl.lit(planned))
    places = machines(time).with_columns(operation=pl.lit("turning"))
    lines = timeline(rates(*RATES), places)
    days = order_days(time, counts, energy_ledger(), steps, head, places, lines).lazy()
    orders = order_performance(days, steps, head, places, reach(time), 14_400)
    books = (
        stock(*moves),
        locations(("raw-1", "raw")),
        materials(("blank", "raw", 90), ("glue", "raw", 40)),
        bills(*bill),
    )
    found = order_costs(days, orders, steps, *books, lines)
    enforce(table("gold.order_costs"), found)
    return found, operation_performance(days, steps, head, places, 14_400)


@pytest.mark.parametrize("stretches", [SET_UP, RAN])
def test_what_was_planned_is_known_though_nothing_was_made(stretches):
    found, _ = costs(stretches)
    setup, machine = of(found, "setup"), of(found, "machine")
    assert (setup["actual_cents"], setup["standard_cents"], setup["planned_cents"]) == (1000, 500, 500)
    assert setup["volume_variance_cents"] == 0
    assert machine["planned_cents"] == 5000, "50 min at 60.00"
    assert machine["volume_variance_cents"] == (-5000 if stretches is SET_UP else None), "pieces nobody counted"
    assert of(found, "labour")["planned_cents"] == 3600
    assert of(found, "energy")["planned_cents"] == 200


def test_an_operation_without_a_quantity_has_that_of_its_order():
    made = count_ledger((90, 10, None, ORDER))
    found, steps = costs(RAN, made, planned=50.0, planned_pcs=None)
    assert of(found, "machine")["standard_cents"] == 9000, "90 good at 60 s each"
    assert of(found, "machine")["planned_cents"] == 5000
    assert (steps["planned_pcs"].item(), steps["standard_run_s"].item()) == (50.0, 6000.0)


def test_a_plan_of_no_time_and_an_order_of_no_pieces_are_no_crash():
    made = count_ledger((90, 10, 30.0, ORDER))
    nothing, _ = costs(RAN, made, planned_setup_s=0.0, planned_run_s=0.0)
    assert of(nothing, "labour")["standard_cents"] is None, "how much of it is set-up cannot be said"
    none, _ = costs(RAN, made, planned=0.0, planned_pcs=0.0)
    assert (of(none, "machine")["standard_cents"], of(none, "machine")["planned_cents"]) == (4500, 0)
    assert of(none, "material", "blank")["planned_cents"] == 0


def test_without_a_posting_the_material_of_pieces_is_not_known():
    made = count_ledger((90, 10, 30.0, ORDER))
    row = of(costs(RAN, made)[0], "material", "blank")
    assert (row["quantity"], row["actual_cents"], row["standard_cents"], row["variance_cents"]) == (
        None, None, 8100, None,
    )  # fmt: skip
    assert "no material was issued to it" in row["note"]
    assert of(costs(SET_UP)[0], "material", "blank")["actual_cents"] == 0, "nothing begun, nothing used"
    returned = ((5, "blank", "raw-1", "issue", 500, {"qty": 5.0, "reference": "A"}),)
    back = of(costs(RAN, made, returned)[0], "material", "blank")
    assert (back["actual_cents"], back["scrap_cents"]) == (-500, 0), "scrap is never below nothing"


def test_without_a_bill_of_material_there_is_no_standard():
    made = count_ledger((90, 10, 30.0, ORDER))
    row = of(costs(RAN, made, ISSUES[:2], bill=())[0], "material", "blank")
    assert row["actual_cents"] == 10500
    assert row["standard_cents"] is row["planned_cents"] is row["variance_cents"] is None
    assert "bill of material" in row["note"]
    other = of(costs(RAN, made, ISSUES)[0], "material", "glue")
    assert other["standard_cents"] == 0, "the bill is there and does not ask for it"


def test_what_is_planned_and_was_never_recorded_is_told():
    found, _ = costs(RAN, count_ledger((90, 10, 30.0, ORDER)))
    for component in ("labour", "energy"):
        row = of(found, component)
        assert (row["actual_cents"], row["note"]) == (0, "planned, but none was recorded")
