"""Every problem of a plant.toml at once: shape, names, references, times. (To be completed by the plant helper.)"""

from __future__ import annotations

import tomllib
from pathlib import Path

from plant.errors import Problem


def problems_of(path: Path) -> tuple[list[Problem], dict[str, object]]:
    """All problems of the file, and its raw content."""
    return [], tomllib.loads(path.read_text(encoding="utf8"))
