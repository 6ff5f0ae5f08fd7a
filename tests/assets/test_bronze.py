"""The bronze assets under Dagster: what they read, and that one bad source costs nothing but itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.bronze.readings import readings
from assets.bronze.records import records
from assets.bronze.reports import reports
from connectors.base import Ingested, Landing
from connectors.sql.source import nothing_known
from plant.config import Plant
from plant.model import PlantFile

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class MemoryDock:
    """A `Dock` that remembers in memory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.identities: set[str] = set()
        self.latest: dict[str, pl.DataFrame] = {}

    def seen(self, identity: str) -> bool:
        return identity in self.identities

    def record(self, ingested: Ingested) -> None:
        self.identities.add(ingested.identity)

    def now(self) -> datetime:
        return NOW

    def known(self, record_set: str, keys: pl.Series | None = None) -> pl.DataFrame:
        return self.latest.get(record_set, nothing_known(record_set))

    def landed(self, record_set: str) -> int:
        return -1

    def mark(self, record_set: str) -> tuple[str | None, bool]:
        return None, False

    def keep(self, record_set: str, mark: str) -> None:
        pass


class Door(dg.IOManager):
    """Takes the landings as the writing door does: rows first, then the file is recorded."""

    def __init__(self, dock: MemoryDock) -> None:
        self.dock = dock
        self.landed: list[Landing] = []

    def handle_output(self, context: dg.OutputContext, obj: list[Landing]) -> None:
        for landing in obj:
            self.landed.append(landing)
            if landing.ingested:
                self.dock.record(landing.ingested)
            if landing.table == "bronze.records" and landing.frame.height:
                self.dock.latest[landing.frame["record_set"][0]] = landing.frame

    def load_input(self, context: dg.InputContext) -> None:
        raise NotImplementedError


@pytest.fixture
def plant(tmp_path) -> Plant:
    files = {"kind": "files", "columns": {"tag": "t", "ts": "s", "value": "v"}}
    sql = {"kind": "sql", "tables": [{"name": "t", "watermark": "at"}]}
    columns = {"machine": "m", "start_at": "a", "end_at": "b", "report": "r", "good_pcs": "g"}
    data = {
        "schema": 1,
        "plant": {"name": "x"},
        "site": [{"name": "s", "timezone": "UTC"}],
        "area": [{"name": "a", "site": "s"}],
        "line": [{"name": "l", "area": "a"}],
        "machine": [
            {"name": "m-1", "line": "l", "kind": "cnc",
             "tags": [{"name": "power", "role": "power", "source": "plc", "address": "x"}]}
        ],
        "states": {"mes": {"D": "producing"}},
        "source": [
            {**files, "name": "gone", "path": "gone"},
            {**files, "name": "drop", "path": "drop"},
            {**files, "name": "mes", "path": "mes", "content": "reports", "columns": columns, "states": "mes"},
            {**sql, "name": "down", "url": "sqlite:///{root}/down.sqlite", "on_start": "error"},
            {**sql, "name": "erp", "url": "sqlite:///{root}/erp.sqlite"},
        ],
    }  # fmt: skip
    for name, text in (
        ("drop", "t,s,v\nm-1.power,2026-11-20T08:00:00Z,1.5\n"),
        ("mes", "m,a,b,r,g\nm-1,2026-11-20 08:00,2026-11-20 09:00,D,5\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text(text)
    with sqlite3.connect(tmp_path / "erp.sqlite") as erp:
        erp.execute("CREATE TABLE t (id TEXT, at TEXT)")
        erp.execute("INSERT INTO t VALUES ('1', '2026-11-20T08:00:00Z')")
    erp.close()
    return Plant(PlantFile.model_validate(data), tmp_path / "plant.toml")


@pytest.fixture
def door(tmp_path) -> Iterator[Door]:
    return Door(MemoryDock(tmp_path))


def run(plant: Plant, door: Door) -> list[Landing]:
    before = len(door.landed)
    result = dg.materialize(
        [readings, reports, records], resources={"plant": plant, "dock": door.dock, "io_manager": door}
    )
    assert result.success
    return door.landed[before:]


def test_every_source_is_read_and_the_dead_ones_are_rows_of_quarantine(plant, door):
    landed = run(plant, door)
    rows = {
        name: sum(x.frame.height for x in landed if x.table == f"bronze.{name}")
        for name in ("readings", "reports", "records")
    }
    assert rows == {"readings": 1, "reports": 1, "records": 1}
    dead = pl.concat(x.quarantine for x in landed).select("source", "reason").sort("source").rows()
    assert dead == [("down", "source_down"), ("gone", "source_down")]


def test_a_second_run_brings_only_what_is_new(plant, door):
    first = run(plant, door)
    second = run(plant, door)
    assert {x.app for x in second} <= {x.app for x in first}, "the dead sources, under the same name within the hour"
    assert all(x.frame.is_empty() for x in second)


def test_the_assets_are_keyed_and_grouped_as_their_tables():
    for asset, name in ((readings, "readings"), (reports, "reports"), (records, "records")):
        assert asset.key == dg.AssetKey(["bronze", name])
        assert asset.group_names_by_key[asset.key] == "bronze"
