"""Lines and invoices in other currencies: at the rate of their day; without one null with the reason, never 1.0."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from plant_books import _frame

from assets.kernels.finance.cash import cash_to_cash
from assets.kernels.finance.exchange import in_plant_money
from assets.kernels.supply.prices import price_variance


def day(n, hour=12):
    return datetime(2026, 6, n, hour, tzinfo=UTC)


RATES = _frame("exchange_rates", [
    {"exchange_id": f"r{n}", "currency": c, "rate": rate, "valid_from_at": since}
    for n, (c, rate, since) in enumerate((("USD", 0.9, day(2)), ("USD", 0.95, day(5)), ("GBP", 1.2, None),
                                          ("GBP", 0.0, day(20))))
])  # fmt: skip


def worth(currency, at):
    line = _frame("invoices", [{"invoice_id": "i", "currency": currency, "issued_at": at}])
    return in_plant_money(line, RATES, "EUR", "issued_at").collect()["per_unit"].item()


@pytest.mark.parametrize(
    ("currency", "at", "rate"),
    [(None, day(1), 1.0), ("EUR", None, 1.0), ("USD", day(1), None), ("USD", day(2), 0.9), ("USD", day(4), 0.9),
     ("USD", day(5), 0.95), ("USD", day(28), 0.95), ("USD", None, None), ("GBP", day(1), 1.2), ("GBP", day(20), None),
     ("CHF", day(9), None)],
)  # fmt: skip
def test_the_rate_is_that_of_the_instant(currency, at, rate):
    assert worth(currency, at) == rate


def test_rows_keep_their_order_and_their_columns():
    given = _frame("invoices", [{"invoice_id": str(n), "currency": c, "issued_at": day(20 - n)}
                                for n, c in enumerate(("USD", None, "CHF", "USD"))])  # fmt: skip
    found = in_plant_money(given, RATES, "EUR", "issued_at").collect()
    assert found.drop("per_unit").equals(given.collect())
    assert found["per_unit"].to_list() == [0.95, 1.0, None, 0.95]


def test_a_price_in_dollars_stands_beside_the_others_and_one_without_a_rate_is_counted():
    def line(key, at, price, currency=None):
        return {"purchase_id": key, "supplier": "acme", "material": "bolt", "qty": 100.0, "unit_price_cents": price,
                "currency": currency, "status": "open", "ordered_at": at}  # fmt: skip

    lines = _frame("purchase_orders", [line("1", day(1), 90.0), line("2", day(3), 100.0, "USD"),
                                       line("3", day(4), 100.0, "CHF"), line("4", day(6), 100.0, "USD")])  # fmt: skip
    goods = _frame("materials", [{"material": "bolt", "kind": "raw", "unit": "pcs", "standard_cost_cents": 92.0}])
    rows = price_variance(lines, goods, RATES, "UTC", "EUR").collect().sort("ordered_day")
    assert rows["foreign"].to_list() == [0, 0, 1, 0]
    assert rows["last_price_cents"].to_list() == [90.0, 90.0, None, 95.0]
    assert rows["ordered_cents"].to_list() == [9000, 9000, 0, 9500]
    assert rows["over_standard_cents"].to_list() == [-200, -200, 0, 300]
    assert rows["over_previous_cents"].to_list() == [0, 0, 0, 500]


def cash(*bills):
    rows = [{"invoice_id": str(n), "kind": kind, "partner": "p", "reference": "r", "amount_cents": cents,
             "currency": currency, "issued_at": issued, "paid_at": paid}
            for n, (kind, cents, currency, issued, paid) in enumerate(bills)]  # fmt: skip
    end = round(day(11, 0).timestamp() * 1e6)
    found = cash_to_cash(_frame("stock_ledger", []), _frame("invoices", rows), RATES, "UTC", "EUR", end)
    return found.filter(grain="month").row(0, named=True)


def test_an_invoice_counts_at_the_rate_of_its_issue_until_it_is_paid():
    row = cash(("receivable", 10_000, "USD", day(3, 0), day(8, 0)), ("payable", 5_000, None, day(1, 0), None))
    assert row["revenue"] == pytest.approx(90.0)
    assert row["receivable"] == pytest.approx(90.0 * 5 / 10), "5 of the 10 days since the first, at 0.9 throughout"
    assert (row["purchases"], row["payable"]) == (pytest.approx(50.0), pytest.approx(50.0))


def test_an_invoice_without_a_rate_makes_its_side_null_and_is_told():
    row = cash(("receivable", 10_000, "CHF", day(3), None), ("payable", 5_000, None, day(1), None))
    assert (row["receivable"], row["revenue"], row["dso_d"], row["cash_to_cash_d"]) == (None,) * 4
    assert row["purchases"] == pytest.approx(50.0)
    assert row["note"].startswith("1 invoices in a currency without an exchange rate at their issue;")
    assert "nothing was invoiced to customers" not in row["note"]
