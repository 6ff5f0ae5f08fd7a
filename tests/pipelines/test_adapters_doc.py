"""The worked example of docs/adapters.md, followed to the letter: its database, its file, its commands, its figures."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from adapter_plant import built
from rich.console import Console
from typer.testing import CliRunner

from assets.silver.adapted import adapted
from pipelines.cli import app
from pipelines.whole.inputs import stale
from plant.adapters.read import read_adapter
from plant.config import load
from warehouse.adapting.select import run_mapping

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adapters.md").read_text().split("## In an hour")[1].split("\n## ")[0]


def block(language: str, holds: str) -> str:
    """The one code block of the example that holds a text."""
    (found,) = [b for b in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if holds in b]
    return found


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The folder of the example, as it is after its third step."""
    with sqlite3.connect(tmp_path / "altsystem.sqlite") as con:
        con.executescript(block("sql", "CREATE TABLE"))
    con.close()
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "altsystem.toml").write_text(block("toml", 'name = "altsystem"'))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shopfloor(words: list[str]) -> tuple[int, str]:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    return done.exit_code, done.stdout


def test_the_check_says_what_the_page_says(example, monkeypatch):
    monkeypatch.setattr("pipelines.verbs.adapt.run.console", Console(highlight=False, soft_wrap=True, width=1000))
    command, _, expected = block("console", "--check").partition("\n")
    code, said = shopfloor(command.removeprefix("$ shopfloor ").split())
    assert said.splitlines() == expected.splitlines()
    assert code == 0


def test_the_draft_is_an_adapter_that_can_be_corrected(example):
    command = re.search(r"`shopfloor (adapt --new altsystem --url \S+) >", PAGE)[1].split()
    code, said = shopfloor(command)
    assert code == 0
    (example / "draft.toml").write_text(said)
    drafted = read_adapter(example / "draft.toml")
    assert not drafted.problems
    assert drafted.tables["Artikel_Stamm"]["table"] == "Artikel-Stamm"
    assert drafted.tables["Artikel_Stamm"]["key"] == ["artnr"]
    assert drafted.adapter.types["Artikel_Stamm"]["EK-Preis"] == "decimal"


def test_silver_holds_the_rows_of_the_page(example):
    made = built(example, block("toml", "[[source]]"))
    header, _, *body = [r for r in PAGE.splitlines() if r.startswith("|")]
    names = [n.strip().removesuffix(" (UTC)") for n in header.strip("|").split("|")]
    expected = [[v.strip() for v in row.strip("|").split("|")] for row in body]
    moves = made.lake.scan("silver.stock_moves").collect().sort("move_id")
    shown = moves.with_columns(at=moves["at"].dt.strftime("%Y-%m-%d %H:%M"))
    assert [[str(v) for v in row] for row in shown.select(names).rows()] == expected
    assert moves["booked_at"].dt.hour().to_list() == [21, 5, 6]
    rejected = made.lake.scan("silver.rejected_records").collect().sort("reason")
    assert rejected.select("table_name", "source", "record_set", "record_key", "reason").rows() == [
        ("silver.stock_moves", "alt", "alt.buchung", "[4]", "unit_mismatch"),
        ("silver.stock_moves", "alt", "alt.buchung", "[6]", "unreadable_value"),
    ]
    assert '"me":"kg"' in rejected["payload"][0]

    corrected(example, made)


def corrected(example, made):
    """A corrected row moves over; nothing new is nothing to run; another adapter is."""
    names = ("silver.stock_moves", "silver.materials")
    assert not stale(made.plant, made.lake, made.state, names)
    with sqlite3.connect(example / "altsystem.sqlite") as con:
        con.execute("UPDATE buchung SET me = 'Stk', stand = '2026-10-27 08:00:00' WHERE nr = 4")
    con.close()
    made = built(example, block("toml", "[[source]]"))
    assert made.lake.scan("silver.stock_moves").collect()["move_id"].sort().to_list() == ["1", "2", "3", "4"]
    assert made.lake.scan("silver.rejected_records").collect()["reason"].to_list() == ["unreadable_value"]
    assert not stale(made.plant, made.lake, made.state, names)
    file = example / "adapters" / "altsystem.toml"
    file.write_text(file.read_text().replace("factor = 25.0", "factor = 20.0"))
    plant = load(example / "plant.toml")
    assert stale(plant, made.lake, made.state, names) == ("silver.stock_moves",)
    rows = adapted(plant, made.lake.scan("bronze.records"), "stock_moves", run_mapping).rows.collect()
    assert rows.sort("move_id")["qty"][0] == 80.0
