"""Each connector's page names every setting of its source, with the default the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from plant.sources.batch import FilesSource
from plant.sources.live import ModbusSource, MqttSource, OpcUaSource, SparkplugSource

PAGES = Path(__file__).parents[2] / "docs" / "connectors"
SOURCES = {
    "opcua": OpcUaSource, "modbus": ModbusSource, "sparkplug": SparkplugSource, "mqtt": MqttSource,
    "files": FilesSource,
}  # fmt: skip


def rows(page) -> dict[str, str]:
    """Default by setting, of every table of a page; a row may name several settings."""
    lines = [line.split("|") for line in (PAGES / f"{page}.md").read_text().splitlines() if line.startswith("| `")]
    named = [(name.strip(" `"), cells[2]) for cells in lines if len(cells) > 4 for name in cells[1].split(",")]
    return dict(reversed(named))  # the first row counts: a tag may have a setting of the same name


@pytest.mark.parametrize("page", SOURCES)
def test_every_setting_has_its_row_and_default(page):
    found = rows(page)
    wrong = {}
    for name, field in SOURCES[page].model_fields.items():
        if name == "kind":
            continue
        told, default = found.get(name), str(field.default).lower()
        plain = not field.is_required() and field.default not in (None, (), {}, ",")
        if told is None or (plain and default not in told.lower().replace(",", "")):
            wrong[name] = (told, field.default)
    assert not wrong
