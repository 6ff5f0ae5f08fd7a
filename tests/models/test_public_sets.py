"""The models on public data sets, by the protocols of their reference figures. Skipped where a set is absent."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models import evaluation as ev
from models.backtest import choose, run
from models.events import label
from models.failure import Settings, train
from models.features import features, grid
from models.methods import METHODS
from plant.tables import table

DATA = Path(os.environ.get("SHOPFLOOR_DATA", Path(__file__).parents[3] / "shared" / "data"))


def folder(name):
    if not (DATA / name).is_dir():
        pytest.skip(f"data set {name} is not in {DATA}; set SHOPFLOOR_DATA")
    return DATA / name


def test_azure_failures_from_errors_and_replacements():
    """azure_pdm, run (a) of the reference: errors and replacements, no telemetry; the last four months are the test."""
    at = azure(folder("azure_pdm"))
    for mode in at["model"].modes:
        if mode.mode == "any":
            continue
        assert mode.reason is None, mode.reason
        m = mode.metrics
        assert m["average_precision"] > 10 * m["prevalence"]
        assert m["average_precision"] > 0.6
        assert m["events"]["recall"] > 0.85
        assert m["events"]["false_alarms_per_machine_month"] < 0.3


def azure(path):
    def read(name, **renamed):
        frame = pl.read_csv(path / f"PdM_{name}.csv", try_parse_dates=True).rename(
            {"datetime": "at", "machineID": "machine"}
        )
        return frame.rename(renamed).with_columns(
            pl.col("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"), pl.col("machine").cast(pl.String)
        )

    errors, failed, replaced = read("errors"), read("failures"), read("maint")
    alarms = (
        errors.with_columns(code=pl.col("errorID").str.tail(1).cast(pl.Int64))
        .select("machine", "at", "code")
        .sort("machine", "at")
    )
    kinds = pl.concat([
        failed.select("machine", "at", mode="failure", kind=pl.lit("corrective")),
        replaced.join(failed, left_on=["machine", "at", "comp"], right_on=["machine", "at", "failure"], how="anti")
        .select("machine", "at", mode="comp", kind=pl.lit("preventive")),
    ])  # fmt: skip
    orders = kinds.with_row_index("maintenance_id").select(
        pl.col("maintenance_id").cast(pl.String), "machine", "kind", failure_mode="mode", reported_at="at",
        started_at="at", ended_at="at",
    )  # fmt: skip
    machines = failed.select("machine").unique().sort("machine").with_columns(kind=pl.lit("machine")).head(50)
    first, end = datetime(2015, 1, 11, tzinfo=UTC), datetime(2015, 12, 31, tzinfo=UTC)
    times = [first + timedelta(hours=12 * i) for i in range((end - first).days * 2)]
    none = pl.DataFrame(schema=table("silver.readings").schema).lazy()
    frame = features(none, alarms, orders, machines, grid(machines["machine"], times))
    model = train(
        frame, orders, machines, end, Settings(step_h=12.0, trees=40, folds=2, test_share=0.34, min_failures=20)
    )
    return {"model": model, "frame": frame}


def test_azure_telemetry_moves_before_failures():
    """azure_pdm telemetry of 20 machines: the deviations our features take rise before failures, beyond chance."""
    path = folder("azure_pdm")
    wide = pl.read_csv(path / "PdM_telemetry_20machines_90days.csv", try_parse_dates=True)
    names = {"rotate": "speed", "pressure": "pressure", "vibration": "vibration"}
    long = wide.rename(names | {"machineID": "machine", "datetime": "at"}).unpivot(
        list(names.values()), index=["machine", "at"], variable_name="role"
    )
    readings = long.with_columns(
        pl.col("machine").cast(pl.String), pl.col("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        quality=pl.lit("good"), flag=pl.lit(None, pl.String), opening=pl.lit(value=False),
    )  # fmt: skip
    failed = pl.read_csv(path / "PdM_failures.csv", try_parse_dates=True).select(
        machine=pl.col("machineID").cast(pl.String),
        failed_at=pl.col("datetime").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        mode="failure",
    )
    machines = readings.select("machine").unique().with_columns(kind=pl.lit("machine"))
    first = datetime(2015, 1, 11, tzinfo=UTC)
    at = grid(machines["machine"], [first + timedelta(hours=3 * i) for i in range(78 * 8)])
    none = table("silver.maintenance_orders").empty()
    quiet = pl.DataFrame(schema={"machine": pl.String(), "at": pl.Datetime("us", "UTC"), "code": pl.Int64()})
    frame = features(readings.lazy(), quiet, none, machines, at)
    for mode, column, sign in (
        ("comp2", "speed_dev_24h", -1),
        ("comp3", "pressure_dev_24h", 1),
        ("comp4", "vibration_dev_24h", 1),
    ):
        y = label(failed.filter(pl.col("mode") == mode), frame, 24, datetime(2015, 4, 1, tzinfo=UTC))
        known = frame.with_columns(y=y).filter(pl.col("y").is_not_null() & pl.col(column).is_not_null())
        found = ev.average_precision(known["y"].to_numpy(), sign * known[column].to_numpy())
        assert found > 10 * known["y"].mean(), (mode, found)


def test_carparts_intermittent_demand():
    """carparts_hyndman: 300 parts, 39 months to choose on, 12 to test; RMSSE, since MAE ranks zero first."""
    path = folder("carparts_hyndman")
    wide = (
        pl.read_parquet(path / "carparts_long.parquet").pivot("part_id", index="month", values="demand").sort("month")
    )
    values = wide.drop("month").to_numpy().T
    values = values[~np.isnan(values).any(axis=1) & (values[:, :39].sum(axis=1) > 0)][::8]
    past, future = values[:, :39], values[:, 39:]
    methods = {n: METHODS[n] for n in METHODS if n != "boosted"}
    winner = choose(run(past, 6, 12, 3, methods=methods)).winner
    ahead = np.stack([np.nan_to_num(m(past, 12, 12)) for m in methods.values()])
    picked = ahead[winner, np.arange(len(past))]
    assert rmsse(past, future, picked) < 0.78
    assert rmsse(past, future, picked) < min(
        rmsse(past, future, ahead[list(methods).index(n)]) for n in ("naive", "seasonal_naive")
    )


def rmsse(past, future, ahead):
    scale = np.maximum((np.diff(past, axis=1) ** 2).mean(axis=1), 1e-9)
    return float(np.sqrt(((future - ahead) ** 2).mean(axis=1) / scale).mean())


@pytest.mark.parametrize(("prefix", "season", "horizon", "ceiling"), [("Q", 4, 8, 14.2), ("M", 12, 18, 24.0)])
def test_m3_series_beat_the_naive_forecast(prefix, season, horizon, ceiling):
    """m3_m1_competition: the first 200 series of a frequency on their own test part, as in the reference (sMAPE)."""
    path = folder("m3_m1_competition")
    info = pl.read_csv(path / "m3_series.csv").filter(pl.col("code").str.starts_with(prefix)).head(200)
    values = pl.read_parquet(path / "m3_values.parquet").sort("t").partition_by("series", "split", as_dict=True)
    parts = [[values[(n, part)]["value"].to_numpy() for n in info["series"]] for part in ("train", "test")]
    longest = max(len(v) for v in parts[0])
    past = np.stack([np.concatenate([np.full(longest - len(v), np.nan), v]) for v in parts[0]])
    future = np.stack(parts[1])
    methods = {n: METHODS[n] for n in METHODS if n not in ("boosted", "tsb")}
    winner = choose(run(past, min(horizon, 6), season, 2, most=6, methods=methods)).winner
    ahead = np.stack([m(past, horizon, season) for m in methods.values()])
    fallback = list(methods).index("exponential")
    picked = ahead[np.where(winner < 0, fallback, winner), np.arange(len(past))]
    assert smape(future, picked) < smape(future, ahead[list(methods).index("seasonal_naive")])
    assert smape(future, picked) < ceiling


def smape(actual, ahead):
    return float(np.mean(200 * np.abs(actual - ahead) / (np.abs(actual) + np.abs(ahead))))
