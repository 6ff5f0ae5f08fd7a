"""The gold and relational silver assets run by Dagster over ledgers in memory: wiring, day ranges, the calendar."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from assets.partitions import DAYS, days  # first: silences Dagster's beta warning

import dagster as dg  # isort: skip

from assets.gold.energy import energy
from assets.gold.inventory import inventory
from assets.gold.kpi import kpi
from assets.gold.kpi_sums import kpi_sums
from assets.gold.losses import losses
from assets.gold.oee import oee
from assets.gold.yield_ import yield_
from assets.silver.enterprise import enterprise_tables
from assets.silver.judging import Judging
from assets.silver.rejected_records import rejected_records
from assets.silver.stock_ledger import stock_ledger
from plant.adapters.canonical import CANONICAL
from plant.calendar import bounds, segments
from plant.config import load
from plant.tables import DOOR_MADE, table
from warehouse.adapting.select import run_mapping

PLANT = load("plant.toml")
FIRST = date(2026, 10, 24)  # the day after has 25 h in Berlin
GOLD = [kpi_sums, oee, losses, yield_, kpi, energy, inventory]
LEDGERS = ("time_ledger", "count_ledger", "energy_ledger")
OUTSIDE = [dg.AssetSpec(["bronze", "records"]), *(dg.AssetSpec(["silver", n], partitions_def=DAYS) for n in LEDGERS)]
SILVER = [stock_ledger, rejected_records, *enterprise_tables]


class Shelf(dg.IOManager):
    """Tables in memory; day tables are filtered to the run's days, as the lake's door does."""

    def __init__(self, tables: dict[str, pl.DataFrame]) -> None:
        self.tables, self.asked = tables, {}

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        self.tables[".".join(context.asset_key.path)] = obj.lazy().collect()

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        name = ".".join(context.asset_key.path)
        contract = table(name)
        frame = self.tables.get(name, contract.empty()).lazy()
        if contract.write == "replace_day" and context.has_asset_partitions:
            keys = sorted(date.fromisoformat(k) for k in context.asset_partition_keys)
            self.asked[name] = (keys[0], keys[-1])
            return frame.filter(pl.col("production_day").is_between(keys[0], keys[-1]))
        return frame


def run(shelf, assets, first=None, last=None):
    tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
    return dg.materialize(
        [*GOLD, *SILVER, *OUTSIDE], selection=list(assets), tags=tags if first else {},
        resources={"plant": PLANT, "io_manager": shelf, "judging": Judging(PLANT, run_mapping)},
    )  # fmt: skip


def ledgers(first, last):
    """Every machine of the plant: production in shifts, planned down in breaks; a piece a minute, 1 kWh an hour."""
    cut = segments(PLANT, first, last)
    machines = pl.DataFrame(
        [(m.name, m.line, PLANT.area_of(m.name), m.operation) for m in PLANT.file.machine],
        ["machine", "line", "area", "operation"], orient="row",
    )  # fmt: skip
    account = pl.col("kind").replace_strict({"shift": "production", "break": "planned_down", "off": "not_scheduled"})
    state = pl.col("kind").replace_strict({"off": "off"}, default="producing")
    us = (pl.col("end_at") - pl.col("start_at")).dt.total_microseconds()
    rows = cut.join(machines, on="line").with_columns(
        duration_us=us, account=account, state=state, reason=pl.lit(None), reason_class=pl.lit(None),
        minor=pl.lit(value=False), stop_id=pl.lit(None), order_id=pl.lit("wo-1"), product=pl.lit("shaft-20"),
        operator=pl.lit(None), edit_id=pl.lit(None), source=pl.lit("signal"), gap_pcs=pl.lit(0), gap_ideal_us=pl.lit(0),
        energy_j=us * 3_600_000 // 3_600_000_000, quarantined_pcs=pl.lit(0),
        good_pcs=us // 60_000_000, scrap_pcs=pl.lit(0), rework_pcs=pl.lit(0), ideal_us=us // 60_000_000 * 48_000_000,
    )  # fmt: skip
    made = rows.filter((pl.col("account") == "production") & (pl.col("machine") != "comp-1"))

    def shaped(name, frame):
        schema = table(name).schema
        return frame.select(pl.col(c).cast(t) for c, t in schema.items())

    keys = table("silver.count_ledger").key
    counts = made.group_by([*keys, "site", "area", "line"]).agg(pl.col("^.*_pcs$", "ideal_us", "gap_ideal_us").sum())
    return {
        "silver.time_ledger": shaped("silver.time_ledger", rows),
        "silver.count_ledger": shaped("silver.count_ledger", counts),
        "silver.energy_ledger": shaped(
            "silver.energy_ledger",
            rows.group_by([*table("silver.energy_ledger").key, "site", "area", "line"]).agg(
                pl.col("energy_j", "duration_us").sum()
            ),
        ),
    }


@pytest.fixture(scope="module")
def built():
    shelf = Shelf(ledgers(FIRST - timedelta(days=3), FIRST + timedelta(days=1)))
    assert run(shelf, GOLD, FIRST, FIRST + timedelta(days=1)).success
    return shelf


def test_every_gold_table_keeps_its_contract(built):
    for name in ("kpi_sums", "oee", "losses", "yield", "kpi", "energy", "inventory"):
        contract, frame = table(f"gold.{name}"), built.tables[f"gold.{name}"]
        made = {*DOOR_MADE} - ({"known_to"} if name == "kpi" else set())
        assert frame.schema == {c: t for c, t in contract.schema.items() if c not in made}, name
        assert frame.select(contract.key).is_unique().all(), name
        for column in contract.columns:
            if column.name in frame.columns and not column.null:
                assert frame[column.name].null_count() == 0, (name, column.name)


def test_only_the_days_of_the_run_come_out(built):
    wanted = {FIRST, FIRST + timedelta(days=1)}
    for name in ("kpi_sums", "oee", "kpi", "energy", "losses", "yield"):
        assert set(built.tables[f"gold.{name}"]["production_day"]) <= wanted
    assert set(built.tables["gold.oee"]["production_day"]) == {FIRST}, "25 October is a Sunday without shifts"
    assert set(built.tables["gold.energy"]["production_day"]) == wanted


def test_energy_reads_14_days_back_and_the_others_only_their_own(built):
    shelf = Shelf(dict(built.tables))
    run(shelf, [energy], FIRST, FIRST)
    assert shelf.asked["silver.energy_ledger"] == (FIRST - timedelta(days=14), FIRST)
    shelf.asked.clear()
    run(shelf, [kpi_sums, oee, kpi], FIRST, FIRST)
    assert shelf.asked["silver.time_ledger"] == (FIRST, FIRST)


def test_the_first_partition_of_all_has_nothing_before_it_and_still_runs():
    start = date(1999, 12, 31)
    assert DAYS.get_first_partition_key() == str(start)
    assert run(Shelf({}), GOLD, start, start).success


def test_the_night_of_the_clock_change_has_nine_hours(built):
    night = built.tables["gold.oee"].filter(pl.col("shift") == "night", pl.col("machine") == "cnc-1").row(0, named=True)
    assert night["pot_s"] == 9 * 3600
    assert night["pbt_s"] == 8.5 * 3600
    assert night["end_at"] - night["start_at"] == timedelta(hours=9)
    hours = built.tables["gold.energy"].filter(pl.col("production_day") == FIRST, pl.col("machine") == "cnc-1")
    assert hours.height == 25
    assert hours["energy_kwh"].sum() == pytest.approx(25.0)


def test_a_machine_without_counters_and_one_with(built):
    rows = {r["machine"]: r for r in built.tables["gold.oee"].filter(shift="early").iter_rows(named=True)}
    assert rows["comp-1"]["note"] == "no piece counter"
    assert rows["cnc-1"]["effectiveness"] == pytest.approx(0.8)


def test_building_one_day_alone_gives_the_same_rows(built):
    shelf = Shelf(ledgers(FIRST - timedelta(days=3), FIRST + timedelta(days=1)))
    run(shelf, [kpi_sums, oee, losses, yield_, kpi, energy], FIRST, FIRST)
    for name in ("kpi_sums", "oee", "losses", "yield", "kpi", "energy"):
        key = list(table(f"gold.{name}").key)
        alone, whole = (s.tables[f"gold.{name}"].filter(production_day=FIRST).sort(key) for s in (shelf, built))
        assert alone.equals(whole), name


# --- relational tables -----------------------------------------------------------------------------------------


def record(record_set, seq, payload):
    row = {
        "record_set": record_set, "record_key": json.dumps([payload["id"]]), "row_hash": str(seq), "watermark": None,
        "payload": json.dumps(payload), "deleted": False, "ingested_at": datetime(2026, 10, 24, tzinfo=UTC),
        "segment": "s", "seq": seq,
    }  # fmt: skip
    return pl.DataFrame([row], schema=table("bronze.records").schema)


MOVE = {"at": "2026-10-24T08:00:00Z", "material": "bar", "lot": None, "from_location": "external",
        "to_location": "raw-1", "qty": 12.5, "unit_cost_cents": 240, "kind": "receipt", "reference": None}  # fmt: skip


def test_records_become_stock_and_stock_becomes_inventory():
    material = {"id": "bar", "description": "Bar", "kind": "raw", "unit": "m", "standard_cost_cents": 240,
                "price_cents": None}  # fmt: skip
    shelf = Shelf({"bronze.records": pl.concat([
        record("erp.materials", 0, material),
        record("erp.stock_moves", 1, MOVE | {"id": "m1"}),
        record("erp.stock_moves", 2, MOVE | {"id": "m2", "at": "2026-10-25T08:00:00Z", "from_location": "raw-1",
                                             "to_location": "external", "qty": 2.5, "kind": "issue"}),
        record("erp.stock_moves", 3, MOVE | {"id": "m3", "qty": "a lot"}),
    ])})  # fmt: skip
    done = run(shelf, SILVER)
    meta = done.asset_materializations_for_node("silver__stock_moves")[0].metadata
    assert meta["rejected"].value == 1
    assert meta["rejected_by_reason"].value == {"unreadable_value": 1}
    assert "qty is 'a lot'" in meta["rejected_sample"].value[0]
    (left,) = shelf.tables["silver.rejected_records"].to_dicts()
    assert (left["table_name"], left["source"], left["record_set"]) == ("silver.stock_moves", "erp", "erp.stock_moves")
    assert (left["record_key"], left["reason"], left["seq"]) == ('["m3"]', "unreadable_value", 3)
    assert "qty is 'a lot'" in left["message"]
    assert json.loads(left["payload"])["id"] == "m3"
    run(shelf, [inventory], FIRST, FIRST + timedelta(days=1))
    stock = shelf.tables["gold.inventory"].sort("production_day")
    assert stock["on_hand_qty"].to_list() == [12.5, 10.0]
    assert stock["on_hand_value"].to_list() == [30.0, 24.0]
    day = bounds(PLANT, FIRST, FIRST + timedelta(days=1))["end_at"][1]
    left = (day - datetime(2026, 10, 25, 8, tzinfo=UTC)) / timedelta(hours=24)
    assert stock["average_value"][1] == pytest.approx(30 - 6 * left), "a production day of 24 h after one of 25 h"


def test_a_record_is_no_longer_rejected_once_its_source_has_corrected_it():
    broken, good = ({"id": "bar", "kind": "raw", "unit": "m", "standard_cost_cents": c} for c in (-5, 240))
    first = record("erp.materials", 0, broken)
    shelf = Shelf({"bronze.records": first})
    run(shelf, SILVER)
    rejected = shelf.tables["silver.rejected_records"]
    assert rejected.select("table_name", "reason").rows() == [("silver.materials", "out_of_range")]
    shelf.tables["bronze.records"] = pl.concat([first, record("erp.materials", 1, good)])
    run(shelf, SILVER)
    assert shelf.tables["silver.rejected_records"].is_empty()
    assert shelf.tables["silver.materials"]["material"].to_list() == ["bar"]


def test_nothing_ingested_gives_empty_tables_of_the_right_shape():
    shelf = Shelf({})
    assert run(shelf, SILVER).success
    for name in ("stock_ledger", "rejected_records", *CANONICAL):
        assert shelf.tables[f"silver.{name}"].schema == table(f"silver.{name}").schema


def test_days_of_a_run():
    context = dg.build_asset_context(partition_key_range=dg.PartitionKeyRange("2026-11-16", "2026-11-18"))
    assert days(context) == (date(2026, 11, 16), date(2026, 11, 18))
