"""The command line: exit codes and messages of every verb that needs no plant in a box."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.place import place
from pipelines.verbs import info

ROOT = Path(__file__).parents[2]


def shopfloor(*args, **env):
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *args],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **env},
    )  # fmt: skip


def test_check_accepts_the_example_plant():
    done = shopfloor("check", "plant.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no problems" in done.stdout


def test_check_reports_all_ten_mistakes_at_once():
    done = shopfloor("check", "tests/plant/ten_mistakes.toml")
    assert done.returncode == 2
    assert done.stderr.count("found:") >= 10
    assert "Traceback" not in done.stderr


def test_check_of_a_missing_file_says_so():
    done = shopfloor("check", "nowhere.toml")
    assert done.returncode == 2
    assert "nowhere.toml" in done.stderr


def test_schema_is_the_committed_one():
    done = shopfloor("schema")
    assert done.stdout == (ROOT / "plant.schema.json").read_text()
    assert json.loads(done.stdout)["title"] == "plant.toml"


def test_serve_refuses_a_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = shopfloor("serve", "--root", str(tmp_path), "--port", port)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr


def test_info_without_a_lake_says_what_to_do(tmp_path):
    done = shopfloor("info", "--root", str(tmp_path))
    assert done.returncode == 1
    assert "shopfloor build" in done.stderr


def test_build_refuses_a_day_that_is_none(tmp_path):
    done = shopfloor("build", "--root", str(tmp_path), "--from", "tomorrow")
    assert done.returncode == 1
    assert "not a day" in done.stderr


def test_a_copy_onto_a_folder_is_refused_by_its_name(tmp_path):
    done = shopfloor("export", "copy", str(tmp_path), "--root", str(tmp_path))
    assert (done.returncode, done.stderr.strip()) == (
        1, f"shopfloor: {tmp_path}: is a folder; name a file, e.g. {tmp_path / 'copy.duckdb'}")  # fmt: skip


def test_a_root_that_cannot_be_written_is_told_before_anything_is_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(PermissionError, match=str(tmp_path)):
        place(tmp_path)


def test_a_pipe_gets_tables_that_are_not_cut(monkeypatch, capsys):
    row = {"source": "historian-parquet", "reason": "disconnected", "example": 80 * "x"}
    monkeypatch.setattr(info, "read", lambda _: {"Quarantine": [row]})
    assert info.info_command(None, as_json=False) == 0
    shown = capsys.readouterr().out
    assert all(f" {word} " in shown for word in (*row, *row.values()))
