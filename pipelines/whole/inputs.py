"""What each silver table kept whole is built from, as one hash: stale when it is another, or its files are.

A canonical table is made of the record sets its mappings read and of what plant.toml and the adapters say about them;
another table's records, or a machine's tags, leave it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import polars as pl

from assets.silver.judging import REJECTED, Known, nothing_known
from pipelines.days.fingerprints import code_hash, digest
from pipelines.days.parts import DAY
from pipelines.days.stages import EDITS
from plant.adapters.canonical import CANONICAL
from plant.config import Plant
from plant.sources.batch import SqlSource
from warehouse.adapting.reads import tables_read
from warehouse.lake import Lake
from warehouse.snapshot import lost_of
from warehouse.state import Parts, State

SILVER = "silver."
MADE_OF = {
    "silver.machines": (),
    "silver.stock_ledger": ("silver.stock_moves", "silver.locations"),
    REJECTED: tuple(SILVER + name for name in CANONICAL),
}
"""Whole tables made of plant.toml and of other whole tables: stale when those are."""


class Wholes:
    """One look at the lake: hashes of what the tables are built from, by table."""

    def __init__(self, plant: Plant, lake: Lake) -> None:
        self.plant = plant
        self._records, self._edits = lake.snapshot("bronze.records"), lake.snapshot("bronze.edits")
        self._code = code_hash("assets", "plant", "warehouse/adapting")
        self._said = plant.file.model_dump_json()
        self._held: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The inputs hash a receipt of the table must carry to be up to date."""
        if name not in self._held:
            self._held[name] = digest(self._code, *self._inputs(name))
        return self._held[name]

    def parts(self, name: str) -> Parts:
        """Of silver.rejected_records the hash of each canonical table, else nothing."""
        return {n: {DAY: self.of(SILVER + n)} for n in CANONICAL} if name == REJECTED else {}

    def _inputs(self, name: str) -> Iterator[object]:
        if (short := name.removeprefix(SILVER)) in CANONICAL:
            yield from self._mapped(short)
            return
        if name == REJECTED:  # which plant.toml matters is in the hashes of the tables
            yield from (self.of(n) for n in MADE_OF[name])
            return
        yield self._said
        if name in MADE_OF:
            yield from (self.of(n) for n in MADE_OF[name])
        else:
            snap = self._edits if name in EDITS else self._records
            yield "" if snap is None else snap.fingerprint()

    def _mapped(self, name: str) -> Iterator[object]:
        """Of each source that fills the table: its mapping, and the files of the record sets it reads."""
        for source in (s for s in self.plant.file.source if isinstance(s, SqlSource)):
            adapter = self.plant.adapters[source.name]
            mapped = adapter.by_table.get(name)
            if mapped is not None:
                tables = tables_read(adapter, mapped)
                yield source.name, source.timezone, adapter.about(mapped, tables)
                yield from (self._print(f"{source.name}.{table}") for table in tables)

    def _print(self, record_set: str) -> str:
        paths = [] if self._records is None else self._records.paths([record_set])
        return digest(record_set, *sorted(p.rpartition("/")[2] for p in paths))


def stale(plant: Plant, lake: Lake, state: State, names: Iterable[str]) -> tuple[str, ...]:
    """Those of some whole tables that were not built from what there is now."""
    look = Wholes(plant, lake)
    built = {name: state.built(name) for name in names}
    return tuple(n for n, receipt in built.items() if receipt is None or receipt.inputs_hash != look.of(n))


def moved(lake: Lake, state: State, names: Iterable[str]) -> tuple[str, ...]:
    """Those whose files are not the ones the door left."""
    left = {name: receipt.output_fingerprint for name in names if (receipt := state.built(name)) is not None}
    return tuple(n for n, output in left.items() if lost_of(lake.snapshot(n)) or output != lake.fingerprint(n))


def known_of(plant: Plant, lake: Lake, state: State) -> Callable[[], Known]:
    """The rows of silver.rejected_records about tables whose inputs are still those they were judged by."""

    def known() -> Known:
        receipt = state.built(REJECTED)
        if receipt is None or moved(lake, state, [REJECTED]):
            return nothing_known()
        now = Wholes(plant, lake).parts(REJECTED)
        tables = [name for name, part in now.items() if receipt.parts.get(name) == part]
        mine = pl.col("table_name").is_in([SILVER + name for name in tables])
        return Known(lake.scan(REJECTED).filter(mine).collect(engine="in-memory"), tables)

    return known
