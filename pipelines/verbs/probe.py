"""`shopfloor check --probe`: is each source there? One line a source, nothing is read or changed."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from pipelines.place import place
from plant.config import Plant
from plant.model import FilesSource, ModbusSource, OpcUaSource, Source, SparkplugSource, SqlSource

console = Console(highlight=False, soft_wrap=True)
TIMEOUT_S = 3.0


def probe_all(plant: Plant, root: Path | None = None) -> int:
    """Try every source; returns how many cannot be reached."""
    where, away = place(root).root, 0
    for source in plant.sources.values():
        problem = probe(source, where)
        away += problem is not None
        console.print(f"{source.name} ({source.kind}): {problem or 'reached'}")
    return away


def probe(source: Source, root: Path) -> str | None:
    """None when the source answers, else what is wrong and what to do."""
    if isinstance(source, OpcUaSource):
        parts = urlsplit(source.endpoint)
        return _port(parts.hostname or "", parts.port or 4840)
    if isinstance(source, ModbusSource | SparkplugSource):
        return _port(source.host, source.port)
    if isinstance(source, SqlSource):
        return _database(source, root)
    return _files(source, root)


def _port(host: str, port: int) -> str | None:
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except OSError as error:
        return f"cannot be reached at {host}:{port} ({error}); is it running, is the address right?"
    return None


def _files(source: FilesSource, root: Path) -> str | None:
    data = os.environ.get("SHOPFLOOR_DATA", "../shared/data")
    pattern = Path(source.path.replace("{data}", data))
    found = list(pattern.parent.glob(pattern.name)) if pattern.is_absolute() else list(root.glob(str(pattern)))
    return None if found else f"no file matches {source.path!r} under {root}"


def _database(source: SqlSource, root: Path) -> str | None:
    from connectors.sql.source import open_engine
    from plant.errors import PlantError

    try:
        open_engine(source, root).connect().close()
    except PlantError as error:
        return str(error)
    return None
