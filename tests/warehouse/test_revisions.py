from datetime import UTC, date, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.tables import table
from warehouse.lake import Lake
from warehouse.revisions.stamps import same, stamp
from warehouse.writing import conform

DAY = date(2026, 11, 2)
NOON, LATER = datetime(2026, 11, 3, 12, tzinfo=UTC), datetime(2026, 11, 4, 12, tzinfo=UTC)
OEE, LOSSES = table("gold.oee"), table("gold.losses")


def test_only_changed_rows_get_a_new_revision(tmp_path, frame):
    now = [NOON]
    lake = Lake(tmp_path, clock=lambda: now[0])
    rows = frame("gold.oee", *({"machine": m, "oee": 0.5} for m in "abc"))
    lake.replace_days("gold.oee", rows, [DAY])
    now[0] = LATER
    changed = rows.with_columns(oee=pl.when(pl.col("machine") == "b").then(0.7).otherwise("oee"))
    lake.replace_days("gold.oee", pl.concat([changed, frame("gold.oee", {"machine": "d"})]), [DAY])
    held = lake.scan("gold.oee").sort("machine").select("machine", "revision", "known_from").collect().rows()
    assert held == [("a", 1, NOON), ("b", 2, LATER), ("c", 1, NOON), ("d", 1, LATER)]


def test_a_value_that_becomes_null_is_a_change(frame):
    old = stamp(OEE, OEE.empty(), conform(OEE, frame("gold.oee", {"oee": 0.5})), NOON)
    new = stamp(OEE, old, old.with_columns(oee=pl.lit(None, pl.Float64)), LATER)
    assert new.select("revision", "known_from").row(0) == (2, LATER)


def test_an_unchanged_frame_keeps_its_stamps(frame):
    kpi = table("gold.kpi")
    first = stamp(kpi, kpi.empty(), conform(kpi, frame("gold.kpi", {"kpi": "oee"}, {"kpi": "nee"})), NOON)
    assert stamp(kpi, first, first, LATER).equals(first)


def test_the_order_of_a_parallel_sum_is_no_change(frame):
    rows = frame("gold.losses", {"duration_s": 0.1 + 0.2})
    assert same(LOSSES, rows, rows.with_columns(duration_s=pl.lit(0.3)))
    assert not same(LOSSES, rows, rows.with_columns(duration_s=pl.lit(0.3 + 1e-9)))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.floats(0, 10))), max_size=8), st.randoms())
def test_content_is_a_set_of_rows(pairs, rng):
    schema = {"lot": pl.String, "qty": pl.Float64}
    rows = [(f"{n}-{i}", q) for i, (n, q) in enumerate(pairs)]
    lots = table("silver.lots")
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(material=pl.lit("m"))
    full = frame.with_columns(pl.lit(None, t).alias(n) for n, t in lots.schema.items() if n not in frame.columns)
    shuffled = full.sample(fraction=1.0, shuffle=True, seed=rng.randrange(10**6))
    assert same(lots, full, shuffled)
    if full.height:
        assert not same(lots, full, full.head(full.height - 1))
        assert not same(lots, full, full.with_columns(lot=pl.col("lot") + "'"))


def test_a_row_that_went_and_came_back_starts_again(tmp_path, frame):
    lake = Lake(tmp_path)
    days = [DAY, DAY + timedelta(days=1)]
    row = frame("gold.oee", {})
    for rows in (row, row.clear(), row):
        lake.replace_days("gold.oee", rows, days)
    assert lake.scan("gold.oee").collect()["revision"].to_list() == [1]
