"""The supply page over hand-made books: whom to call, who is worst, what it costs; customers; texts of strangers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from dashboards.supply import data
from pipelines.cli import app as cli
from warehouse.lake import Lake

sys.path.append(str(Path(__file__).parents[1] / "pipelines"))
import supply_lake

Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def root(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny lake with the order books of the supply kit in it."""
    at = Path(shutil.copytree(tiny_root, tmp_path_factory.mktemp("supply") / "root"))
    lake = Lake(at)
    supply_lake.write(lake, supply_lake.books())
    supply_lake.build(at)
    return at


def read(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.success, *app.subheader]
    return "\n".join([str(p.value) for p in parts] + [f"{m.label} {m.value}" for m in app.metric])


def test_suppliers(root: Path, open_page: Open) -> None:
    app = open_page(root, "supply")
    assert not app.exception
    text = read(app)
    assert "On time in full 20 %" in text  # 1 of 5 due lines of both suppliers
    assert "**Acme Bolts** has not delivered 40 pcs of 100 of bolt: due Sat 14 Nov, **6 days behind**" in text
    assert text.index("6 days behind") < text.index("5 days behind") < text.index("1 day behind")
    assert "Longer than agreed: Acme Bolts 100 %" in text
    assert "As of Fri 20 Nov" in text


def test_customers(root: Path, open_page: Open) -> None:
    app = open_page(root, "supply")
    app.segmented_control(key="side").set_value("Customers").run()
    assert not app.exception
    text = read(app)
    assert "On time in full 100 %" in text
    assert "Perfect orders 100 %" in text
    assert "1 open line has no such date" in text
    assert "Fewer than 5 lines were due, so a share says little: Zeta Cars" in text
    app.selectbox(key="basis-Customers").set_value("Requested").run()
    assert "**Omega** has not had 5 pcs of nut: due Wed 18 Nov, **2 days behind**" in read(app)
    assert "On time in full 0.0 %" in read(app)


def test_a_name_is_no_markdown(root: Path, tmp_path: Path, open_page: Open) -> None:
    own = Path(shutil.copytree(root, tmp_path / "own"))
    names = [s | {"name": "**x** [y](http://z) <b>"} for s in supply_lake.books()["suppliers"]]
    supply_lake.write(Lake(own), {"suppliers": names})
    app = open_page(own, "supply")
    assert not app.exception
    assert r"\*\*x\*\* \[y\]\(http\://z\) \<b\>" in read(app)


def test_a_time_without_lines_says_so(tiny_root: Path, open_page: Open) -> None:
    assert "No order line was due" in read(open_page(tiny_root, "supply"))


def test_a_delivery_without_its_order_line_is_told(root: Path, tmp_path: Path, open_page: Open) -> None:
    own = Path(shutil.copytree(root, tmp_path / "own"))
    lost = supply_lake._came("GR-9", "po *x*", "inbound", 70, 4)
    supply_lake.write(Lake(own), {"deliveries": [*supply_lake.books()["deliveries"], lost]})
    for page in ("supply", "trust"):
        app = open_page(own, page)
        assert not app.exception
        text = read(app)
        assert r"Delivery GR\-9: **70 pcs of bolt** from Acme Bolts on Mon 16 Nov" in text
        assert r"names order line po \*x\*, which no system has." in text
        assert "1 delivery counts nowhere" in text
    assert "counts nowhere" not in read(open_page(root, "supply"))


@pytest.mark.parametrize("form", data.FORMS)
def test_the_file_is_the_one_of_the_command_line(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("SHOPFLOOR_ROOT", str(root))
    monkeypatch.setenv("SHOPFLOOR_PLANT", str(supply_lake.PLANT))
    for since in (None, date(2026, 11, 10)):
        out = tmp_path / f"out{form}"
        words = ["export", "supplier", "acme", "--to", str(out), "--root", str(root), "--plant", str(supply_lake.PLANT)]
        told = CliRunner().invoke(cli, words + ([f"--since={since}"] if since else []))
        assert told.exit_code == 0, told.output
        assert data.partner_file("inbound", "acme", "Acme Bolts", since, form) == out.read_bytes()


def test_the_page_offers_the_file_where_the_plant_is_known(
    root: Path, monkeypatch: pytest.MonkeyPatch, open_page: Open
) -> None:
    assert not open_page(root, "supply").get("download_button")
    monkeypatch.setenv("SHOPFLOOR_PLANT", str(supply_lake.PLANT))
    app = open_page(root, "supply")
    assert [b.proto.label for b in app.get("download_button")] == ["Download acme.xlsx"]
    app.selectbox(key="file-Suppliers").set_value(supply_lake.SECRET).run()
    assert [b.proto.label for b in app.get("download_button")] == ["Download secret-rival.xlsx"]
