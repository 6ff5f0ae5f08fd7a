"""Adapter files: every problem at once with the nearest name, and what they put into plant.toml."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from plant.adapters.canonical import canonical_problems
from plant.adapters.read import adapters_of, file_of, read_adapter, shipped
from plant.config import load, read_toml
from plant.errors import ConfigError
from plant.sources.batch import SqlTable
from warehouse.adapting.guard import reads_of

HEAD = 'schema = 1\nname = "mine"\n'
TABLE = '[source.t]\nkey = ["nr"]\ntypes = { a = "f64" }\n'
MAPPING = '[[table]]\ninto = "suppliers"\nsql = "SELECT 1"\n'
PLANT = (
    Path(__file__).parent / "mill.toml"
).read_text() + '[[source]]\nname = "erp"\nkind = "sql"\nurl = "sqlite:///x.sqlite"\n'


def problems(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    return [(p.key, f"{p.found} | {p.valid} | {p.hint}") for p in read_adapter(file).problems]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("schema = 1\nname = 'x'\n[[table]\n", "line 3, column 8", "TOML 1.0"),
        ("name = 'x'\n", "schema", "schema is required"),
        (HEAD + "tables = 3\n", "tables",
         "unknown key 'tables' | keys schema, name, description, source, units, shared, table | did"),
        (HEAD + MAPPING.replace("suppliers", "supplier"), "table[0].into", "canonical table 'supplier'| 'suppliers'?"),
        (HEAD + MAPPING + MAPPING, "table[1].into", "'suppliers' again|table[0] fills it|UNION ALL"),
        (HEAD + '[[table]]\ninto = "suppliers"\n', "table[0]", "either `sql` (a SELECT) or `from`"),
        (HEAD + TABLE + '[[table]]\ninto = "suppliers"\nfrom = "tt"\n', "table[0].from", "'tt'|did you mean 't'?"),
        (HEAD + TABLE + '[[table]]\ninto = "suppliers"\nfrom = "t"\nrename = { nam = "a" }\n', "table[0].rename.nam",
         "unknown column of suppliers 'nam'|did you mean 'name'?"),
        (HEAD + MAPPING + 'convert = { name = { from = "u", unit = "kg" } }\n', "table[0].convert.name", "no number"),
        (HEAD + MAPPING + 'convert = { lead_time_d = { from = "u" } }\n', "table[0].convert.lead_time_d",
         "either `to`"),
        (HEAD + MAPPING + 'convert = { lead_time_d = { form = "u", unit = "h" } }\n',
         "table[0].convert.lead_time_d.form", "unknown key 'form'|from, to, unit, per"),
        (HEAD + "[source.t]\nkeys = ['id']\n", "source.t.keys", "unknown key 'keys'|did you mean 'key'?"),
        (HEAD + "[source.t]\noverlap = 'soon'\n", "source.t.overlap", "'soon'"),
        (HEAD + '[source.t]\ntypes = { a = "number" }\n', "source.t.types.a", "'number'|one of str, i64, f64, decimal"),
        (HEAD + '[source.t]\ntypes = { a = "decimal(40,2)" }\n', "source.t.types.a", "decimal(40,2)"),
        (HEAD + '[source.t]\ntypes = { a = "instant(dd.mm.yyyy)" }\n', "source.t.types.a", "a format as %d.%m.%Y"),
        (HEAD + "[source.t]\nnulls = ''\n", "source.t.nulls", "texts that stand for no value"),
        (HEAD + '[units]\nSack = { unit = "kg", factor = 0 }\n', "units.Sack.factor", "greater than 0"),
        (HEAD + TABLE + '[shared]\nT_history = "SELECT 1"\n', "shared.T_history", "is a source table"),
        (HEAD + '[shared]\n"a b" = "SELECT 1"\n', "shared.a b", "letters, digits and _"),
        (HEAD + "[shared]\nx = 3\n", "shared.x", "3"),
        (HEAD + TABLE + """[[table]]\ninto = "suppliers"\nfrom = "t"\nrename = { name = "a'b\\"c" }\n""",
         "table[0].rename.name", "use sql"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_is_with_what_is_valid(tmp_path, text, key, words):
    found = problems(tmp_path, text)
    told = dict(found)
    assert key in told, found
    for word in words.split("|"):
        assert word.strip() in told[key], told[key]


def test_every_mistake_is_told_at_once(tmp_path):
    text = HEAD + "[source.t]\nkeys = []\n" + MAPPING + MAPPING + '[[table]]\ninto = "x"\nfrom = "u"\n'
    assert [k for k, _ in problems(tmp_path, text)] == ["source.t.keys", "table[1].into", "table[2].from"]


def test_a_file_of_other_bytes_or_none_is_a_problem_of_plant_toml(tmp_path):
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    assert read_adapter(tmp_path / "mine.toml").problems[0].key == "byte 0"
    (tmp_path / "plant.toml").write_text(PLANT + 'adapter = "tryten"\n')
    with pytest.raises(ConfigError, match=r"source\[0\].adapter\n    found: 'tryten': no such file"):
        load(tmp_path / "plant.toml")
    with pytest.raises(ConfigError, match="did you mean 'tryton'"):
        load(tmp_path / "plant.toml")


def test_an_adapter_brings_its_tables_and_plant_toml_changes_adds_and_leaves_out(tmp_path):
    (tmp_path / "mine.toml").write_text(HEAD + TABLE + "[source.u]\nexclude = ['logo']\n[source.v]\n" + MAPPING)
    own = 'adapter = "mine.toml"\nwithout = ["v"]\n[[source.tables]]\nname = "t"\nwatermark = "at"\n'
    own += '[[source.tables]]\nname = "w"\n'
    (tmp_path / "plant.toml").write_text(PLANT + own)
    plant = load(tmp_path / "plant.toml")
    tables = {t.name: t for t in plant.sources["erp"].tables}
    assert list(tables) == ["t", "u", "w"]
    assert (tables["t"].key, tables["t"].watermark) == (("nr",), "at")
    assert tables["u"].exclude == ("logo",)
    assert plant.adapters["erp"].types == {"t": {"a": "f64"}, "u": {}, "v": {}}
    (tmp_path / "plant.toml").write_text(PLANT + own.replace('["v"]', '["vv"]'))
    with pytest.raises(ConfigError, match=r"source\[0\].without\n    found: 'vv'\n.*tables of the adapter: t, u, v"):
        load(tmp_path / "plant.toml")


def test_without_an_adapter_only_listed_tables_come_in_under_our_own_names(tmp_path):
    (tmp_path / "plant.toml").write_text(PLANT + '[[source.tables]]\nname = "lots"\n')
    plant = load(tmp_path / "plant.toml")
    assert [t.name for t in plant.sources["erp"].tables] == ["lots"]
    assert plant.adapters["erp"].name == "shopfloor"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_adapters_meet_the_contracts_and_read_their_own_tables_only(name):
    file = file_of(name, Path())
    taken = read_adapter(file)
    assert not taken.problems
    assert taken.adapter.name == name
    assert not list(canonical_problems(str(file), read_toml(file)))
    for row in taken.tables.values():
        SqlTable.model_validate(row)
    with duckdb.connect() as con:
        con.execute("CREATE MACRO instant(x) AS x; CREATE MACRO cents(x) AS x")
        for mapped in taken.adapter.tables:
            assert (
                mapped.sql is None or reads_of(con, taken.adapter.text_of(mapped), list(taken.adapter.relations)).tables
            )


def test_adapters_are_read_for_sql_sources_only(tmp_path):
    assert adapters_of({"files": object()}, tmp_path) == {}
