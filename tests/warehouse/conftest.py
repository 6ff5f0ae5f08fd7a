"""Frames that keep any contract, with what a test wants to say put in."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from plant.tables import table
from warehouse.lake import Lake
from warehouse.writing import DOOR_MADE

DAY = date(2026, 11, 2)
AT = datetime(2026, 11, 2, 6, tzinfo=UTC)


def _value(column):
    if column.allowed:
        return column.allowed[0]
    return {"str": "x", "i64": 1, "f64": 0.5, "bool": False, "instant": AT, "day": DAY}[column.kind]


def build(name, *rows):
    contract = table(name)
    schema = {n: t for n, t in contract.schema.items() if not (contract.revisioned and n in DOOR_MADE)}
    plain = {n: _value(contract.column(n)) for n in schema}
    return pl.DataFrame([{**plain, **row} for row in rows], schema=schema, orient="row")


@pytest.fixture
def frame():
    """frame(table, {column: value}, ...): one contract-keeping row a dict."""
    return build


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)
