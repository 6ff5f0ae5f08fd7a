"""`shopfloor adapt`: lists, shows, checks a live database with every problem at once."""

from __future__ import annotations

import sqlite3

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipelines.cli import app
from plant.adapters.canonical import CANONICAL
from plant.errors import ConfigError, SourceDownError, TerminalError

DATABASE = """
CREATE TABLE vendor (nr INTEGER, name TEXT, days TEXT, changed TEXT);
INSERT INTO vendor VALUES (1, 'A', '3', '2026-01-01 00:00:00'), (1, 'B', '4', NULL), (2, NULL, 'x', NULL);
CREATE TABLE site (id INTEGER PRIMARY KEY, zone TEXT);
INSERT INTO site VALUES (1, 'raw');
"""
ADAPTER = """
schema = 1
name = "mine"
[source.vendor]
key = ["nr"]
watermark = "changed"
types = { days = "f64", dayz = "f64" }
[source.sit]
[source.site]
watermark = "updated"
[[table]]
into = "suppliers"
sql = "SELECT v.nr::VARCHAR AS supplier, v.nam AS name FROM vendor v"
[[table]]
into = "customers"
sql = "COPY vendor TO '/tmp/stolen.csv'"
[[table]]
into = "locations"
from = "site"
rename = { location = "nr" }
[[table]]
into = "lots"
sql = '''
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r)
SELECT count(*)::VARCHAR AS lot, 'm' AS material, 1 AS qty FROM r
'''
"""


@pytest.fixture
def shopfloor(tmp_path, monkeypatch):
    """The command line in an empty folder; gives exit code and what was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipelines.verbs.adapt.run.console", Console(highlight=False, soft_wrap=True, width=1000))
    monkeypatch.setattr("pipelines.verbs.adapt.trial.SECONDS", 0.5)

    def said(*words):
        done = CliRunner().invoke(app, ["adapt", *words], catch_exceptions=False)
        return done.exit_code, done.output

    return said


def database(folder, script=DATABASE):
    with sqlite3.connect(folder / "x.sqlite") as con:
        con.executescript(script)
    con.close()
    return "sqlite:///x.sqlite"


def test_every_problem_of_an_adapter_is_told_at_once(shopfloor, tmp_path):
    (tmp_path / "mine.toml").write_text(ADAPTER)
    code, said = shopfloor("--check", "--adapter", "mine.toml", "--url", database(tmp_path))
    problems = [line.removeprefix("  problem: ") for line in said.splitlines() if line.startswith("  problem: ")]
    expected = [
        "mine.vendor: key nr names several rows, e.g. (1,): add columns to `key`",
        "mine.sit: no such table; nearest: site",
        "mine.site: no column 'updated'",
        "vendor: no column 'dayz', which `types` declares (nearest: 'days')",
        "suppliers: table 'mine.vendor' has no column 'dayz' (nearest: 'days')",
        "customers: Only SELECT statements are allowed",
        "mapping into lots: it did not end within 0.5 s",
    ]
    assert code == 2
    for words in expected:
        assert any(p.startswith(words) for p in problems), (words, problems)
    assert f"{len(problems)} problem(s)" in said
    assert not (tmp_path / "stolen.csv").exists()


def test_what_makes_reading_doubtful_is_a_remark(shopfloor, tmp_path):
    good = """schema = 1
name = "mine"
source.vendor = { key = ["nr", "name"], watermark = "changed" }
[[table]]
into = "suppliers"
sql = "SELECT name AS supplier, name, TRY_CAST(days AS DOUBLE) AS lead_time_d FROM vendor"
"""
    (tmp_path / "mine.toml").write_text(good)
    code, said = shopfloor("--check", "--adapter", "mine.toml", "--url", database(tmp_path), "--rows", "0")
    assert "remark: mine.vendor: watermark changed is null in 2 of 3 rows" in said
    assert "problem: mine.vendor: key nr, name is null in 1 rows" in said
    assert "suppliers: 2 rows" in said
    assert code == 2


def test_lists_and_shows(shopfloor):
    code, said = shopfloor("--list")
    assert code == 0
    assert {"adapter shopfloor", "adapter tryton"} <= {line.partition(":")[0] for line in said.splitlines()}
    assert set(CANONICAL) <= {line.partition(":")[0] for line in said.splitlines()}
    code, said = shopfloor("--show", "stock_moves")
    assert code == 0
    assert all(column in said for column in CANONICAL["stock_moves"].schema)
    assert "[stock.site_of]" in shopfloor("--show", "locations")[1]


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [(["--show", "stock_move"], TerminalError, "did you mean 'stock_moves'"),
     (["--check", "--url", "sqlite:///x.sqlite"], TerminalError, "--url goes with --adapter"),
     (["--check", "--adapter", "mine.toml"], TerminalError, "needs --url"),
     (["--check", "--adapter", "none.toml", "--url", "sqlite:///x"], ConfigError, "no such file"),
     (["--check", "--adapter", "shopfloor", "--url", "sqlite:///none.sqlite"], SourceDownError, "cannot be reached"),
     (["--new", "mine"], TerminalError, "needs --url"), (["--check"], ConfigError, "plant.toml")],
)  # fmt: skip
def test_what_cannot_be_done_is_said(shopfloor, words, error, match):
    with pytest.raises(error, match=match):
        shopfloor(*words)


def test_one_thing_at_a_time(shopfloor):
    assert shopfloor("--list", "--check")[0] == 2
