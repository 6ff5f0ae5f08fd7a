"""The failure model finds what was planted, refuses what is not there, and comes back from storage unchanged."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from models import evaluation as ev
from models.card import to_json
from models.failure import Settings, train
from models.risk import remaining_life
from models.risk.calibration import calibrate
from models.risk.scoring import score
from models.risk.storage import UntrustedModelError, dump, load, version_of
from models.summary import failure_card
from plant.tables import table


@pytest.fixture(scope="module")
def model(world, frame):
    return train(frame, world.maintenance, world.machines, world.end)


def of(model, mode):
    return next(m for m in model.modes if m.mode == mode)


def test_planted_precursors_are_found(model):
    for mode in ("bearing", "valve", "any"):
        m = of(model, mode)
        assert m.reason is None
        assert m.metrics["average_precision"] > 0.8
        assert m.metrics["average_precision"] > max(v for v in m.metrics["baselines"].values() if v is not None)
        assert m.metrics["events"]["recall"] >= 0.8
        assert m.metrics["events"]["cost"] < m.metrics["run_to_failure"]["cost"] / 2
        assert m.metrics["interval_95"]["low"] <= m.metrics["average_precision"] <= m.metrics["interval_95"]["high"]


def test_a_mode_is_learnt_only_on_its_kind_of_machine(model):
    assert of(model, "bearing").kinds == ("lathe",)
    assert "since_valve_h" not in of(model, "bearing").features


@pytest.mark.parametrize("seed", [1, 2])
def test_failures_at_random_times_are_refused(world, frame, seed):
    rng = np.random.default_rng(seed)
    shift = pl.Series([timedelta(hours=float(h)) for h in rng.uniform(0, 60 * 24, world.maintenance.height)])
    start = pl.lit(world.end - timedelta(days=95))
    random = world.maintenance.with_columns(started_at=start + shift * 1).with_columns(
        reported_at=pl.col("started_at"), ended_at=pl.col("started_at") + timedelta(hours=3)
    )
    spread = random.with_columns(
        pl.col("started_at", "reported_at", "ended_at")
        + pl.Series([timedelta(days=int(d)) for d in rng.integers(0, 34, random.height)])
    )
    blind = frame.select([c for c in frame.columns if not c.startswith(("since_", "failures_"))])
    found = train(blind, spread, world.machines, world.end)
    for m in found.modes:
        assert m.reason is not None
        if m.metrics:
            assert m.metrics["average_precision"] < 4 * m.metrics["prevalence"]
    assert score(found, blind.tail(50), world.machines, "v")["alert"].any() is False


def test_too_few_failures_give_a_reason_and_no_score(world, frame):
    few = world.maintenance.filter(pl.col("failure_mode") == "bearing").sort("started_at").head(4)
    model = train(frame, few, world.machines, world.end)
    assert "not enough failures" in of(model, "bearing").reason
    rows = score(model, frame.head(40), world.machines, "v")
    assert rows["probability"].null_count() == rows.height > 0
    assert rows["explained_by"].str.contains("not enough failures").all()


def test_no_data_at_all_is_a_reason_too(world, frame):
    model = train(frame.clear(), world.maintenance, world.machines, None)
    assert {m.reason for m in model.modes} == {"no telemetry before the failures on record"}
    assert score(model, frame.clear(), world.machines, "v").schema == table("gold.failure_risk").schema


def test_scores_have_the_contract_and_their_reasons(model, world, frame):
    rows = score(model, frame, world.machines, "v1")
    contract = table("gold.failure_risk")
    assert dict(rows.schema) == dict(contract.schema)
    assert rows.select(contract.key).is_duplicated().any() is False
    scored = rows.filter(pl.col("probability").is_not_null())
    assert scored["probability"].is_between(0, 1).all()
    assert (scored["alert"] == (scored["probability"] >= scored["threshold"])).all()
    down = rows.filter(pl.col("explained_by").str.contains("down for repair"))
    assert down["probability"].null_count() == down.height > 0


def test_the_driver_named_is_the_one_that_moved(model, world, frame):
    rows = score(model, frame, world.machines, "v1").sort("probability", descending=True)
    for mode, signal in (("bearing", "vibration"), ("valve", "temperature")):
        top = rows.filter((pl.col("failure_mode") == mode) & pl.col("alert")).head(20)
        assert top["explained_by"].str.contains(f"{signal} .* above its own normal|{signal} rising").mean() > 0.9
    assert rows.filter(pl.col("alert"))["explained_by"].str.contains("since 2026-").any()


def test_stored_and_loaded_scores_the_same_and_stores_the_same(model, world, frame):
    files = dump(model)
    back = load(files)
    assert score(back, frame, world.machines, "v").equals(score(model, frame, world.machines, "v"))
    assert dump(back) == files
    assert version_of(files) == version_of(dump(back))
    assert not any(content.startswith(b"\x80") for content in files.values())


def test_training_again_gives_the_same_bytes(model, world, frame):
    assert dump(train(frame, world.maintenance, world.machines, world.end)) == dump(model)
    other = train(frame, world.maintenance, world.machines, world.end, Settings(trees=5, folds=2))
    assert version_of(dump(other)) != version_of(dump(model))


def test_a_stored_model_with_a_foreign_type_is_refused(model):
    import skops.io as sio
    from sklearn.ensemble import ExtraTreesClassifier

    strange = sio.dumps({"bearing": [ExtraTreesClassifier(2).fit([[0], [1]], [0, 1]), print]})
    with pytest.raises(UntrustedModelError, match="print"):
        load(dump(model) | {"estimators.skops": strange})


def test_the_card_is_json_and_tells_the_limits(model, world, frame):
    card = failure_card(model, "failure_model", "v", {"rows": 1}, (frame["at"].min(), frame["at"].max()))
    told = json.loads(to_json(card))
    assert set(told["metrics"]) == {"any", "bearing", "valve"}
    assert told["features_hash"]
    assert {"scikit-learn", "polars", "skops"} <= set(told["libraries"])
    assert any("tested on" in limit for limit in told["limits"])


def rows_of(*spec):
    t0 = datetime(2026, 1, 1, tzinfo=UTC)
    at = {"machine": [m for m, _ in spec], "at": [t0 + timedelta(hours=h) for _, h in spec]}
    return pl.DataFrame(at, schema={"machine": pl.String(), "at": pl.Datetime("us", "UTC")}), t0


def test_events_count_failures_and_false_runs():
    rows, t0 = rows_of(*[("a", h) for h in range(0, 100, 2)], *[("b", h) for h in range(0, 100, 2)])
    happened = pl.DataFrame(
        {"machine": ["a", "b"], "failed_at": [t0 + timedelta(hours=50), t0 + timedelta(hours=50)]},
        schema_overrides={"failed_at": pl.Datetime("us", "UTC")},
    )
    hours = ((rows["at"] - t0).dt.total_hours()).to_numpy()
    machine = rows["machine"].to_numpy()
    alert = ((machine == "a") & (hours >= 40) & (hours < 50)) | ((machine == "b") & (hours >= 60) & (hours < 96))
    found = ev.events(rows, alert, happened, 24.0, 2.0, ev.Costs(100, 10, 1))
    assert (found.failures, found.caught, found.lead_h) == (2, 1, (10.0,))
    assert found.false_alarms == 2  # 36 h of alert for nothing are two started horizons
    assert found.cost == 100 + 10 + 2


def test_always_alerting_does_not_pay(model, world):
    hours = list(range(0, 24 * 90, 3))
    rows, t0 = rows_of(*[("a", h) for h in hours])
    happened = pl.DataFrame(
        {"machine": ["a"], "failed_at": [t0 + timedelta(days=40)]},
        schema_overrides={"failed_at": pl.Datetime("us", "UTC")},
    )
    p = np.random.default_rng(0).uniform(0, 1, len(hours))
    chosen = ev.threshold(rows, p, happened, 24.0, 3.0, ev.Costs(5000, 1000, 200))
    always = ev.events(rows, np.ones(len(hours), bool), happened, 24.0, 3.0, ev.Costs(5000, 1000, 200))
    never = ev.events(rows, np.zeros(len(hours), bool), happened, 24.0, 3.0, ev.Costs(5000, 1000, 200))
    assert always.cost > never.cost
    assert chosen > 0.3


def test_bootstrap_precision_equals_scikit_learn_with_equal_weights():
    rng = np.random.default_rng(0)
    y, s = (rng.uniform(size=400) < 0.1).astype(float), rng.integers(0, 20, 400) / 20
    assert ev._weighted_precision(y, s)(np.ones(400)) == pytest.approx(ev.average_precision(y, s))


def test_folds_and_split_share_no_label_window():
    rows, t0 = rows_of(*[(m, h) for m in "abc" for h in range(0, 600, 3)])
    train_rows, test_rows = ev.split(rows, t0 + timedelta(hours=400), 24)
    assert rows.filter(train_rows)["at"].max() + timedelta(hours=24) < rows.filter(test_rows)["at"].min()
    held_out = np.zeros(rows.height, int)
    for keep, held in ev.time_folds(rows, 3, 24):
        held_out += held
        inside = rows.filter(held)["at"]
        near = rows.filter(keep)["at"]
        assert not near.is_between(
            inside.min() - timedelta(hours=24), inside.max() + timedelta(hours=24), closed="none"
        ).any()
    assert (held_out == 1).all()


def test_machine_folds_need_two_machines_that_failed():
    rows, _ = rows_of(*[(m, h) for m in "abc" for h in range(5)])
    one = (rows["machine"] == "a").to_numpy().astype(float)
    assert list(ev.machine_folds(rows, one, 3)) == []
    two = (rows["machine"] != "c").to_numpy().astype(float)
    for keep, held in ev.machine_folds(rows, two, 3):
        assert not set(rows.filter(keep)["machine"]) & set(rows.filter(held)["machine"])


def test_calibration_repairs_an_overconfident_score():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.01, 0.5, 4000)
    y = (rng.uniform(size=4000) < truth).astype(float)
    over = truth**0.4
    for failures, kind in ((100, "isotonic"), (10, "sigmoid"), (2, "none")):
        c = calibrate(over, y, failures)
        assert c.kind == kind
        if kind != "none":
            assert np.mean((c(over) - y) ** 2) < np.mean((over - y) ** 2)
            assert abs(c(over).mean() - y.mean()) < 0.02


def test_remaining_life_covers_and_is_refused_without_signal():
    rng = np.random.default_rng(0)
    lengths = rng.uniform(60, 300, 80)
    run = np.concatenate([np.full(30, i) for i in range(80)])
    hours = np.concatenate([np.linspace(length, 2, 30) for length in lengths])
    wear = np.column_stack([np.exp(-hours / 80) + rng.normal(0, 0.05, len(hours)), rng.normal(size=len(hours))])
    life = remaining_life.fit(wear, hours, run)
    assert life.reason is None
    assert 0.8 <= life.metrics["coverage"] <= 1.0
    assert life.metrics["mae_h"] < 0.7 * life.metrics["constant_mae_h"]
    low, mid, high = life.estimate(wear)
    assert ((low <= mid) & (mid <= high)).all()
    refused = remaining_life.fit(rng.normal(size=(len(hours), 2)), rng.permutation(hours), run)
    assert "refused" in refused.reason
    few = pl.DataFrame({"machine": ["a"], "at": [datetime(2026, 1, 1, tzinfo=UTC)], "x": [1.0]})
    happened = pl.DataFrame({"machine": ["a"], "failed_at": [datetime(2026, 1, 2, tzinfo=UTC)]})
    assert "1 of 40" in remaining_life.fit_remaining_life(few, ("x",), happened).reason
