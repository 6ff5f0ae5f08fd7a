"""The dock over a real lake: marks hold as long as the lake is as they say, known versions are the latest."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.sql import select, tokens
from connectors.sql.source import read_source
from pipelines.dock import LakeDock
from pipelines.place import Place
from plant.sources.batch import SqlSource, SqlTable
from warehouse.lake import Lake
from warehouse.state import State

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Ingestion:
    """One SQLite table read into a real lake."""

    def __init__(self, root: Path) -> None:
        self.root, self.cycles = root, 0
        self.run("CREATE TABLE parts (id INTEGER PRIMARY KEY, qty INTEGER, updated_at TIMESTAMP)")
        self.source = SqlSource(
            kind="sql", name="erp", url="sqlite:///{root}/erp.sqlite",
            tables=(SqlTable(name="parts", watermark="updated_at"),),
        )  # fmt: skip
        self.open()

    def open(self) -> None:
        self.lake, self.state = Lake(self.root), State(self.root)
        self.dock = LakeDock(Place(self.root), self.lake, self.state)

    def run(self, statement: str) -> None:
        with closing(sqlite3.connect(self.root / "erp.sqlite")) as db, db:
            db.execute(statement)

    def fill(self, count: int) -> None:
        self.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
            f"{count}) INSERT INTO parts SELECT i, i, '2026-11-20 08:00:00' FROM n"
        )

    def cycle(self, until: int | None = None) -> int:
        """Rows landed; `until` so many landings the process is killed."""
        self.cycles, rows = self.cycles + 1, 0
        for n, landing in enumerate(
            read_source(self.source, self.root, self.dock, NOW + timedelta(minutes=self.cycles))
        ):
            if n == until:
                break
            self.lake.append_once(landing.table, landing.frame, landing.app, landing.version)
            rows += landing.frame.height
        return rows

    def held(self) -> dict[int, int]:
        """Live quantities by id, as the lake has them; a version held twice is an error."""
        rows = self.lake.scan("bronze.records").collect()
        assert not rows.select("record_key", "row_hash").is_duplicated().any()
        latest = rows.sort("ingested_at", "seq").unique("record_key", keep="last")
        told = [json.loads(p) for p, d in latest.select("payload", "deleted").iter_rows() if not d]
        return {p["id"]: p["qty"] for p in told}


@pytest.fixture
def ingestion(tmp_path, monkeypatch) -> Ingestion:
    monkeypatch.setattr(select, "PIECE", 100)
    monkeypatch.setattr(tokens, "RACY_S", 0.0)
    return Ingestion(tmp_path)


def test_kills_in_the_middle_of_a_first_load_lose_and_double_nothing(ingestion):
    ingestion.fill(450)
    for until in (1, 2, 0, 3):
        ingestion.cycle(until)
        ingestion.open()
    ingestion.cycle()
    assert ingestion.held() == {n: n for n in range(1, 451)}
    assert ingestion.cycle() == 0


def test_a_kill_after_the_last_landing_and_before_its_mark_costs_a_comparison_only(ingestion, monkeypatch):
    ingestion.fill(50)
    with monkeypatch.context() as killed:
        killed.setattr(LakeDock, "keep", lambda *_: None)
        assert ingestion.cycle() == 50
    assert ingestion.cycle() == 0
    assert ingestion.dock.mark("erp.parts")[1]


def test_an_idle_cycle_reads_nothing_from_the_lake(ingestion, monkeypatch):
    ingestion.fill(50)
    ingestion.cycle()
    monkeypatch.setattr(LakeDock, "known", None)
    assert ingestion.cycle() == 0


def test_the_state_can_be_lost_and_so_can_a_part_of_the_lake(ingestion):
    ingestion.fill(250)
    ingestion.cycle()
    ingestion.run("UPDATE parts SET qty = -1, updated_at = '2026-11-21 08:00:00' WHERE id = 7")
    ingestion.state.path.unlink()
    ingestion.open()
    assert ingestion.cycle() == 1
    assert ingestion.held()[7] == -1
    ingestion.run("DELETE FROM parts WHERE id = 8")
    text, current = ingestion.dock.mark("erp.parts")
    assert current
    ingestion.cycle()
    ingestion.dock.keep("erp.parts", text)  # an old state file over a newer lake...
    ingestion.state.remember("sql:erp.parts", {"landed": ingestion.dock.landed("erp.parts") - 1})
    assert not ingestion.dock.mark("erp.parts")[1], "...is not believed"
    assert ingestion.cycle() == 0
    assert 8 not in ingestion.held()


def test_known_versions_are_the_latest_also_by_key(ingestion):
    ingestion.fill(3)
    ingestion.cycle()
    ingestion.run("UPDATE parts SET qty = 9, updated_at = '2026-11-21 08:00:00' WHERE id = 2")
    ingestion.cycle()
    ingestion.run("DELETE FROM parts WHERE id = 3")
    ingestion.cycle()
    known = ingestion.dock.known("erp.parts").sort("record_key")
    assert known.select("record_key", "deleted").rows() == [("[1]", False), ("[2]", False), ("[3]", True)]
    assert known["watermark"].to_list()[1] == "2026-11-21T08:00:00.000000Z"
    some = ingestion.dock.known("erp.parts", known["record_key"].head(2)).sort("record_key")
    assert some.equals(known.head(2))
    assert ingestion.dock.known("erp.parts", known["record_key"].clear()).is_empty()
