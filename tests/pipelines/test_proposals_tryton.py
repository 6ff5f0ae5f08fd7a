"""Write-back into a real Tryton, in its own environment: SHOPFLOOR_TRYTON names a venv with trytond and proteus.

The database is made once (about 90 s) and kept in the venv; every test runs on a copy. docs/proposals.md says how to
make the venv.
"""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from connectors.erp.rpc import Rpc
from connectors.erp.tryton import TrytonTarget
from pipelines.place import Place
from pipelines.verbs.proposals.export import export, reconcile
from plant.errors import PlantError
from plant.proposals.rights import RightError
from warehouse.lake import Lake
from warehouse.proposals import TamperedError, approve, audit, book, draft, submit

HERE = Path(__file__).parents[1]
VENV = Path(os.environ.get("SHOPFLOOR_TRYTON") or "/nonexistent")
pytestmark = pytest.mark.skipif(
    not (VENV / "bin" / "trytond").exists(),
    reason="SHOPFLOOR_TRYTON names no environment with trytond (docs/proposals.md says how to make one)",
)
MODULES = (
    "party", "company", "currency", "product", "stock", "stock_lot", "production", "purchase", "stock_forecast",
    "account", "account_product", "account_invoice", "account_invoice_stock",
)  # fmt: skip

spec = spec_from_file_location("proposal_kit", HERE / "warehouse" / "proposal_kit.py")
kit = module_from_spec(spec)
spec.loader.exec_module(kit)


def _database(folder):
    """An empty company with parts and products, in `folder`/factory.sqlite."""
    folder.mkdir(parents=True)
    (folder / "factory.sqlite").touch()
    (folder / "password").write_text("admin\n")
    conf = folder / "trytond.conf"
    conf.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n")
    env = os.environ | {"TRYTONPASSFILE": str(folder / "password"), "PYTHONHASHSEED": "0"}
    admin = [str(VENV / "bin" / "trytond-admin"), "-c", str(conf), "-d", "factory"]
    for more in (["--all", "--email", "a@example.com", "-p"], ["-u", *MODULES, "--activate-dependencies"]):
        subprocess.run([*admin, *more], env=env, check=True, capture_output=True)
    seed = [str(VENV / "bin" / "python"), str(HERE / "peers" / "tryton_seed.py"), str(conf), "factory"]
    subprocess.run(seed, env=env, check=True, capture_output=True)
    with closing(sqlite3.connect(folder / "factory.sqlite")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture(scope="session")
def template():
    folder = VENV / "shopfloor-test-db"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _database(folder)
        (folder / "done").touch()
    return folder


@pytest.fixture
def tryton(template, tmp_path, monkeypatch):
    """URL of a Tryton of its own; ended by its pid."""
    folder = tmp_path / "tryton"
    folder.mkdir()
    shutil.copy(template / "factory.sqlite", folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    conf = folder / "trytond.conf"
    conf.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(VENV / "bin" / "trytond"), "-c", str(conf), "-d", "factory"], stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}/factory"
    for name, value in (("URL", url), ("USER", "admin"), ("PASSWORD", "admin")):
        monkeypatch.setenv(f"SHOPFLOOR_TRYTON_{name}", value)
    try:
        _up(f"http://127.0.0.1:{port}/", process)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _up(url, process):
    for _ in range(240):
        assert process.poll() is None, "trytond ended at once"
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.fail("trytond did not come up in a minute")


def kept(folder):
    """References Tryton's own database holds, purchases and productions."""
    with closing(sqlite3.connect(f"file:{folder}/factory.sqlite?mode=ro", uri=True)) as db:
        sql = "SELECT reference FROM purchase_purchase UNION ALL SELECT reference FROM production"
        return sorted(row[0] for row in db.execute(sql))


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "lake").mkdir()
    return Lake(tmp_path)


@pytest.fixture
def plant(tmp_path):
    return kit.plant_of(tmp_path)


@pytest.mark.timeout(600)
def test_fifty_proposals_arrive_once_each_with_kill_9_in_the_middle(tryton, tmp_path, lake, plant):
    now = datetime.now(UTC)
    keys = [kit.approved(lake, plant, (kit.purchase, kit.production)[n % 2](n), now) for n in range(50)]
    command = [sys.executable, "-m", "pipelines.cli", "proposals", "export", "--to", "tryton", "--by", "Ada",
               "--settle", "3", "--root", str(tmp_path), "--plant", str(tmp_path / "plant.toml")]  # fmt: skip
    folder, killed = tmp_path / "tryton", 0
    for reach in (1, 14, 27, 40):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and len(kept(folder)) < reach:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
    assert killed == 4
    last = subprocess.run(command, check=False, capture_output=True, text=True)
    assert last.returncode == 0, last.stdout[-2000:]
    assert kept(folder) == sorted(keys)
    target = TrytonTarget(tryton, "admin", "admin")
    told = reconcile(plant, Place(tmp_path), target, "Ada")
    assert {r for r, _ in told.values()} == {"confirmed"}
    assert {s.state for s in book(lake).standings.values()} == {"confirmed"}
    assert audit(lake).findings == ()
    assert export(plant, Place(tmp_path), target, "Ada", settle_s=0).arrived == []
    assert kept(folder) == sorted(keys)


def test_what_may_not_leave_does_not_reach_tryton(tryton, tmp_path, lake, plant):
    """Unapproved, self-approved, expired, and after a change of the trail nothing at all."""
    now, target, where = datetime.now(UTC), TrytonTarget(tryton, "admin", "admin"), Place(tmp_path)
    old = draft(lake, plant, kit.purchase(3), "Ada", now=now - timedelta(days=4)).key
    submit(lake, plant, old, "Ada", now=now - timedelta(days=4))
    approve(lake, plant, old, "Mo", now=now - timedelta(days=4))
    good = kit.approved(lake, plant, kit.purchase(1), now)
    unapproved = draft(lake, plant, kit.purchase(2), "Ada", now=now).key
    own = submit(lake, plant, draft(lake, plant, kit.production(4), "Mo", now=now).key, "Mo", now=now).key
    with pytest.raises(RightError, match="needs a second person"):
        approve(lake, plant, own, "Mo", now=now)
    done = export(plant, where, target, "Ada", [good, unapproved, own, old])
    assert done.arrived == [good]
    assert sorted(done.refused) == sorted([unapproved, own, old])
    kit.approved(lake, plant, kit.purchase(5), now)
    rows = lake.scan("bronze.proposals").collect()
    body = pl.col("body").str.replace('"quantity":100.0', '"quantity":900.0', literal=True)
    path = lake.path("bronze.proposals")
    write_deltalake(DeltaTable(path), rows.with_columns(body).to_arrow(), mode="overwrite")
    with pytest.raises(TamperedError, match="was changed"):
        export(plant, where, target, "Ada")
    assert kept(tmp_path / "tryton") == [good]


def forecast(quantity=80.0):
    line = {
        "item": "made-0",
        "quantity": quantity,
        "unit": "pcs",
        "start_on": date(2026, 12, 1),
        "due_on": date(2026, 12, 7),
    }
    return {"kind": "forecast", "title": "Forecast", "subject": f"f{quantity}", "lines": [line]}


def move():
    line = {"item": "part-0", "quantity": 2.0, "unit": "u", "from_location": "STO", "to_location": "IN",
            "due_on": date(2026, 12, 1)}  # fmt: skip
    return {"kind": "stock_move", "title": "Move", "subject": "m", "lines": [line, line | {"item": "part-1"}]}


def repair():
    line = {
        "item": "press-1",
        "quantity": 1.0,
        "unit": "job",
        "task": "look",
        "due_on": date(2026, 12, 1),
        "price_cents": 1,
    }
    return {"kind": "maintenance", "title": "Look", "subject": "r", "lines": [line]}


def test_every_kind_finds_its_place_or_says_that_there_is_none(tryton, tmp_path, lake, plant):
    now, target = datetime.now(UTC), TrytonTarget(tryton, "admin", "admin")
    bad = {"unit": "parsec", "item": "part-9"}
    wrong = {
        k: kit.purchase(n, lines=[kit.purchase(n)["lines"][0] | {k: v}]) for n, (k, v) in enumerate(bad.items(), 20)
    }
    half, nobody = kit.purchase(30, quantity=10.5), kit.purchase(31, partner=None)
    quoted = kit.purchase(32, partner="Steel'; DROP TABLE party_party; --")
    made = {n: kit.approved(lake, plant, g, now) for n, g in enumerate(
        (move(), repair(), wrong["unit"], wrong["item"], half, nobody, quoted))}  # fmt: skip
    done = export(plant, Place(tmp_path), target, "Ada")
    assert done.arrived == [made[0]]
    for n, words in ((1, "no place for a maintenance"), (2, "no unit 'parsec'"), (3, "no product 'part-9'"),
                     (4, "exceeds the limit"), (5, "names no supplier"), (6, "no party \"Steel'; DROP")):  # fmt: skip
        assert words in done.refused[made[n]]
    assert {book(lake).standing(k).state for k in done.refused} == {"approved"}
    assert [r for r, _ in reconcile(plant, Place(tmp_path), target, "Ada").values()] == ["confirmed"]


def test_a_forecast_is_found_again_and_what_people_change_in_tryton_is_told(tryton, tmp_path, lake, plant):
    now, target = datetime.now(UTC), TrytonTarget(tryton, "admin", "admin")
    from connectors.erp.target import Outgoing, compared
    from plant.proposals.content import content

    out = Outgoing("FC-1", content(forecast()), "Mo", now, "EUR")
    assert target.place(out) == target.place(out)
    rpc = Rpc(tryton, "admin", "admin")
    assert len(rpc("stock.forecast.search", [], 0, 9, None)) == 1
    assert compared(out, target.kept([out])["FC-1"])[0] == "confirmed"
    keys = [kit.approved(lake, plant, kit.purchase(n), now) for n in range(3)]
    export(plant, Place(tmp_path), target, "Ada")
    ids = rpc("purchase.line.search", [["purchase.reference", "=", keys[0]]], 0, 9, None)
    rpc("purchase.line.write", ids, {"quantity": 90.0})
    rpc("purchase.purchase.cancel", rpc("purchase.purchase.search", [["reference", "=", keys[1]]], 0, 9, None))
    rpc(
        "purchase.purchase.copy",
        rpc("purchase.purchase.search", [["reference", "=", keys[2]]], 0, 9, None),
        {"reference": keys[2]},
    )
    told = reconcile(plant, Place(tmp_path), target, "Ada")
    assert [told[k][0] for k in keys] == ["differs", "missing", "differs"]
    assert "part-0 90 at 1.25, approved 100 at 1.25" in told[keys[0]][1]
    assert "holds it 2 times" in told[keys[2]][1]


def test_a_wrong_password_or_database_is_told_before_anything_is_claimed(tryton, tmp_path, lake, plant):
    kit.approved(lake, plant, kit.purchase(), datetime.now(UTC))
    wrong, nowhere = TrytonTarget(tryton, "admin", "wrong"), TrytonTarget(f"{tryton}x", "admin", "admin")
    for target, words in ((wrong, "refuses user or password"), (nowhere, "has no such database")):
        with pytest.raises(PlantError, match=words):
            export(plant, Place(tmp_path), target, "Ada")
    assert [s.state for s in book(lake).standings.values()] == ["approved"]
