"""SEMI E10 and E79, Nakajima, VDI 3423, the six big losses: one shift read in each, and what ties them together."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_floor import base, count_ledger, time_ledger

from assets.kernels.figures.kpi import evaluate
from assets.kernels.figures.losses import losses
from assets.kernels.figures.rolling import roll_up
from plant.kpi.catalogue import BY_NAME, KPIS
from plant.kpi.families.nakajima import SIX_LOSSES

FAILED = {"state": "failed", "reason": "spindle", "reason_class": "breakdown"}
JAM = {"state": "stopped", "reason": "jam", "reason_class": "minor_stop"}
SHORT = {"state": "starved", "reason": "starved", "reason_class": "logistic", "minor": True}
STARVED = {"state": "starved", "reason": "starved", "reason_class": "logistic"}
TRIAL = {"state": "stopped", "reason": "engineering trial", "reason_class": "planned"}
SERVICE = {"state": "planned_stop", "reason": "service", "reason_class": "planned"}
BREAK = {"source": "calendar", "reason": "break", "reason_class": "planned"}
SETUP = {"reason": "setup", "reason_class": "setup"}
NO_ORDER = {"reason": "idle", "reason_class": "logistic"}
SHIFT = (
    ("production", 250), ("delay", 40, FAILED), ("delay", 10, JAM), ("delay", 5, SHORT), ("delay", 25, STARVED),
    ("setup", 30, SETUP), ("delay", 20, TRIAL), ("down_no_order", 15, NO_ORDER), ("planned_down", 30, BREAK),
    ("planned_down", 35, SERVICE), ("not_scheduled", 20, {"shift": "off"}),
)  # fmt: skip
MADE = [(180, 12, 60.0, {"rework_pcs": 8})]


def read(sums, names=None, level="machine", grain="day"):
    frame = evaluate(roll_up(sums, level, grain), [BY_NAME[n] for n in names] if names else KPIS).collect()
    return {row["kpi"]: row for row in frame.iter_rows(named=True)}


EXPECTED = {
    # SEMI E10: total 480, NST 20, operations 460
    "e10_prd_share": 250 / 480, "e10_sby_share": (5 + 25 + 15 + 30) / 480, "e10_eng_share": 20 / 480,
    "e10_sdt_share": (30 + 35) / 480, "e10_udt_share": (40 + 10) / 480, "e10_nst_share": 20 / 480,
    "e10_operational_uptime": (250 + 75 + 20) / 460, "e10_operational_utilisation": 250 / 460,
    "e10_total_utilisation": 250 / 480, "e10_mtbfp": 250 / 60, "e10_mttr": 40 / 60,
    # SEMI E79: theoretical time 200 min of 250 productive, 180 of good ones
    "e79_availability_efficiency": 345 / 480, "e79_operational_efficiency": 250 / 345, "e79_rate_efficiency": 200 / 250,
    "e79_performance_efficiency": 200 / 345, "e79_quality_efficiency": 180 / 200, "e79_oee": 180 / 480,
    # VDI 3423: T_B 395
    "vdi_technical_availability": (395 - 50) / 395, "vdi_utilisation": 250 / 395, "vdi_technical_down_share": 50 / 395,
    "vdi_logistic_down_share": 30 / 395, "vdi_organisational_down_share": (30 + 20 + 15) / 395,
    # Nakajima: the 5 min below minor_stop_s are run time and a performance loss
    "nakajima_availability": 255 / 395, "nakajima_performance": 200 / 255, "nakajima_quality": 180 / 200,
    "nakajima_oee": 180 / 395, "oee_good_time": 180 / 395, "ooe": 200 * 0.9 / 460, "teep": 180 / 480,
    # the six big losses, and waiting
    "loss_breakdown": 40 / 395, "loss_setup": 30 / 395, "loss_minor_stops": 15 / 395,
    "loss_waiting": (25 + 20 + 15) / 395, "loss_speed": 50 / 395, "loss_scrap": 12 / 395, "loss_rework": 8 / 395,
}  # fmt: skip


@pytest.fixture(scope="module")
def one_shift():
    return read(base(time_ledger(*SHIFT), count_ledger(*MADE)))


@pytest.mark.parametrize("name", EXPECTED)
def test_one_shift_in_every_dialect(one_shift, name):
    assert one_shift[name]["value"] == pytest.approx(EXPECTED[name]), one_shift[name]


def test_every_kpi_of_the_dialects_is_worked():
    dialects = {k.name for k in KPIS if k.family in {"SEMI E10", "SEMI E79", "VDI 3423", "Nakajima"}}
    assert dialects == set(EXPECTED)


def test_the_dialects_tie_together(one_shift):
    v = {name: row["value"] for name, row in one_shift.items()}
    assert sum(v[f"e10_{s}_share"] for s in ("prd", "sby", "eng", "sdt", "udt", "nst")) == pytest.approx(1.0)
    assert v["e79_availability_efficiency"] * v["e79_performance_efficiency"] * v["e79_quality_efficiency"] == (
        pytest.approx(v["e79_oee"])
    )
    assert v["e79_operational_efficiency"] * v["e79_rate_efficiency"] == pytest.approx(v["e79_performance_efficiency"])
    assert v["nakajima_availability"] * v["nakajima_performance"] * v["nakajima_quality"] == (
        pytest.approx(v["nakajima_oee"])
    )
    shares = ("vdi_technical_down_share", "vdi_logistic_down_share", "vdi_organisational_down_share", "vdi_utilisation")
    assert sum(v[s] for s in shares) == pytest.approx(1.0)
    assert v["vdi_utilisation"] == v["availability"]


# Vorne, "OEE calculation": shift 480 min, breaks 60 min, stops 47 min, ideal cycle 1 s, 19,271 pieces, 423 rejects.
def test_vornes_worked_example():
    made = count_ledger((18_848, 423, 1.0))
    row = read(base(time_ledger(("planned_down", 60), ("delay", 47), ("production", 373)), made))
    found = [row[f"nakajima_{n}"]["value"] for n in ("availability", "performance", "quality", "oee")]
    assert found == pytest.approx([0.8881, 0.8611, 0.9780, 0.7479], abs=5e-5)


def test_a_press_with_mixed_products_has_effectiveness_by_ideal_time():
    """oeecoach: 2 strokes a minute, large parts 1 a stroke, small ones 4; both days run 420 min at 75 %."""
    for large, small in ((60, 2280), (420, 840)):
        counts = count_ledger((large, 0, 30.0), (small, 0, 7.5, {"product": "small"}))
        row = read(base(time_ledger(("production", 420), ("delay", 60)), counts), ["effectiveness", "oee"])
        assert (row["effectiveness"]["value"], row["oee"]["value"]) == pytest.approx((0.75, 0.75 * 420 / 480))


KIND = st.sampled_from([
    ("production", {}), ("setup", SETUP), ("delay", FAILED), ("delay", JAM), ("delay", SHORT), ("delay", STARVED),
    ("down_no_order", NO_ORDER), ("planned_down", BREAK), ("unknown", {}),
])  # fmt: skip
STRETCHES = st.lists(st.tuples(KIND, st.integers(1, 120)), min_size=1, max_size=8)
COUNTS = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 30), st.integers(0, 9), st.sampled_from([7.3, 60.0])),
                  max_size=3)  # fmt: skip


@settings(max_examples=settings.default.max_examples // 5)
@given(STRETCHES, COUNTS)
def test_oee_and_the_losses_add_up_to_one_and_agree_with_the_losses_by_reason(stretches, made):
    time = time_ledger(*((account, minutes, extra) for (account, extra), minutes in stretches))
    counts = count_ledger(*((g, s, ideal, {"rework_pcs": r, "product": f"p{n}"})
                            for n, (g, s, r, ideal) in enumerate(made)))  # fmt: skip
    row = read(base(time, counts), ["oee_good_time", *(k.name for k in SIX_LOSSES)])
    if row["oee_good_time"]["value"] is None:
        return
    assert sum(r["value"] for r in row.values()) == pytest.approx(1.0)
    told = losses(time, counts, ["cnc-1"]).collect()
    lost = dict(told.filter(pl.col("account") != "planned_down").group_by("reason_class").agg(
        pl.col("duration_s").sum()).rows())  # fmt: skip
    pairs = {"loss_breakdown": "breakdown", "loss_setup": "setup", "loss_minor_stops": "minor_stop",
             "loss_waiting": "logistic"}  # fmt: skip
    if row["loss_speed"]["value"] >= 0:
        pairs |= {"loss_speed": "reduced_speed", "loss_scrap": "scrap", "loss_rework": "rework"}
    for name, word in pairs.items():
        assert row[name]["numerator"] == pytest.approx(lost.get(word, 0.0) * 1e6), name
