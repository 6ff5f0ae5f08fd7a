"""Frames and a Plant as the naive oracle's world, and the kernels' ledgers as its rows, so that both compare."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import neutral
import polars as pl
from kit import INPUTS
from ledger_run import Inputs, Ledgers
from naive_time import merged
from naive_world import Row, World, completed, us

from plant.config import Plant

TIME = (
    "machine", "production_day", "shift", "account", "state", "reason", "reason_class", "minor", "stop_us", "order_id",
    "operation", "product", "operator", "source", "edit_id", "start_at", "end_at",
)  # fmt: skip
COUNT_KEYS = ("machine", "production_day", "shift", "order_id", "operation", "product", "operator")
PIECES = ("good_pcs", "scrap_pcs", "rework_pcs", "quarantined_pcs", "gap_pcs", "ideal_us", "gap_ideal_us")


def world(plant: Plant, data: Inputs, first: date, last: date) -> World:
    """What the oracle is told of a run: the plant in neutral tables and the input frames."""
    tables = neutral.neutral(plant, first, last)
    frames = {name: getattr(data, "bronze" if name == "readings" else name, None) for name in INPUTS}
    tables |= {name: frame.rows(named=True) for name, frame in frames.items() if frame is not None}
    plain = {name: [{k: _plain(v) for k, v in row.items()} for row in rows] for name, rows in tables.items()}
    taken = getattr(data, "retractions", None)
    told = [] if taken is None else [{k: _plain(v) for k, v in row.items()} for row in taken.rows(named=True)]
    plain["edits"] = [e | {"kind": "state", "reverts": None, "tag": None} for e in plain.get("edits", [])]
    plain["edits"] += [e | {"kind": "retract", "reverts": None, "machine": None} for e in told]
    return World(first, last, completed(plain))


def _plain(value: Any) -> Any:
    return us(value) if isinstance(value, datetime) else value


def time_of(made: Ledgers) -> list[Row]:
    """silver.time_ledger as the oracle's rows."""
    known = made.time.rename({"stop_id": "stop_us"}).select(
        c for c in TIME if c != "operator" or c in made.time.columns
    )
    return merged([{k: _plain(v) for k, v in row.items()} for row in known.rows(named=True)])


def narrowed(rows: list[Row], columns: tuple[str, ...] = TIME) -> list[Row]:
    """The oracle's rows in these columns, equal neighbours as one."""
    return merged([{c: row[c] for c in columns} for row in rows])


def counts_of(frame: pl.DataFrame) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """silver.count_ledger summed over the hours."""
    sums = [pl.when(pl.col(c).count() > 0).then(pl.col(c).sum()).alias(c) for c in PIECES]
    return {row[: len(COUNT_KEYS)]: row[len(COUNT_KEYS) :] for row in frame.group_by(COUNT_KEYS).agg(sums).rows()}


def summed(rows: list[Row]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The oracle's counted steps summed in the same way."""
    groups: dict[tuple[Any, ...], list[int | None]] = {}
    for row in rows:
        total = groups.setdefault(tuple(row[k] for k in COUNT_KEYS), [None] * len(PIECES))
        for n, name in enumerate(PIECES):
            total[n] = total[n] if row[name] is None else (total[n] or 0) + row[name]
    return {key: tuple(total) for key, total in groups.items()}
