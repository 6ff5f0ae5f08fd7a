"""Inventory: exact stock, value over time, turns, cover, classes, reorder point, alerts, and purity of a day."""

from __future__ import annotations

import statistics
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.kernels.stock.daily import COLUMNS, SERVICE_Z, first_needed, inventory
from assets.kernels.stock.sites import Sites
from assets.kernels.stock.supply import lead_times, on_order
from plant.tables import table

DAY0 = date(2026, 9, 1)


def at(day, hour=12.0):
    """Hours after the start of production day `day` (06:00 UTC)."""
    return datetime(2026, 9, 1, 6, tzinfo=UTC) + timedelta(days=day, hours=hour - 6)


def post(day, qty, *, hour=12.0, kind="receipt", cost=100, material="bar", location="raw-1"):
    when = at(day, hour)
    return (DAY0 + timedelta(days=day), "northmill", when, f"{material}{when:%d%H%M%S}{qty}{location}{kind}", material,
            None, location, kind, float(qty), round(qty * cost), None)  # fmt: skip


def ledger(*rows):
    return pl.LazyFrame(list(rows), schema=table("silver.stock_ledger").schema, orient="row")


def days(first, last):
    rows = [("northmill", DAY0 + timedelta(days=d), at(d, 6), at(d, 30)) for d in range(first, last + 1)]
    instant = pl.Datetime("us", "UTC")
    schema = {"site": pl.String, "production_day": pl.Date, "start_at": instant, "end_at": instant}
    return pl.LazyFrame(rows, schema=schema, orient="row")


MATERIALS = pl.LazyFrame({"material": ["bar", "plate", "tube"], "unit": ["m", "kg", "m"]})


def purchases(*rows):
    """Rows are (ordered day, received day or None[, quantity[, status]])."""
    orders = []
    for n, (ordered, received, *more) in enumerate(rows):
        qty, status = (*more, *(1.0, "open")[len(more) :])
        arrived = None if received is None else at(received)
        orders.append((f"po{n}", "acme", "bar", qty, 1, at(ordered), None, arrived, None, status))
    schema = dict(list(table("silver.purchase_orders").schema.items())[:10])
    return pl.LazyFrame(orders, schema=schema, orient="row").with_columns(site=pl.lit("northmill"))


def partners(agreed=None):
    rows = [("acme", "supplier", "Acme", agreed)]
    return pl.LazyFrame(rows, schema=table("silver.partners").schema, orient="row")


def run(rows, first, last, bought=(), agreed=None):
    begin = (first_needed(DAY0 + timedelta(days=first)) - DAY0).days
    return inventory(
        ledger(*rows), MATERIALS, purchases(*bought), partners(agreed), days(begin, last), DAY0 + timedelta(days=first),
        Sites(("northmill",)),
    ).collect()  # fmt: skip


def test_the_frame_keeps_the_contract_and_its_key():
    frame = run([post(0, 5), post(1, -2, kind="issue")], 0, 3)
    contract = table("gold.inventory")
    assert frame.schema == {c: contract.schema[c] for c in COLUMNS}
    assert frame.select(contract.key).is_unique().all()
    assert run([], 0, 3).schema == frame.schema


def test_stock_at_the_end_of_every_day_also_without_a_posting():
    rows = [post(0, 10), post(1, -2.5, kind="issue"), post(1, 2.5, kind="issue", location="wip-1"), post(3, 1)]
    frame = run(rows, 0, 4).filter(pl.col("location") == "raw-1")
    assert frame["on_hand_qty"].to_list() == [10, 7.5, 7.5, 8.5, 8.5]
    assert frame["on_hand_value"].to_list() == [10, 7.5, 7.5, 8.5, 8.5]
    assert frame["issued_qty"].to_list() == [0, 2.5, 0, 0, 0]
    assert frame["unit"].unique().to_list() == ["m"]


def test_a_pair_has_rows_from_its_first_posting_on():
    frame = run([post(0, 1), post(2, 1, location="fg-1")], 0, 3)
    assert frame.filter(pl.col("location") == "fg-1")["production_day"].min() == DAY0 + timedelta(days=2)


def test_ten_receipts_of_a_tenth_and_one_issue_leave_exactly_nothing():
    rows = [post(0, 0.1, hour=7 + n) for n in range(10)] + [post(0, -1, hour=20, kind="issue")]
    assert run(rows, 0, 0)["on_hand_qty"].to_list() == [0.0]


def test_average_value_is_the_integral_over_the_day_not_open_plus_close_over_2():
    # 100 pieces at 1.00 all day, sold out 1 h before the day ends: 23/24 of the value, not half of it
    frame = run([post(0, 100, hour=6), post(1, -100, hour=29, kind="shipment")], 0, 1)
    assert frame["average_value"].to_list() == pytest.approx([100, 100 * 23 / 24])
    assert frame["average_value"][1] != pytest.approx((100 + 0) / 2)


def test_turns_and_cover_over_the_trailing_days():
    frame = run([post(0, 100, hour=6), *(post(d, -2, hour=6, kind="issue") for d in range(1, 11))], 10, 10)
    row = frame.row(0, named=True)
    average = [100, *(100 - 2 * d for d in range(1, 11))]
    assert row["turns"] == pytest.approx(365 * 20 / sum(average))
    assert row["days_of_cover"] == pytest.approx(80 / (20 / 11))


def test_the_window_is_28_days():
    rows = [post(0, 100, hour=6), post(1, -10, kind="issue"), post(40, -4, kind="issue")]
    frame = run(rows, 28, 40).with_columns(day=(pl.col("production_day") - DAY0).dt.total_days())
    cover = dict(frame.select("day", "days_of_cover").rows())
    assert cover[28] == pytest.approx(90 / (10 / 28))
    assert cover[29] is None, "the issue of day 1 has left the window"
    assert cover[40] == pytest.approx(86 / (4 / 28))


def test_scrap_and_adjustments_are_no_demand():
    rows = [post(0, 100), *(post(1, -1, kind=k, hour=7 + n) for n, k in enumerate(("scrap", "adjustment")))]
    row = run(rows, 1, 1).row(0, named=True)
    assert (row["on_hand_qty"], row["issued_qty"], row["days_of_cover"]) == (98.0, 0.0, None)


def test_a_transfer_is_demand_on_the_location_it_leaves_not_on_the_material():
    rows = [post(0, 100, hour=6), post(1, -10, kind="transfer"), post(1, 10, kind="transfer", location="ship-1")]
    row = run(rows, 1, 1, agreed=4.0, bought=[(-1, None)]).filter(pl.col("location") == "raw-1").row(0, named=True)
    assert (row["issued_qty"], row["days_of_cover"]) == (10.0, 90 / 5)
    assert row["reorder_point_qty"] is None


def test_the_reorder_point_follows_its_formula():
    issued = [3, 5, 4, 6, 2, 4, 4, 5]
    rows = [post(0, 1000, hour=6), *(post(n, -q, kind="issue") for n, q in enumerate(issued))]
    row = run(rows, 7, 7, [(-9, -4), (-8, -1)]).row(0, named=True)
    mean, var = statistics.mean(issued), statistics.variance(issued)
    length, spread = 6.0, statistics.variance([5, 7])
    assert row["reorder_point_qty"] == pytest.approx(
        mean * length + SERVICE_Z * (length * var + mean**2 * spread) ** 0.5
    )
    assert row["alert"] is None


def test_the_agreed_lead_time_holds_until_a_receipt_is_known():
    bought = purchases((0, 9), (1, None), (12, None))
    frame = lead_times(bought, partners(4.0)).sort("known_at").collect()
    assert frame["lead_d"].to_list() == [4.0, 4.0, 9.0]
    assert lead_times(purchases((0, None)), partners()).collect().is_empty(), (
        "nothing agreed, nothing received: no lead time"
    )


def test_a_receipt_of_later_is_not_known_earlier():
    rows = [post(0, 100, hour=6), post(1, -10, kind="issue")]
    frame = run(rows, 1, 3, [(0, 2)])
    assert frame["reorder_point_qty"].is_null().to_list() == [True, False, False]


@pytest.mark.parametrize(
    ("rows", "day", "alert"),
    [
        ([post(0, 1), post(1, -2, kind="issue")], 1, "negative_stock"),
        ([post(0, 100, hour=6), *(post(d, -9, kind="issue") for d in range(1, 11))], 10, "below_reorder_point"),
        ([post(0, 5)], 30, "no_movement"),
        ([post(0, 5)], 20, None),
    ],
)
def test_alerts(rows, day, alert):
    row = run(rows, day, day, [(-9, -2), (-8, -1)]).row(0, named=True)
    assert row["alert"] == alert
    assert (row["days_of_cover"] or 0) >= 0


def test_what_is_on_order_counts_against_the_reorder_point():
    rows = [post(0, 100, hour=6), *(post(d, -9, kind="issue") for d in range(1, 11))]
    came = [(-9, -2), (-8, -1)]
    alerts = [run(rows, 10, 10, [*came, *more])["alert"][0] for more in ([], [(9, None, 500.0)], [(11, None, 500.0)])]
    assert alerts == ["below_reorder_point", None, "below_reorder_point"]
    assert run(rows, 10, 10, [*came, (9, None, 500.0, "cancelled")])["alert"][0] == "below_reorder_point"


def test_on_order_falls_when_goods_come():
    frame = on_order(purchases((0, 3, 10.0), (1, None, 5.0))).collect()
    assert frame["on_order_qty"].to_list() == [10.0, 15.0, 5.0]


POSTING = st.tuples(st.integers(0, 40), st.integers(-999, 999), st.floats(6, 29.99), st.sampled_from(["a", "b"]),
                    st.sampled_from(["receipt", "issue", "shipment", "transfer"]))  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(POSTING, max_size=25), st.integers(0, 40))
def test_a_day_reads_the_same_to_the_bit_however_many_days_are_built(postings, day):
    rows = [post(d, q / 7, hour=h, kind=k, location=p) for d, q, h, p, k in postings]
    whole, single = run(rows, 0, 40), run(rows, day, day)
    assert whole.filter(pl.col("production_day") == DAY0 + timedelta(days=day)).equals(single)


@settings(max_examples=15, deadline=None)
@given(st.lists(POSTING, max_size=25), st.integers(0, 39))
def test_a_day_depends_on_nothing_later(postings, day):
    rows = [(d, post(d, q / 7, hour=h, kind=k, location=p)) for d, q, h, p, k in postings]
    assert run([r for _, r in rows], day, day).equals(run([r for d, r in rows if d <= day], day, day))


@settings(max_examples=15, deadline=None)
@given(st.lists(POSTING, max_size=25))
def test_on_hand_is_the_sum_of_all_postings(postings):
    rows = [post(d, q / 100, hour=h, kind=k, location=p) for d, q, h, p, k in postings]
    got = {r["location"]: r["on_hand_qty"] for r in run(rows, 40, 40).iter_rows(named=True)}
    want = {p: sum(q for _, q, _, x, _ in postings if x == p) / 100 for p in {p for *_, p, _ in postings}}
    assert got == want
