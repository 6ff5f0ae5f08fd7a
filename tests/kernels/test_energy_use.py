"""Energy: the meter's joules kept, split, priced; a baseline from earlier days only, cusum from the day's start."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import DAY, START, count_ledger, energy_ledger

from assets.kernels.figures.energy_use import COLUMNS, TRAINING_DAYS, energy_use
from plant.dimensions import TARIFF_SCHEMA
from plant.tables import table

ZONES = {"northmill": "Europe/Berlin"}
TARIFFS = pl.LazyFrame(
    [("northmill", 0.2, 0.4, date(2000, 1, 1)), ("northmill", 0.3, None, DAY + timedelta(days=1))],
    schema=TARIFF_SCHEMA,
    orient="row",
)
NO_TARIFFS = pl.LazyFrame(schema=TARIFF_SCHEMA)
NO_COUNTS = count_ledger()


def run(energy, counts=NO_COUNTS, tariffs=TARIFFS, days=(DAY, DAY)):
    return energy_use(energy, counts, tariffs, ZONES, days).collect()


def hour(n, day=0):
    return START + timedelta(days=day, hours=n)


def test_the_frame_keeps_the_contract_and_its_key():
    frame = run(energy_ledger((hour(0), "production", 5.0, 60)))
    contract = table("gold.energy")
    assert frame.schema == {c: contract.schema[c] for c in COLUMNS}
    assert frame.select(contract.key).is_unique().all()
    assert run(energy_ledger()).schema == frame.schema


def test_the_split_the_price_and_the_pieces_of_an_hour():
    energy = energy_ledger((hour(0), "production", 6.0, 40), (hour(0), "delay", 1.0, 20), (hour(1), "delay", 0.5, 60))
    frame = run(energy, count_ledger((14, 3, None)))
    first, second = frame.iter_rows(named=True)
    assert (first["energy_kwh"], first["production_kwh"], first["idle_kwh"]) == (7.0, 6.0, 1.0)
    assert (first["good_pcs"], first["kwh_per_good_pc"]) == (14, 0.5)
    assert (first["cost"], first["co2e_kg"]) == pytest.approx((1.4, 2.8))
    assert (second["good_pcs"], second["kwh_per_good_pc"]) == (0, None)


def test_no_tariff_no_cost_and_no_factor_no_emissions():
    energy = energy_ledger((hour(0), "production", 6.0, 60))
    row = run(energy, tariffs=NO_TARIFFS).row(0, named=True)
    assert (row["cost"], row["co2e_kg"]) == (None, None)
    later = energy_ledger((hour(0, 1), "production", 6.0, 60), day=DAY + timedelta(days=1))
    row = run(later, days=(DAY + timedelta(days=1),) * 2).row(0, named=True)
    assert (row["cost"], row["co2e_kg"]) == (pytest.approx(1.8), None)


def test_two_parts_of_an_hour_in_two_shifts_are_one_hour_of_the_wall_clock():
    half = hour(8) + timedelta(minutes=30)
    energy = pl.concat([energy_ledger((hour(8), "production", 2.0, 30)),
                        energy_ledger((half, "production", 3.0, 30), shift="late")])  # fmt: skip
    frame = run(energy, count_ledger((5, 0, None), hour=half, shift="late"))
    assert frame.select("hour_at", "energy_kwh", "good_pcs").rows() == [(hour(8), 5.0, 5)]


@pytest.mark.parametrize(
    ("zone", "part", "full"),
    [
        # 25 October 2026: 02:00 to 03:00 happens twice in Berlin; each pass is an hour of its own
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 11, 16, 6, 45, tzinfo=UTC), datetime(2026, 11, 16, 6, 30, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 11, 16, 6, 15, tzinfo=UTC), datetime(2026, 11, 16, 5, 30, tzinfo=UTC)),
    ],
)
def test_the_full_hour_is_that_of_the_wall_clock(zone, part, full):
    energy = energy_ledger((part, "production", 1.0, 30))
    frame = energy_use(energy, NO_COUNTS, TARIFFS, {"northmill": zone}, (DAY, DAY)).collect()
    assert frame["hour_at"].to_list() == [full]


# --- the baseline ---------------------------------------------------------------------------------------------

RATES = {"production": 8.0, "setup": 5.0, "delay": 3.0, "not_scheduled": 0.5}
PER_PIECE = 0.05
MIX = [("production", 60), ("setup", 60), ("delay", 60), ("not_scheduled", 60), ("production", 30)]


def worked(day, kwh=None, machine="cnc-1"):
    """A day of single-account hours (the last is half an hour) with pieces that vary against the hours."""
    energy, counts = [], []
    for n in range(20):
        account, minutes = MIX[n % len(MIX)]
        pieces = (7 * n + 13 * day) % 40 if account == "production" else 0
        used = RATES[account] * minutes / 60 + PER_PIECE * pieces if kwh is None else kwh
        when = DAY + timedelta(days=day)
        energy.append(energy_ledger((hour(n, day), account, used, minutes), day=when, machine=machine))
        counts.append(count_ledger((pieces, 0, None), day=when, hour=hour(n, day), machine=machine))
    return pl.concat(energy), pl.concat(counts)


def history(*days, **kwargs):
    parts = [worked(d, **kwargs) for d in days]
    return pl.concat(e for e, _ in parts), pl.concat(c for _, c in parts)


def test_the_baseline_finds_the_rates_the_plant_runs_at():
    frame = run(*history(-2, -1, 0))
    assert frame["expected_kwh"].to_list() == pytest.approx(frame["energy_kwh"].to_list(), abs=1e-5)
    assert frame["cusum_kwh"].to_list() == pytest.approx([0.0] * 20, abs=1e-4)


def test_a_day_that_uses_more_shows_in_the_cusum_from_its_start():
    before, (energy, counts) = history(-3, -2, -1), worked(0)
    more = energy.with_columns(pl.col("energy_j") + 3_600_000)
    frame = run(pl.concat([before[0], more]), pl.concat([before[1], counts]))
    assert frame["cusum_kwh"].to_list() == pytest.approx([float(n) for n in range(1, 21)], abs=1e-4)


def test_below_24_machine_hours_there_is_no_baseline():
    assert run(*history(-1, 0))["expected_kwh"].null_count() == 20, "one day of 18 h"
    assert run(*history(0))["cusum_kwh"].null_count() == 20


def test_an_hour_of_a_kind_never_seen_has_no_expectation_and_adds_nothing():
    energy, counts = history(-3, -2, -1)
    known = energy.filter(pl.col("account") != "setup")
    frame = run(pl.concat([known, worked(0)[0]]), pl.concat([counts, worked(0)[1]]))
    nulls = frame.filter(pl.col("expected_kwh").is_null())
    assert nulls.height == 4
    assert frame["cusum_kwh"].drop_nulls().to_list() == pytest.approx([0.0] * 16, abs=1e-4)


def test_pieces_at_a_constant_rate_do_not_break_the_fit():
    when = [DAY + timedelta(days=d) for d in (-2, -1, 0)]
    energy = pl.concat(energy_ledger(*((hour(n, i - 2), "production", 9.0, 60) for n in range(20)), day=d)
                       for i, d in enumerate(when))  # fmt: skip
    counts = pl.concat(count_ledger((30, 0, None), day=d, hour=hour(n, i - 2)) for i, d in enumerate(when)
                       for n in range(20))  # fmt: skip
    assert run(energy, counts)["expected_kwh"].to_list() == pytest.approx([9.0] * 20)


def test_the_day_itself_and_days_older_than_the_window_do_not_train():
    energy, counts = history(-2, -1, 0)
    odd = [worked(d, kwh=99.0) for d in (-TRAINING_DAYS - 1, 1)]
    with_odd = run(pl.concat([energy, *(e for e, _ in odd)]), pl.concat([counts, *(c for _, c in odd)]))
    assert with_odd.equals(run(energy, counts))


def test_a_day_reads_the_same_to_the_bit_however_many_days_are_built():
    energy, counts = history(*range(-4, 4))
    many = run(energy, counts, days=(DAY - timedelta(days=2), DAY + timedelta(days=3)))
    for offset in (-2, 0, 3):
        day = DAY + timedelta(days=offset)
        assert many.filter(pl.col("production_day") == day).equals(run(energy, counts, days=(day, day)))


def test_machines_have_baselines_of_their_own():
    one, two = history(-2, -1, 0), history(-2, -1, 0, kwh=2.0, machine="cnc-2")
    frame = run(pl.concat([one[0], two[0]]), pl.concat([one[1], two[1]]))
    alone = run(*one)
    assert frame.filter(pl.col("machine") == "cnc-1").equals(alone)


PART = st.tuples(st.integers(0, 23), st.sampled_from([*RATES, "unknown"]), st.integers(0, 10**9))


@settings(max_examples=25, deadline=None)
@given(st.lists(PART, min_size=1, max_size=20))
def test_the_balance_closes(parts):
    frame = run(energy_ledger(*((hour(h), a, j / 3.6e6, 1) for h, a, j in parts)))
    total = sum(j for _, _, j in parts) / 3.6e6
    assert frame["energy_kwh"].sum() == pytest.approx(total, abs=1e-7)
    assert (frame["production_kwh"] + frame["idle_kwh"]).to_list() == pytest.approx(
        frame["energy_kwh"].to_list(), abs=1e-8
    )
