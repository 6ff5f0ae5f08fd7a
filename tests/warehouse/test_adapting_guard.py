"""What answers differently each time is refused by name, however it is called: silver is a function of the records."""

from __future__ import annotations

import re

import duckdb
import pytest

from plant.adapters.model import Adapter
from plant.adapters.run import MappingError
from warehouse.adapting.guard import reads_of

CONSTANT = {"pi", "list_pack", "list_value", "map", "json_array", "json_object", "json_quote", "current_role",
            "current_catalog", "inet_client_addr", "inet_client_port", "inet_server_addr", "inet_server_port",
            "pg_my_temp_schema"}  # fmt: skip
FROM_T = "SELECT id::VARCHAR AS supplier, {} AS name FROM t"


def reads(sql):
    adapter = Adapter.model_validate({"name": "x", "types": {"t": {}}})
    with duckdb.connect(":memory:") as con:
        return reads_of(con, sql, list(adapter.relations))


@pytest.mark.parametrize(
    "call",
    ["ago(INTERVAL 1 DAY)", "age(TIMESTAMP '2020-01-01')", "current_localtime()", "current_localtimestamp()",
     "pg_postmaster_start_time()", "pg_conf_load_time()", "system.main.now()", "AGO(INTERVAL 1 DAY)", "version()",
     '"current_localtimestamp"()', "age(t.at)"],
)  # fmt: skip
def test_a_clock_behind_another_name_is_refused(call):
    with pytest.raises(MappingError, match=r"\(\) answers differently each time"):
        reads(FROM_T.format(call))


@pytest.mark.parametrize(
    "sql",
    [FROM_T.format("name") + " USING SAMPLE 50%", FROM_T.format("name") + " TABLESAMPLE 10 ROWS",
     FROM_T.format("name") + " USING SAMPLE reservoir(3 ROWS) REPEATABLE (7)",
     "SELECT a.id::VARCHAR AS supplier, a.name FROM t a JOIN t b TABLESAMPLE 5% USING (id)"],
)  # fmt: skip
def test_a_sample_is_refused(sql):
    with pytest.raises(MappingError, match="a sample answers differently each time"):
        reads(sql)


def test_the_difference_of_two_times_is_no_clock():
    assert reads(FROM_T.format("age(left_at, come_at)")).tables == ["t"]


def test_no_function_without_arguments_but_constants_is_allowed():
    """What DuckDB adds one day is looked at here, not found in somebody's silver."""
    with duckdb.connect(":memory:") as con:
        found = con.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE len(parameters) = 0 AND varargs IS NULL AND function_type IN ('scalar', 'macro')"
        ).fetchall()
    allowed = []
    for (name,) in sorted(found):
        if re.fullmatch(r"[a-z_]\w*", name):
            try:
                reads(FROM_T.format(f"{name}()"))
                allowed.append(name)
            except MappingError as error:
                assert "answers differently" in str(error)  # noqa: PT017 - either is right, nothing else is
    assert set(allowed) <= CONSTANT, allowed
