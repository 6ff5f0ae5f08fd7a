"""The page of all KPIs: numbers are those of gold.kpi_by, a blank says why, a walk between standards adds up."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from dashboards.ranking import ranked
from plant.kpi.catalogue import KPIS
from warehouse import connect
from warehouse.lake import Lake
from warehouse.marts import details

Open = Callable[..., AppTest]
DAYS = ["2026-11-17", "2026-11-19"]


def read(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.subheader]
    return "\n".join(str(p.value) for p in parts)


def asked(root: Path, kpi: str, level: str, grain: str) -> pl.DataFrame:
    first, last = map(date.fromisoformat, DAYS)
    return details.kpi_by(connect(root), kpi=kpi, level=level, grain=grain, first=first, last=last)


def test_tables_hold_the_numbers_of_gold_kpi_by(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "kpis", days=DAYS, kpi="availability")
    assert not app.exception
    compared, periods = (t.value for t in app.dataframe[:2])
    whole = asked(tiny_root, "availability", "machine", "all")
    held = dict(zip(compared["scope"], compared["value"], strict=True))
    assert held == dict(whole.select("scope", "value").iter_rows())
    mine = asked(tiny_root, "availability", "machine", "day").filter(pl.col("scope") == "cnc-1").sort("production_day")
    for column, name in (("value", "value"), ("value_low", "low"), ("value_high", "high")):
        assert list(periods[name]) == mine[column].to_list()
    assert list(periods["period"]) == ["Tue 17 Nov", "Wed 18 Nov", "Thu 19 Nov"]


def test_a_link_names_the_kpi_and_it_says_what_it_is(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "kpis", days=DAYS, kpi="mttr")
    assert app.selectbox(key="kpi of ISO 22400-2").value == "mttr"
    text = read(app)
    assert "**Mean time to restoration** = sum(TTR) / FE, in h" in text
    assert "docs/kpi/mttr.md" in text
    assert ": no value, no" in text  # no failure in the sums of the tiny lake: a reason, not a zero


@pytest.mark.parametrize("level", ["order", "operator", "site"])
def test_levels_without_rows_say_so(tiny_root: Path, open_page: Open, level: str) -> None:
    app = open_page(tiny_root, "kpis", days=DAYS, kpi="oee")
    app = app.selectbox(key="kpi level").select(level).run()
    assert not app.exception
    assert ("Nothing was recorded of any" in read(app)) == (level != "site")


@pytest.mark.parametrize("grain", ["shift", "hour", "week", "month"])
def test_every_grain_is_drawn(tiny_root: Path, open_page: Open, grain: str) -> None:
    app = open_page(tiny_root, "kpis", days=DAYS, kpi="oee")
    app = app.selectbox(key="kpi grain").select(grain).run()
    assert not app.exception
    assert "Over time" in read(app)


def test_every_kpi_is_offered(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "kpis", days=DAYS)
    offered = 0
    for family in app.selectbox(key="kpi family").options:
        app = app.selectbox(key="kpi family").select(family).run()
        assert not app.exception
        offered += len(app.selectbox(key=f"kpi of {family}").options)
    assert offered == len(KPIS)


def test_the_rules_between_two_standards_sum_to_the_difference(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "kpis", days=DAYS)
    told = re.findall(r"\*\*(?:([+-][\d.]+) points|no difference)\*\*", read(app))
    points = [float(found or 0) for found in told]
    ends = [asked(tiny_root, kpi, "site", "all")["value"][0] for kpi in ("oee", "teep")]
    assert len(points) == 4
    assert sum(points) == pytest.approx(100 * (ends[1] - ends[0]), abs=0.03)


def test_a_lake_without_sums_says_so(tiny: ModuleType, tmp_path: Path, open_page: Open) -> None:
    app = open_page(tiny.fill(tmp_path / "root"), "kpis")
    assert not app.exception
    assert "Nothing was recorded" in read(app)
    assert Lake(tmp_path / "root").version("gold.kpi_sums") is None


def test_no_place_is_certain_beside_a_value_without_bounds() -> None:
    rows = pl.DataFrame({"value": [3.0, 1.0, 2.0], "low": [3.0, None, 2.0], "high": [3.0, None, 2.0]})
    assert ranked(rows, "higher")["decided"].to_list() == [False, False, False]
    assert ranked(rows.filter(pl.col("low").is_not_null()), "lower")["value"].to_list() == [2.0, 3.0]
    assert ranked(rows.filter(pl.col("low").is_not_null()), "lower")["decided"].to_list() == [True, True]
