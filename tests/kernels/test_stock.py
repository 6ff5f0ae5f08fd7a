"""The stock ledger: two postings that cancel, exact values, the production day of the site."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.kernels.stock.ledger import EXTERNAL, ledger
from assets.kernels.stock.sites import Sites
from plant.tables import table

SITES = {"northmill": ("Europe/Berlin", time(6)), "osaka": ("Asia/Tokyo", time(0))}
AT = datetime(2026, 11, 16, 12, tzinfo=UTC)
PLACES = ["raw-1", "wip-1", "fg-1", "scrap", EXTERNAL]


def move(n, source, target, qty, cost=100, at=AT, kind="transfer", material="bar"):
    return (f"m{n:05d}", at, material, None, source, target, float(qty), float(cost), kind, None, None)


def frame(*moves):
    return pl.LazyFrame(list(moves), schema=table("silver.stock_moves").schema, orient="row")


def where(**zones):
    rows = [(k.replace("_", "-"), z, None, None, None, None) for k, z in zones.items()]
    return pl.LazyFrame(rows, schema=table("silver.locations").schema, orient="row")


def book(*moves, places=None):
    return ledger(frame(*moves), places if places is not None else where(), SITES, Sites(tuple(SITES))).collect()


def test_a_transfer_is_two_signed_postings_that_cancel_rounded_half_to_even():
    out = book(move(1, "raw-1", "wip-1", 2.5, 101))
    assert out.schema == table("silver.stock_ledger").schema
    assert out.select("location", "qty", "value_cents").rows() == [("raw-1", -2.5, -252), ("wip-1", 2.5, 252)]


def test_a_receipt_and_a_shipment_have_one_side_only():
    out = book(move(1, EXTERNAL, "raw-1", 10, kind="receipt"), move(2, "raw-1", EXTERNAL, 4, kind="shipment"))
    assert out.select("location", "qty", "kind").rows() == [("raw-1", 10.0, "receipt"), ("raw-1", -4.0, "shipment")]


def test_a_move_onto_itself_stays_visible_as_zero():
    assert book(move(1, "raw-1", "raw-1", 3)).select("location", "qty", "value_cents").rows() == [("raw-1", 0.0, 0)]


def test_no_moves_give_the_empty_contract():
    assert book().schema == table("silver.stock_ledger").schema


def test_the_production_day_follows_the_local_clock_over_a_clock_change():
    # 25 October 2026: Berlin goes from UTC+2 to UTC+1 at 01:00 UTC; the production day starts at 05:00 UTC from then on
    instants = {
        datetime(2026, 10, 25, 3, 59, tzinfo=UTC): date(2026, 10, 24),
        datetime(2026, 10, 25, 4, 59, tzinfo=UTC): date(2026, 10, 24),
        datetime(2026, 10, 25, 5, 0, tzinfo=UTC): date(2026, 10, 25),
        datetime(2026, 10, 24, 4, 0, tzinfo=UTC): date(2026, 10, 24),
        datetime(2026, 10, 24, 3, 59, 59, tzinfo=UTC): date(2026, 10, 23),
    }
    out = book(*(move(n, EXTERNAL, "raw-1", 1, at=at) for n, at in enumerate(instants)))
    assert dict(zip(out["at"], out["production_day"], strict=True)) == instants


def test_a_location_whose_zone_is_a_site_belongs_to_it():
    out = book(
        move(1, "raw-1", "jp-1", 1, at=datetime(2026, 11, 16, 16, tzinfo=UTC)),
        places=where(jp_1="osaka", raw_1="raw"),
    )
    assert out.select("location", "site", "production_day").rows() == [
        ("jp-1", "osaka", date(2026, 11, 17)),
        ("raw-1", "northmill", date(2026, 11, 16)),
    ]


MOVE = st.tuples(
    st.sampled_from(PLACES), st.sampled_from(PLACES), st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 5000)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(MOVE, max_size=25))
def test_the_sum_of_postings_is_what_came_in_minus_what_went_out(moves):
    given_moves = [move(n, s, t, q / 1000, c, at=AT + timedelta(minutes=m)) for n, (s, t, q, c, m) in enumerate(moves)]
    out = book(*given_moves)
    expected = dict.fromkeys(PLACES, 0)
    for source, target, qty, _, _ in moves:
        expected[source] -= qty
        expected[target] += qty
    got = dict(out.group_by("location").agg(((pl.col("qty") * 1000).round().cast(pl.Int64)).sum()).rows())
    assert got == {p: expected[p] for p in got}
    assert all(expected[p] == 0 for p in PLACES if p not in got and p != EXTERNAL)
    inside = out.filter(pl.len().over("move_id") == 2)
    assert inside["value_cents"].sum() == 0
