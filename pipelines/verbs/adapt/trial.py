"""An adapter tried on a live database: its tables, its mappings on their first rows, nothing kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from assets.silver.adapted import filled
from connectors.sql.sample import Sampled, sample
from plant.adapters.canonical import CANONICAL
from plant.adapters.model import Adapter, Mapped
from plant.adapters.run import Answer, BoundError, Newest
from plant.sources.batch import SqlSource
from warehouse.adapting.select import run_mapping

SECONDS = 20.0
"""Bound of a SELECT on a sample."""


@dataclass(frozen=True)
class Filled:
    """What a mapping made of the sample. `reasons` are (reason, how many, the first in words)."""

    name: str
    rows: int
    rejected: int
    reasons: tuple[tuple[str, int, str], ...]
    example: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """What was found: tables read, canonical tables filled, problems to be corrected, remarks."""

    read: tuple[str, ...]
    filled: tuple[Filled, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def tried(source: SqlSource, adapter: Adapter, root: Path, rows: int, now: datetime) -> Trial:
    """Try an adapter on the tables of a source.

    Raises:
        SourceDownError: the database cannot be reached.
        TerminalError: its URL cannot be understood.
    """
    found = sample(source, root, rows, now)
    taken = {t.name for t in source.tables}
    problems, remarks, told = list(found.problems), list(found.remarks), []
    problems += _types(adapter, found)
    for mapped in adapter.tables:
        if mapped.table is not None and mapped.table not in taken:
            remarks.append(f"{mapped.into}: {mapped.table} is not taken in, so nothing fills it")
            continue
        if mapped.table is not None and mapped.table in found.columns:
            problems += _renames(mapped, found.columns[mapped.table])
        one, wrong, doubtful = _one(source, adapter, mapped, found)
        problems += wrong
        remarks += doubtful
        told += [one] if one is not None else []
    return Trial(tuple(found.columns), tuple(told), tuple(problems), tuple(remarks))


def _one(
    source: SqlSource, adapter: Adapter, mapped: Mapped, found: Sampled
) -> tuple[Filled | None, list[str], list[str]]:
    """What a mapping makes of the sample, what is wrong with it, what is doubtful about it."""

    def run(adapter: Adapter, mapped: Mapped, newest: Newest, zone: str) -> Answer:
        return run_mapping(adapter, mapped, newest, zone, seconds=SECONDS)

    name = mapped.into
    try:
        decoded = filled([(source, adapter)], found.frame(), name, run)
        rows, rejected = pl.collect_all([decoded.rows, decoded.rejected])
    except BoundError as error:
        return None, [str(error)], []
    failed = rejected.filter(pl.col("reason") == "mapping_failed")["message"].to_list()
    if failed:
        return None, [f"{name}: {words.removeprefix('mapping_failed: ')}" for words in failed], []
    empty = rejected.filter(pl.col("reason") == "not_taken_in")["message"].to_list()
    left = rejected.filter(pl.col("reason") != "not_taken_in")
    by_reason = left.group_by("reason").agg(pl.len(), pl.col("message").sort().first()).sort("reason")
    told = Filled(name, rows.height, left.height, tuple(by_reason.iter_rows()), next(rows.iter_rows(named=True), {}))
    wrong = [f"{name}: every row of the sample is rejected"] if left.height and not rows.height else []
    return told, wrong, empty


def _renames(mapped: Mapped, columns: dict[str, str]) -> list[str]:
    """Columns of ours that the table does not have: those that must not be null, and those a rename names."""
    out = []
    for column in CANONICAL[mapped.into].columns:
        theirs = mapped.rename.get(column.name, column.name)
        if theirs not in columns and (not column.null or column.name in mapped.rename):
            near = get_close_matches(theirs, columns, 1, 0.5)
            hint = f"nearest: {near[0]!r}" if near else f"it has {', '.join(columns)}"
            out.append(f"{mapped.into}: table {mapped.table} has no column {theirs!r} for {column.name} ({hint})")
    return out


def _types(adapter: Adapter, found: Sampled) -> list[str]:
    """Declared columns that a table does not have; with rows in it the mappings would say so one by one."""
    out = []
    for name, declared in adapter.types.items():
        for column in declared:
            if name in found.columns and column not in found.columns[name]:
                near = get_close_matches(column, found.columns[name], 1, 0.5)
                hint = f"nearest: {near[0]!r}" if near else f"it has {', '.join(found.columns[name])}"
                out.append(f"{name}: no column {column!r}, which `types` declares ({hint})")
    return out
