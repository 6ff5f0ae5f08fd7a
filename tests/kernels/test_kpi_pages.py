"""Every KPI and every figure of the gold tables has a page that says the same as the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.kernels.figures.kpi_definitions import KPIS
from plant.tables import table

PAGES = Path(__file__).parents[2] / "docs" / "kpi"
DIRECTION = {"higher": "higher is better", "lower": "lower is better", "context": "depends"}
FIGURES = ("gold.oee", "gold.losses", "gold.yield", "gold.inventory", "gold.energy")
SAME = {"gold.oee.quality": "quality_ratio", "gold.oee.oee_low": "oee", "gold.oee.oee_high": "oee"}


def cells(page: str) -> dict[str, str]:
    lines = (PAGES / f"{page}.md").read_text().splitlines()
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {row[0]: row[1] for row in rows if len(row) == 2}


@pytest.mark.parametrize("kpi", KPIS, ids=lambda k: k.name)
def test_a_kpi_page_says_what_the_declaration_says(kpi):
    page = cells(kpi.name)
    assert page["Name"] == f"`{kpi.name}` in `gold.kpi`"
    assert page["Definition"] == f"`{kpi.definition_id}`"
    assert (page["Formula"], page["Source"], page["Edition"]) == (kpi.formula, kpi.source, kpi.edition)
    assert (page["Unit"], page["Direction"]) == (kpi.unit, DIRECTION[kpi.better])
    assert page["Bounds"]
    assert kpi.empty in page["Null rule"]
    for need, note in {"pieces": "no piece counter", "ideal": "no ideal cycle", "meter": "no energy meter"}.items():
        assert (note in page["Null rule"]) == (need in kpi.needs)


def test_every_figure_of_the_gold_tables_has_a_page():
    written = "".join(p.read_text() for p in PAGES.glob("*.md"))
    names = {k.name for k in KPIS}
    missing = []
    for name in FIGURES:
        for column in table(name).columns:
            full = f"{name}.{column.name}"
            figure = column.kind == "f64" and not (name == "gold.oee" and column.name.endswith("_s"))
            if figure and column.name not in names and SAME.get(full) not in names and f"`{full}`" not in written:
                missing.append(full)
    assert not missing


def test_the_list_of_pages_is_whole():
    listed = (PAGES / "README.md").read_text()
    assert not [p.stem for p in PAGES.glob("*.md") if p.stem != "README" and f"]({p.name})" not in listed]
