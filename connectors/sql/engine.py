"""A way into a relational database that does not write: engine, connection, and whether it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from connectors.sql.read import target
from plant.errors import PlantError, SourceDownError, TerminalError
from plant.sources.batch import SqlSource

POSTGRES = {"connect_timeout": 5, "options": "-c timezone=UTC -c default_transaction_read_only=on"}


def open_engine(source: SqlSource, root: Path) -> sa.Engine:
    """An engine to read with. SQLite (mode=ro) and PostgreSQL (read-only transactions) refuse every write.

    SQLAlchemy has no read-only mode for all databases: any other one is sent SELECTs only and never a
    commit, but nothing here forces it, so its user should be one that may only read. `url_env` wins over
    `url` where it is set; `{root}` is the --root folder.

    Raises:
        TerminalError: the URL cannot be understood or its driver is not installed.
    """
    text = (source.url_env and os.environ.get(source.url_env)) or source.url.replace("{root}", str(root))
    try:
        url = sa.make_url(text)
        if url.get_backend_name() == "sqlite":
            return _sqlite(url)
        options = POSTGRES if url.get_backend_name() == "postgresql" else {}
        return sa.create_engine(url, connect_args=options, poolclass=sa.NullPool)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise TerminalError(
            f"source {source.name!r}: {type(error).__name__} in its URL; valid is e.g. sqlite:///{{root}}/erp.sqlite "
            f"or postgresql://user@host/database: correct `url`{f' or {source.url_env}' if source.url_env else ''}"
        ) from error


def _sqlite(url: sa.URL) -> sa.Engine:
    path = Path(url.database or "").absolute()
    return sa.create_engine(f"sqlite:///{path.as_uri()}?mode=ro&uri=true", poolclass=sa.NullPool)


@contextmanager
def connected(engine: sa.Engine, name: str) -> Iterator[sa.Connection]:
    """A connection with one view of the data; leaving it rolls back. Driver errors become errors of the house.

    Raises:
        SourceDownError: the database cannot be reached, or went away.
        TerminalError: it refuses what is asked.
    """
    try:
        connection = engine.connect()
    except sa.exc.DBAPIError as error:
        raise _error(engine, name, error) from error
    with connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            yield connection
        except sa.exc.DBAPIError as error:
            raise _error(engine, name, error) from error


def _error(engine: sa.Engine, name: str, error: sa.exc.DBAPIError) -> PlantError:
    said = str(error.orig).splitlines()[0]
    where = engine.url.render_as_string()
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return SourceDownError(f"{name}: {where} cannot be reached ({said}): start the database or correct its URL")
    return TerminalError(f"{name}: the database refuses the query ({said}): correct the table in plant.toml")


def look_up(source: SqlSource, root: Path) -> None:
    """Connect once and look every table up; no row is taken in.

    Raises:
        SourceDownError: the database cannot be reached.
        TerminalError: its URL cannot be understood, or a table, key or watermark column is not there.
    """
    engine = open_engine(source, root)
    try:
        with connected(engine, source.name) as connection:
            connection.execute(sa.text("SELECT 1"))
            for one in source.tables:
                target(connection, source, one)
    finally:
        engine.dispose()
