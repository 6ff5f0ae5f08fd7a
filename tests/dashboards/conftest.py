"""One tiny lake a test run, and a way to run a page over it in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

HERE = Path(__file__).parent
APP = HERE.parents[1] / "dashboards" / "app.py"


def _tiny(name: str = "tiny_lake") -> ModuleType:
    spec = spec_from_file_location(name, HERE / f"{name}.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module that says what is in the tiny lake."""
    return _tiny()


@pytest.fixture(scope="session")
def tiny_sums() -> ModuleType:
    """The module that makes gold.kpi_sums of rows of gold.oee."""
    return _tiny("tiny_sums")


@pytest.fixture(scope="session")
def tiny_root(tiny: ModuleType, tiny_sums: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny lake, written once; read only."""
    root = tiny.fill(tmp_path_factory.mktemp("tiny"))
    tiny_sums.fill(root, tiny.oee(), tiny.DAYS)
    _tiny("tiny_lots").fill(root)
    return root


@pytest.fixture
def own_root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy of the tiny lake that a test may write to."""
    return Path(shutil.copytree(tiny_root, tmp_path / "root"))


@pytest.fixture(scope="session")
def empty_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root in which nothing was ever built."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="session")
def bare_root(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only production was built: no energy, stock, model, forecast, source or check."""
    root = tmp_path_factory.mktemp("bare")
    for name in ("silver/machines", "silver/time_ledger", "gold/oee", "gold/losses", "gold/kpi_sums"):
        shutil.copytree(tiny_root / "lake" / name, root / "lake" / name)
    return root


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, empty_root: Path) -> Callable[..., AppTest]:
    """open_page(root, "oee", line="shafts"): the page after its first run."""

    def run(root: Path, page: str, **query: str | list[str]) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=60)
        monkeypatch.setenv("SHOPFLOOR_ROOT", str(empty_root))
        app.run()  # registers the pages; the empty root keeps it cheap
        monkeypatch.setenv("SHOPFLOOR_ROOT", str(root))
        for name, value in query.items():
            app.query_params[name] = value
        return app.switch_page(f"app_pages/{page}.py").run()

    return run
