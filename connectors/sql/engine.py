"""A way into a relational database that does not write: engine, connection, and whether it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from connectors.sql.failures import told
from connectors.sql.read import target
from connectors.sql.sessions import arguments, begin, prepare
from plant.errors import TerminalError
from plant.sources.batch import SqlSource

EXTRAS = {"mysql": "pymysql", "mariadb": "pymysql", "mssql": "pymssql", "oracle": "oracledb"}
"""What to install to read a database, by the beginning of its URL."""


def open_engine(source: SqlSource, root: Path, *, lenient: bool = False) -> sa.Engine:
    """An engine to read with; `connectors.sql.sessions` says what keeps each kind of database from being written.

    `url_env` wins over `url` where it is set; `{root}` is the --root folder. `lenient`: see `sessions.prepare`.

    Raises:
        TerminalError: the URL cannot be understood or its driver is not installed.
    """
    text = (source.url_env and os.environ.get(source.url_env)) or source.url.replace("{root}", str(root))
    try:
        url = sa.make_url(text)
        if url.get_backend_name() == "sqlite":
            url = sa.make_url(f"sqlite:///{Path(url.database or '').absolute().as_uri()}?mode=ro&uri=true")
        engine = sa.create_engine(url, connect_args=arguments(url), poolclass=sa.NullPool)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise TerminalError(_wrong_url(source, text, error)) from error
    prepare(engine, lenient=lenient)
    return engine


def _wrong_url(source: SqlSource, text: str, error: Exception) -> str:
    where = f"`url`{f' or {source.url_env}' if source.url_env else ''}"
    kind = text.partition(":")[0].partition("+")[0]
    if isinstance(error, ImportError) and kind in EXTRAS:
        wanted = f"pip install {EXTRAS[kind]}"
        return f"source {source.name!r}: no driver for {kind} ({error.name}): {wanted}, or correct {where}"
    return (
        f"source {source.name!r}: {type(error).__name__} in its URL; valid is e.g. sqlite:///{{root}}/erp.sqlite "
        f"or postgresql://user@host/database: correct {where}"
    )


@contextmanager
def connected(engine: sa.Engine, name: str) -> Iterator[sa.Connection]:
    """A connection with one view of the data; leaving it rolls back. Driver errors become errors of the house.

    Raises:
        SourceDownError: the database cannot be reached, went away, or another session holds what is read.
        TerminalError: it refuses what is asked.
    """
    try:
        connection = engine.connect()
    except sa.exc.DBAPIError as error:
        raise told(engine, name, error) from error
    with connection:
        try:
            begin(connection)
            yield connection
        except sa.exc.DBAPIError as error:
            raise told(engine, name, error) from error


def look_up(source: SqlSource, root: Path) -> None:
    """Connect once and look every table up; no row is taken in.

    Raises:
        SourceDownError: the database cannot be reached.
        TerminalError: its URL cannot be understood, or a table, key or watermark column is not there.
    """
    engine = open_engine(source, root)
    try:
        with connected(engine, source.name) as connection:
            for one in source.tables:
                target(connection, source, one)
    finally:
        engine.dispose()
