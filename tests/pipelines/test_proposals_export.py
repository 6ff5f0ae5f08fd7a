"""Approved proposals leave once each, whatever is killed; everything else is refused."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from typer.testing import CliRunner

from connectors.erp.files import FileTarget
from connectors.erp.staging import StagingTarget
from pipelines.cli import app
from pipelines.place import Place
from pipelines.verbs.proposals.export import export, reconcile, release
from plant.errors import PlantError, SourceDownError
from plant.proposals.content import ProposalError
from plant.proposals.rights import RightError
from plant.tables import table
from warehouse import connect
from warehouse.decisions import decide, status
from warehouse.lake import Lake
from warehouse.proposals import TamperedError, approve, audit, book, claim, draft, drafts, submit

spec = spec_from_file_location("proposal_kit", Path(__file__).parents[1] / "warehouse" / "proposal_kit.py")
kit = module_from_spec(spec)
spec.loader.exec_module(kit)
NAME = "bronze.proposals"


@pytest.fixture
def plant(tmp_path):
    return kit.plant_of(tmp_path)


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "lake").mkdir()
    return Lake(tmp_path)


@pytest.fixture
def where(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def staging(tmp_path):
    target = StagingTarget(f"sqlite:///{tmp_path}/staging.sqlite", create=True)
    target.ready()
    return target


def ready(lake, plant, count, of=None):
    """So many approved proposals, purchases and productions by turns, in three commits."""
    now = datetime.now(UTC)
    return [kit.approved(lake, plant, (of or (kit.purchase, kit.production)[n % 2])(n), now) for n in range(count)]


def staged(tmp_path):
    if not (tmp_path / "staging.sqlite").exists():
        return []
    with closing(sqlite3.connect(f"file:{tmp_path}/staging.sqlite?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT key FROM shopfloor_proposals ORDER BY key")]


def states(lake):
    return [s.state for s in book(lake).standings.values()]


def test_kill_9_in_the_middle_of_an_export_doubles_and_loses_nothing(tmp_path, lake, plant, staging):
    """Killed whenever some more have arrived, twice; started again each time; every key is there once."""
    keys = ready(lake, plant, 10)
    command = [sys.executable, "-m", "pipelines.cli", "proposals", "export", "--to", "sql", "--by", "Ada",
               "--settle", "0", "--root", str(tmp_path), "--plant", str(tmp_path / "plant.toml")]  # fmt: skip
    env = os.environ | {"SHOPFLOOR_STAGING_URL": f"sqlite:///{tmp_path}/staging.sqlite"}
    killed = 0
    for reach in (2, 7):
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and len(staged(tmp_path)) < reach:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
    assert killed == 2
    assert set(states(lake)) <= {"exporting", "exported"}
    last = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert staged(tmp_path) == sorted(keys)
    assert states(lake) == ["exported"] * 10
    assert audit(lake).findings == ()
    assert last.stdout.splitlines()[-1].split("audit head ")[1] == audit(lake).head
    again = export(plant, Place(tmp_path), staging, "Ada", settle_s=0)
    assert (again.arrived, again.refused, staged(tmp_path)) == ([], {}, sorted(keys))


class Cut(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("point", ["before", "after"])
def test_cut_off_between_the_target_and_the_record_is_taken_up_by_key(where, lake, plant, staging, point):
    keys = ready(lake, plant, 3)
    place = StagingTarget.place
    seen = []

    def cut(self, out):
        seen.append(out.key)
        if len(seen) == 2 and point == "before":
            raise Cut
        told = place(self, out)
        if len(seen) == 2:
            raise Cut
        return told

    staging.place = cut.__get__(staging)
    with pytest.raises(Cut):
        export(plant, where, staging, "Ada")
    assert sorted(states(lake)) == ["exported", "exporting", "exporting"]
    del staging.place
    assert sorted(export(plant, where, staging, "Ada", settle_s=0).arrived) == sorted(set(keys) - {seen[0]})
    assert staged(where.root) == sorted(keys)


def test_a_claim_just_made_is_waited_for(where, lake, plant, staging):
    keys = ready(lake, plant, 1)
    claim(lake, plant, keys, "sql", "Ada")
    began, said = time.monotonic(), []
    export(plant, where, staging, "Ada", settle_s=0.6, say=said.append)
    assert time.monotonic() - began > 0.3
    assert "1 of an export that was cut off" in said[0]


def test_a_target_that_goes_away_leaves_the_rest_waiting(where, lake, plant, staging):
    keys = ready(lake, plant, 3)
    place = StagingTarget.place

    def down(self, out):
        if out.key != keys[0]:
            raise SourceDownError("gone")
        return place(self, out)

    staging.place = down.__get__(staging)
    done = export(plant, where, staging, "Ada")
    assert (done.arrived, done.down, sorted(done.waiting)) == ([keys[0]], "gone", sorted(keys[1:]))
    with pytest.raises(ProposalError, match="--to names another"):
        release(plant, where, FileTarget("csv", where.exports), keys[1], "Ada", "looked")
    del staging.place
    assert release(plant, where, staging, keys[1], "Ada", "not in the table").state == "approved"
    assert sorted(export(plant, where, staging, "Ada", settle_s=0).arrived) == sorted(keys[1:])


def test_a_killed_file_export_writes_the_same_file_again(where, lake, plant):
    keys = ready(lake, plant, 3)
    target = FileTarget("json", where.exports)
    target.ready()
    claim(lake, plant, keys, "json", "Ada", batch="proposals-1.json")  # and the process is gone
    late = ready(lake, plant, 1, lambda _: kit.purchase(9))
    assert sorted(export(plant, where, target, "Ada").arrived) == sorted(keys + late)
    files = sorted(p.name for p in where.exports.iterdir())
    assert len(files) == 2
    assert "proposals-1.json" in files
    found = [row["key"] for f in files for row in json.loads((where.exports / f).read_text())]
    assert sorted(found) == sorted(keys + late)


def test_only_the_approved_leave_and_each_refusal_says_why(where, lake, plant, staging):
    now = datetime.now(UTC)
    good = ready(lake, plant, 1)[0]
    unapproved = draft(lake, plant, kit.purchase(1), "Ada", now=now).key
    submit(lake, plant, unapproved, "Ada", now=now)
    early = now - timedelta(days=3)
    old = kit.approved(Lake(lake.root / "old"), plant, kit.purchase(2), early)  # expired: in a lake of its own
    own = draft(lake, plant, kit.purchase(3), "Mo", now=now).key
    submit(lake, plant, own, "Mo", now=now)
    with pytest.raises(RightError, match="Mo submitted"):
        approve(lake, plant, own, "Mo", now=now)
    with pytest.raises(RightError, match="Cem may not export"):
        release(plant, where, staging, good, "Cem", "x")
    done = export(plant, where, staging, "Ada", [good, unapproved, own])
    assert done.arrived == [good]
    assert all("is submitted: only approved proposals leave" in done.refused[k] for k in (unapproved, own))
    (lake.root / "old" / "lake").mkdir(exist_ok=True)
    gone = export(plant, Place(lake.root / "old"), staging, "Ada", [old])
    assert "is expired" in gone.refused[old]
    with pytest.raises(ProposalError, match="there is no proposal"):
        export(plant, where, staging, "Ada", ["PU-nothing"])
    assert staged(lake.root) == [good]


@pytest.mark.parametrize("change", ["value", "approver"])
def test_a_tampered_proposal_never_leaves(where, lake, plant, staging, change):
    ready(lake, plant, 2)
    rows = lake.scan(NAME).sort("seq").collect()
    if change == "value":
        rows = rows.with_columns(body=pl.col("body").str.replace('"quantity":100.0', '"quantity":900.0', literal=True))
    else:
        rows = rows.with_columns(
            acted_by=pl.when(pl.col("event") == "approve").then(pl.lit("Cem")).otherwise("acted_by")
        )
    write_deltalake(DeltaTable(lake.path(NAME)), rows.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="overwrite")
    with pytest.raises(TamperedError, match=r"entry \d+ .* was changed"):
        export(plant, where, staging, "Ada")
    assert staged(lake.root) == []
    told = CliRunner().invoke(app, ["verify", NAME, "--root", str(lake.root), "--plant", str(lake.root / "plant.toml")])
    assert told.exit_code == 1
    assert "tampered bronze.proposals: entry" in told.stdout


def test_what_the_table_says_was_taken_confirms_or_is_told(where, lake, plant, staging):
    keys = ready(lake, plant, 3)
    export(plant, where, staging, "Ada")
    assert {r for r, _ in reconcile(plant, where, staging, "Ada").values()} == {"waiting"}
    with closing(sqlite3.connect(lake.root / "staging.sqlite")) as db, db:
        db.execute(
            "UPDATE shopfloor_proposals SET taken_at = '2026-11-22', taken_quantity = quantity, taken_reference = 'P1'"
        )
        db.execute("UPDATE shopfloor_proposals SET taken_quantity = 1 WHERE key = ?", (keys[1],))
        db.execute("DELETE FROM shopfloor_proposals WHERE key = ?", (keys[2],))
    told = reconcile(plant, where, staging, "Ada")
    assert [told[k][0] for k in keys] == ["confirmed", "differs", "missing"]
    assert [book(lake).standing(k).state for k in keys] == ["confirmed", "exported", "exported"]
    before = audit(lake).entries
    reconcile(plant, where, staging, "Ada")
    assert audit(lake).entries == before  # the same finding again is no news
    with pytest.raises(RightError, match="Cem may not export, and so not reconcile"):
        reconcile(plant, where, staging, "Cem")


def forecast(lake):
    week = dict.fromkeys(table("gold.forecast").schema) | {
        "item": "shaft-20", "period_start": date(2026, 11, 23), "period": "week", "model_version": "v1",
        "quantity": 80.0, "low": 70.0, "high": 90.0, "model": "ets", "status": "draft"}  # fmt: skip
    lake.replace("gold.forecast", pl.DataFrame([week], schema=table("gold.forecast").schema, orient="row"))
    return "shaft-20", date(2026, 11, 23), "v1"


def test_a_forecast_has_one_truth_about_its_export(where, lake, plant, staging):
    """What was approved on the forecasts page leaves by two keys and is exported there as well."""
    key = forecast(lake)
    decide(lake, *key, "approved", "Ada", quantity=95.0)
    made = drafts(lake, plant)[0].key
    submit(lake, plant, made, "Ada")
    approve(lake, plant, made, "Mo")
    export(plant, where, staging, "Ada")
    assert status(lake, *key).status == "exported"
    assert connect(lake.root).sql("SELECT status FROM gold.forecast").fetchall() == [("draft",)]  # the model's own
    assert drafts(lake, plant) == []


def test_a_forecast_withdrawn_meanwhile_does_not_leave(where, lake, plant, staging):
    key = forecast(lake)
    decide(lake, *key, "approved", "Ada", quantity=95.0)
    made = drafts(lake, plant)[0].key
    submit(lake, plant, made, "Ada")
    approve(lake, plant, made, "Mo")
    decide(lake, *key, "withdrawn", "Ada")
    done = export(plant, where, staging, "Ada")
    assert "is draft with" in done.refused[made]
    assert staged(lake.root) == []


def test_the_command_line_from_draft_to_confirmed(tmp_path, lake, monkeypatch):
    monkeypatch.delenv("SHOPFLOOR_STAGING_URL", raising=False)
    kit.plant_of(tmp_path)
    run = CliRunner()

    def shop(*words, code=0):
        plain = ["--root", str(tmp_path)] + (
            ["--plant", str(tmp_path / "plant.toml")] if words[0] not in ("list", "show") else []
        )
        told = run.invoke(app, ["proposals", *words, *plain], catch_exceptions=False)
        assert told.exit_code == code, told.output
        return told.stdout

    (tmp_path / "p.json").write_text(json.dumps(kit.purchase(), default=str))
    key = shop("draft", str(tmp_path / "p.json"), "--by", "Ada").split()[0]
    assert "nothing asks" in shop("draft", "--by", "Ada")
    shop("submit", key, "--by", "Ada")
    assert "may not approve it: it needs a second person" in shop("approve", key, "--by", "Ada", code=1)
    shop("approve", key, "--by", "Mo", "--comment", "fine")
    assert "1 arrived in csv" in shop("export", "--to", "csv", "--by", "Ada")
    assert "exported" in shop("list", "--state", "exported")
    shop("confirm", key, "--by", "Ada", "--comment", "seen in the ERP")
    shown = shop("show", key)
    assert [w for w in ("draft", "submit", "approve", "claim", "export", "confirm") if w not in shown] == []
    assert "“fine”" in shown
    (tmp_path / "bad.json").write_bytes(b'{"title": "\xff"}')
    with pytest.raises(PlantError, match=r"cannot be read .* in UTF-8"):
        shop("draft", str(tmp_path / "bad.json"), "--by", "Ada")
    with pytest.raises(PlantError, match="SHOPFLOOR_STAGING_URL is not set"):
        shop("export", "--to", "sql", "--by", "Ada")
    with pytest.raises(PlantError, match="--to 'sap' is not known; valid: csv"):
        shop("export", "--to", "sap", "--by", "Ada")
    with pytest.raises(PlantError, match="--state 'lost' is not known"):
        shop("list", "--state", "lost")
    whole = run.invoke(app, ["verify", NAME, "--root", str(tmp_path), "--plant", str(tmp_path / "plant.toml")])
    assert whole.exit_code == 0
    assert "6 steps of proposals, the chain is whole, head" in whole.stdout
