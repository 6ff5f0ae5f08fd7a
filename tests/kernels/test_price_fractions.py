"""A screw of 5.17 cents stays one of 5.17 cents: record -> silver -> price variance and order cost, rounded once."""

from __future__ import annotations

from datetime import time

import pytest
from plant_books import bills, locations
from test_order_costs import of, operations, ordered
from test_records import OURS, adapt, records, version

from assets.kernels.finance.order_costs import order_costs
from assets.kernels.stock.ledger import ledger
from assets.kernels.stock.sites import Sites
from assets.kernels.supply.prices import price_variance
from plant.tables import table

AT = "2026-11-16T06:00:00Z"


def silver(name, *payloads):
    """Rows of silver.`name` out of records as the shipped adapter takes them; none is turned away."""
    out = adapt(records(*(version(p, f"erp.{name}") for p in payloads)), OURS[name], [f"erp.{name}"])
    assert out.rejected.collect().is_empty()
    return out.rows


def screws(cost):
    return silver("materials", {"id": "screw", "kind": "raw", "unit": "pcs", "standard_cost_cents": cost})


@pytest.mark.parametrize("price", [5.17, "5.17"])
def test_a_price_below_the_cent_reaches_the_price_variance(price):
    line = {"id": "p1", "supplier": "acme", "material": "screw", "qty": 1000, "unit_price_cents": price,
            "status": "received", "ordered_at": AT}  # fmt: skip
    bought, none = silver("purchase_orders", line), table("silver.exchange_rates").empty().lazy()
    found = price_variance(bought, screws("5.05"), none, "UTC", "EUR").collect().row(0, named=True)
    assert (found["ordered_cents"], found["standard_cents"], found["over_standard_cents"]) == (5170, 5050, 120)
    assert found["last_price_cents"] == 5.17


def test_a_cost_below_the_cent_reaches_the_order():
    days, performed, lines = ordered()
    move = {"id": "m1", "at": AT, "material": "screw", "from_location": "raw-1", "to_location": "external", "qty": 402,
            "unit_cost_cents": 5.17, "kind": "issue", "reference": "A"}  # fmt: skip
    places = locations(("raw-1", "raw"))
    postings = ledger(silver("stock_moves", move), places, {"northmill": ("UTC", time(6))}, Sites(("northmill",)))
    found = order_costs(days.lazy(), performed, operations(), postings, places, screws(5.05),
                        bills(("shaft-20", "screw", 4.0)), lines)  # fmt: skip
    screw = of(found, "material", "screw")
    # 402 at 5.17 is 2078.34; 402 at 5.05 is 2030.10; for 100 pieces begun 400, for the 90 good ones 360.
    assert (screw["actual_cents"], screw["standard_cents"], screw["planned_cents"]) == (2078, 1818, 2020)
    parts = [screw[f"{part}_variance_cents"] for part in ("price", "usage", "yield")]
    assert parts == [48, 10, 202]
