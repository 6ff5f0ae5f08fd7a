"""`shopfloor check --probe`: says truly which source is there. Real sockets, SQLite and folders."""

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from small_plant import TOML, write_csv, write_orders

from pipelines.verbs.probe import probe_all
from plant.config import load
from plant.errors import ConfigError

HOUSE = Path(__file__).parents[2]
LIVE = """
[[source]]
name = "plc"
kind = "modbus"
host = "127.0.0.1"
port = {port}
[[source]]
name = "cell"
kind = "opcua"
endpoint = "opc.tcp://127.0.0.1:{port}/x"
[[source]]
name = "edge"
kind = "sparkplug"
host = "127.0.0.1"
port = {port}
group = "g"
"""


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    write_orders(root)
    write_csv(root, "a.csv", [])
    return root


def plant_file(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    text = TOML
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "plant.toml"
    path.write_text(text + more)
    return path


def said(folder, root, capsys, *changes, more=""):
    away = probe_all(load(plant_file(folder, *changes, more=more)), root)
    return away, capsys.readouterr().out.splitlines()


def test_what_is_there_is_reached_and_what_speaks_no_opc_ua_is_not(tmp_path, root, capsys):
    with socket.create_server(("127.0.0.1", 0)) as peer:
        more = LIVE.format(port=peer.getsockname()[1])
        away, lines = said(tmp_path, root, capsys, more=more)
    assert away == 1  # a real OPC UA server is probed in tests/connectors/test_opcua_security.py
    assert "no answer from 127.0.0.1" in lines.pop(3)
    assert lines == [
        "drop (files): reached, 1 file", "mes (sql): reached", "plc (modbus): reached", "edge (sparkplug): reached",
    ]  # fmt: skip


def test_what_listens_nowhere_cannot_be_reached(tmp_path, root, capsys):
    with socket.create_server(("127.0.0.1", 0)) as peer:
        port = peer.getsockname()[1]
    away, lines = said(tmp_path, root, capsys, more=LIVE.format(port=port))
    assert away == 3
    assert all(f"cannot be reached at 127.0.0.1:{port}" in line for line in (lines[2], lines[4]))
    assert f"nothing listens at 127.0.0.1:{port}" in lines[3]


def test_an_endpoint_that_is_no_address_is_told_before_it_is_tried(tmp_path):
    more = LIVE.format(port=1).replace("127.0.0.1:1/x", "127.0.0.1:port/x")
    with pytest.raises(ConfigError, match=r"found: 'opc\.tcp://127\.0\.0\.1:port/x'"):
        load(plant_file(tmp_path, more=more))


def test_an_empty_folder_is_not_reached(tmp_path, root, capsys):
    (root / "drop" / "a.csv").unlink()
    away, (line, _) = said(tmp_path, root, capsys)
    assert away == 1
    assert "no file to read" in line and "drop/*.csv" in line


def test_a_missing_folder_and_a_missing_database_are_told_and_not_made(tmp_path, capsys):
    nowhere = tmp_path / "nowhere"
    away, (files, database) = said(tmp_path, nowhere, capsys)
    assert away == 2
    assert "does not exist" in files
    assert "cannot be reached" in database
    assert not nowhere.exists()


def test_paths_are_resolved_as_the_connector_does(tmp_path, root, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOPFLOOR_DATA", "root/drop")  # relative: to the working directory
    for path in ("{data}/*.csv", "{data}/a.csv", "{root}/drop", "drop", str(root / "drop")):
        away, lines = said(tmp_path, root, capsys, ('path = "drop/*.csv"', f'path = "{path}"'))
        assert (away, lines[0]) == (0, "drop (files): reached, 1 file"), path


def test_a_database_without_its_table_or_that_is_none_is_told(tmp_path, root, capsys):
    with sqlite3.connect(root / "mes.sqlite") as db:
        db.execute("ALTER TABLE operations RENAME TO operation")
    db.close()
    away, lines = said(tmp_path, root, capsys)
    assert away == 1
    assert "no such table; nearest: operation" in lines[1]
    (root / "mes.sqlite").write_bytes(b"this is no database" * 100)
    away, lines = said(tmp_path, root, capsys)
    assert away == 1
    assert "not a database" in lines[1]


def check(folder, *args):
    env = {k: v for k, v in os.environ.items() if not k.startswith("SHOPFLOOR_")} | {"PYTHONPATH": str(HOUSE)}
    command = [sys.executable, "-m", "pipelines.cli", "check", "plant.toml", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=env)


def test_the_verb_tells_the_truth_and_makes_no_folder(tmp_path, root):
    plant_file(tmp_path)
    good = check(tmp_path, "--probe", "--root", str(root))
    assert good.returncode == 0, good.stderr
    head = "plant.toml: 1 machines, 5 tags, 2 sources"
    assert good.stdout.splitlines()[-1] == f"{head}, no problems; 2 of 2 sources reached"
    bad = check(tmp_path, "--probe")
    assert bad.returncode == 2, bad.stderr
    assert bad.stdout.splitlines()[-1] == f"{head}, no problems in the file, but only 0 of 2 sources reached"
    assert "Traceback" not in bad.stderr
    assert not (tmp_path / ".shopfloor").exists()
