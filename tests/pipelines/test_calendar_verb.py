"""`shopfloor calendar`: shown, written as .ics, taken over from .ics as a whole or not at all."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from plant.calendar import segments
from plant.config import load
from plant.errors import ConfigError, TerminalError

EXAMPLE = Path(__file__).parents[2] / "plant.toml"


@pytest.fixture
def file(tmp_path):
    return Path(shutil.copy(EXAMPLE, tmp_path / "plant.toml"))


def run(*args: object):
    return CliRunner().invoke(app, ["calendar", *map(str, args)])


def without_shifts(file: Path) -> Path:
    text = file.read_text(encoding="utf8")
    start, end = text.index("[[shift]]"), text.index("# Raw machine codes")
    file.write_text(text[:start] + text[end:], encoding="utf8")
    return file


def test_show_says_what_is_worked(file):
    more = '[[planned]]\nsite = "northmill"\nreason = "maintenance"\nlines = ["shafts"]\n'
    more += "start = 2026-11-23T07:00:00\nend = 2026-11-23T08:30:00\n"
    file.write_text(file.read_text(encoding="utf8") + more, encoding="utf8")
    shown = run("show", "--plant", file, "--from", "2026-11-22", "--to", "2026-11-23").stdout.splitlines()
    assert shown[0] == "2026-11-22 Sun"
    assert "  on shafts:" in shown
    monday = shown[shown.index("2026-11-23 Mon") :]
    assert monday[1:5] == [
        "  on shafts:", "  06:00-14:00  early  6 h", "    07:00-08:30  maintenance", "    10:00-10:30  break",
    ]  # fmt: skip
    assert "  on brackets, air:" in monday


def test_show_begins_today(file):
    shown = run("show", "--plant", file).stdout.splitlines()
    assert sum(line[:2] == "20" for line in shown) == 7


def test_what_is_written_is_taken_over(file, tmp_path):
    out = tmp_path / "c.ics"
    assert run("export", "--plant", file, "--out", out).exit_code == 0
    assert run("export", "--plant", file).stdout_bytes.count(b"BEGIN:VEVENT") == 9
    first, last = date(2026, 3, 1), date(2027, 2, 28)
    before = segments(load(file), first, last)
    bare = without_shifts(file)
    assert run("import", out, "--plant", bare).stdout.count("[[shift]]") == 3
    assert segments(load(bare), first, last)["kind"].unique().to_list() == ["off"], "shown, not written"
    assert run("import", out, "--plant", bare, "--write").exit_code == 0
    assert segments(load(bare), first, last).equals(before)


def test_an_import_that_would_be_wrong_writes_nothing(file, tmp_path):
    out = tmp_path / "c.ics"
    run("export", "--plant", file, "--out", out)
    before = file.read_bytes()
    done = run("import", out, "--plant", file, "--write")
    assert isinstance(done.exception, ConfigError)
    assert "'early' overlaps 'early'" in str(done.exception) or "twice" in str(done.exception)
    assert str(file) in str(done.exception)
    assert file.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"plant.toml", "c.ics"}


def test_an_ics_with_problems_is_told_whole(file, tmp_path):
    wrong = tmp_path / "w.ics"
    event = "BEGIN:VEVENT\r\nUID:{}\r\nSUMMARY:x\r\nDTSTART:20260105T060000\r\nEND:VEVENT\r\n"
    wrong.write_text(f"BEGIN:VCALENDAR\r\n{event.format(1)}{event.format(2)}END:VCALENDAR\r\n")
    done = run("import", wrong, "--plant", file, "--write")
    assert isinstance(done.exception, ConfigError)
    assert len(done.exception.problems) == 2


def test_a_site_that_is_not_there(file):
    done = run("export", "--plant", file, "--site", "mars")
    assert isinstance(done.exception, TerminalError)
    assert "northmill" in str(done.exception)
