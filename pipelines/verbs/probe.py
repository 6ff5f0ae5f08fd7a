"""`shopfloor check --probe`: is each source there? One line a source; nothing is taken in, made or changed."""

from __future__ import annotations

import socket
from pathlib import Path

from rich.console import Console

from pipelines.place import root_of
from plant.config import Plant
from plant.errors import PlantError
from plant.model import Source
from plant.sources.batch import FilesSource, SqlSource
from plant.sources.live import ModbusSource, MqttSource, OpcUaSource, SparkplugSource

console = Console(highlight=False, soft_wrap=True)
TIMEOUT_S = 3.0


def probe_all(plant: Plant, root: Path | None = None) -> int:
    """Try every source; returns how many cannot be reached."""
    where, away = root_of(root), 0
    for source in plant.sources.values():
        try:
            said = f"reached{probe(source, where)}"
        except (PlantError, OSError) as error:  # OSError: a folder that may not be looked into
            said = str(error)
            away += 1
        console.print(f"{source.name} ({source.kind}): {said}", markup=False)
    return away


def probe(source: Source, root: Path) -> str:
    """What there is to add when the source answers.

    Raises:
        PlantError: it does not; the message says what is wrong and what to do.
    """
    if isinstance(source, OpcUaSource):
        from connectors.opcua.probe import probe as probe_opcua

        return probe_opcua(source, root)
    if isinstance(source, ModbusSource | SparkplugSource | MqttSource):
        return _port(source.host, source.port)
    return _database(source, root) if isinstance(source, SqlSource) else _files(source, root)


def _port(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except OSError as error:
        raise PlantError(
            f"cannot be reached at {host}:{port} ({error}): check that it is running and that the address is right"
        ) from error
    return ""


def _files(source: FilesSource, root: Path) -> str:
    from connectors.files.drop import find

    found = len(find(source, root))
    if not found:
        raise PlantError(f"no file to read yet at {source.path}, which is there: drop one, or correct `path`")
    return f", {found:,} {'file' if found == 1 else 'files'}"


def _database(source: SqlSource, root: Path) -> str:
    from connectors.sql.engine import look_up

    look_up(source, root)
    return ""
