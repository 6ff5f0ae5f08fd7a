"""A small plant whose sources are dropped files, and what the file tests share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from connectors.base import Landing, nothing_seen
from connectors.files.drop import read_files
from plant.config import Plant
from plant.model import PlantFile
from plant.sources.batch import FilesSource

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COLUMNS = {"tag": "Tag", "ts": "Timestamp", "value": "Value", "status": "Quality"}
HEADER = "Tag,Timestamp,Value,Quality"
MES = {
    "machine": "Machine",
    "start_at": "From",
    "end_at": "To",
    "report": "Type",
    "good_pcs": "Good",
    "scrap_pcs": "Scrap",
    "order_id": "Order",
}


def tag(name: str, role: str = "power", **more: Any) -> dict[str, Any]:
    return {"name": name, "role": role, "source": "plc", "address": name, **more}


def plant(*sources: dict[str, Any], extra_tags: tuple[str, ...] = ()) -> Plant:
    """Machines m-1 (state, good, power, order) and m-2 (power) with the given file sources."""
    tags = [tag("state", "state"), tag("good", "good_count"), tag("power"), tag("order", "order", type="string")]
    data = {
        "schema": 1,
        "plant": {"name": "drop"},
        "site": [{"name": "s", "timezone": "Europe/Berlin"}],
        "area": [{"name": "a", "site": "s"}],
        "line": [{"name": "l", "area": "a"}],
        "machine": [
            {"name": "m-1", "line": "l", "kind": "cnc", "tags": [*tags, *(tag(t) for t in extra_tags)]},
            {"name": "m-2", "line": "l", "kind": "cnc", "tags": [tag("power")]},
        ],
        "source": [{"kind": "files", "name": "drop", "path": "drop", **s} for s in sources],
        "states": {"mes": {"D": "producing", "S": "setup", "B": "failed"}},
    }
    return Plant(PlantFile.model_validate(data), Path("plant.toml"))


def readings_plant(**settings: Any) -> Plant:
    return plant({"columns": COLUMNS, **settings})


def reports_plant(**settings: Any) -> Plant:
    return plant({"columns": MES, "content": "reports", "states": "mes", **settings})


def drop(root: Path, name: str, *lines: str, encoding: str = "utf8") -> Path:
    """Write a text file into the drop folder."""
    folder = root / "drop"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def read(of: Plant, root: Path, seen: Any = nothing_seen, *, force: bool = True) -> list[Landing]:
    (source,) = (s for s in of.file.source if isinstance(s, FilesSource))
    return list(read_files(source, of, root, seen, NOW, force=force))


def one(of: Plant, root: Path) -> Landing:
    (landing,) = read(of, root)
    return landing


def reasons(landing: Landing) -> dict[int, str]:
    """Row number -> reason of what was set aside."""
    return dict(landing.quarantine.select("position", "reason").iter_rows())


def message(landing: Landing, reason: str) -> str:
    return str(landing.quarantine.filter(pl.col("reason") == reason)["message"][0])
