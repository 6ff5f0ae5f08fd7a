"""Lead times with survivors, and price variance: against plain Python and by hand."""

from __future__ import annotations

from statistics import mean, quantiles, stdev

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from supply_rows import ZONE, at, bought, came, frame

from assets.kernels.supply.lead_times import lead_times
from assets.kernels.supply.lines import supply_lines
from assets.kernels.supply.prices import price_variance
from plant.supply import Supply
from plant.tables import table


def times(lines, deliveries=(), suppliers=(), rules=None):
    rules = rules or Supply()
    parts = (frame("purchase_orders", lines), frame("sales_orders", []), frame("deliveries", list(deliveries)))
    return lead_times(supply_lines(*parts, rules, ZONE, "EUR"), frame("suppliers", list(suppliers)), rules).collect()


def whole(found: pl.DataFrame, supplier: str = "acme") -> dict:
    return found.row(by_predicate=(pl.col("supplier") == supplier) & pl.col("material").is_null(), named=True)


def survival(took: list[float], ages: list[float], p: float) -> float | None:
    """Kaplan-Meier by its definition: at each time the share of those still in that did not end there."""
    left = 1.0
    for t in sorted(set(took)):
        at_risk = sum(x >= t for x in took) + sum(a >= t for a in ages)
        left *= 1 - took.count(t) / at_risk
        if left <= 1 - p + 1e-9:
            return t
    return None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.lists(st.integers(1, 9), max_size=12))
def test_distribution_with_survivors_as_plain_python_says(took, ages):
    lines = [bought(f"r{n}", status="received", received_at=at(t), received_qty=10.0) for n, t in enumerate(took)]
    lines += [bought(f"o{n}", ordered_at=at(20 - a)) for n, a in enumerate(ages)]
    lines.append(bought("now", supplier="other", ordered_at=at(20)))
    row = whole(times(lines))
    assert (row["n"], row["open"], row["left_out"]) == (len(took), len(ages), 0)
    assert row["sum_us"] == sum(took) * 86_400_000_000
    cuts = quantiles(took, n=10, method="inclusive")
    expected = [mean(took), stdev(took), cuts[0], cuts[4], cuts[8], min(took), max(took)]
    found = [row[f"{c}_d"] for c in ("mean", "sd", "p10", "p50", "p90", "min", "max")]
    assert found == pytest.approx(expected)
    for p in (50, 90):
        expected_km = survival([float(t) for t in took], [float(a) for a in ages], p / 100)
        assert row[f"km_p{p}_d"] == (None if expected_km is None else pytest.approx(expected_km))


def test_survivors_do_not_hide():
    """Three lines came in 2 days; three others are 10 days old and have not: 2 days is not the median of all."""
    lines = [bought(f"r{n}", status="received", received_at=at(2), received_qty=10.0) for n in range(3)]
    lines += [bought(f"o{n}") for n in range(4)] + [bought("now", supplier="other", ordered_at=at(10))]
    row = whole(times(lines))
    assert (row["n"], row["open"], row["p50_d"], row["km_p50_d"], row["oldest_open_d"]) == (3, 4, 2.0, None, 10.0)


def test_what_is_left_out_is_counted():
    lines = [
        bought("fine", status="received", received_at=at(4), received_qty=10.0),
        bought("short", status="received", received_at=at(8), received_qty=3.0),
        bought("before it was ordered", status="received", received_at=at(-1), received_qty=10.0),
        bought("cancelled", status="cancelled"), bought("no date", ordered_at=None),
        bought("closed, no date", status="received"), bought("old", ordered_at=at(-400)),
        bought("now", supplier="other", ordered_at=at(10)),
    ]  # fmt: skip
    found = times(lines, suppliers=[{"supplier": "acme", "name": "Acme", "lead_time_d": 5.0}])
    assert found.schema == table("gold.lead_times").schema
    row = whole(found)
    assert (row["n"], row["open"], row["left_out"], row["over_agreed"], row["agreed_d"]) == (2, 0, 4, 1, 5.0)
    assert row["mean_d"] == 6.0


def test_a_line_in_parts_took_until_it_was_full():
    parts = [came("a", 4, 3), came("a", 6, 7), came("a", 1, 9)]
    assert whole(times([bought("a", status="received")], parts))["mean_d"] == 7.0


def test_price_variance_by_hand():
    lines = [
        bought("1", ordered_at=at(0), unit_price_cents=100), bought("2", ordered_at=at(1), unit_price_cents=110),
        bought("3", ordered_at=at(2), unit_price_cents=999, currency="USD"),
        bought("4", ordered_at=at(3), unit_price_cents=105, qty=2.5),
        bought("5", ordered_at=at(3), unit_price_cents=1, status="cancelled"),
        bought("6", ordered_at=at(3), supplier="other", unit_price_cents=90),
        bought("7", ordered_at=at(4), material="unheard of", unit_price_cents=7),
        bought("8", ordered_at=None, unit_price_cents=500),
    ]  # fmt: skip
    goods = frame("materials", [{"material": "bolt", "kind": "raw", "unit": "pcs", "standard_cost_cents": 98}])
    found = price_variance(frame("purchase_orders", lines), goods, frame("exchange_rates", []), ZONE, "EUR").collect()
    assert found.schema == table("gold.price_variance").schema
    acme = found.filter(supplier="acme", material="bolt")
    assert acme["foreign"].sum() == 1
    assert acme["lines"].sum() == 5
    # 10 x 2 + 10 x 12 + 2.5 x 105 (262.5 rounds to even: 262) - 2.5 x 98 + 10 x 402
    assert acme["over_standard_cents"].sum() == 20 + 120 + 262 - 245 + 4020
    # 10 x 10 from 100 to 110, 262 - 2.5 x 110; the dollars and the undated line have no place in the row of prices
    assert acme["over_previous_cents"].sum() == 100 + 262 - 275
    assert (acme["against_standard"].sum(), acme["against_previous"].sum()) == (4, 2)
    other = found.filter(supplier="other")
    assert (other["over_previous_cents"].sum(), other["against_previous"].sum()) == (0, 0)
    assert found.filter(material="unheard of")["against_standard"].item() == 0
    assert acme["ordered_cents"].sum() - acme["standard_cents"].sum() == acme["over_standard_cents"].sum()
