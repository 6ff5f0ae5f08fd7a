"""Options many verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Root = Annotated[Path | None, typer.Option("--root", help="Folder of all state.", envvar="SHOPFLOOR_ROOT")]
PlantToml = Annotated[
    Path, typer.Option("--plant", help="The plant's configuration.", envvar="SHOPFLOOR_PLANT", dir_okay=False)
]
PLANT = Path("plant.toml")
