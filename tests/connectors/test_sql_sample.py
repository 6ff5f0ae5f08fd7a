"""The first rows of tables, on each kind of database; what is wrong with one table costs no other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.sql.sample import described, sample
from plant.errors import SourceDownError
from plant.sources.batch import SqlSource, SqlTable
from plant.tables import table

NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)
NAMES = ("sample_good", "sample_doubled", "sample_gone", "sample_marked")


@pytest.fixture
def source(url):
    """A source of three tables and one that is not there."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as con:
        for name in NAMES:
            con.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
        con.execute(sa.text("CREATE TABLE sample_good (id INTEGER PRIMARY KEY, price NUMERIC(12,2), at TIMESTAMP)"))
        con.execute(
            sa.text("INSERT INTO sample_good VALUES (1, 12.5, '2026-11-16 07:00:00'), (2, 3, NULL), (3, 4, NULL)")
        )
        con.execute(sa.text("CREATE TABLE sample_doubled (a INTEGER, b INTEGER)"))
        con.execute(sa.text("INSERT INTO sample_doubled VALUES (1, 1), (1, 2), (NULL, 3)"))
        con.execute(sa.text("CREATE TABLE sample_marked (id INTEGER PRIMARY KEY, at TIMESTAMP)"))
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001)"
        con.execute(
            sa.text(f"INSERT INTO sample_marked {numbers} SELECT i, '2026-11-16 07:00:00' FROM n")
            if engine.dialect.name == "sqlite"
            else sa.text("INSERT INTO sample_marked SELECT i, '2026-11-16 07:00:00' FROM generate_series(1, 10001) i")
        )
    engine.dispose()
    tables = (SqlTable(name="sample_gone"), SqlTable(name="sample_good", watermark="at"),
              SqlTable(name="sample_doubled", key=("a",)), SqlTable(name="sample_marked", watermark="at"))  # fmt: skip
    yield SqlSource(kind="sql", name="erp", url=url, timezone="Europe/Berlin", tables=tables)
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as con:
        for name in NAMES:
            con.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))


def test_first_rows_are_as_they_would_be_kept_and_problems_cost_no_other_table(source):
    found = sample(source, Path(), 2, NOW)
    frame = found.frame().collect()
    assert frame.schema == table("bronze.records").schema
    good = frame.filter(record_set="erp.sample_good")
    assert good.sort("record_key")["payload"][0] == '{"at":"2026-11-16T06:00:00.000000Z","id":1,"price":"12.50"}'
    assert good.height == 2
    assert found.rows["sample_good"] == 3
    assert [p.partition(":")[0] for p in found.problems] == [
        "erp.sample_gone",
        "erp.sample_doubled",
        "erp.sample_doubled",
    ]
    assert "no such table; nearest: sample_good" in found.problems[0]
    assert "key a is null in 1 rows" in found.problems[1]
    assert "key a names several rows, e.g. (1,)" in found.problems[2]
    assert "erp.sample_good: watermark at is null in 2 of 3 rows, which are read every time" in found.remarks
    assert any("erp.sample_marked: no index begins with at" in r for r in found.remarks)


def test_all_rows_are_read_when_no_number_is_given(source):
    found = sample(source, Path(), 0, NOW)
    assert found.frame().collect().filter(record_set="erp.sample_good").height == 3


def test_a_database_describes_itself(source):
    found = described(source, Path())
    assert found["sample_good"].key == ("id",)
    assert found["sample_good"].columns == {"id": "int", "price": "Decimal", "at": "datetime"}
    assert found["sample_doubled"].key == ()


def test_a_database_that_is_away_is_said(tmp_path):
    away = SqlSource(kind="sql", name="erp", url=f"sqlite:///{tmp_path}/none.sqlite", tables=(SqlTable(name="x"),))
    with pytest.raises(SourceDownError, match="cannot be reached"):
        sample(away, tmp_path, 1, NOW)
