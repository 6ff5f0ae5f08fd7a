"""plant.schema.json is what the model says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from plant.schema import schema_text

ROOT = Path(__file__).parent.parent.parent


def test_committed_schema_is_current():
    assert (ROOT / "plant.schema.json").read_text(encoding="utf8") == schema_text(), (
        "run: shopfloor schema > plant.schema.json"
    )


def test_schema_knows_every_section_of_the_example():
    schema = json.loads(schema_text())
    example = tomllib.loads((ROOT / "plant.toml").read_text(encoding="utf8"))
    assert example.keys() <= schema["properties"].keys()
    assert schema["additionalProperties"] is False
