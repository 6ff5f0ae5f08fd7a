"""The run-time twin of the import contracts: what a command may load, seen in a fresh process."""

import json
import subprocess
import sys

import pytest

CASES = [
    ("import dashboards.app", {"dagster", "great_expectations", "asyncua", "sklearn"}),
    (
        "from plant.config import load; load('plant.toml')",
        {"dagster", "great_expectations", "duckdb", "deltalake", "polars"},
    ),
    ("import pipelines.cli", {"dagster", "great_expectations", "duckdb", "deltalake", "polars", "streamlit"}),
    (
        "import pipelines.definitions",
        {"great_expectations", "streamlit", "asyncua", "pymodbus", "paho", "amqtt"},
    ),
    ("import assets.kernels.ledger, assets.kernels.figures.oee", {"dagster", "duckdb", "deltalake", "sqlalchemy"}),
]


@pytest.mark.parametrize(("statement", "forbidden"), CASES, ids=[c[0] for c in CASES])
def test_a_start_loads_no_more_than_it_needs(statement, forbidden):
    code = f"import sys, json; {statement}; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & forbidden
