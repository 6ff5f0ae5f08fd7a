"""The demo's proof: true figures worked by hand, bounds judged, and a plant that loses a tenth of its signals."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from small_plant import START, small_plant, write_plant

from pipelines.place import place
from pipelines.verbs.truth import (
    Proof,
    counted,
    heard,
    oee_error,
    pieces,
    proven,
    scheduled,
    with_full_signal,
)
from pipelines.verbs.truth.bounds import BOUNDS_LIMIT, by_kpi, judged
from pipelines.verbs.truth.cells import FIGURES, true_cells
from plant.config import load
from simulator import Loss

ROOT = Path(__file__).parents[2]
MONDAY = datetime(2026, 11, 16, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def cell(**more):
    """One machine shift of eight hours of the small plant, as `cells_of` gives it."""
    return pl.DataFrame(
        [{"machine": "m-1", "start_at": START, "end_at": START + 8 * HOUR, "until_at": START + 8 * HOUR,
          "production_day": date(2026, 3, 2), **more}],
        schema_overrides=dict.fromkeys(("start_at", "end_at", "until_at"), pl.Datetime("us", "UTC")),
    )  # fmt: skip


def changed_plant(folder, old, new):
    """The small plant after a change to its file."""
    path = write_plant(folder)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return load(path)


def told(folder, spans, made):
    """Truth files: (account, hours) one after another from an hour before the shift; (hour, good, scrap) pieces."""
    at, rows = START - HOUR, []
    for account, hours in spans:
        rows.append(("m-1", at, at + hours * HOUR, account))
        at += hours * HOUR
    pl.DataFrame(rows, ["machine", "start_at", "end_at", "account"], orient="row").write_parquet(
        folder / "intervals.parquet"
    )
    hours = [START + h * HOUR for h in (-0.1, 2, 6, 7)]  # at the machine, then away, then back for an hour
    here = {"machine": ["m-1", "m-1"], "operator": ["a", "a"], "start_at": hours[::2], "end_at": hours[1::2]}
    pl.DataFrame(here).write_parquet(folder / "people.parquet")
    counted = [("m-1", START + hour * HOUR, "part", good, scrap) for hour, good, scrap in made]
    names = ["machine", "at", "product", "good_pcs", "scrap_pcs"]
    pl.DataFrame(counted, names, orient="row").write_parquet(folder / "pieces.parquet")


@pytest.fixture
def worked(tmp_path):
    """Half an hour of break, 5 h production, 1 h set-up, 1 h delay, half an hour without order; 240 of 250 good."""
    spans = [("not_scheduled", 1), ("production", 5), ("setup", 1), ("planned_down", 0.5), ("delay", 1),
             ("down_no_order", 0.5), ("not_scheduled", 3)]  # fmt: skip
    one = [(1 + n / 100, 1, 0) for n in range(240)] + [(4 + n / 100, 0, 1) for n in range(10)]
    told(tmp_path, spans, [(-0.5, 1, 0), *one, (8, 1, 0)])  # before the shift, and at its end: not its pieces
    return true_cells(cell(), tmp_path, small_plant(tmp_path)).row(0, named=True)


def test_true_time_and_pieces_are_those_inside_the_shift(worked):
    hours = {a: worked[a] / 3.6e9 for a in ("scheduled", "planned_down", "production", "setup", "delay")}
    assert hours == {"scheduled": 8, "planned_down": 0.5, "production": 5, "setup": 1, "delay": 1}
    assert (worked["good"], worked["scrap"]) == (240, 10)
    assert worked["ideal"] == 250 * 60_000_000


def test_true_ratios_are_those_of_the_standard(worked):
    busy = 7.5
    a, e, q = 5 / busy, 250 / 60 / 5, 240 / 250
    expected = {
        "availability": a, "effectiveness": e, "quality_ratio": q, "oee": a * e * q, "first_pass_yield": q,
        "allocation_efficiency": 7 / busy, "utilisation_efficiency": 5 / 7, "technical_efficiency": 5 / 6,
        "setup_ratio": 1 / 6, "scrap_ratio": 10 / 250, "nee": 6 / busy * e * q, "ooe": 5 / 8 * e * q,
        "oee_good_time": 4 / busy, "teep": 4 / 8, "loss_speed": (5 - 250 / 60) / busy, "throughput_rate": 250 / 7,
        "worker_efficiency": 2 / 2.5,  # two hours of production; half an hour of break and half an hour of delay
    }  # fmt: skip
    assert {name: worked[name] for name in FIGURES} == pytest.approx(expected)


def test_nothing_made_is_no_oee_and_nothing_planned_is_null(tmp_path):
    told(tmp_path, [("not_scheduled", 1), ("delay", 8)], [(-0.5, 1, 0)])
    idle = true_cells(cell(), tmp_path, small_plant(tmp_path)).row(0, named=True)
    assert (idle["oee"], idle["availability"], idle["quality_ratio"], idle["effectiveness"]) == (0, 0, None, None)
    told(tmp_path, [("not_scheduled", 1), ("planned_down", 8)], [(-0.5, 1, 0)])
    off = true_cells(cell(), tmp_path, small_plant(tmp_path)).row(0, named=True)
    assert (off["oee"], off["availability"], off["allocation_efficiency"]) == (None, None, None)


def test_a_running_shift_counts_time_as_far_as_the_ledger(tmp_path):
    told(tmp_path, [("not_scheduled", 1), ("production", 8)], [(1, 1, 0)])
    until = cell(until_at=START + 3 * HOUR)
    assert true_cells(until, tmp_path, small_plant(tmp_path))["production"].item() == 3 * 3_600_000_000


def test_the_ideal_cycle_of_the_day_counts(tmp_path):
    slower = '{ machine = "m-1", seconds = 90.0, valid_from = 2026-03-02 }'
    plant = changed_plant(tmp_path, "seconds = 60.0 }]", f"seconds = 60.0 }}, {slower}]")
    told(tmp_path, [("not_scheduled", 1), ("production", 8)], [(1, 1, 0), (2, 0, 1)])
    assert true_cells(cell(), tmp_path, plant)["ideal"].item() == 2 * 90_000_000
    before = cell(production_day=date(2026, 3, 1))
    assert true_cells(before, tmp_path, plant)["ideal"].item() == 2 * 60_000_000


def test_a_machine_without_counter_has_no_piece_figures(tmp_path):
    plant = changed_plant(tmp_path, 'role = "good_count"', 'role = "rework_count"')
    told(tmp_path, [("not_scheduled", 1), ("production", 8)], [(1, 1, 0)])
    blind = true_cells(cell(), tmp_path, plant).row(0, named=True)
    assert (blind["availability"], blind["oee"], blind["quality_ratio"], blind["good"]) == (1, None, None, None)


class Claimed:
    """gold.kpi with the claims of one test."""

    def __init__(self, *claims):
        names = ["kpi", "value", "value_low", "value_high"]
        self.rows = pl.DataFrame(claims, names, orient="row").with_columns(
            level=pl.lit("machine"), grain=pl.lit("shift"), scope=pl.lit("m-1"),
            period_start=pl.lit(START).cast(pl.Datetime("us", "UTC")),
        )  # fmt: skip

    def scan(self, _name):
        return self.rows.lazy()


@pytest.mark.parametrize(
    ("claim", "inside", "is_open"),
    [
        (("oee", 0.5, 0.5, 0.5), True, False),
        (("oee", 0.51, 0.51, 0.51), False, False),
        (("oee", 0.6, 0.4, 0.7), True, False),
        (("oee", 0.6, 0.55, 0.7), False, False),
        (("oee", 0.4, 0.3, 0.45), False, False),
        (("oee", 0.4, 0.3, None), True, True),
        (("oee", None, None, None), True, True),
        (("availability", 0.5, 0.5, 0.5), True, True),  # no claim about OEE at all: nothing missed, but open
    ],
)
def test_bounds_are_judged_by_the_truth(claim, inside, is_open):
    true = cell().select("machine", "start_at", **{n: pl.lit(0.5 if n == "oee" else None) for n in FIGURES})
    row = judged(Claimed(claim), true).filter(kpi="oee").row(0, named=True)
    assert (row["inside"], row["open"]) == (inside, is_open)


def test_missed_bounds_are_summed_by_kpi():
    true = cell().select("machine", "start_at", **{n: pl.lit(0.5) for n in FIGURES})
    found = by_kpi(judged(Claimed(("oee", 0.5, 0.4, 0.6), ("nee", 0.6, 0.55, 0.65)), true))
    told_of = {r["kpi"]: (r["cells"], r["missed"], r["open"]) for r in found.to_dicts()}
    assert told_of["oee"] == (1, 0, 0)
    assert told_of["nee"] == (1, 1, 0)
    assert told_of["availability"] == (1, 0, 1)
    assert found.filter(kpi="oee")["width"].item() == pytest.approx(0.2)


def test_a_number_that_is_missing_is_an_infinite_error():
    cells = pl.DataFrame({"oee": [0.5, None], "true_oee": [0.5, 0.4]})
    assert oee_error(cells, 0).worst == float("inf")
    assert not oee_error(cells, 0).holds
    assert oee_error(cells.head(1), 0).holds
    assert not Proof("nothing compared", 0, 1, "s", 0).holds
    wrong = pl.DataFrame({"good_pcs": [3], "true_good": [4], "scrap_pcs": [0], "true_scrap": [None]})
    assert [p.holds for p in pieces(wrong, 0)] == [False, True]


def test_cells_touched_by_a_lost_window_are_left_out():
    window = {"machine": ["m-1"], "start_at": [START + 8 * HOUR], "end_at": [START + 9 * HOUR]}
    after = pl.DataFrame(window, schema_overrides={k: pl.Datetime("us", "UTC") for k in ("start_at", "end_at")})
    assert with_full_signal(cell(), after).height == 1
    assert with_full_signal(cell(), after.with_columns(start_at=pl.col("start_at") - HOUR / 60)).is_empty()
    assert with_full_signal(cell(), after.with_columns(machine=pl.lit("m-2"))).height == 1


def test_energy_of_a_window_that_is_still_open_is_not_expected():
    at = [START + n * HOUR for n in range(4)]
    used = pl.DataFrame({"machine": ["m-1", "m-1", "m-1", "m-2"], "start_at": [*at[:3], at[2]],
                         "end_at": [*at[1:], at[3]], "energy_j": [1, 2, 4, 8]})  # fmt: skip
    lost = pl.DataFrame({"machine": ["m-1", "m-1"], "start_at": [at[0], at[2]], "end_at": [at[1], at[3]]})
    assert heard(used, lost)["energy_j"].to_list() == [1, 2, 8]
    assert heard(used, lost.head(1))["energy_j"].to_list() == [1, 2, 4, 8]


def test_energy_counts_from_the_first_reading_of_each_meter():
    at = [START + n * HOUR for n in range(4)]
    used = pl.DataFrame({"machine": ["m-1", "m-1", "m-2", "m-2"], "start_at": [*at[:2], *at[1:3]],
                         "end_at": [*at[1:3], *at[2:]], "energy_j": [1, 2, 4, 8]})  # fmt: skip
    assert counted(used)["energy_j"].to_list() == [2, 8]


def test_nothing_to_compare_is_neither_a_fault_nor_a_proof():
    """A Sunday without shifts; the same emptiness where the truth had shifts is a fault."""
    off, worked = (pl.DataFrame({"account": ["not_scheduled", a]}) for a in ("not_scheduled", "production"))
    assert (scheduled(off), scheduled(worked)) == (False, True)
    none = Proof("OEE", float("inf"), 0.001, "1", 0, expected=scheduled(off))
    lost, missing = replace(none, left_out=3, expected=True), replace(none, expected=scheduled(worked))
    stock = Proof("stock", 0, 0, "units", 10)
    assert [p.empty for p in (none, lost, missing, stock)] == [True, True, False, False]
    assert [p.holds for p in (none, lost, missing)] == [False] * 3
    assert proven([none, stock])
    assert not proven([none])
    assert not proven([missing, stock])
    assert not proven([none, replace(stock, worst=1)])


def lossy(root, loss, days):
    from pipelines.verbs.truth.trial import trial

    return trial(load(ROOT / "plant.toml"), place(root), 7, (MONDAY, MONDAY + timedelta(days=days)), loss)


def check(done):
    assert [p.name for p in done.proofs if not p.holds] == []
    found = by_kpi(done.judged)
    assert set(found["kpi"]) == set(FIGURES)
    assert (found["missed"] <= (found["cells"] * BOUNDS_LIMIT).ceil()).all(), found  # one cell of few is no 1 %
    # No bound may hide behind being none: shares and indexes have both ends wherever the truth is defined.
    assert done.judged["open"].mean() <= BOUNDS_LIMIT, found


def test_bounds_hold_the_truth_with_a_tenth_of_the_signal_lost(tmp_path):
    """Two days of the example plant: every KPI of every machine and shift."""
    check(lossy(tmp_path, Loss(0.1), 2))


@pytest.mark.skipif(not NIGHTLY, reason="nightly: HYPOTHESIS_PROFILE=nightly; make bench ONLY=truth has the figures")
@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.2])
def test_bounds_hold_the_truth_whatever_is_lost(tmp_path, share):
    check(lossy(tmp_path, Loss(share), 6))
