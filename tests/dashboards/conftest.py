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


def _tiny() -> ModuleType:
    spec = spec_from_file_location("tiny_lake", HERE / "tiny_lake.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module that says what is in the tiny lake."""
    return _tiny()


@pytest.fixture(scope="session")
def tiny_root(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny lake, written once; read only."""
    return tiny.fill(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def own_root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy of the tiny lake that a test may write to."""
    return Path(shutil.copytree(tiny_root, tmp_path / "root"))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """open_page(root, "oee", line="shafts"): the page after its first run."""

    def run(root: Path, page: str, **query: str | list[str]) -> AppTest:
        monkeypatch.setenv("SHOPFLOOR_ROOT", str(root))
        app = AppTest.from_file(APP, default_timeout=60)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        for name, value in query.items():  # those of widgets only this page has were dropped by the first one
            if name not in app.query_params:
                app.query_params[name] = value
        return app.switch_page(f"app_pages/{page}.py").run()

    return run
