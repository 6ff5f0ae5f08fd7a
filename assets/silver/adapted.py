"""The rows every SQL source gives to a canonical table, by way of its adapter, judged by the table's contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from assets.kernels.enterprise.mapping import answered, finding, finding_place, unread
from assets.kernels.enterprise.records import Decoded, judge, latest, renamed
from assets.kernels.enterprise.versions import FIRST_AT, first_confirmed, history
from assets.kernels.enterprise.zones import in_zone
from plant.adapters.canonical import CANONICAL
from plant.adapters.kept import Kept
from plant.adapters.model import Adapter, Mapped
from plant.adapters.run import EmptyStarError, MappingError, Run
from plant.config import Plant
from plant.sources.batch import SqlSource
from plant.tables import Table

Part = tuple[pl.LazyFrame, dict[str, str]]
Adapted = tuple[SqlSource, Adapter]


def adapted(
    plant: Plant, records: pl.LazyFrame, name: str, run: Run, read: Kept[pl.DataFrame] | None = None
) -> Decoded:
    """A canonical table (named without its layer) from bronze.records, over every SQL source of the plant.

    `read` keeps what SELECTs read of one state of bronze.records for the SELECTs after them.

    Raises:
        BoundError: a SELECT ran into its bounds; what it would have given is not known, so nothing is.
    """
    return filled(_sources(plant), records, name, run, read)


def filled(
    sources: Sequence[Adapted], records: pl.LazyFrame, name: str, run: Run, read: Kept[pl.DataFrame] | None = None
) -> Decoded:
    """A canonical table from the records of some sources with their adapters.

    A mapping that cannot run gives no rows and one rejected row that says so; the other sources go on.

    Raises:
        BoundError: as above.
    """
    contract, parts, told = CANONICAL[name], list[Part](), list[pl.LazyFrame]()
    for source, adapter in sources:
        mapped = adapter.by_table.get(name)
        if mapped is not None and mapped.table is not None:
            record_set = f"{source.name}.{mapped.table}"
            newest = renamed(latest(records, [record_set]), contract.columns, mapped.rename)
            if FIRST_AT in contract.schema:
                newest = first_confirmed(newest, records, record_set, mapped.rename, contract)
            parts.append((in_zone(newest, contract.columns, source.timezone), mapped.rename))
        elif mapped is not None:
            rows, said = _selected(source, adapter, mapped, records, run, read or Kept(bytes_of))
            parts += rows
            told += said
    decoded = judge(parts, contract)
    return replace(decoded, rejected=pl.concat([decoded.rejected, *told])) if told else decoded


def sources_of_sets(plant: Plant) -> dict[str, str]:
    """The source of each record set, and of each mapping under the name its findings have."""
    found: dict[str, str] = {}
    for source, adapter in _sources(plant):
        names = {*(t.name for t in source.tables), *adapter.types, *(m.into for m in adapter.tables)}
        found |= {f"{source.name}.{n}": source.name for n in names}
    return found


def _sources(plant: Plant) -> list[Adapted]:
    return [(s, plant.adapters[s.name]) for s in plant.file.source if isinstance(s, SqlSource)]


def _selected(
    source: SqlSource, adapter: Adapter, mapped: Mapped, records: pl.LazyFrame, run: Run, read: Kept[pl.DataFrame]
) -> tuple[list[Part], list[pl.LazyFrame]]:
    """The part a SELECT gives, and what is to be said about it."""
    held: dict[str, pl.DataFrame] = {}

    def newest(table: str) -> pl.DataFrame:
        held[table] = read.of((source.name, table), lambda: _newest(source, adapter, table, records))
        return held[table]

    answer, failure = None, None
    try:
        answer = run(adapter, mapped, newest, source.timezone)
    except MappingError as error:
        failure = error
    times = [at for frame in held.values() if (at := frame["ingested_at"].max()) is not None]
    place = finding_place(source.name, adapter, mapped, max(times, default=None))  # type: ignore[arg-type]
    if answer is None:
        return [], _failed(failure, mapped, source, adapter, place)
    contract: Table = CANONICAL[mapped.into]
    never = () if answer.rows.height else _never(answer.empty, source, adapter, records)
    said = [unread(answer), *_not_taken_in(never, mapped, place)]
    return [(answered(answer, mapped, adapter.units, contract, place), {})], said


def _newest(source: SqlSource, adapter: Adapter, table: str, records: pl.LazyFrame) -> pl.DataFrame:
    of = adapter.history_of(table)
    rows = latest(records, [f"{source.name}.{table}"]) if of is None else history(records, f"{source.name}.{of}")
    return rows.collect(engine="in-memory")


def bytes_of(frame: pl.DataFrame) -> int:
    """About how much memory a frame takes."""
    return int(frame.estimated_size())


def _never(empty: Sequence[str], source: SqlSource, adapter: Adapter, records: pl.LazyFrame) -> tuple[str, ...]:
    """Record sets of relations without rows that never had one; where all rows were deleted, nothing is wrong."""
    sets = dict.fromkeys(f"{source.name}.{adapter.history_of(n) or n}" for n in empty)
    if not sets:
        return ()
    seen = records.filter(pl.col("record_set").is_in(list(sets))).select(pl.col("record_set").unique()).collect()
    return tuple(s for s in sets if s not in set(seen["record_set"]))


def _not_taken_in(never: Sequence[str], mapped: Mapped, place: pl.DataFrame) -> list[pl.LazyFrame]:
    """A finding where a SELECT gives nothing and one of its tables was never taken in."""
    if not never or mapped.optional:
        return []
    found = f"no row of {', '.join(never)} was ever taken in, so {mapped.into} has none of this source"
    todo = "look into the quarantine (`shopfloor quarantine list`), or say optional = true in the mapping"
    return [finding(place, "not_taken_in", f"{found}; {todo}")]


def _failed(
    failure: MappingError | None, mapped: Mapped, source: SqlSource, adapter: Adapter, place: pl.DataFrame
) -> list[pl.LazyFrame]:
    """The finding about a SELECT that cannot run: what is wrong with it, or that it waits for the first row."""
    if not isinstance(failure, EmptyStarError):
        return [finding(place, "mapping_failed", str(failure))]
    if mapped.optional:
        return []
    names = ", ".join(dict.fromkeys(f"{source.name}.{adapter.history_of(n) or n}" for n in failure.empty))
    found = f"{names} has no row, so what `*` takes of it is not known and {mapped.into} has none of this source"
    todo = "declare its columns in `types`, or name them instead of `*`, or wait for its first row"
    return [finding(place, "not_taken_in", f"{found} ({failure}); {todo}")]
