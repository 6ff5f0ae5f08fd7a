"""Files dropped in a folder: found, known by content, read, handed over once.

A file is what its bytes are: the same content a second time is skipped, other content under the same
name is taken in again. A file somebody is still writing is left for the next run.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

import polars as pl

from connectors.base import Ingested, Landing, Seen, failure, one_aside, set_aside
from connectors.files.readings import Origin, readings
from connectors.files.reports import reports
from connectors.files.sheet import POSITION, Sheet, UnreadableFileError
from connectors.files.tables import SUFFIXES, pieces
from connectors.files.wide import as_long
from plant.config import Plant
from plant.errors import SourceDownError, TerminalError
from plant.sources.batch import FILE_COLUMNS, FilesSource
from plant.tables import table
from plant.units import duration

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""A run waits this long at most for young files; others are left for the next run."""
DATA_ENV = "SHOPFLOOR_DATA"
DATA_DEFAULT = "../shared/data"
_TEMPORARY = ("~$", ".", "_")
_UNFINISHED = {".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download"}
"""Suffixes under which programs write a file until it is whole."""


def read_files(
    source: FilesSource, plant: Plant, root: Path, seen: Seen, now: datetime, *, force: bool = False
) -> Iterator[Landing]:
    """Every file of a source that was not taken in before, one or several `Landing`s each, read as they are asked for.

    The caller appends each landing and then records its `ingested`, which the last of a file has; it is asked by
    `seen` with the same identity. A file that cannot be read as a whole is one quarantine row (unreadable_file,
    undecodable, missing_column, missing_sheet, empty_file, unknown_format) and is tried again when its content or
    the source's settings change. A file that fails for a reason nobody foresaw is one row (source_failed), the
    others are read. `force` reads files that changed a moment ago, too.

    Raises:
        SourceDownError: the folder does not exist.
        TerminalError: a column the content needs is not mapped.
    """
    _mapped(source)
    paths = find(source, root)
    taken: set[str] = set()
    for path in paths if force else settled(paths, _settle_s(source)):
        try:
            before, names = _face(path), identities(source, digest(path))
            if not taken.isdisjoint(names) or any(seen(name) for name in names):
                continue
            for landing in read_file(path, digest(path), source, plant, now):
                if _face(path) != before:
                    log.info("%s: %s changed while it was read: left for the next run", source.name, path)
                    break
                yield landing
            else:
                taken.update(names)
        except OSError as error:
            refused = TerminalError(f"{path}: cannot be opened ({error}): give the reader access, or remove the file")
            yield failure(f"bronze.{source.content}", str(path), refused, now, source=source.name)
        except Exception as error:  # noqa: BLE001 - one file, whatever is wrong with it, must not cost the others
            yield failure(f"bronze.{source.content}", str(path), error, now, source=source.name)


def read_all(
    plant: Plant, content: Literal["readings", "reports"], root: Path, seen: Seen, now: datetime, *, force: bool = False
) -> Iterator[Landing]:
    """New files of every source with this content; a source that fails is one quarantine row, the rest is read."""
    for source in plant.file.source:
        if not isinstance(source, FilesSource) or source.content != content:
            continue
        try:
            yield from read_files(source, plant, root, seen, now, force=force)
        except Exception as error:  # noqa: BLE001 - one source, whatever is wrong with it, must not cost the others
            yield failure(f"bronze.{content}", source.name, error, now)


def waiting(plant: Plant, root: Path, seen: Seen) -> list[str]:
    """Identities of the files that the next run would take in; young files not yet. For a sensor: never waits."""
    found: list[str] = []
    for source in plant.file.source:
        if isinstance(source, FilesSource):
            try:
                quiet = [p for p in find(source, root) if time.time() - p.stat().st_mtime >= _settle_s(source)]
            except SourceDownError:
                continue  # the run that follows another file reports it
            names = [identities(source, digest(p)) for p in quiet]
            found += [name[-1] for name in names if not any(seen(n) for n in name)]
    return found


def identities(source: FilesSource, sha: str) -> tuple[str, str]:
    """What a file taken in is remembered by, and what a refused one is: that one changes with the settings."""
    return f"{source.name}:{sha}", f"{source.name}:{sha}:{settings(source)}"


def read_file(path: Path, sha: str, source: FilesSource, plant: Plant, now: datetime) -> Iterator[Landing]:
    """One file as landings, versions 0, 1, ... of one app; the last has `ingested`.

    What is refused is a landing without rows and with one quarantine row.
    """
    where = Origin(str(path), f"file:{source.name}:{sha[:16]}", now)
    rows = held = 0
    waiting: Landing | None = None
    try:
        for version, sheet in enumerate(pieces(path, source)):
            if waiting is not None:
                yield waiting
            good, aside = interpret(sheet.rows, source, plant, where)
            aside = pl.concat([broken_rows(sheet, source, where), aside])
            rows, held = rows + good.height, held + aside.height
            waiting = Landing(f"bronze.{source.content}", where.segment, version, good, aside)
    except UnreadableFileError as refusal:
        log.warning("%s: refused: %s", source.name, refusal)
        yield from [] if waiting is None else [waiting]
        yield _refused(refusal, sha, source, where)
        return
    if waiting is not None:
        log.info("%s: %s: %d rows, %d set aside", source.name, path.name, rows, held)
        taken = Ingested(identities(source, sha)[0], source.name, where.origin, rows, held)
        yield replace(waiting, ingested=taken)


def _refused(refusal: UnreadableFileError, sha: str, source: FilesSource, where: Origin) -> Landing:
    name = f"bronze.{source.content}"
    held = one_aside(
        refusal.reason, str(refusal), source=source.name, origin=where.origin, segment=where.segment, now=where.now
    )
    refused = Ingested(identities(source, sha)[1], source.name, where.origin, 0, 1)
    return Landing(name, f"{where.segment}:{settings(source)}", 0, table(name).empty(), held, refused)


def interpret(
    rows: pl.DataFrame, source: FilesSource, plant: Plant, where: Origin
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of a sheet as rows of the source's bronze table, and those set aside."""
    read = readings if source.content == "readings" else reports
    return read(rows, as_long(source), plant, where)


def broken_rows(sheet: Sheet, source: FilesSource, where: Origin) -> pl.DataFrame:
    """bronze.quarantine for lines with a wrong number of fields."""
    held = sheet.broken.select(
        pl.col(POSITION).alias("position"),
        pl.lit("broken_row").alias("reason"),
        pl.format("{} fields, the header has {}: correct the line and send the file again", "found", "valid").alias(
            "message"
        ),
        pl.struct("line").struct.json_encode().alias("payload"),
        pl.lit(value=False).alias("booked"),
    )
    return set_aside(held, source=source.name, origin=where.origin, segment=where.segment, now=where.now)


def find(source: FilesSource, root: Path) -> list[Path]:
    """The files of a source, by name. `{data}` is the environment's SHOPFLOOR_DATA.

    Raises:
        SourceDownError: the folder does not exist.
    """
    spelled = source.path.replace("{data}", os.environ.get(DATA_ENV, DATA_DEFAULT)).replace("{root}", str(root))
    path = Path(spelled).expanduser()
    path = path if path.is_absolute() or source.path.startswith("{data}") else root / path
    if path.is_dir():
        return _readable(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
    if path.is_file():
        return [path]
    fixed = _fixed_part(path)
    if not fixed.is_dir() or not _is_pattern(path):
        raise SourceDownError(
            f"source {source.name!r}: {path} does not exist; valid is a folder, a file or a pattern in a folder that "
            f"exists: create it, correct `path`, or set {DATA_ENV} where the path begins with {{data}}"
        )
    return _readable(fixed.glob(str(path.relative_to(fixed))))


def _fixed_part(path: Path) -> Path:
    """The folders before the first pattern."""
    return next(part for part in path.parents if not _is_pattern(part))


def _is_pattern(path: Path) -> bool:
    return any(mark in str(path) for mark in "*?[")


def _readable(paths: Iterable[Path]) -> list[Path]:
    whole = (p for p in paths if not p.name.startswith(_TEMPORARY) and p.suffix.lower() not in _UNFINISHED)
    return sorted(p for p in whole if p.is_file())


def _settle_s(source: FilesSource) -> float:
    return duration(source.settle).total_seconds()


def settled(paths: list[Path], settle_s: float) -> list[Path]:
    """The files nobody writes any more: unchanged for `settle_s`.

    Young ones are waited for and looked at a second time, where that takes `PATIENCE_S` at most.
    """
    before = {p: _face(p) for p in paths}
    wait_s = {p: settle_s - (time.time() - mtime / 1e9) for p, (_, mtime) in before.items()}
    wait_s = {p: s if s <= settle_s else 0.0 for p, s in wait_s.items()}  # a clock that was set back is no young file
    soon = [p for p in paths if wait_s[p] <= PATIENCE_S]
    if (longest := max((wait_s[p] for p in soon), default=0.0)) > 0:
        time.sleep(longest)
    return [p for p in soon if p.exists() and _face(p) == before[p]]


def _face(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def digest(path: Path) -> str:
    """sha256 of the content; a file that did not change since is not read again in this process."""
    return _digest(path, *_face(path))


@lru_cache(maxsize=100_000)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def settings(source: FilesSource) -> str:
    """Short hash of a source's settings: a refused file is tried again when they change."""
    return hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:8]


def _mapped(source: FilesSource) -> None:
    needed = ("ts",) if source.layout == "wide" else FILE_COLUMNS[source.content][0]
    missing = [c for c in needed if c not in source.columns]
    if missing:
        raise TerminalError(
            f"source {source.name!r}: `columns` does not map {', '.join(missing)}; content {source.content!r} needs "
            f"{', '.join(needed)}: add them in plant.toml"
        )
