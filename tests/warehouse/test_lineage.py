"""The lot index over real Delta tables, its files, names and versions; gold.lot_trace; rows of lots."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.kernels.lineage.flow import trace
from plant.errors import MissingTableError
from plant.tables import table
from warehouse.connect import connect
from warehouse.lake import Lake
from warehouse.lineage import UnknownLotError, lot_index, rows_of
from warehouse.lineage.rows import fingerprint
from warehouse.publish import export_copy, publish

AT = datetime(2026, 11, 20, 6, tzinfo=UTC)


def frame(name, rows):
    schema = table(name).schema
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=schema, orient="row")


def link(parent, child, qty=1.0, unit=None):
    return {
        "link_id": f"{parent}>{child}",
        "parent_lot": parent,
        "child_lot": child,
        "qty": qty,
        "at": AT,
        "unit": unit,
    }


def lot(name, qty=10.0, material="m"):
    return {"lot": name, "material": material, "qty": qty, "created_at": AT}


def filled(root, links, lots, unit="kg"):
    lake = Lake(root)
    lake.replace("silver.lot_links", frame("silver.lot_links", links))
    lake.replace("silver.lots", frame("silver.lots", lots))
    material = {"material": "m", "kind": "raw", "unit": unit, "standard_cost_cents": 1}
    lake.replace("silver.materials", frame("silver.materials", [material]))
    return lake


@pytest.fixture
def lake(tmp_path):
    links = [
        link("ä-1", "b", 4.0),
        link("b", "c", 5.0),
        link("b", "d"),
        link("x", "c", 500.0, "g"),
        link("y", "d", 2.0, "m"),
    ]
    return filled(tmp_path, links, [lot(n) for n in ("ä-1", "b", "c", "d", "x", "y", "alone")])


def reached(lake, name, direction):
    index = lot_index(lake)
    traced = trace(index.arrays, index.numbers([name]), direction)
    return dict(zip(index.names(traced.reached.lots), traced.amount.tolist(), strict=True))


def test_names_with_any_letters_go_both_ways(lake):
    index = lot_index(lake)
    assert [index.number(n) for n in index.names(range(index.lots))] == list(range(index.lots))
    assert (index.lots, index.links) == (7, 5)


def test_quantities_are_converted_into_the_parents_unit(lake):
    assert reached(lake, "x", "forward") == {"x": 10.0, "c": 0.5}
    assert reached(lake, "ä-1", "forward") == {"ä-1": 10.0, "b": 4.0, "c": 2.0, "d": pytest.approx(0.4)}


def test_a_unit_that_does_not_convert_leaves_the_lot_reached_and_its_quantity_unknown(lake):
    found = reached(lake, "y", "forward")
    assert set(found) == {"y", "d"}
    assert np.isnan(found["d"])


def test_a_link_to_itself_ends(tmp_path):
    lake = filled(tmp_path, [link("a", "a"), link("a", "b")], [lot("a"), lot("b")])
    assert set(reached(lake, "a", "forward")) == {"a", "b"}


@pytest.mark.parametrize(("word", "near"), [("bb", "b"), ("alon", "alone"), ("Ä-1", "ä-1"), ("ALONE", "alone")])
def test_an_unknown_lot_is_told_with_the_nearest(lake, word, near):
    with pytest.raises(UnknownLotError, match=f"no lot '{word}' among 7 lots.*{near}"):
        lot_index(lake).number(word)


def test_nearest_names_are_found_among_many(tmp_path, monkeypatch):
    names = [f"lot-{i:06d}" for i in range(3000)]
    lake = filled(tmp_path, [link(names[0], names[1])], [lot(n) for n in names])
    assert lot_index(lake).nearest("LOT-01234")[0] == "lot-001234"
    monkeypatch.setattr("warehouse.lineage.index.FEW", 0)  # as with more than a few lots
    assert "lot-001234" in lot_index(lake).nearest("LOT-0012345")


def test_no_lot_links_at_all_is_a_clear_error(tmp_path):
    with pytest.raises(MissingTableError, match=r"no silver.lot_links under .*: no source delivers lot links"):
        lot_index(Lake(tmp_path))


def test_the_index_follows_the_tables_and_leaves_one_folder(lake):
    before = lot_index(lake)
    assert lot_index(lake).versions == before.versions
    links = [link("b", "e")]
    lake.replace("silver.lot_links", frame("silver.lot_links", links))
    assert set(reached(lake, "b", "forward")) == {"b", "e"}
    assert len([p for p in (lake.root / "lineage").iterdir() if p.is_dir()]) == 1
    assert set(before.names(range(before.lots))) >= {"c", "d"}  # an index that is open stays readable


def test_a_deleted_index_is_made_again(lake):
    import shutil

    lot_index(lake)
    shutil.rmtree(lake.root / "lineage")
    assert set(reached(lake, "b", "forward")) == {"b", "c", "d"}


def test_an_index_that_was_being_written_is_never_read(lake):
    half = lake.root / "lineage" / ".1-0-0-0.99"
    half.mkdir(parents=True)
    (half / "made.npy").write_bytes(b"half")
    assert set(reached(lake, "b", "forward")) == {"b", "c", "d"}


def test_many_readers_make_it_once(lake):
    found, made = [], []
    import warehouse.lineage.index as module

    real, module.arrays = module.arrays, lambda *a: made.append(1) or real(*a)
    try:
        threads = [threading.Thread(target=lambda: found.append(lot_index(Lake(lake.root)).links)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        module.arrays = real
    assert (found, made) == ([5] * 4, [1])


names = st.sampled_from([f"l{i}" for i in range(8)])
some_links = st.lists(st.tuples(names, names), max_size=16, unique=True)


@given(some_links, names, st.sampled_from(["forward", "back"]))
@settings(max_examples=25, deadline=None)
def test_the_macro_reaches_what_the_index_reaches(links, start, direction):
    con = duckdb.connect()
    con.execute("CREATE SCHEMA silver; CREATE SCHEMA gold")
    for name, rows in (("lot_links", [link(*e) for e in links]), ("lots", [lot(start)])):
        con.register(f"r_{name}", frame(f"silver.{name}", rows).to_arrow(compat_level=pl.CompatLevel.oldest()))
        con.execute(f"CREATE TABLE silver.{name} AS FROM r_{name}")
    from warehouse.lineage.arrays import arrays
    from warehouse.lineage.index import LotIndex
    from warehouse.lineage.macro import create_lot_trace

    create_lot_trace(con)
    told = con.execute("SELECT lot, steps FROM gold.lot_trace(?, direction_ := ?)", [start, direction]).fetchall()
    con.close()
    lazy = [
        frame(f"silver.{n}", r).lazy() for n, r in (("lot_links", [link(*e) for e in links]), ("lots", [lot(start)]))
    ]
    index = LotIndex(arrays(*lazy, frame("silver.materials", []).lazy()), {})
    found = trace(index.arrays, index.numbers([start]), direction).reached
    assert sorted(told) == sorted(zip(index.names(found.lots), found.depth.tolist(), strict=True))


def test_the_macro_is_in_the_live_connection_the_published_file_and_copies(lake, tmp_path):
    sql = "SELECT lot FROM gold.lot_trace('b') ORDER BY lot"
    assert connect(lake.root).execute(sql).fetchall() == [("b",), ("c",), ("d",)]
    for path in (publish(lake.root), export_copy(lake.root, tmp_path / "copy.duckdb")):
        with duckdb.connect(str(path), read_only=True) as con:
            assert con.execute(sql).fetchall() == [("b",), ("c",), ("d",)]
            words = "SELECT comment FROM duckdb_functions() WHERE function_name = 'lot_trace'"
            assert "Safe on circular links" in con.execute(words).fetchone()[0]
            assert con.execute("FROM gold.lot_trace('nobody')").fetchall() == []
            with pytest.raises(duckdb.InvalidInputException, match="valid are forward, back"):
                con.execute("FROM gold.lot_trace('b', direction_ := 'up')")


def test_rows_of_lots_are_those_that_name_them(lake):
    given = rows_of(lake, ["c"])
    assert given["silver.lots"]["lot"].to_list() == ["c"]
    assert sorted(given["silver.lot_links"]["link_id"]) == ["b>c", "x>c"]
    assert given["silver.stock_ledger"].is_empty()
    assert fingerprint(given) == fingerprint(rows_of(lake, ["c"]))
    assert fingerprint(given) != fingerprint(rows_of(lake, ["d"]))
