"""Any order book: verdicts equal those of plain Python, sums add up over any partition, order of rows says nothing."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from supply_rows import at, bought, came, frame, naive

from assets.kernels.supply.lines import supply_lines
from assets.kernels.supply.performance import orders, performance
from plant.contracts.supply import SUMS
from plant.supply import Supply

PART = st.tuples(st.sampled_from([0.1, 2.5, 4.0, 5.0, 10.0]), st.one_of(st.none(), st.integers(-3, 25)))
DAY = st.one_of(st.none(), st.integers(1, 30))
LINE = st.fixed_dictionaries({
    "supplier": st.sampled_from(["acme", "bolt & co"]), "material": st.sampled_from(["x", "y"]),
    "order_id": st.sampled_from([None, "o1", "o2"]), "status": st.sampled_from(["open", "received", "cancelled"]),
    "requested_at": DAY, "confirmed_at": DAY, "promised_at": DAY, "parts": st.lists(PART, max_size=3),
    "confirmed_qty": st.sampled_from([None, 0.0, 8.0, 10.0]),
})  # fmt: skip
RULES = st.builds(
    Supply, late_d=st.integers(0, 3), early_d=st.one_of(st.none(), st.integers(0, 3)),
    short_share=st.sampled_from([0.0, 0.05, 0.5]), over_share=st.sampled_from([None, 0.0, 0.25]),
)  # fmt: skip
BASES = ("requested", "confirmed", "promised")


def books(drawn: list[dict]) -> tuple[list[dict], list[dict]]:
    """Purchase lines and deliveries of what was drawn; everything was ordered on day 0, today is day 25."""
    lines, deliveries = [bought("clock", ordered_at=at(25), requested_at=None)], []
    for n, told in enumerate(drawn):
        dates = {f"{b}_at": None if told[f"{b}_at"] is None else at(told[f"{b}_at"]) for b in BASES}
        kept = {k: v for k, v in told.items() if k not in {"parts", *dates}}
        lines.append(bought(f"l{n}", **kept, **dates))
        deliveries += [came(f"l{n}", qty, day, n=k, rejected_qty=0.1) for k, (qty, day) in enumerate(told["parts"])]
    return lines, deliveries


def held(lines: list[dict], deliveries: list[dict], rules: Supply) -> pl.DataFrame:
    empty = frame("sales_orders", [])
    return supply_lines(
        frame("purchase_orders", lines), empty, frame("deliveries", deliveries), rules, "UTC", "EUR"
    ).collect()


@settings(max_examples=60, deadline=None)
@given(st.lists(LINE, max_size=8), RULES)
def test_every_line_reads_as_plain_python_says(drawn, rules):
    lines, deliveries = books(drawn)
    found = held(lines, deliveries, rules)
    assert found.height == 3 * len(lines)
    for row in found.filter(pl.col("line") != "clock").iter_rows(named=True):
        line = next(x for x in lines if x["purchase_id"] == row["line"])
        qty = line["qty"] if row["basis"] != "confirmed" or line["confirmed_qty"] is None else line["confirmed_qty"]
        mine = [d for d in deliveries if d["order_line"] == row["line"]]
        expected = naive(line, mine, line[f"{row['basis']}_at"], qty, rules, at(25).date())
        told = row["outcome"] + ("" if row["in_full"] is None else f"/{'full' if row['in_full'] else 'short'}")
        assert told == expected, (row, mine)


@settings(max_examples=30, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=12), RULES, st.integers(0, 2**16))
def test_sums_add_up_over_any_partition_of_the_lines(drawn, rules, seed):
    lines = held(*books(drawn), rules)
    whole = performance(lines.lazy(), "inbound", "supplier", "material").collect()
    cut = pl.Series([bool((hash((seed, n)) >> 3) % 2) for n in range(lines.height)])
    parts = [performance(lines.filter(c).lazy(), "inbound", "supplier", "material").collect() for c in (cut, ~cut)]
    names = [c.name for c in SUMS]
    keys = ["supplier", "material", "due_day", "basis"]
    summed = pl.concat(parts).group_by(keys).agg(pl.col(names).sum()).sort(keys)
    assert_frame_equal(summed, whole.select(*keys, *names), check_row_order=True)
    # A month is the sum of its weeks where no week crosses it; here: all days are the sum of every split of them.
    weekly = whole.group_by("supplier", pl.col("due_day").dt.truncate("1w")).agg(pl.col(names).sum())
    assert weekly.select(pl.col(names).sum()).row(0) == whole.select(pl.col(names).sum()).row(0)
    assert whole["lines"].sum() == lines.height


@settings(max_examples=20, deadline=None)
@given(st.lists(LINE, max_size=8), RULES, st.randoms(use_true_random=False))
def test_the_order_of_rows_says_nothing(drawn, rules, shuffle):
    lines, deliveries = books(drawn)
    before = held(lines, deliveries, rules)
    shuffle.shuffle(lines)
    shuffle.shuffle(deliveries)
    assert_frame_equal(held(lines, deliveries, rules), before)


@settings(max_examples=30, deadline=None)
@given(st.lists(LINE, max_size=8), RULES)
def test_an_order_is_as_good_as_its_worst_line(drawn, rules):
    lines = held(*books(drawn), rules)
    for row in orders(lines.lazy()).collect().filter("due").iter_rows(named=True):
        mine = lines.filter(
            pl.col("order_id") == row["order_id"], pl.col("partner") == row["partner"], pl.col("basis") == row["basis"],
            pl.col("outcome") != "cancelled",
        )  # fmt: skip
        assert row["on_time"] == all(mine["on_time"])
        assert row["in_full"] == all(mine["in_full"])
        assert row["perfect"] is not True  # something is always rejected here, or not told
