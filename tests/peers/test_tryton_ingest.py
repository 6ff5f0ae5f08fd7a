"""A real Tryton at work while its tables are taken in: silver is what Tryton itself says, to the last unit and cent.

Opt-in (about five minutes a database): SHOPFLOOR_TRYTON names a venv with Tryton; docs/adapters.md says how to make it.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tryton_world import HERE, WORLDS, missing

from pipelines.build import Builder
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from plant.config import load
from warehouse.lake import Lake

pytestmark = [pytest.mark.skipif(bool(missing()), reason=missing()), pytest.mark.timeout(2400)]
log = logging.getLogger(__name__)

ORDERS, CHANGES = int(os.environ.get("SHOPFLOOR_TRYTON_ORDERS") or 60), 9
PLANT = """
schema = 1
plant = { name = "factory" }
site = [{ name = "here", timezone = "Europe/Istanbul", day_start = "06:00" }]
area = [{ name = "hall", site = "here" }]
line = [{ name = "one", area = "hall" }]
shift = [{ name = "day", site = "here", start = "06:00", end = "18:00" }]
source = [
  { name = "erp", kind = "sql", url = "{url}", adapter = "tryton" },
  { name = "drop", kind = "files", path = "drop/*.csv", columns = { tag = "tag", ts = "ts", value = "value" } },
]
[[machine]]
name = "Cutting-1"
line = "one"
kind = "cnc"
tags = [{ name = "good", role = "good_count", source = "drop", address = "good", type = "uint32", unit = "pcs" }]
"""
STATUS = {"request": "planned", "draft": "planned", "waiting": "released", "assigned": "released"}
ORDERED = ("confirmed", "processing", "done")


class Reader:
    """A plant with one source, taken in and built by the jobs of a build."""

    def __init__(self, root, world):
        (root / "drop").mkdir(parents=True)
        (root / "plant.toml").write_text(PLANT.replace("{url}", world.url))
        plant = load(root / "plant.toml")
        self.lake, self.rounds, self.lag_s = Lake(root), 0, world.lag_s
        self.builder = Builder(plant, Place(root), Progress(quiet=True))

    def read(self):
        """One cycle of ingestion."""
        self.builder.only("ingest")
        self.rounds += 1

    def catch_up(self):
        """One cycle, once the database itself tells of everything that was committed."""
        time.sleep(self.lag_s)
        self.read()

    def silver(self):
        """The canonical tables."""
        self.builder.only("enterprise")

    def rows(self, name):
        return self.lake.scan(f"silver.{name}").collect()

    def newest(self):
        """record set and key -> payload of the newest version, None where the record is gone."""
        rows = self.lake.scan("bronze.records").sort("ingested_at", "segment", "seq").collect()
        said = rows.with_columns(pl.when(~pl.col("deleted")).then("payload").alias("payload"))
        return {(s, k): p for s, k, p in said.select("record_set", "record_key", "payload").iter_rows()}

    def there(self):
        return {k: p for k, p in self.newest().items() if p is not None}


@pytest.fixture(params=sorted(WORLDS))
def world(request, tmp_path):
    if request.param == "postgresql" and not shutil.which("pg_restore"):
        pytest.skip("no PostgreSQL server on this machine: install Debian's package postgresql")
    (tmp_path / "erp").mkdir()
    with WORLDS[request.param](tmp_path / "erp") as made:
        yield made


def loaded(world, reader):
    """Orders and changes made by the factory script, taken in again and again while it works."""
    loader = world.load(ORDERS, CHANGES)
    try:
        while loader.poll() is None:
            reader.read()
            time.sleep(1)
        assert loader.returncode == 0
        return json.loads(loader.stdout.read())
    finally:
        ended(loader)


@contextmanager
def twisting(world):
    """Steps of tryton_twists.py: `step(name)` lets it go on to the next, which must be `name`."""
    script = world.start(HERE / "tryton_twists.py", str(world.conf), "factory",
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    begun = []

    def step(name):
        if begun:
            script.stdin.write("\n")
            script.stdin.flush()
        begun.append(name)
        told = json.loads(script.stdout.readline())
        assert told["step"] == name
        return told

    try:
        yield step
        script.communicate("\n", timeout=60)
        assert script.returncode == 0
    finally:
        ended(script)


def ended(process):
    """Nothing is left of a process, however the test went."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()


def drafted(reader, step):
    """Drafts are no orders, a planned production is one; once deleted they are tombstones, and silver has none."""
    told = step("drafts")
    reader.catch_up()
    reader.silver()
    lines = {("erp.sale_sale", f"[{told['sale']}]"), ("erp.purchase_purchase", f"[{told['purchase']}]")}
    assert lines <= set(reader.there())
    orders = reader.rows("work_orders")
    assert orders.filter(order_id=told["production"])["status"].to_list() == ["planned"]
    before = set(reader.there())
    step("gone")
    reader.catch_up()
    gone = before - set(reader.there())
    assert lines <= gone
    assert {"erp.sale_line", "erp.purchase_line", "erp.production"} <= {s for s, _ in gone}


def overtaken(reader, step):
    """A row that is committed after one with a later stamp was taken in."""
    stamp = step("open")["stamp"].replace(" ", "T")[:26]
    reader.catch_up()
    marks = reader.lake.scan("bronze.records").filter(record_set="erp.stock_move").collect()["watermark"]
    assert marks.drop_nulls().max() > stamp  # the reader has seen something newer than what comes now
    move = step("late")["move"]
    reader.catch_up()
    key = ("erp.stock_move", f"[{move.split(',')[1]}]")
    found = json.loads(reader.there()[key])
    assert found["write_date"] is None or found["write_date"][:26] <= stamp
    names = [json.loads(p)["name"] for (s, _), p in reader.there().items() if s == "erp.party_party"]
    assert "Customer 02, renamed late" in names


def stock_of(reader):
    """[location, material, lot, quantity] of the stock ledger where there is any."""
    ledger = reader.rows("stock_ledger").group_by("location", "material", "lot").agg(pl.col("qty").sum().round(6))
    rows = ledger.filter(pl.col("qty") != 0).with_columns(pl.col("lot").fill_null(""))
    return sorted([list(r) for r in rows.select("location", "material", "lot", "qty").iter_rows()])


def lines_of(reader, name, key, partner, item):
    rows = reader.rows(name).select(key, "order_id", item, pl.col("qty").round(6), partner)
    return {r[0]: list(r[1:]) for r in rows.iter_rows()}


def invoices_of(reader):
    rows = reader.rows("invoices").select("invoice_id", "kind", "amount_cents", "tax_cents", "currency", "partner")
    return {r[0]: list(r[1:]) for r in rows.iter_rows()}


def ours(reader):
    """What silver says, in the form of `theirs`."""
    return {
        "stock": stock_of(reader),
        "productions": dict(reader.rows("work_orders").select("order_id", "status").iter_rows()),
        "purchases": lines_of(reader, "purchase_orders", "purchase_id", "supplier", "material"),
        "sales": lines_of(reader, "sales_orders", "sales_id", "customer", "product"),
        "invoices": invoices_of(reader),
        "lots": sorted(reader.rows("lots")["lot"]),
        "moves": reader.rows("stock_moves").height,
    }


def theirs(told):
    """Tryton's answers in our words: quotations are no orders, drafts no invoices; a return is no order line."""
    cents = {"in": "payable", "out": "receivable"}
    lines = {
        name: {k: [n, item, round(q, 6), party] for k, (state, n, item, q, party) in told[name].items()
               if state in ORDERED and q >= 0}
        for name in ("purchases", "sales")
    }  # fmt: skip
    bills = {
        k: [cents[kind], int(Decimal(total) * 100), int(Decimal(tax) * 100), currency, party]
        for k, (kind, state, total, tax, currency, party) in told["invoices"].items() if state in ("posted", "paid")
    }  # fmt: skip
    states = {k: STATUS.get(state, state) for k, state in told["productions"].items()}
    return told | lines | {"invoices": bills, "productions": states}


def silver_of(reader):
    """Every canonical table that the adapter fills, sorted."""
    filled = [m.into for m in reader.builder.defs.resources["plant"].adapters["erp"].tables]
    return {name: reader.rows(name).sort(pl.all()) for name in sorted(filled)}


def test_silver_is_what_tryton_says(world, tmp_path):
    reader = Reader(tmp_path / "root", world)
    made = loaded(world, reader)
    assert made["counts"]["sales"] == ORDERS and made["changes"]["sale_deleted"] == CHANGES // 3
    with twisting(world) as step:
        drafted(reader, step)
        overtaken(reader, step)
        step("odd")
        reader.catch_up()
        fresh = Reader(tmp_path / "fresh", world)
        fresh.read()
        assert reader.there() == fresh.there()
        step("merged")
        reader.catch_up()
    reader.silver()
    told = world.answers()
    assert ours(reader) == theirs(told)
    returned = {k for k, line in told["sales"].items() if line[3] < 0}
    rejected = reader.rows("rejected_records")
    assert len(returned) == 1 and rejected["reason"].to_list() == ["out_of_range"]
    last = Reader(tmp_path / "last", world)
    last.read()
    assert reader.there() == last.there()  # what Tryton rewrote by SQL, without a new write_date, is there too
    last.silver()
    found, wanted = silver_of(reader), silver_of(last)
    assert [n for n in found if not found[n].equals(wanted[n])] == []
    begun, cpu = time.perf_counter(), time.process_time()
    reader.read()
    idle = time.perf_counter() - begun, time.process_time() - cpu
    told = {n: f.height for n, f in found.items()}
    log.info("%s rounds, %s records, made %s, silver %s", reader.rounds, len(reader.there()), made, told)
    log.info("cycle without a change: %.2f s, %.2f s CPU", *idle)
