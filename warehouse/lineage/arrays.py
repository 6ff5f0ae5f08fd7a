"""Lot links as arrays by parent and by child (compressed sparse rows), and the names of the lots. No files here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plant.units import factor

Array = NDArray[Any]
ROWS = 2_000_000
ARRAYS = (
    "made", "qty", "out_start", "out_to", "in_start", "in_from", "in_edge", "name_bytes", "name_start",
)  # fmt: skip
"""Names of the arrays of an index; see `Arrays`."""


@dataclass(frozen=True)
class Arrays:
    """Lot links as numbers: what `assets.kernels.lineage.graph.Genealogy` describes, and the names of the lots.

    Lot i is the i-th name in UTF-8 byte order: name_bytes[name_start[i]:name_start[i + 1]].
    """

    made: Array
    qty: Array
    out_start: Array
    out_to: Array
    in_start: Array
    in_from: Array
    in_edge: Array
    name_bytes: Array
    name_start: Array


def linked(parent: Array, child: Array, qty: Array, lots: int) -> dict[str, Array]:
    """Links (lot numbers, quantity of the parent) as compressed rows both ways; those of one lot stay in order."""
    order = np.argsort(parent, kind="stable")
    out_from = parent[order]
    out_to = child[order].astype(np.int32)
    found: dict[str, Array] = {
        "qty": np.asarray(qty, dtype=np.float64)[order],
        "out_to": out_to,
        "out_start": _starts(parent, lots),
    }
    del order
    by_child = np.argsort(out_to, kind="stable").astype(np.int32)
    in_from = out_from[by_child].astype(np.int32)
    return found | {"in_edge": by_child, "in_from": in_from, "in_start": _starts(child, lots)}


def _starts(ends: Array, lots: int) -> Array:
    return np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=lots))]).astype(np.int64)


def arrays(links: pl.LazyFrame, lots: pl.LazyFrame, materials: pl.LazyFrame) -> Arrays:
    """The index of silver.lot_links, silver.lots and silver.materials.

    A lot that only a link names has no known quantity (NaN). A quantity in another unit than the parent's material is
    converted; where that cannot be done, it is NaN.
    """
    units = materials.select("material", "unit")
    known = lots.select("lot", "material", made="qty").join(units, on="material", how="left").drop("material")
    names = _distinct(links.select("parent_lot"), links.select("child_lot"), lots.select("lot"))
    held = names.to_frame("lot").lazy().join(known, on="lot", how="left", maintain_order="left").collect()
    # One column after the other: ten million names at a time are enough.
    parent, child = (_numbers(links.select(end), names) for end in ("parent_lot", "child_lot"))
    qty = _in_own_unit(links.select("qty", "unit").collect(engine="in-memory"), parent, held["unit"])
    made, words, n = _floats(held["made"]), _words(names), len(names)
    del names, held
    return Arrays(made=made, **linked(parent, child, qty, n), **words)


def _distinct(*columns: pl.LazyFrame) -> pl.Series:
    """Every value of some columns once, in order."""
    held = pl.Series(dtype=pl.String)
    for column in columns:
        held = pl.concat([held, column.collect(engine="in-memory").to_series().unique()]).unique()
    return held.sort()


def _numbers(column: pl.LazyFrame, names: pl.Series) -> Array:
    """Places of lots among sorted names; some rows at a time, for the words are ten times as wide as their numbers."""
    numbered, rows = pl.Enum(names), int(column.select(pl.len()).collect().item())
    out = np.empty(rows, dtype=np.int32)
    for begin in range(0, rows, ROWS):
        part = column.slice(begin, ROWS).collect(engine="in-memory").to_series()
        out[begin : begin + ROWS] = part.cast(numbered).to_physical().to_numpy()
    return out


def _floats(values: pl.Series) -> Array:
    return values.fill_null(float("nan")).to_numpy().astype(np.float64)


def _in_own_unit(links: pl.DataFrame, parent: Array, units: pl.Series) -> Array:
    """Quantities in the unit of the parent's material."""
    qty = _floats(links["qty"])
    said = links["unit"]
    if said.null_count() == len(said):
        return qty
    pairs = pl.DataFrame({"said": said, "own": units.gather(parent)}).with_row_index("n")
    other = pairs.filter(pl.col("said").is_not_null() & (pl.col("said") != pl.col("own").fill_null("")))
    for (a, b), rows in other.group_by("said", "own"):
        scale = factor(str(a), None if b is None else str(b))
        qty[rows["n"].to_numpy()] *= np.nan if scale is None else scale
    return qty


def _words(names: pl.Series) -> dict[str, Array]:
    """Names in a row, and where each begins."""
    long = names.str.len_bytes().to_numpy().astype(np.int64)
    text = str(names.str.join("").item()).encode()
    start = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(long)])
    return {"name_bytes": np.frombuffer(text, dtype=np.uint8), "name_start": start}
