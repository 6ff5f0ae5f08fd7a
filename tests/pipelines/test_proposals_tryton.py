"""Write-back into a real Tryton on SQLite and on PostgreSQL: SHOPFLOOR_TRYTON names a venv with trytond and proteus.

The databases are made once (about 90 s each) and kept in the venv; every test runs on a copy. docs/proposals.md says
how to make the venv.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
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


def _beside(*parts):
    """A module of another folder of tests."""
    spec = spec_from_file_location(parts[-1], HERE.joinpath(*parts).with_suffix(".py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


kit, server = _beside("warehouse", "proposal_kit"), _beside("peers", "tryton_server")


@pytest.fixture(params=sorted(server.DATABASES))
def served(request, tmp_path, monkeypatch):
    """URL of a Tryton of its own, and of its database."""
    if request.param == "postgresql" and not shutil.which("pg_restore"):
        pytest.skip("no PostgreSQL server on this machine: install Debian's package postgresql")
    folder = tmp_path / "tryton"
    folder.mkdir()
    with server.served(request.param, folder) as urls:
        for name, value in (("URL", urls[0]), ("USER", "admin"), ("PASSWORD", "admin")):
            monkeypatch.setenv(f"SHOPFLOOR_TRYTON_{name}", value)
        yield urls


@pytest.fixture
def tryton(served):
    """URL of a Tryton of its own."""
    return served[0]


@pytest.fixture
def kept(served):
    """What Tryton's own database holds now: references of purchases and productions."""
    return lambda: server.kept(served[1])


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "lake").mkdir()
    return Lake(tmp_path)


@pytest.fixture
def plant(tmp_path):
    return kit.plant_of(tmp_path)


@pytest.mark.timeout(600)
def test_fifty_proposals_arrive_once_each_with_kill_9_in_the_middle(tryton, kept, tmp_path, lake, plant):
    now = datetime.now(UTC)
    keys = [kit.approved(lake, plant, (kit.purchase, kit.production)[n % 2](n), now) for n in range(50)]
    command = [sys.executable, "-m", "pipelines.cli", "proposals", "export", "--to", "tryton", "--by", "Ada",
               "--settle", "3", "--root", str(tmp_path), "--plant", str(tmp_path / "plant.toml")]  # fmt: skip
    killed = 0
    for reach in (1, 14, 27, 40):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and len(kept()) < reach:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
    assert killed == 4
    last = subprocess.run(command, check=False, capture_output=True, text=True)
    assert last.returncode == 0, last.stdout[-2000:]
    assert kept() == sorted(keys)
    target = TrytonTarget(tryton, "admin", "admin")
    told = reconcile(plant, Place(tmp_path), target, "Ada")
    assert {r for r, _ in told.values()} == {"confirmed"}
    assert {s.state for s in book(lake).standings.values()} == {"confirmed"}
    assert audit(lake).findings == ()
    assert export(plant, Place(tmp_path), target, "Ada", settle_s=0).arrived == []
    assert kept() == sorted(keys)


def test_what_may_not_leave_does_not_reach_tryton(tryton, kept, tmp_path, lake, plant):
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
    assert kept() == [good]


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
