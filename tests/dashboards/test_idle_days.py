"""Days on which nothing was planned: what a reader on Monday morning is shown instead of dashes alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from warehouse.lake import Lake

Open = Callable[..., AppTest]
TIMES = ("pot_s", "pbt_s", "apt_s", "aust_s", "adet_s", "adot_s", "unknown_s", "ideal_s")


@pytest.fixture
def sunday_root(own_root: Path, tiny: ModuleType, tiny_sums: ModuleType) -> Path:
    """The tiny lake with a last day on which nothing was planned."""
    idle = pl.col("production_day") == max(tiny.DAYS)
    rows = tiny.oee().with_columns(pl.when(idle).then(0.0).otherwise(pl.col(c)).alias(c) for c in TIMES)
    Lake(own_root).replace_days("gold.oee", rows, tiny.DAYS)
    Lake(own_root).replace_days("gold.kpi_sums", tiny_sums.sums(rows), tiny.DAYS)
    return own_root


def said(app: AppTest) -> str:
    """Everything written on the page."""
    assert not app.exception
    return "\n".join(str(p.value) for p in (*app.markdown, *app.caption, *app.info, *app.subheader))


def test_monday_is_told_how_the_last_worked_day_went(sunday_root: Path, tiny: ModuleType, open_page: Open) -> None:
    text = said(open_page(sunday_root, "overview"))
    before = sorted(tiny.DAYS)[-2]
    assert f"**Last day with an OEE, {before:%a %-d %b}**: OEE " in text
    assert "cost most time" in text
    assert "kWh a good piece" not in text  # a few pieces outside a shift are no base for it


def test_a_worked_day_does_not_point_to_another(tiny_root: Path, open_page: Open) -> None:
    assert "Last day with an OEE" not in said(open_page(tiny_root, "overview"))


def test_the_lanes_open_on_a_day_that_was_planned(sunday_root: Path, tiny: ModuleType, open_page: Open) -> None:
    app = open_page(sunday_root, "oee")
    assert app.selectbox(key="day").value == sorted(tiny.DAYS)[-2]


def test_a_number_without_a_value_is_not_offered_first(sunday_root: Path, tiny: ModuleType, open_page: Open) -> None:
    app = open_page(sunday_root, "changes")
    assert f"{max(tiny.DAYS):%a %-d %b}" not in app.subheader[0].value


@pytest.mark.parametrize("page", ["overview", "inventory", "energy", "oee"])
def test_a_plant_without_any_shift_yet_shows_what_it_has(
    own_root: Path, tiny: ModuleType, open_page: Open, page: str
) -> None:
    for name in ("gold.oee", "gold.kpi_sums"):
        Lake(own_root).replace_days(name, Lake(own_root).scan(name).collect().head(0), tiny.DAYS)
    text = said(open_page(own_root, page))
    assert "There are no numbers yet" not in text
    if page == "overview":
        assert "No shift was planned on this day" in text
