"""A number down to its raw rows and back, and the proof that bronze gives it: on a small plant, by the verbs."""

import json
import shutil
from datetime import timedelta

import duckdb
import polars as pl
import pytest
from deltalake import write_deltalake
from late_plant import FIRST, START, Floor, builder, plant_of
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.place import Place
from pipelines.verbs.verify.compare import unbuilt, verify
from plant.errors import PlantError
from warehouse import edits
from warehouse.lake import Lake
from warehouse.state import State

DAY = FIRST + timedelta(days=1)
OEE = f"oee level=machine scope=m-1 day={DAY}"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traced")
    floor, plant = Floor(folder / "root"), plant_of(folder)
    floor.usual_days(2)
    floor.order("wo-1", "m-1", START, None)
    edits.edit_reason(floor.lake, plant, "m-1", START + timedelta(days=1, hours=4), START + timedelta(days=1, hours=5),
                      "jam", "breakdown", "anna")  # fmt: skip
    made = builder(plant, folder / "root")
    made.recompute()
    made.publish()
    return folder


@pytest.fixture
def root(built, tmp_path):
    shutil.copytree(built / "root", tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def run(built):
    def invoke(root, *words):
        return CliRunner().invoke(app, [*words, "--root", str(root), "--plant", str(built / "plant.toml")])

    return invoke


def test_a_number_leads_to_its_raw_rows_and_is_reproduced_from_them(built, run, tmp_path):
    root = built / "root"
    told = json.loads(run(root, "trace", OEE, "--json").output)
    assert told["number"]["value"] == pytest.approx(told["number"]["numerator"] / told["number"]["denominator"])
    assert told["definition"]["kpi"] == "oee"
    assert sum(row["duration_us"] for row in told["ledgers"]["silver.time_ledger"]) == _reach(root) * 1_000_000
    raw = [entry for entry in told["bronze"] if entry["table"] == "bronze.readings"]
    there = Lake(root).scan("bronze.readings").filter(pl.col("tag").str.starts_with("m-1.")).collect()
    named = {(s, n) for e in raw for s, runs in e["rows"].items() for n in _numbers(runs)}
    rows = there.filter(
        pl.struct("segment", "seq").map_elements(lambda r: (r["segment"], r["seq"]) in named, pl.Boolean)
    )
    inside = there.filter(pl.col("ts") >= START + timedelta(days=1))
    # The day's own rows, and the last of each tag from the day before it.
    assert rows.height == inside.height + 3
    assert {entry["table"] for entry in told["bronze"]} == {"bronze.readings", "bronze.records", "bronze.edits"}
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(told))
    done = run(root, "verify", str(receipt))
    assert done.exit_code == 0, done.output
    assert told["hash"] in done.output


def _reach(root):
    """Seconds from the day's start to the last row at the site."""
    last = Lake(root).scan("bronze.readings").filter(~pl.col("tag").str.starts_with("m-3")).select("ts").max()
    return (last.collect().item() - START - timedelta(days=1)).total_seconds()


def _numbers(runs):
    for part in runs.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def test_a_receipt_of_a_number_that_is_another_now_is_not_reproduced(root, built, run, tmp_path):
    receipt = tmp_path / "receipt.json"
    asked = OEE.replace("oee", "availability")
    receipt.write_text(run(root, "trace", asked, "--json").output)
    Floor(root).rows([("m-1.state", START + timedelta(days=1, hours=7), 9)])
    done = run(root, "verify", str(receipt))
    assert done.exit_code == 1, done.output
    assert {"differs number", "differs bronze", "differs ledgers", "differs kpi_sums"} <= {
        line.strip() for line in done.output.splitlines()
    }


def test_a_raw_row_leads_to_its_numbers(built, run):
    root = built / "root"
    row = Lake(root).scan("bronze.readings").filter(
        pl.col("tag") == "m-1.state", pl.col("ts") == START + timedelta(days=1, hours=4)
    ).collect().row(0, named=True)  # fmt: skip
    told = json.loads(run(root, "trace", "--row", f"{row['segment']}:{row['seq']}", "--json").output)
    assert (told["machine"], told["production_day"]) == ("m-1", str(DAY))
    assert told["fate"] == "clean sample of quality good"
    assert any(r.get("reason") == "jam" for r in told["silver.time_ledger"])
    assert f"level=line scope=one day={DAY} shift=day" in told["numbers"]
    assert run(root, "trace", "--row", f"{row['segment']}:{row['seq']}").exit_code == 0


def test_what_became_of_rows_that_do_not_count(root, built, run):
    floor, plant = Floor(root), plant_of(built)
    at = START + timedelta(days=1, hours=4)
    name = {}
    later = START + timedelta(days=1)
    new = (("again", at, 6), ("fix", later + timedelta(hours=10), 9), ("new", later + timedelta(hours=6), 1))
    for key, ts, value in new:
        floor.rows([("m-1.state", ts, value)])
        name[key] = f"s-{floor.batches}:0"
    assert "not built yet" in _fate(run(root, "trace", "--row", name["new"], "--json"))
    old = Lake(root).scan("bronze.readings").filter(pl.col("tag") == "m-1.state", pl.col("ts") == at).collect()
    edits.retract(root, plant, "m-1.good", START, START + timedelta(minutes=5), "anna")
    builder(plant, root).recompute()
    first = old.sort("received_at").row(0, named=True)
    assert _fate(run(root, "trace", "--row", name["again"], "--json")) == (
        f"counts once: delivered before as {first['segment']}:{first['seq']}"
    )
    fixed = Lake(root).scan("bronze.readings").filter(
        pl.col("tag") == "m-1.state", pl.col("ts") == START + timedelta(days=1, hours=10)
    ).collect().sort("received_at").row(0, named=True)  # fmt: skip
    assert "corrected by " + name["fix"] in _fate(
        run(root, "trace", "--row", f"{fixed['segment']}:{fixed['seq']}", "--json")
    )
    gone = Lake(root).scan("bronze.readings").filter(pl.col("tag") == "m-1.good", pl.col("ts") == START).collect()
    assert "retracted by edit" in _fate(run(root, "trace", "--row", f"{gone['segment'][0]}:{gone['seq'][0]}", "--json"))


def _fate(done):
    assert done.exit_code == 0, done.output
    return json.loads(done.output)["fate"]


def test_verify_reproduces_everything_that_was_not_touched(built, run):
    good = run(built / "root", "verify")
    assert good.exit_code == 0, good.output
    assert "tables of the published file; 0 differ" in good.output


def test_verify_tells_forged_rows_from_days_that_wait_for_a_build(root, built, run):
    lake = Lake(root)
    machines = lake.scan("silver.machines").collect()
    lake.replace("silver.machines", machines.with_columns(kind=pl.lit("forged")))
    doubled = lake.scan("gold.oee", days=(FIRST, FIRST)).collect().head(1)
    write_deltalake(lake.path("gold.oee"), doubled.to_arrow(), mode="append")
    before = unbuilt(plant_of(built), lake, State(root))
    assert (before.whole, before.since) == (frozenset(), {})
    _forge_file(root)
    _forge_step(lake)
    Floor(root).rows([("m-1.state", START + timedelta(days=1, hours=1), 9)])
    found = run(root, "verify")
    assert found.exit_code == 1
    told = [line for line in found.output.splitlines() if line.startswith("differs")]
    assert [line.split(":")[0] for line in told] == [
        "differs silver.machines", f"differs gold.oee@{FIRST}", "differs gold.losses",
    ]  # fmt: skip
    assert "tampered bronze.proposals: entry 0 (approve of PU-1) was changed" in found.output
    assert "not built yet:" in found.output
    assert unbuilt(plant_of(built), lake, State(root)).since["readings"] == DAY
    waits = verify(plant_of(built), Place(root), ("silver.readings",), None)
    assert waits.differences == []
    assert {day for _, day in waits.waiting} == {DAY}


def _forge_step(lake):
    """An approval nobody gave, written into the audit trail of proposals."""
    step = {"date": DAY, "seq": 0, "key": "PU-1", "kind": "purchase", "event": "approve", "acted_by": "Mo",
            "acted_at": START, "body": "{}", "previous": "0" * 64, "hash": "f" * 64}  # fmt: skip
    schema = lake.scan("bronze.proposals").collect_schema()
    lake.append_once("bronze.proposals", pl.DataFrame([dict.fromkeys(schema) | step], schema=schema), "proposals", 1)


def _forge_file(root):
    con = duckdb.connect(str(root / "published" / "shopfloor.duckdb"))
    con.execute("CREATE OR REPLACE VIEW gold.losses AS SELECT * FROM gold.oee WHERE false")
    con.close()


def test_mistakes_of_trace_and_verify_are_said_in_words(built, run, tmp_path):
    root = built / "root"
    for words, said in (
        (("trace", "oee level=machine scope=m-1"), "missing: day"),
        (("trace", f"oee level=cell scope=m-1 day={DAY}"), "no level 'cell'; valid: machine"),
        (("trace", f"oee level=machine scope=m-9 day={DAY}"), "there is no oee of machine 'm-9'"),
        (("trace", f"beauty level=machine scope=m-1 day={DAY}"), "no KPI 'beauty'"),
        (("trace", "oee level=machine scope=m-1 day=monday"), "'monday' is not a day"),
        (("trace",), "name a number, or a raw row"),
        (("trace", "--row", "s-1"), "is no raw row"),
        (("trace", "--row", "s-1:99999"), "has no row s-1:99999"),
        (("verify", str(tmp_path / "none.json")), "is no receipt"),
        (("verify", "gold.nothing@2026-03-02"), "no day table"),
        (("verify", "gold.oee@2020-01-01"), "has no day 2020-01-01"),
    ):
        done = run(root, *words)
        assert isinstance(done.exception, PlantError), (words, done.output)
        assert said in str(done.exception), words
