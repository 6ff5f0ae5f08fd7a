"""An ERP that overwrites the date it confirmed: the first one is in silver all the same, and gold holds to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from adapter_plant import builder

from assets.kernels.supply.lines import supply_lines
from assets.silver.adapted import adapted
from connectors.sql.source import read_source
from pipelines.dock import LakeDock
from pipelines.place import Place
from plant.supply import Supply
from warehouse.adapting.select import run_mapping
from warehouse.lake import Lake
from warehouse.state import State

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

SOURCE = """
[[source]]
name = "erp"
kind = "sql"
url = "sqlite:///{root}/erp.sqlite"
timezone = "Europe/Berlin"
adapter = "adapters/mine.toml"
"""
TABLE = """
schema = 1
name = "mine"
[source.po]
key = ["nr"]
MARK
types = { conf = "instant", conf_qty = "f64", ordered = "instant", menge = "f64", came = "instant" }
"""
RENAMED = """
[[table]]
into = "purchase_orders"
from = "po"
rename = { purchase_id = "nr", qty = "menge", confirmed_at = "conf", confirmed_qty = "conf_qty", \
ordered_at = "ordered", requested_at = "ordered", received_at = "came" }
"""
SELECTED = '''
[[table]]
into = "purchase_orders"
sql = """
SELECT p.nr AS purchase_id, p.supplier, p.material, p.menge AS qty, p.unit_price_cents, p.status,
  p.ordered AS ordered_at, p.ordered AS requested_at, p.came AS received_at,
  p.conf AS confirmed_at, p.conf_qty AS confirmed_qty, h.first_confirmed_at, h.first_confirmed_qty, p._record
FROM po p LEFT JOIN (
  SELECT nr, arg_min(conf, _version) AS first_confirmed_at,
    arg_min_null(conf_qty, _version) FILTER (conf IS NOT NULL) AS first_confirmed_qty
  FROM po_history GROUP BY nr) h ON h.nr = p.nr
"""
'''
CREATE = """CREATE TABLE po (nr TEXT PRIMARY KEY, supplier TEXT, material TEXT, menge REAL, unit_price_cents INTEGER,
    status TEXT, ordered TIMESTAMP, conf TIMESTAMP, conf_qty REAL, came TIMESTAMP, stand TIMESTAMP)"""
STEPS = (
    (
        "INSERT INTO po SELECT column1, 'acme', 'bolt', 100, 25, 'open', '2026-11-02 09:00', NULL, NULL, NULL, NULL"
        " FROM (VALUES ('p1'), ('p2'))"
    ),
    "UPDATE po SET conf = '2026-11-09 12:00', conf_qty = 80, stand = '2026-11-03 09:00' WHERE nr = 'p1'",
    "UPDATE po SET conf = '2026-11-13 12:00', conf_qty = 60, stand = '2026-11-04 09:00' WHERE nr = 'p1'",
    "UPDATE po SET conf = '2026-11-20 12:00', conf_qty = 100, stand = '2026-11-05 09:00' WHERE nr = 'p1'",
    "UPDATE po SET came = '2026-11-18 10:00', status = 'received', stand = '2026-11-18 10:00' WHERE nr = 'p1'",
)


def erp(folder, statement):
    with closing(sqlite3.connect(folder / "erp.sqlite")) as db, db:
        db.execute(statement)


def adapter(folder, mapping, mark):
    (folder / "adapters").mkdir()
    (folder / "adapters" / "mine.toml").write_text(TABLE.replace("MARK", mark) + mapping)


def lived(folder):
    """The ERP's life, read after each step; what silver would be then, step by step."""
    erp(folder, CREATE)
    made = builder(folder, SOURCE)
    lake = Lake(folder)
    dock = LakeDock(Place(folder), lake, State(folder))
    for n, step in enumerate(STEPS):
        erp(folder, step)
        for landing in read_source(made.plant.sources["erp"], folder, dock, NOW + timedelta(minutes=n)):
            lake.append_once(landing.table, landing.frame, landing.app, landing.version)
        yield made, adapted(made.plant, lake.scan("bronze.records"), "purchase_orders", run_mapping)


@pytest.mark.parametrize("mapping", [RENAMED, SELECTED], ids=["renamed", "selected"])
@pytest.mark.parametrize("mark", ['watermark = "stand"', ""], ids=["watermark", "snapshot"])
def test_a_date_overwritten_twice(tmp_path, mapping, mark):
    adapter(tmp_path, mapping, mark)
    told = []
    for _, decoded in lived(tmp_path):
        assert decoded.rejected.collect().is_empty()
        rows = {r["purchase_id"]: r for r in decoded.rows.collect().to_dicts()}
        assert rows["p2"]["first_confirmed_at"] is None
        p1 = rows["p1"]
        told.append([p1[c] and p1[c].day for c in ("confirmed_at", "first_confirmed_at")] + [p1["first_confirmed_qty"]])
    assert told == [[None, None, None], [9, 9, 80.0], [13, 9, 80.0], [20, 9, 80.0], [20, 9, 80.0]]


def test_gold_holds_the_line_to_its_first_date(tmp_path):
    """All the way: the database, the stages of a build, the kernel of gold."""
    adapter(tmp_path, RENAMED, "")
    *_, (made, _) = lived(tmp_path)
    made.only("enterprise")
    lake = Lake(tmp_path)
    frames = [lake.scan(f"silver.{name}") for name in ("purchase_orders", "sales_orders", "deliveries")]
    found = supply_lines(*frames, Supply(), "UTC", "EUR").filter(line="p1", basis="confirmed").collect()
    row = found.row(0, named=True)
    assert (row["due_day"], row["due_qty"], row["outcome"]) == (date(2026, 11, 9), 80.0, "late")
    assert row["days_late"] == 9


def test_a_select_over_a_history_alone_names_its_records(tmp_path):
    """A mapping may read the history of a table without the table; each row still has its record."""
    only = (
        SELECTED[: SELECTED.index("SELECT")]
        + '''SELECT nr AS purchase_id, any_value(supplier) AS supplier,
  any_value(material) AS material, max(menge) AS qty, 1 AS unit_price_cents, arg_max(status, _version) AS status,
  any_value(_record) AS _record FROM po_history GROUP BY nr
"""
'''
    )
    adapter(tmp_path, only, "")
    *_, (_, decoded) = lived(tmp_path)
    assert decoded.rows.collect()["status"].to_list() == ["received", "open"]
    assert decoded.origins.collect()["record_set"].to_list() == ["erp.po", "erp.po"]
