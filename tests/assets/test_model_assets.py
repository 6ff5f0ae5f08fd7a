"""The model assets: from silver frames to artefacts, from artefacts to gold rows and the file of approved forecasts."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from assets.exports.forecast_file import forecast_file
from assets.gold.failure_risk import failure_risk
from assets.gold.forecast import forecast
from assets.models.failure_model import failure_model
from assets.models.forecast_model import forecast_model
from models.card import Shelved, to_json
from plant.config import load
from plant.dimensions import machines_frame
from plant.tables import table

END = datetime(2026, 11, 22, 5, tzinfo=UTC)
DAYS = 70
US = pl.Datetime("us", "UTC")
ASSETS = [failure_model, forecast_model, failure_risk, forecast, forecast_file]
SOURCES = [dg.AssetSpec(["silver", n]) for n in ("readings", "maintenance_orders", "machines", "sales_orders")]
SOURCES.append(dg.AssetSpec(["bronze", "decisions"]))


@pytest.fixture(scope="module")
def plant():
    return load(Path(__file__).parents[2] / "plant.toml")


def shaped(name, frame):
    exact = table(name).schema
    return frame.select((pl.col(n) if n in frame.columns else pl.lit(None)).cast(t).alias(n) for n, t in exact.items())


@pytest.fixture(scope="module")
def silver(plant):
    """Ten weeks of two packers: the belt fails every five days, and vibration rises 30 hours ahead."""
    rng, hours = np.random.default_rng(5), np.arange(DAYS * 24)
    start, frames, orders = END - timedelta(days=DAYS), [], []
    at = pl.Series("at", [start + timedelta(hours=int(h)) for h in hours], dtype=US)
    for offset, machine in ((60, "pack-1"), (110, "pack-2")):
        failed = np.arange(offset, DAYS * 24, 120) + rng.uniform(0, 20, len(np.arange(offset, DAYS * 24, 120)))
        ramp = sum(np.clip((hours - f + 30) / 30, 0, 1) * (hours < f) for f in failed)
        for role, level, lift in (("power", 3.0, 0.0), ("vibration", 1.4, 1.1), ("temperature", 36.0, 0.0)):
            values = level * (1 + lift * ramp) * rng.normal(1, 0.04, len(hours))
            frames.append(readings_of(machine, role, at, values))
        alarm = pl.Series("value", np.where(rng.uniform(size=len(hours)) < 0.01, 61.0, 0.0))
        frames.append(readings_of(machine, "alarm", at, alarm.to_numpy()))
        orders += [corrective(machine, i, start + timedelta(hours=float(f))) for i, f in enumerate(failed)]
    return {
        "readings": pl.concat(frames).lazy(),
        "maintenance_orders": pl.DataFrame(orders, schema=table("silver.maintenance_orders").schema).lazy(),
        "machines": shaped("silver.machines", machines_frame(plant)).lazy(),
    }


def readings_of(machine, role, at, values):
    frame = pl.DataFrame({"at": at, "value": values}).with_columns(
        production_day=(pl.col("at") - timedelta(hours=5)).dt.date(), site=pl.lit("northmill"), machine=pl.lit(machine),
        tag=pl.lit(f"{machine}.{role}"), role=pl.lit(role), quality=pl.lit("good"), opening=pl.lit(value=False),
        since_at=pl.col("at"), source=pl.lit("made"),
    )  # fmt: skip
    return shaped("silver.readings", frame)


def corrective(machine, number, at):
    return {"maintenance_id": f"{machine}-{number}", "machine": machine, "kind": "corrective", "failure_mode": "belt",
            "reported_at": at, "started_at": at, "ended_at": at + timedelta(hours=2)}  # fmt: skip


@pytest.fixture(scope="module")
def artefact(silver, plant):
    return failure_model(**silver, plant=plant)


def test_assets_stand_where_the_house_looks_for_them(plant):
    graph = dg.Definitions([*ASSETS, *SOURCES], resources={"plant": plant}).resolve_asset_graph()
    upstream = {
        k.to_user_string(): sorted(p.to_user_string() for p in graph.get(k).parent_keys)
        for k in graph.materializable_asset_keys
    }
    assert upstream["gold/failure_risk"] == [
        "models/failure_model", "silver/machines", "silver/maintenance_orders", "silver/readings",
    ]  # fmt: skip
    assert upstream["gold/forecast"] == ["bronze/decisions", "models/forecast_model"]
    assert upstream["exports/forecast_file"] == ["gold/forecast"]
    groups = {k.to_user_string(): graph.get(k).group_name for k in graph.materializable_asset_keys}
    assert groups["models/failure_model"] == groups["models/forecast_model"] == "models"
    assert groups["exports/forecast_file"] == "exports"


def test_failure_model_learns_without_the_day_it_scores(artefact, plant):
    card = json.loads(to_json(artefact.card))
    belt = card["metrics"]["belt"]
    assert belt["no_model_because"] is None
    assert belt["average_precision"] > 10 * belt["prevalence"] or belt["average_precision"] > 0.6
    assert card["settings"]["costs"]["missed"] == plant.file.alerts.cost_missed
    assert datetime.fromisoformat(card["trained_on"]["to"]) <= END - timedelta(hours=48)
    assert artefact.name == "failure_model"
    assert isinstance(artefact, Shelved)


def test_failure_risk_has_every_hour_of_the_last_day(artefact, silver):
    rows = failure_risk(artefact, **silver)
    contract = table("gold.failure_risk")
    assert dict(rows.schema) == dict(contract.schema)
    assert set(rows["machine"]) == {"pack-1", "pack-2"}
    assert rows.select(contract.key).is_duplicated().any() is False
    assert rows["scored_at"].max() == END - timedelta(hours=1)
    assert rows["scored_at"].n_unique() == 24
    assert rows["probability"].null_count() < rows.height
    assert set(rows["model_version"]) == {artefact.version}


def test_scoring_needs_only_the_recent_days(artefact, silver):
    recent = silver["readings"].filter(pl.col("at") >= END - timedelta(days=45))
    assert failure_risk(artefact, **(silver | {"readings": recent})).equals(failure_risk(artefact, **silver))


def test_building_twice_gives_the_same_artefact(artefact, silver, plant):
    shuffled = silver["readings"].collect().sample(fraction=1.0, shuffle=True, seed=1).lazy()
    again = failure_model(**(silver | {"readings": shuffled}), plant=plant)
    assert (again.version, again.payload) == (artefact.version, artefact.payload)


def test_an_empty_plant_builds_without_scores(plant):
    empty = {n: table(f"silver.{n}").empty().lazy() for n in ("readings", "maintenance_orders", "machines")}
    assert failure_risk(failure_model(**empty, plant=plant), **empty).is_empty()
    sold = forecast_model(table("silver.sales_orders").empty().lazy(), plant=plant)
    assert forecast(sold, table("bronze.decisions").empty().lazy()).is_empty()


def test_failures_without_telemetry_say_so(silver, plant):
    blind = silver | {"readings": table("silver.readings").empty().lazy()}
    model = failure_model(**blind, plant=plant)
    assert any("no telemetry" in limit for limit in model.card["limits"])
    assert failure_risk(model, **silver)["explained_by"].str.contains("no telemetry").all()


@pytest.fixture(scope="module")
def sales():
    rng, first = np.random.default_rng(2), datetime(2025, 11, 24, 8, tzinfo=UTC)
    rows = [
        {"sales_id": f"{p}{d}", "customer": "c", "product": p, "qty": float(rng.poisson(level)), "unit_price_cents": 1,
         "ordered_at": first + timedelta(days=d), "requested_at": None, "shipped_at": None, "shipped_qty": None,
         "status": "open"}
        for p, level in (("shaft-20", 40), ("bracket-s", 900)) for d in range(363)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=table("silver.sales_orders").schema).lazy()


def test_forecast_from_sales_to_the_file_of_approved_rows(sales, plant):
    model = forecast_model(sales, plant=plant)
    assert json.loads(to_json(model.card))["metrics"]["items_back_tested"] == 2
    draft = forecast(model, table("bronze.decisions").empty().lazy())
    assert dict(draft.schema) == dict(table("gold.forecast").schema)
    assert draft.height == 16
    assert set(draft["status"]) == {"draft"}
    assert draft.filter(pl.col("item") == "shaft-20")["quantity"].to_list() == pytest.approx([280] * 8, rel=0.1)
    assert draft["period_start"].min() == date(2026, 11, 16)
    assert forecast_file(draft.lazy()).is_empty()

    row = draft.row(0, named=True)
    decision = {
        "item": row["item"], "period_start": row["period_start"], "model_version": row["model_version"],
        "decision": "approved", "decided_by": "kim", "decided_at": END, "quantity": 6500.0, "comment": None,
    }  # fmt: skip
    decisions = pl.DataFrame([decision], schema=table("bronze.decisions").schema).lazy()
    approved = forecast_file(forecast(model, decisions).lazy())
    assert approved.rows(named=True)[0] | {"quantity": 6500.0, "approved_by": "kim"} == approved.rows(named=True)[0]
    assert approved.height == 1
    assert approved["forecast_quantity"][0] == row["quantity"]


class Table(dg.IOManager):
    """Hands out contract-shaped frames, and keeps what assets return, in this process."""

    def handle_output(self, context, obj):
        KEPT[context.asset_key.to_user_string()] = obj

    def load_input(self, context):
        name = context.asset_key.to_user_string()
        found = KEPT[name]
        return found.lazy() if isinstance(found, pl.DataFrame) else found


KEPT = {}


def test_dagster_runs_them_in_order(silver, sales, plant):
    KEPT.update({f"silver/{n}": f for n, f in silver.items()})
    KEPT.update({"silver/sales_orders": sales, "bronze/decisions": table("bronze.decisions").empty()})
    done = dg.materialize(
        [*ASSETS, *SOURCES], resources={"plant": plant, "io_manager": Table()}, instance=dg.DagsterInstance.ephemeral()
    )
    assert done.success
    assert set(KEPT["gold/failure_risk"]["model_version"]) == {KEPT["models/failure_model"].version}
    assert KEPT["gold/forecast"].height == 16
    assert KEPT["exports/forecast_file"].is_empty()
