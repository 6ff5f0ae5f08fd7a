"""Real purchase orders: SCMS delivery history of USAID, 10,324 lines, against an independent computation.

Skips by name without the data set (SHOPFLOOR_DATA, default ../shared/data).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from statistics import median_low, quantiles

import polars as pl
import pytest
from scms_rows import FILE, day, purchase, read
from supply_rows import frame

from assets.kernels.supply.lead_times import lead_times
from assets.kernels.supply.lines import supply_lines
from assets.kernels.supply.performance import orders, performance
from assets.kernels.supply.prices import price_variance
from plant.supply import Supply

pytestmark = pytest.mark.skipif(
    not FILE.exists(),
    reason=f"scms_delivery_history_usaid is not there: put it at {FILE.parent}, or set SHOPFLOOR_DATA",
)
WEEK = timedelta(days=7)
RULES = Supply(lead_time_days=20_000)


@pytest.fixture(scope="module")
def rows():
    return read()


@pytest.fixture(scope="module")
def bought(rows):
    return frame("purchase_orders", [purchase(r) for r in rows])


@pytest.fixture(scope="module")
def lines(bought):
    return supply_lines(bought, frame("sales_orders", []), frame("deliveries", []), RULES, "UTC", "USD").collect()


def test_the_file_is_the_one_published(rows):
    assert len(rows) == 10_324
    assert len({r["Vendor"] for r in rows}) == 73
    assert sum(float(r["Line Item Value"]) for r in rows) == pytest.approx(1_627_584_457, abs=1)


def test_words_instead_of_dates_are_counted_and_never_guessed(rows, lines):
    """5,404 lines from the own warehouse and 328 not captured have no order date; nothing was requested by date."""
    words = Counter(r["PO Sent to Vendor Date"] for r in rows if day(r["PO Sent to Vendor Date"]) is None)
    assert words == {"N/A - From RDC": 5_404, "Date Not Captured": 328}
    asked = Counter(r["PQ First Sent to Client Date"] for r in rows if day(r["PQ First Sent to Client Date"]) is None)
    assert asked == {"Pre-PQ Process": 2_476, "Date Not Captured": 205}
    by_basis = dict(
        lines.group_by("basis", "outcome").len().select(pl.concat_str("basis", pl.lit(" "), "outcome"), "len").rows()
    )
    assert by_basis["requested undated"] == by_basis["confirmed undated"] == 10_324
    assert by_basis["promised on_time"] + by_basis["promised late"] + by_basis["promised not_due"] == 10_324


def test_on_time_of_every_vendor(rows, lines):
    """As of the last delivery (14 September 2015) all but 7 lines are due."""
    today = max(d for r in rows if (d := day(r["Delivered to Client Date"])))
    due: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for r in rows:
        planned, came = day(r["Scheduled Delivery Date"]), day(r["Delivered to Client Date"])
        if planned < today:
            due[r["Vendor"]] += 1
            good[r["Vendor"]] += came <= planned
    sums = performance(lines.lazy(), "inbound", "supplier", "material").collect().filter(basis="promised")
    found = sums.group_by("supplier").agg(pl.col("due", "on_time", "otif", "in_full").sum()).filter(pl.col("due") > 0)
    assert {s: (d, o) for s, d, o, *_ in found.iter_rows()} == {v: (n, good[v]) for v, n in due.items()}
    assert (found["otif"] == found["on_time"]).all()  # one quantity is told: in full cannot fail
    assert (found["due"].sum(), found["on_time"].sum()) == (sum(due.values()), sum(good.values())) == (10_317, 9_131)


def test_a_tolerance_of_a_week(rows, bought):
    rules = Supply(late_d=7)
    none = frame("sales_orders", []), frame("deliveries", [])
    lines = supply_lines(bought, *none, rules, "UTC", "USD").filter(basis="promised").collect()
    today = max(d for r in rows if (d := day(r["Delivered to Client Date"])))
    late = [
        (day(r["Delivered to Client Date"]) - p).days
        for r in rows
        if ((p := day(r["Scheduled Delivery Date"])) + WEEK) < today
    ]
    assert (lines["due"].sum(), lines["on_time"].sum()) == (len(late), sum(x <= 7 for x in late)) == (10_304, 9_538)


def test_orders_of_several_lines(rows, lines):
    today = max(d for r in rows if (d := day(r["Delivered to Client Date"])))
    late, open_ = set(), set()
    for r in rows:
        key, planned = (r["Vendor"], r["PO / SO #"]), day(r["Scheduled Delivery Date"])
        open_ |= {key} if planned >= today else set()
        late |= {key} if day(r["Delivered to Client Date"]) > planned else set()
    keys = {(r["Vendor"], r["PO / SO #"]) for r in rows}
    found = orders(lines.lazy()).collect().filter(basis="promised")
    assert found.height == len(keys)
    assert (found["due"].sum(), found["on_time"].sum()) == (len(keys - open_), len(keys - open_ - late))
    assert found["perfect"].drop_nulls().to_list().count(True) == 0  # damage and papers are not told: never claimed


def test_lead_times_of_every_vendor(rows, lines, bought):
    found = lead_times(lines.lazy(), frame("suppliers", []), RULES).collect().filter(pl.col("material").is_null())
    took: dict[str, list[int]] = {}
    left: Counter[str] = Counter()
    for r in rows:
        sent, came = day(r["PO Sent to Vendor Date"]), day(r["Delivered to Client Date"])
        if sent is None or came < sent:
            left[r["Vendor"]] += 1
        else:
            took.setdefault(r["Vendor"], []).append((came - sent).days)
    for row in found.iter_rows(named=True):
        mine = took.get(row["supplier"], [])
        assert (row["n"], row["left_out"], row["open"]) == (len(mine), left[row["supplier"]], 0)
        if len(mine) > 1:
            cuts = quantiles(mine, n=10, method="inclusive")
            expected = [sum(mine) / len(mine), cuts[0], cuts[4], cuts[8], median_low(mine)]
            assert [row[c] for c in ("mean_d", "p10_d", "p50_d", "p90_d", "km_p50_d")] == pytest.approx(expected)
    everything = sorted(x for v in took.values() for x in v)
    assert (len(everything), sum(left.values())) == (4_587, 5_737)
    assert found["sum_us"].sum() == sum(everything) * 86_400_000_000


def test_price_changes_of_every_vendor_and_item(rows, bought):
    """Dated lines only; USD is the books' currency here."""
    found = price_variance(bought, frame("materials", []), frame("exchange_rates", []), "UTC", "USD").collect()
    before: dict[tuple[str, str], int] = {}
    total = n = 0
    dated = [p for p in (purchase(r) for r in rows) if p["ordered_at"] is not None]
    for p in sorted(dated, key=lambda p: (p["ordered_at"], p["purchase_id"])):
        key = (p["supplier"], p["material"])
        if key in before:
            total, n = total + int(p["qty"]) * (p["unit_price_cents"] - before[key]), n + 1
        before[key] = p["unit_price_cents"]
    assert (found["over_previous_cents"].sum(), found["against_previous"].sum()) == (total, n)
    assert found["foreign"].sum() == found["against_standard"].sum() == 0
