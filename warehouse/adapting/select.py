"""Run the SELECT of a mapping over records: a DuckDB of its own, locked before the SELECT is seen by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from threading import Timer

import duckdb
import polars as pl

from plant.adapters.canonical import CANONICAL
from plant.adapters.kept import Kept
from plant.adapters.model import Adapter, Mapped
from plant.adapters.run import RECORD, REJECT, Answer, BoundError, EmptyStarError, MappingError, Newest
from warehouse.adapting.guard import Reads, reads_of
from warehouse.adapting.relations import Relation, add, quoted, record_of, relations_kept
from warehouse.adapting.spelling import literal

SECONDS, MEMORY, ROWS = 300.0, "4GiB", 20_000_000
"""Bounds of one SELECT, its tables included."""
TRACE = ("record_set", "record_key", "payload", "ingested_at", "segment", "seq")
_LOCKS = (
    "temp_directory = ''", "allow_community_extensions = false", "autoinstall_known_extensions = false",
    "autoload_known_extensions = false", "python_enable_replacements = false", "enable_external_access = false",
    "lock_configuration = true",
)  # fmt: skip
_TRACE_TYPES: dict[str, pl.DataType] = {"ingested_at": pl.Datetime("us", "UTC"), "seq": pl.Int64()}
_ZONED = "strftime({}::TIMESTAMPTZ AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
_NAIVE = "strftime({}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ')"


class Mapper:
    """Runs the SELECTs of one run: a source table that several of them read is made a relation once."""

    def __init__(self) -> None:
        self._kept = relations_kept()

    def __call__(self, adapter: Adapter, mapped: Mapped, newest: Newest, zone: str) -> Answer:
        """The rows of a mapping's SELECT, as `plant.adapters.run.Run` says."""
        return run_mapping(adapter, mapped, newest, zone, kept=self._kept)


def run_mapping(
    adapter: Adapter, mapped: Mapped, newest: Newest, zone: str, *, seconds: float = SECONDS, rows: int = ROWS,
    kept: Kept[Relation] | None = None,
) -> Answer:  # fmt: skip
    """The same for one SELECT alone, or with the relations `kept` of those before it."""
    sql = _bare(adapter.text_of(mapped))
    # One thread: sums of floats are the same each time.
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": MEMORY}) as con:
        con.execute("SET GLOBAL TimeZone = 'UTC'")
        _functions(con, zone)
        reads = reads_of(con, sql, list(adapter.relations), list(adapter.shared))
        frames = {name: newest(name) for name in reads.tables}
        empty = tuple(name for name, frame in frames.items() if frame.is_empty())
        try:
            with _words(mapped):
                _load(con, adapter, reads, frames, zone, kept or relations_kept())
                for lock in _LOCKS:
                    con.execute(f"SET {lock}")
            with _words(mapped), _interrupted(con, seconds):
                con.execute(f"CREATE TEMP TABLE _result AS SELECT * FROM (\n{sql}\n) LIMIT {rows + 1}")
                _bounded(con, rows)
                # Of old versions nothing is told: what was wrong with one was told while it was the newest.
                tables = [name for name in reads.tables if name in adapter.types]
                result, unread = _result(con, mapped, zone), _unread(con, tables)
        except MappingError as error:
            # `SELECT * FROM (...)` around a SELECT with shared ones is ours.
            if empty and reads.stars > (sql != _bare(mapped.sql or "")):
                raise EmptyStarError(str(error), empty) from error
            raise
    traces = _traces(_of_records(adapter, frames))
    return Answer(_traced(result, traces), _traced(unread, traces), tuple(reads.tables), empty)


def _bare(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()


def _functions(con: duckdb.DuckDBPyConnection, zone: str) -> None:
    """What adapters may call besides DuckDB's own: docs/adapters.md."""
    offset = r":\d\d(\.\d+)?\s*([zZ]|[+-]\d\d(:?\d\d)?)\s*$"
    con.execute(
        f"CREATE MACRO instant(x) AS CASE WHEN regexp_matches(x::VARCHAR, '{offset}') THEN x::VARCHAR::TIMESTAMPTZ "
        f"ELSE timezone({literal(zone)}, x::VARCHAR::TIMESTAMP) END"
    )
    # Wider than the 64 bits of the contracts: an amount beyond them is then rejected as the row it is in, not with all.
    con.execute("CREATE MACRO cents(x) AS CAST(round(x * 100) AS HUGEINT)")
    # Six digits below the cent: what a price is told with, without the dust of a division of doubles.
    con.execute("CREATE MACRO unit_cents(x) AS CAST(round(x * 100, 6) AS DOUBLE)")


def _load(
    con: duckdb.DuckDBPyConnection, adapter: Adapter, reads: Reads, frames: Mapping[str, pl.DataFrame], zone: str,
    kept: Kept[Relation],
) -> None:  # fmt: skip
    """The tables a SELECT reads, as relations."""
    here = [name for name, frame in frames.items() if not frame.is_empty()]
    for name in here:
        add(con, name, frames[name], adapter.cells_of(name), (), kept, zone)
    seen = {c[0] for n in here for c in con.execute(f"DESCRIBE {quoted(n)}").fetchall()}
    for name in (n for n in frames if n not in here):
        # Bare names that no other table has are taken to be its own: a join to an empty table gives nulls.
        # Through a star they come under a prefix of another kind.
        others = (reads.bare | reads.loose if reads.stars else reads.bare) - seen
        named = reads.by_table.get(name, set()) | set(adapter.keys.get(name, ())) | others
        add(con, name, frames[name], adapter.cells_of(name), sorted(named), kept, zone)


def _of_records(adapter: Adapter, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Frames with a row a record: of a history that is read without its table the newest version of each."""
    old = {n: f for n, f in frames.items() if n not in adapter.types and adapter.history_of(n) not in frames}
    newest = {n: f.unique(("record_set", "record_key"), keep="last", maintain_order=True) for n, f in old.items()}
    return {n: f for n, f in frames.items() if n in adapter.types} | newest


def _traces(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Where each record comes from, by the text that names it."""
    schema = {n: _TRACE_TYPES.get(n, pl.String()) for n in TRACE}
    rows = pl.concat([pl.DataFrame(schema=schema), *(f.select(TRACE).cast(schema) for f in frames.values())])  # type: ignore[arg-type]
    return rows.select(record_of(), pl.all().name.prefix("_"))


def _traced(rows: pl.DataFrame, traces: pl.DataFrame) -> pl.DataFrame:
    """Rows with the place of their record; nulls where they name none."""
    return rows.join(traces, on=RECORD, how="left", maintain_order="left").drop(RECORD)


def _bounded(con: duckdb.DuckDBPyConnection, rows: int) -> None:
    [[found]] = con.execute("SELECT count(*) FROM _result").fetchall()
    if found > rows:
        raise BoundError(f"it gives more than {rows:,} rows; valid is a SELECT that joins by keys and ends")


def _result(con: duckdb.DuckDBPyConnection, mapped: Mapped, zone: str) -> pl.DataFrame:
    kinds = {row[0]: row[1] for row in con.execute("DESCRIBE _result").fetchall()}
    _named(mapped, list(kinds))
    local = _local(mapped, kinds) if zone != "UTC" else []
    if unsure := [c for c in local if _is_time(kinds[c])]:
        raise MappingError(
            f"{', '.join(unsure)} is a TIMESTAMP, local or UTC: write instant(...) for local time of {zone}, "
            "or ... AT TIME ZONE 'UTC'"
        )
    values = [f"{_placed(c) if c in local else _text(kind, quoted(c))} AS {quoted(c)}" for c, kind in kinds.items()]
    return _frame(
        con, f"SELECT {', '.join([*values, *([] if RECORD in kinds else [f'NULL AS {RECORD}'])])} FROM _result"
    )


def _named(mapped: Mapped, found: list[str]) -> None:
    """Result columns that nothing takes are an error: most are ours, misspelt. So is one that must be there."""
    contract = list(CANONICAL[mapped.into].schema)
    helping = {c for v in mapped.convert.values() for c in (v.given, v.wanted) if c}
    if lost := sorted(helping - set(found)):
        raise MappingError(
            f"`convert` names {', '.join(lost)}, which the SELECT does not give; it gives {', '.join(found)}"
        )
    unknown = [c for c in found if c not in {*contract, *helping, RECORD, REJECT}]
    if unknown:
        near = {c: get_close_matches(c, contract, 1, 0.5) for c in unknown}
        hints = ", ".join(f"{c!r} (nearest: {n[0]!r})" if n else repr(c) for c, n in near.items())
        raise MappingError(f"{mapped.into} has no column {hints}; valid are {', '.join(contract)}, {RECORD}, {REJECT}")
    needed = [c.name for c in CANONICAL[mapped.into].columns if not c.null and c.name not in found]
    if needed:
        raise MappingError(
            f"{mapped.into} needs {', '.join(needed)}, which the SELECT does not give; it gives {', '.join(found)}"
        )


def _local(mapped: Mapped, kinds: Mapping[str, str]) -> list[str]:
    """Result columns that are instants and may come without a zone."""
    instants = {c.name for c in CANONICAL[mapped.into].columns if c.kind == "instant"}
    return [c for c, kind in kinds.items() if c in instants and not _is_zoned(kind) and kind != '"NULL"']


def _is_zoned(kind: str) -> bool:
    """TIMESTAMP WITH TIME ZONE, and TIMESTAMPTZ_NS."""
    return "WITH TIME ZONE" in kind or kind.startswith("TIMESTAMPTZ")


def _is_time(kind: str) -> bool:
    """With and without a zone, of any precision."""
    return kind.startswith("TIMESTAMP")


def _placed(column: str) -> str:
    """A day or a text as an instant of the source's zone; what is no time as it is."""
    instant = _ZONED.format(f"TRY(instant({quoted(column)}))")
    return f"coalesce({instant}, {quoted(column)}::VARCHAR)"


def _text(kind: str, column: str) -> str:
    if kind == "INTERVAL":
        return f"epoch({column})::VARCHAR"
    if _is_time(kind):
        return (_ZONED if _is_zoned(kind) else _NAIVE).format(column)
    return f"{column}::VARCHAR"


def _unread(con: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> pl.DataFrame:
    parts = [f"SELECT {RECORD}, message FROM {quoted('_unread_' + name)}" for name in tables]
    return _frame(con, " UNION ALL ".join(parts) or f"SELECT NULL AS {RECORD}, NULL AS message WHERE false")


def _frame(con: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    frame: pl.DataFrame = con.sql(sql).pl()
    return frame.cast(pl.String())


@contextmanager
def _interrupted(con: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = Timer(seconds, con.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException as error:
        raise BoundError(
            f"it did not end within {seconds:g} s; valid is a SELECT that ends: look for a recursion without an end "
            "or a join without a key"
        ) from error
    finally:
        timer.cancel()


@contextmanager
def _words(mapped: Mapped) -> Iterator[None]:
    """DuckDB's errors in the words of the house; a bound names the table as well."""
    try:
        yield
    except BoundError as error:
        raise BoundError(f"mapping into {mapped.into}: {error}") from error
    except duckdb.OutOfMemoryException as error:
        said = f"it needs more than {MEMORY} of memory ({_first(error)[:80]}); join by keys, select less"
        raise BoundError(f"mapping into {mapped.into}: {said}") from error
    except duckdb.Error as error:
        raise MappingError(
            f"{_first(error)}: correct the sql of {mapped.into}, or declare the column's type"
        ) from error


def _first(error: duckdb.Error) -> str:
    """What DuckDB says, without the drawing of the place, with its candidates."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(line for line in lines if not line.startswith(("LINE ", "^")))[:500]
