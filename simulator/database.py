"""The plant's relational database: a real SQLite or PostgreSQL holding the MES, WMS and ERP tables.

Written only into a database that is empty or that an earlier simulation made: the tables have common names,
and a real ERP must never be overwritten by mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from plant.errors import TerminalError
from simulator.enterprise.journal import SCHEMAS, schema_of
from simulator.instants import INSTANT

MARK = "simulator_run"
"""Table that marks a database as one of ours."""
_BATCH = 2000
_TYPES: dict[pl.DataType, sa.types.TypeEngine[Any]] = {
    pl.String(): sa.String(), pl.Int64(): sa.BigInteger(), pl.Float64(): sa.Float(53),
    pl.Boolean(): sa.Boolean(),     INSTANT: sa.DateTime(timezone=True),
}  # fmt: skip


def metadata() -> sa.MetaData:
    """Every table with its columns, the id as primary key, and an index on updated_at."""
    meta = sa.MetaData()
    for name in SCHEMAS:
        columns = [
            sa.Column(c, _TYPES[dtype], primary_key=c == "id", nullable=c not in {"id", "updated_at"},
                      index=c == "updated_at")
            for c, dtype in schema_of(name).items()
        ]  # fmt: skip
        sa.Table(name, meta, *columns)
    sa.Table(MARK, meta, sa.Column("seed", sa.BigInteger), sa.Column("start_at", sa.DateTime(timezone=True)))
    return meta


def create(engine: sa.Engine, seed: int, start_at: Any) -> sa.MetaData:
    """Make the tables anew in a database that is empty or ours.

    Raises:
        TerminalError: the database holds tables of these names that no simulation made.
    """
    meta = metadata()
    with engine.begin() as connection:
        there = set(sa.inspect(connection).get_table_names())
        foreign = sorted(there & set(SCHEMAS))
        if foreign and MARK not in there:
            raise TerminalError(
                f"{engine.url.render_as_string()} already has the table(s) {', '.join(foreign)} and no {MARK}: it "
                "was not made by the simulator and is left alone; give the URL of an empty database"
            )
        meta.drop_all(connection)
        meta.create_all(connection)
        instant = _clock(connection)
        connection.execute(meta.tables[MARK].insert(), {"seed": seed, "start_at": instant(start_at)})
    return meta


def upsert(engine: sa.Engine, tables: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    """Insert new records and overwrite changed ones by id, in one transaction; rows written by table."""
    meta, written = metadata(), {}
    with engine.begin() as connection:
        for name, frame in tables.items():
            if frame.height:
                statement = _statement(connection, meta.tables[name])
                for rows in _rows(connection, frame):
                    connection.execute(statement, rows)
            written[name] = frame.height
    return written


def _statement(connection: sa.Connection, table: sa.Table) -> Any:
    dialect = {"postgresql": postgresql, "sqlite": sqlite}.get(connection.dialect.name)
    if dialect is None:
        raise TerminalError(
            f"the simulator writes to sqlite and postgresql, not to {connection.dialect.name}: change the database URL"
        )
    insert = dialect.insert(table)
    changed = {c.name: insert.excluded[c.name] for c in table.columns if c.name != "id"}
    return insert.on_conflict_do_update(index_elements=["id"], set_=changed)


def _rows(connection: sa.Connection, frame: pl.DataFrame) -> Iterator[list[dict[str, Any]]]:
    at = [name for name, dtype in frame.schema.items() if dtype == INSTANT]
    if connection.dialect.name == "sqlite":  # has no zones: UTC by convention
        frame = frame.with_columns(pl.col(at).dt.replace_time_zone(None))
    for part in frame.iter_slices(_BATCH):
        yield part.to_dicts()


def _clock(connection: sa.Connection) -> Any:
    if connection.dialect.name == "sqlite":
        return lambda at: at.astimezone(UTC).replace(tzinfo=None)
    return lambda at: at
