"""The warehouse system: late bookings move no stock, its statements are true but for what was not booked yet, bins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from simulator.enterprise.wms.levels import LATE_KINDS, booked_us
from simulator.instants import to_us

BERLIN = ZoneInfo("Europe/Berlin")


def test_late_bookings_are_few_of_the_day_shift_and_over_before_the_night_ends():
    moves = [(to_us(datetime(2026, 11, 16, tzinfo=UTC) + timedelta(minutes=7 * n)), f"mv-{n}") for n in range(4000)]
    late = {kind: [(at, booked_us(7, BERLIN, at, key, kind)) for at, key in moves] for kind in ("scrap", "issue")}
    assert all(at == booked for at, booked in late["issue"])
    delayed = [(at, booked) for at, booked in late["scrap"] if booked != at]
    assert 0.01 < len(delayed) / len(moves) < 0.04
    for at, booked in delayed:
        assert timedelta(minutes=30) <= timedelta(microseconds=booked - at) <= timedelta(hours=9)
        local = datetime.fromtimestamp(at / 1e6, BERLIN)
        assert 6 <= local.hour < 18
        assert datetime.fromtimestamp(booked / 1e6, BERLIN) < local.replace(hour=4) + timedelta(days=1)


def test_every_move_says_when_it_was_booked_and_reads_so_from_then_on(week):
    moves = week.tables["stock_moves"]
    assert moves["booked_at"].null_count() == 0
    assert (moves["booked_at"] == moves["updated_at"]).all()
    late = moves.filter(pl.col("booked_at") > pl.col("at"))
    assert late.height > 0
    assert set(late["kind"]) <= set(LATE_KINDS)


def test_the_system_states_what_was_booked_by_then(week):
    """Balances of an evening are the sum of the moves booked by then, to the piece; counts are of what lies there."""
    moves = week.tables["stock_moves"]
    sides = [moves.select("booked_at", "at", "material", location=f"{side}_location", qty=pl.col("qty") * sign)
             for side, sign in (("from", -1.0), ("to", 1.0))]  # fmt: skip
    posted = pl.concat(sides)
    levels = week.tables["stock_levels"]
    assert set(levels["kind"]) == {"system", "count"}
    wrong = {"system": 0, "count": 0}
    for row in levels.sort("at").tail(400).iter_rows(named=True):
        known = "booked_at" if row["kind"] == "system" else "at"
        mine = (pl.col("material") == row["material"]) & (pl.col("location") == row["location"])
        held = posted.filter(mine & (pl.col(known) <= row["at"]) & (pl.col("at") <= row["at"]))["qty"].sum()
        wrong[row["kind"]] += held != row["qty"]
    assert wrong["system"] == 0
    assert wrong["count"] <= 0.6 * levels.filter(pl.col("kind") == "count").height


def test_bins_have_a_kind_a_way_and_room_and_materials_a_size(week):
    places = {r["id"]: r for r in week.tables["locations"].iter_rows(named=True)}
    assert {places[n]["kind"] for n in ("raw-1", "raw-2", "fg-1", "fg-3")} == {"storage"}
    assert (places["external"]["kind"], places["scrap"]["kind"], places["dock-1"]["kind"]) == (
        "view",
        "lost",
        "receiving",
    )
    assert places["fg-2"]["travel_m"] < places["fg-3"]["travel_m"] < places["fg-1"]["travel_m"]
    assert places["fg-2"]["capacity"] < places["fg-1"]["capacity"]
    assert (week.tables["materials"]["space_per_unit"] > 0).all()
