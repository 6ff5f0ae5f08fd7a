"""`shopfloor quarantine`: replay over a real lake, and what an ingestion settles by itself."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from small_plant import TOML, write_orders

from pipelines.build import Builder
from pipelines.dock import LakeDock
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from pipelines.verbs.quarantine import list_rows, open_rows, replay_rows, show_rows
from plant.config import load
from plant.errors import PlantError
from warehouse.lake import Lake

HEADER = "Tag,Timestamp,Value,Quality"
AT = "2026-03-02T06:00:00Z"
NEW_TAG = '  { name = "torque", role = "other", source = "drop", address = "m-1.torque" },\n'


def drop(root: Path, name: str, *lines: str) -> None:
    path = root / "drop" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    old = time.time() - 60
    os.utime(path, (old, old))


def plant_file(folder: Path, *, torque: bool = False) -> Path:
    path = folder / "plant.toml"
    path.write_text(TOML.replace("tags = [\n", f"tags = [\n{NEW_TAG}") if torque else TOML)
    return path


def ingest(folder: Path, root: Path) -> None:
    Builder(load(plant_file(folder)), Place(root), Progress(quiet=True), checks=False)._job("ingest")


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    write_orders(root)
    return root


def reasons(root: Path) -> list[str]:
    return sorted(open_rows(Lake(root))["reason"])


def test_a_replay_after_a_fix_books_rows_and_reports_exactly_once(root, tmp_path, capsys):
    drop(root, "a.csv", HEADER, f"m-1.torque,{AT},NaN,Good", f"m-1.torque,{AT},4.5,Good", "m-1.torque,broken")
    ingest(tmp_path, root)
    assert replay_rows(root, plant_file(tmp_path), None) == 1, "nothing was corrected yet"
    assert "0 of 2 replayable rows accepted" in capsys.readouterr().out
    assert replay_rows(root, plant_file(tmp_path, torque=True), None) == 0
    said = capsys.readouterr().out
    assert "2 of 2 replayable rows accepted" in said
    assert "1 broken_row: the fields of the line cannot be told apart" in said
    lake = Lake(root)
    assert lake.scan("bronze.readings").filter(pl.col("tag") == "m-1.torque").collect().height == 2
    booked = lake.scan("bronze.quarantine").filter(pl.col("booked")).collect()
    assert booked.select("source", "reason").rows() == [("drop", "not_finite")]
    assert replay_rows(root, plant_file(tmp_path, torque=True), None) == 0, "what cannot be replayed is no failure"
    assert lake.scan("bronze.quarantine").filter(pl.col("booked")).collect().equals(booked)
    assert reasons(root) == ["broken_row"]


def test_a_replay_that_was_cut_off_is_finished_by_the_next_one(root, tmp_path, monkeypatch):
    drop(root, "a.csv", HEADER, f"m-1.torque,{AT},NaN,Good")
    ingest(tmp_path, root)
    append = Lake.append_once

    def cut(lake, name, *rest):
        if name == "bronze.replays":
            raise KeyboardInterrupt
        return append(lake, name, *rest)

    monkeypatch.setattr(Lake, "append_once", cut)
    with pytest.raises(KeyboardInterrupt):
        replay_rows(root, plant_file(tmp_path, torque=True), None)
    monkeypatch.undo()
    assert replay_rows(root, plant_file(tmp_path, torque=True), None) == 0
    lake = Lake(root)
    assert lake.scan("bronze.readings").collect().height == 1
    assert lake.scan("bronze.quarantine").filter(pl.col("booked")).collect().height == 1
    assert reasons(root) == []


def test_what_could_be_read_later_is_settled_by_the_ingestion(root, tmp_path, monkeypatch, capsys):
    drop(root, "bad.csv", "Tag,Time,Value,Quality", f"m-1.temperature,{AT},20,Good")
    (root / "mes.sqlite").rename(root / "away.sqlite")
    monkeypatch.setattr(LakeDock, "now", lambda _: datetime.now(UTC) - timedelta(hours=1))
    for _ in range(2):
        ingest(tmp_path, root)
        assert reasons(root) == ["missing_column", "source_down"], "nothing was corrected yet"
    monkeypatch.undo()
    drop(root, "bad.csv", HEADER, f"m-1.temperature,{AT},20,Good")
    (root / "away.sqlite").rename(root / "mes.sqlite")
    ingest(tmp_path, root)
    assert reasons(root) == []
    assert replay_rows(root, plant_file(tmp_path), None) == 0
    assert list_rows(root) == 0
    assert "0 open" in capsys.readouterr().out


def test_a_reason_that_no_row_has_is_told_with_those_there_are(root, tmp_path, capsys):
    (root / "lake").mkdir()
    assert show_rows(root, "nope", None, 5) == 0
    assert "nothing is in quarantine" in capsys.readouterr().out
    drop(root, "a.csv", HEADER, f"m-1.torque,{AT},1.5,Good")
    ingest(tmp_path, root)
    assert show_rows(root, "unknown_tag", "drop", 5) == 0
    with pytest.raises(PlantError, match="no row has reason 'nope' and source 'drop'; there are unknown_tag of drop"):
        show_rows(root, "nope", "drop", 5)
