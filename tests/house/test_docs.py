"""Docs that cannot lie: every key of plant.toml, every verb and every benchmark name is documented."""

import re
from pathlib import Path

from typer.main import get_command

import plant.model
from pipelines.cli import app

ROOT = Path(__file__).parents[2]


def test_every_key_of_plant_toml_is_on_its_page():
    page = (ROOT / "docs" / "plant_toml.md").read_text()
    sections = plant.model.PlantFile.model_json_schema()["$defs"].values()
    keys = {name for section in sections for name in section["properties"]}
    assert len(keys) > 80
    assert not sorted(k for k in keys if f"| `{k}` |" not in page)


def test_every_verb_is_in_the_readme():
    text = (ROOT / "README.md").read_text()
    assert not [name for name in get_command(app).commands if f"shopfloor {name}" not in text]


def test_links_in_the_docs_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, target) for page in pages for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())]
    assert not [f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()]


def test_no_page_waits_for_its_figures():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    assert not [page.name for page in pages if re.search(r"@@\w+@@|\bTODO\b|\bTBD\b", page.read_text())]
