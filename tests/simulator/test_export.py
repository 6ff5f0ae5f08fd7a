"""What a run leaves on disk and in real databases."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

import simulator
from plant.errors import TerminalError
from simulator import truth
from simulator.enterprise.journal import SCHEMAS, known_at, schema_of
from simulator.instants import INSTANT, to_us


@pytest.fixture(scope="module")
def exported(week, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    simulator.export(week, root)
    return root


def read_csv(path) -> pl.DataFrame:
    status = {"Good": 0, "Uncertain": 0x40000000, "Bad": 0x80000000}
    return pl.read_csv(path, schema_overrides={"Value": pl.Float64}).select(
        tag="Tag", ts=pl.col("Timestamp").str.strptime(INSTANT, "%Y-%m-%dT%H:%M:%S%.6fZ"), value="Value",
        status=pl.col("Quality").replace_strict(status, return_dtype=pl.Int64),
    )  # fmt: skip


def test_historian_files_hold_every_sample_once(week, exported):
    folder = exported / "plant" / "historian"
    parquet = sorted(folder.glob("*.parquet"))
    assert [p.stem for p in parquet] == [f"2026-11-{d}" for d in range(15, 23)]
    assert [p.stem for p in sorted(folder.glob("*.csv"))] == [p.stem for p in parquet]
    one = pl.read_parquet(parquet[0])
    assert one.schema == {"tag": pl.String(), "timestamp": INSTANT, "value": pl.Float64(), "status": pl.Int64()}
    assert one["timestamp"].dt.date().unique().to_list() == [week.start_at.date()]
    assert (folder / "2026-11-16.csv").read_text().splitlines()[0] == "Tag,Timestamp,Value,Quality"
    frames = [pl.read_parquet(p).rename({"timestamp": "ts"}) for p in parquet]
    frames += [read_csv(p) for p in folder.glob("*.csv")]
    assert_frame_equal(pl.concat(frames).sort("ts", "tag"), week.samples.sort("ts", "tag"))


def test_modbus_machines_export_csv_the_others_parquet(exported):
    folder = exported / "plant" / "historian"
    machine = pl.col("tag").str.split(".").list.first().unique()
    assert set(read_csv(folder / "2026-11-17.csv").select(machine)["tag"]) == {"press-1", "oven-1", "comp-1"}
    others = pl.read_parquet(folder / "2026-11-17.parquet").select(machine)["tag"]
    assert set(others) == {"cnc-1", "cnc-2", "robot-1", "pack-1", "pack-2"}


def test_csv_times_are_iso_with_microseconds(exported):
    line = (exported / "plant" / "historian" / "2026-11-17.csv").read_text().splitlines()[1].split(",")
    assert len(line[1]) == len("2026-11-15T05:00:00.000000Z")
    assert line[1].endswith("Z")
    assert line[3] == "Good"


def test_archive_holds_four_months_before_the_run(week, exported):
    files = sorted((exported / "plant" / "historian_archive").glob("*.parquet"))
    frame = pl.concat([pl.read_parquet(f) for f in files])
    assert frame.columns == ["tag", "timestamp", "value", "status"]
    assert frame["timestamp"].max() < week.start_at
    assert frame["timestamp"].min() < week.start_at - timedelta(days=119)
    assert 60_000 < frame.height < 120_000


def test_the_example_plant_reads_what_is_exported(plant, exported):
    for name in ("historian-parquet", "historian-csv", "historian-archive"):
        source = plant.sources[name]
        files = list(exported.glob(source.path))
        assert files
        columns = pl.read_parquet(files[0]).columns if files[0].suffix == ".parquet" else pl.read_csv(files[0]).columns
        assert list(source.columns.values()) == columns
    assert {t.name for t in plant.sources["erp"].tables} == set(SCHEMAS)


def test_truth_is_written_apart(week, exported):
    meta = json.loads((exported / "truth" / "run.json").read_text())
    spans = {"start_at": "2026-11-15T05:00:00+00:00", "end_at": "2026-11-22T05:00:00+00:00"}
    assert meta == {"seed": 7, **spans, "loss": 0.0, "contaminated": None}
    for name, frame in truth.until(dict(week.truth), week.end_at).items():
        assert_frame_equal(pl.read_parquet(exported / "truth" / f"{name}.parquet"), frame)
    assert pl.read_parquet(exported / "truth" / "stock.parquet").columns == ["material", "location", "qty"]


def read_table(engine: sa.Engine, name: str) -> pl.DataFrame:
    """A table as SQLAlchemy reads it, instants UTC."""
    meta = sa.MetaData()
    with engine.connect() as connection:
        rows = connection.execute(sa.select(sa.Table(name, meta, autoload_with=connection))).mappings().all()
    naive = {c: pl.Datetime("us") if d == INSTANT else d for c, d in schema_of(name).items()}
    zoned = engine.dialect.name != "sqlite"
    frame = pl.DataFrame([dict(r) for r in rows], schema=schema_of(name) if zoned else naive, infer_schema_length=None)
    return frame.with_columns(pl.col(c).cast(INSTANT) for c, d in schema_of(name).items() if d == INSTANT)


def check_database(engine, run, at) -> None:
    for name, versions in run.tables.items():
        expected = known_at(versions, to_us(at)).sort("id")
        assert_frame_equal(read_table(engine, name).sort("id"), expected)


def test_sqlite_holds_what_was_known(week, exported):
    engine = simulator.engine_for(exported)
    check_database(engine, week, week.end_at)
    engine.dispose()


def test_sqlite_watermarks_compare_as_text(exported):
    with sqlite3.connect(exported / "plant" / "erp.sqlite") as connection:
        lengths = connection.execute("SELECT DISTINCT length(updated_at) FROM stock_moves").fetchall()
    connection.close()
    assert lengths == [(len("2026-11-15 05:00:00.000000"),)]


def test_export_until_shows_no_more_than_was_known(week, tmp_path):
    at = week.start_at + timedelta(days=2, hours=3.3)
    simulator.export(week, tmp_path, until=at)
    engine = simulator.engine_for(tmp_path)
    check_database(engine, week, at)
    parquet = pl.concat([pl.read_parquet(f) for f in (tmp_path / "plant" / "historian").glob("*.parquet")])
    assert at - timedelta(minutes=1) < parquet["timestamp"].max() < at
    intervals = pl.read_parquet(tmp_path / "truth" / "intervals.parquet")
    assert intervals["end_at"].max() == at
    # The plant lives on: what became known later arrives by advance, in steps of any size.
    reached = at
    for hours in (0.5, 7, 31):
        step = reached + timedelta(hours=hours)
        written = simulator.advance(week, engine, reached, step)
        assert sum(written.values()) > 0
        reached = step
    check_database(engine, week, reached)
    again = simulator.advance(week, engine, reached - timedelta(hours=1), reached)
    assert again["stock_moves"] >= 0
    check_database(engine, week, reached)
    engine.dispose()


def test_export_replaces_an_earlier_export(week, dst, tmp_path):
    simulator.export(dst, tmp_path)
    simulator.export(week, tmp_path)
    names = {p.stem for p in (tmp_path / "plant" / "historian").glob("*.csv")}
    assert min(names) == "2026-11-15"
    engine = simulator.engine_for(tmp_path)
    check_database(engine, week, week.end_at)
    engine.dispose()


def test_postgresql_holds_the_same(week, tmp_path, postgres_url):
    at = week.start_at + timedelta(days=3)
    simulator.export(week, tmp_path, database_url=postgres_url, until=at)
    assert not (tmp_path / "plant" / "erp.sqlite").exists()
    engine = simulator.engine_for(tmp_path, postgres_url)
    check_database(engine, week, at)
    later = at + timedelta(hours=5)
    simulator.advance(week, engine, at, later)
    check_database(engine, week, later)
    simulator.export(week, tmp_path, database_url=postgres_url, until=at)
    check_database(engine, week, at)
    engine.dispose()


def test_a_database_of_somebody_else_is_left_alone(week, tmp_path):
    path = tmp_path / "real.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE sales_orders (id TEXT, worth INTEGER)")
    connection.execute("INSERT INTO sales_orders VALUES ('precious', 1)")
    connection.commit()
    with pytest.raises(TerminalError, match="sales_orders and no simulator_run"):
        simulator.export(week, tmp_path, database_url=f"sqlite:///{path}")
    assert connection.execute("SELECT * FROM sales_orders").fetchall() == [("precious", 1)]
    connection.close()


def test_a_plant_without_a_past_has_its_first_files_written(week, tmp_path):
    from simulator.catch_up import catch_up

    until = week.start_at + timedelta(hours=2)
    assert catch_up(week, tmp_path, until) > 0
    assert len(list((tmp_path / "plant" / "historian").iterdir())) == 2
