"""The JSON schema of plant.toml, for editors and for those who write one by program."""

from __future__ import annotations

import json

from plant.model import PlantFile


def schema_text() -> str:
    """The schema as JSON text: sorted and indented, so that it changes only when the model does."""
    schema = PlantFile.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "plant.toml"
    return json.dumps(schema, indent=2, sort_keys=True, default=str) + "\n"
