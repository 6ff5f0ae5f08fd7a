"""Order quantities under least quantities, packs and price breaks: against stockpyl and against every quantity."""

from __future__ import annotations

import math
import warnings

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.replenishment.terms import Costs, Terms, cheapest, offers, terms_of
from plant.stock import Break, Stock
from plant.stock import Terms as Stated
from plant.tables import table


@pytest.mark.parametrize(
    ("order", "rate", "demand", "usual", "breaks"),
    [
        (8, 0.3, 1300, 0.75, ((400, 0.72), (800, 0.68))),
        (100, 0.2, 12_000, 5.0, ((500, 4.9), (5_000, 4.2))),
        (20, 0.25, 600, 3.0, ((90, 2.9999), (2_000, 1.0))),
        (8, 0.3, 1300, 0.75, ()),
    ],
)
def test_all_units_discounts_agree_with_stockpyl(order, rate, demand, usual, breaks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own sources warn, ours may not
        why = "stockpyl is not installed: uv pip install --no-deps stockpyl jsonpickle networkx"
        oracle = pytest.importorskip("stockpyl.eoq", reason=why)
    starts, prices = [0, *(b for b, _ in breaks)], [usual, *(p for _, p in breaks)]
    theirs = oracle.economic_order_quantity_with_all_units_discounts(order, rate, demand, starts, prices)
    found = cheapest(Costs(order, rate, demand), usual, Terms(multiple=1e-4, breaks=breaks))
    assert found.quantity == pytest.approx(theirs[0], abs=2e-4)
    assert (found.cost, found.price) == (pytest.approx(theirs[2]), prices[theirs[1]])


@st.composite
def markets(draw):
    pack = draw(st.sampled_from([1.0, 3.0, 7.0, 0.5, 25.0]))
    starts = sorted(draw(st.sets(st.integers(2, 400), max_size=3)))
    prices = sorted(draw(st.lists(st.floats(0.5, 9.0), min_size=len(starts), max_size=len(starts))), reverse=True)
    terms = Terms(float(draw(st.integers(0, 120))), pack, tuple(zip(map(float, starts), prices, strict=True)))
    costs = Costs(draw(st.floats(1.0, 80.0)), draw(st.floats(0.05, 1.0)), draw(st.floats(20.0, 4000.0)))
    return costs, draw(st.floats(0.5, 10.0)), terms, draw(st.floats(0.0, 60.0))


@given(markets())
@settings(max_examples=150, deadline=None)
def test_no_quantity_that_the_terms_allow_is_cheaper(market):
    costs, usual, terms, least = market
    found = cheapest(costs, usual, terms, least)
    tried = [n * terms.multiple for n in range(1, math.ceil(900 / terms.multiple))]
    allowed = [q for q in tried if q >= max(terms.least, least)]
    best = min(costs.lot(q, terms.price(q, usual)).cost for q in allowed)
    assert found.cost <= best * (1 + 1e-12)
    assert found.quantity >= max(terms.least, least) - 1e-9
    assert found.quantity / terms.multiple == pytest.approx(round(found.quantity / terms.multiple))
    assert found.price == terms.price(found.quantity, usual)


def test_an_order_is_rounded_up_to_what_can_be_bought():
    packed = Terms(least=40.0, multiple=12.5)
    assert [packed.rounded(q) for q in (1.0, 50.0, 50.1)] == [50.0, 50.0, 62.5]
    assert Terms(multiple=0.1).rounded(0.3) == pytest.approx(0.3), "three tenths are three packs of a tenth"
    assert Terms(breaks=((100.0, 2.0), (500.0, 1.5))).price(499.0, 2.5) == 2.0


ACME = Stated(material="bar", supplier="acme", min_qty=500.0, multiple_qty=64.0,
              prices=(Break(from_qty=1000.0, price=1.6),))  # fmt: skip


def told(*rows):
    schema = table("silver.purchase_terms").schema
    return pl.DataFrame([dict.fromkeys(schema) | r for r in rows], schema=schema, orient="row")


def test_terms_of_the_erp_hold_where_plant_toml_states_none():
    rows = told(
        {"term_id": "1", "material": "bar", "supplier": "acme", "min_qty": 100.0, "multiple_qty": 10.0},
        {"term_id": "2", "material": "bar", "supplier": "acme", "from_qty": 900.0, "unit_price_cents": 116.4},
        {"term_id": "3", "material": "nut", "multiple_qty": 0.0},
    )
    known = offers([], rows)
    assert terms_of(known, "bar", "acme") == Terms(100.0, 10.0, ((900.0, 1.164),)), "without the dust of 116.4 / 100"
    assert terms_of(known, "bar", "other") == terms_of(known, "pin", None) == terms_of(known, "nut", "x") == Terms()
    assert terms_of(offers([ACME], rows), "bar", "acme").least == 500.0, "plant.toml comes first"


def test_the_section_refuses_terms_that_make_no_sense():
    with pytest.raises(ValueError, match=r"prices of bar are from \[10.0, 5.0\]; give rising quantities"):
        Stated(material="bar", prices=(Break(from_qty=10, price=1.0), Break(from_qty=5, price=2.0)))
    with pytest.raises(ValueError, match="terms of bar of acme are there more than once"):
        Stock(terms=(ACME, ACME))
    assert Stock(terms=(ACME,)).terms == (ACME,)
