"""Every KPI has the page its declaration makes; every figure of the gold tables is written about."""

from __future__ import annotations

from pathlib import Path

import pytest

from plant.kpi.catalogue import BY_NAME, KPIS
from plant.kpi.pages import page, with_index
from plant.tables import table

PAGES = Path(__file__).parents[2] / "docs" / "kpi"
FIGURES = ("gold.oee", "gold.losses", "gold.yield", "gold.inventory", "gold.energy")
SAME = {"gold.oee.quality": "quality_ratio", "gold.oee.oee_low": "oee", "gold.oee.oee_high": "oee"}
AGAIN = "run `python -m plant.kpi.pages docs/kpi`"


@pytest.mark.parametrize("kpi", KPIS, ids=lambda k: k.name)
def test_a_kpi_page_is_what_the_declaration_makes(kpi):
    assert (PAGES / f"{kpi.name}.md").read_text() == page(kpi), AGAIN


def test_the_list_of_kpis_is_what_the_declarations_make():
    readme = (PAGES / "README.md").read_text()
    assert readme == with_index(readme), AGAIN


def test_names_are_used_once_and_variants_name_a_kpi():
    assert len(BY_NAME) == len(KPIS)
    assert len({k.definition_id for k in KPIS}) == len(KPIS)
    assert not [k.name for k in KPIS if k.variant_of and k.variant_of not in BY_NAME]


def test_every_figure_of_the_gold_tables_has_a_page():
    written = "".join(p.read_text() for p in PAGES.glob("*.md"))
    missing = []
    for name in FIGURES:
        for column in table(name).columns:
            full = f"{name}.{column.name}"
            figure = column.kind == "f64" and not (name == "gold.oee" and column.name.endswith("_s"))
            known = column.name in BY_NAME or SAME.get(full) in BY_NAME
            if figure and not known and f"`{full}`" not in written:
                missing.append(full)
    assert not missing


def test_the_list_of_pages_is_whole():
    listed = (PAGES / "README.md").read_text()
    assert not [p.stem for p in PAGES.glob("*.md") if p.stem != "README" and f"]({p.name})" not in listed]
