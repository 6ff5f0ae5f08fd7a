"""Canonical tables are rebuilt where their record sets changed, and end up as a rebuild of everything leaves them."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from adapter_plant import PLANT, builder

from assets.kernels.enterprise.records import left_out
from assets.silver.adapted import adapted, sources_of_sets
from assets.silver.judging import REJECTED, Judging
from pipelines.days.receipts import Receipts
from pipelines.whole.inputs import known_of, moved, stale
from plant.adapters.canonical import CANONICAL
from plant.config import load
from plant.tables import DOOR_MADE, table
from warehouse.adapting.select import Mapper, run_mapping
from warehouse.lake import Lake
from warehouse.state import State

SOURCES = "".join(
    f'[[source]]\nname = "{n}"\nkind = "sql"\nurl = "sqlite:///none"\nadapter = "{n}.toml"\ntimezone = "UTC"\n'
    for n in "ab"
)
FIRST = """schema = 1
name = "first"
[source.vendor]
[source.address]
[source.product]
types = { weight = "f64" }
[source.place]
[units]
sack = { unit = "kg", factor = 25.0 }
[shared]
active = "SELECT * FROM vendor WHERE active"
[[table]]
into = "suppliers"
sql = "SELECT v.code AS supplier, v.name, a.country, v._record FROM active v LEFT JOIN address a ON a.vendor = v.id"
[[table]]
into = "bills_of_material"
sql = '''SELECT id::VARCHAR AS bom_line_id, 'x' AS product, 'y' AS component, weight AS qty_per_pc, uom, 'kg' AS kg,
  p._record FROM product p WHERE EXISTS (SELECT * FROM active)'''
convert = { qty_per_pc = { from = "uom", to = "kg" } }
[[table]]
into = "locations"
from = "place"
rename = { location = "id" }
[[table]]
into = "customers"
sql = "SELECT nothing AS customer, '' AS name FROM place"
"""
SECOND = """schema = 1
name = "second"
[source.firm]
[[table]]
into = "suppliers"
from = "firm"
rename = { supplier = "code" }
"""
FILLED = ("suppliers", "bills_of_material", "locations", "customers")
NAMES = (*(f"silver.{n}" for n in FILLED), REJECTED)
SETS = {
    "a.vendor": {"code": "s?", "name": ("A", "B", None), "active": (True, True, False)},
    "a.address": {"vendor": (1, 2), "country": ("DE", "FR")},
    "a.product": {"weight": (1.5, "heavy", None), "uom": ("kg", "g", "sack", "pcs")},
    "a.place": {"zone": ("Z", None), "kind": ("store", "nonsense", None)},
    "b.firm": {"code": "s?", "name": ("X", "Y", None)},
}
AT = datetime(2026, 11, 16, 6, tzinfo=UTC)


def row(dice, record_set, n):
    """One more version of one of three records of a record set, or its end."""
    key = dice.randint(1, 3)
    pick = {c: f"s{dice.randint(1, 3)}" if v == "s?" else dice.choice(v) for c, v in SETS[record_set].items()}
    return {"record_set": record_set, "record_key": f"[{key}]", "row_hash": str(n), "watermark": None,
            "payload": json.dumps({"id": key} | pick), "deleted": dice.random() < 0.2,
            "ingested_at": AT + timedelta(minutes=n), "segment": f"s{n}", "seq": 0}  # fmt: skip


def land(lake, n, *rows):
    lake.append_once("bronze.records", pl.DataFrame(rows, schema=table("bronze.records").schema), "t", n)


def built(plant, lake, state, dice):
    """What a build does with the stale tables, in any order, without Dagster. Gives those it built."""
    todo = list({*stale(plant, lake, state, NAMES), *moved(lake, state, NAMES)})
    dice.shuffle(todo)
    receipts = Receipts(plant, lake, state)
    receipts.begin_whole()
    judging, records = Judging(plant, Mapper(), known_of(plant, lake, state)), lake.scan("bronze.records")
    for name in todo:
        short = name.removeprefix("silver.")
        rows = judging.rejected(records).collect() if name == REJECTED else judging.table(short, records).rows
        lake.replace(name, rows)
        receipts.table_written(name)
    return todo


def rebuilt(plant, lake):
    """All tables from nothing, each SELECT for itself."""
    judged = {n: adapted(plant, lake.scan("bronze.records"), n, run_mapping) for n in CANONICAL}
    rejected = left_out({n: d.rejected for n, d in judged.items()}, sources_of_sets(plant))
    return {f"silver.{n}": judged[n].rows.collect() for n in FILLED} | {REJECTED: rejected.collect()}


def plain(name, rows):
    contract = table(name)
    return rows.select(c for c in contract.schema if c not in DOOR_MADE).sort(contract.key).rows()


@pytest.fixture
def mill(tmp_path):
    (tmp_path / "plant.toml").write_text(PLANT + SOURCES)
    (tmp_path / "a.toml").write_text(FIRST)
    (tmp_path / "b.toml").write_text(SECOND)
    return tmp_path


@pytest.mark.parametrize("seed", [1, 2])
def test_random_changes_built_as_they_come_are_what_a_full_rebuild_gives(mill, seed):
    dice, lake, state = random.Random(seed), Lake(mill), State(mill)
    plant, few = load(mill / "plant.toml"), 0
    for n in range(10):
        event = dice.random()
        if event < 0.15 and n > 2:  # the adapter says something else
            (mill / "a.toml").write_text(FIRST.replace("factor = 25.0", f"factor = {n}.0"))
            plant = load(mill / "plant.toml")
        elif event < 0.25 and n > 2:  # somebody writes into a table
            lake.replace(REJECTED, table(REJECTED).empty())
        else:
            land(lake, n, *(row(dice, s, n) for s in dice.sample(sorted(SETS), dice.randint(1, 2))))
        few += 0 < len(built(plant, lake, state, dice)) < len(NAMES)
        assert not stale(plant, lake, state, NAMES)
        for name, rows in rebuilt(plant, lake).items():
            assert plain(name, lake.scan(name).collect()) == plain(name, rows), (n, name)
    assert few > 5
    assert lake.scan(REJECTED).collect().height


def test_a_record_set_makes_stale_what_reads_it_and_nothing_else(mill):
    dice, lake, state, plant = random.Random(0), Lake(mill), State(mill), load(mill / "plant.toml")
    land(lake, 0, *(row(dice, s, 0) for s in SETS))
    built(plant, lake, state, dice)
    wanted = {"a.vendor": {"suppliers", "bills_of_material"}, "a.address": {"suppliers"}, "b.firm": {"suppliers"},
              "a.product": {"bills_of_material"}, "a.place": {"locations", "customers"}}  # fmt: skip
    for n, (record_set, tables) in enumerate(wanted.items(), 1):
        land(lake, n, row(dice, record_set, n))
        assert set(built(plant, lake, state, dice)) == {REJECTED, *(f"silver.{t}" for t in tables)}
    (mill / "plant.toml").write_text(PLANT.replace('kind = "cnc"', 'kind = "press"') + SOURCES)
    assert not stale(load(mill / "plant.toml"), lake, state, NAMES)
    (mill / "plant.toml").write_text(PLANT + SOURCES.replace('timezone = "UTC"', 'timezone = "Asia/Tokyo"'))
    assert set(stale(load(mill / "plant.toml"), lake, state, NAMES)) == set(NAMES)


def test_a_build_runs_the_stale_tables_only(mill):
    made, dice = builder(mill, SOURCES), random.Random(0)
    land(made.lake, 0, *(row(dice, s, 0) for s in SETS))
    made.recompute()
    before = {r.table_name: r.built_at for r in made.state.receipts() if r.table_name in {*NAMES, "silver.lots"}}
    land(made.lake, 1, row(dice, "b.firm", 1))
    made.recompute()
    after = {name: made.state.built(name).built_at for name in before}
    assert {name for name in before if after[name] != before[name]} == {"silver.suppliers", REJECTED}
    stages = len(made.built.stages)
    assert len(made.recompute().stages) == stages
