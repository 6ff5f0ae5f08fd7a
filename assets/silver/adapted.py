"""The rows every SQL source gives to a canonical table, by way of its adapter, judged by the table's contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from assets.kernels.enterprise.mapping import answered, finding, finding_place, unread
from assets.kernels.enterprise.records import Decoded, judge, latest, renamed
from plant.adapters.canonical import CANONICAL
from plant.adapters.model import Adapter, Mapped
from plant.adapters.run import Answer, MappingError, Run
from plant.config import Plant
from plant.sources.batch import SqlSource
from plant.tables import Table

Part = tuple[pl.LazyFrame, dict[str, str]]
Adapted = tuple[SqlSource, Adapter]


def adapted(plant: Plant, records: pl.LazyFrame, name: str, run: Run) -> Decoded:
    """A canonical table (named without its layer) from bronze.records, over every SQL source of the plant.

    Raises:
        BoundError: a SELECT ran into its bounds; what it would have given is not known, so nothing is.
    """
    return filled(_sources(plant), records, name, run)


def filled(sources: Sequence[Adapted], records: pl.LazyFrame, name: str, run: Run) -> Decoded:
    """A canonical table from the records of some sources with their adapters.

    A mapping that cannot run gives no rows and one rejected row that says so; the other sources go on.

    Raises:
        BoundError: as above.
    """
    contract, parts, told = CANONICAL[name], list[Part](), list[pl.LazyFrame]()
    for source, adapter in sources:
        mapped = adapter.by_table.get(name)
        if mapped is not None and mapped.table is not None:
            newest = latest(records, [f"{source.name}.{mapped.table}"])
            parts.append((renamed(newest, contract.columns, mapped.rename), mapped.rename))
        elif mapped is not None:
            rows, said = _selected(source, adapter, mapped, records, run)
            parts += rows
            told += said
    decoded = judge(parts, contract)
    return replace(decoded, rejected=pl.concat([decoded.rejected, *told])) if told else decoded


def sources_of_sets(plant: Plant) -> dict[str, str]:
    """The source of each record set, and of each mapping under the name its findings have."""
    found = {}
    for source, adapter in _sources(plant):
        names = {*(t.name for t in source.tables), *adapter.types, *(m.into for m in adapter.tables)}
        found |= {f"{source.name}.{n}": source.name for n in names}
    return found


def _sources(plant: Plant) -> list[Adapted]:
    return [(s, plant.adapters[s.name]) for s in plant.file.source if isinstance(s, SqlSource)]


def _selected(
    source: SqlSource, adapter: Adapter, mapped: Mapped, records: pl.LazyFrame, run: Run
) -> tuple[list[Part], list[pl.LazyFrame]]:
    """The part a SELECT gives, and what is to be said about it."""
    held: dict[str, pl.DataFrame] = {}

    def newest(table: str) -> pl.DataFrame:
        held[table] = latest(records, [f"{source.name}.{table}"]).collect(engine="in-memory")
        return held[table]

    try:
        answer, failure = run(adapter, mapped, newest, source.timezone), ""
    except MappingError as error:
        answer, failure = None, str(error)
    times = [at for frame in held.values() if (at := frame["ingested_at"].max()) is not None]
    place = finding_place(source.name, adapter, mapped, max(times, default=None))  # type: ignore[type-var,arg-type]
    if answer is None:
        return [], [finding(place, "mapping_failed", failure)]
    contract: Table = CANONICAL[mapped.into]
    said = [unread(answer), *_not_taken_in(answer, mapped, source, place)]
    return [(answered(answer, mapped, adapter.units, contract, place), {})], said


def _not_taken_in(answer: Answer, mapped: Mapped, source: SqlSource, place: pl.DataFrame) -> list[pl.LazyFrame]:
    """A finding where a SELECT gives nothing and one of its tables was never taken in."""
    if not answer.empty or answer.rows.height or mapped.optional:
        return []
    names = ", ".join(f"{source.name}.{n}" for n in answer.empty)
    found = f"no row of {names} was ever taken in, so {mapped.into} has none of this source"
    todo = "look into the quarantine (`shopfloor quarantine list`), or say optional = true in the mapping"
    return [finding(place, "not_taken_in", f"{found}; {todo}")]
