"""A SQL staging table: proposals wait there until the other system takes them and writes what it took beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from re import fullmatch
from typing import Any

import sqlalchemy as sa

from connectors.erp.files import rows_of
from connectors.erp.target import Delivered, Kept, KeptLine, Outgoing, RefusedError, one_by_one
from plant.errors import SourceDownError, TerminalError

TABLE = "shopfloor_proposals"
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"


def _table(name: str) -> sa.Table:
    if not fullmatch(rf"({_NAME}\.)?{_NAME}", name):
        raise TerminalError(
            f"table {name!r} is not valid: letters, digits and _, beginning with no digit; at most schema.table"
        )
    schema, _, bare = name.rpartition(".")
    text, long = sa.String(200), sa.String(2000)
    return sa.Table(
        bare, sa.MetaData(schema=schema or None),
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False), sa.Column("title", text, nullable=False),
        sa.Column("item", text, nullable=False), sa.Column("quantity", sa.Double, nullable=False),
        sa.Column("unit", text, nullable=False), sa.Column("price_cents", sa.Double),
        sa.Column("currency", sa.String(3), nullable=False), sa.Column("start_on", sa.Date),
        sa.Column("due_on", sa.Date), sa.Column("from_location", text), sa.Column("to_location", text),
        sa.Column("task", text), sa.Column("partner", text), sa.Column("reason", long),
        sa.Column("approved_by", text, nullable=False), sa.Column("approved_at", sa.DateTime, nullable=False),
        sa.Column("taken_at", sa.DateTime), sa.Column("taken_quantity", sa.Double),
        sa.Column("taken_reference", text),
    )  # fmt: skip


class StagingTarget:
    """Rows by (key, line), all lines of a proposal in one transaction. `taken_*` belong to the other system."""

    name = "sql"
    answers = True

    def __init__(self, url: str, table: str = TABLE, *, create: bool = False) -> None:
        self._table, self._create, self._whole = _table(table), create, False
        try:
            self._engine = sa.create_engine(sa.make_url(url), poolclass=sa.NullPool)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise TerminalError(
                f"the URL of the staging database cannot be used ({type(error).__name__}); valid is e.g. "
                "postgresql+psycopg://user@host/database or sqlite:////folder/staging.sqlite"
            ) from error

    def ready(self) -> None:
        """The table is there with all columns, or made when that is allowed."""
        with self._connected() as connection:
            looked = sa.inspect(connection)
            there = looked.has_table(self._table.name, schema=self._table.schema)
            if not there and not self._create:
                raise TerminalError(
                    f"{self._where} is not there: give --create-table, or create it (docs/proposals.md)"
                )
            if not there:
                self._table.create(connection, checkfirst=True)
                connection.commit()
                return
            keys = looked.get_pk_constraint(self._table.name, schema=self._table.schema)["constrained_columns"]
            kinds = {c["name"]: c["type"] for c in looked.get_columns(self._table.name, schema=self._table.schema)}
            self._whole = isinstance(kinds.get("price_cents"), sa.Integer)
        if missing := [c.name for c in self._table.columns if c.name not in kinds]:
            raise TerminalError(f"{self._where} has no column {', '.join(missing)}; docs/proposals.md lists them")
        if set(keys) != {"key", "line"}:
            raise TerminalError(f"{self._where} has the primary key ({', '.join(keys)}); valid is (key, line)")

    def deliver(self, outgoing: Sequence[Outgoing], batch: str) -> Iterator[Delivered]:
        """One transaction a proposal."""
        return one_by_one(self, outgoing)

    def place(self, out: Outgoing) -> str:
        """Insert the lines of a proposal, or find them there; other content under the same key is refused."""
        rows = [_row(row) for row in rows_of(out)]
        if self._whole and any((row["price_cents"] or 0) % 1 for row in rows):  # PostgreSQL would round it in silence
            raise RefusedError(f"{self._where}.price_cents holds whole numbers, {out.key} has a price with a fraction: "
                               "make the column double precision")  # fmt: skip
        with self._connected() as connection:
            held = self._held(connection, [out.key])
            if not held:
                try:
                    connection.execute(sa.insert(self._table), rows)
                    connection.commit()
                    return f"{self._where} {out.key}"
                except sa.exc.IntegrityError:  # another export was faster
                    connection.rollback()
                    held = self._held(connection, [out.key])
                except sa.exc.DataError as error:
                    raise RefusedError(f"{self._where} refuses {out.key}: {_said(error)}") from error
        if [(h["line"], h["item"], h["quantity"]) for h in held] != [
            (r["line"], r["item"], r["quantity"]) for r in rows
        ]:
            raise RefusedError(f"{self._where} holds other lines under {out.key}: look at them and delete them there")
        return f"{self._where} {out.key}"

    def kept(self, outgoing: Sequence[Outgoing]) -> dict[str, Kept]:
        """What is there, and what the other system wrote that it took."""
        with self._connected() as connection:
            held = self._held(connection, [o.key for o in outgoing])
        return {
            key: self._kept(key, [h for h in held if h["key"] == key]) for key in dict.fromkeys(h["key"] for h in held)
        }

    def _kept(self, key: str, rows: Sequence[dict[str, Any]]) -> Kept:
        taken = [r for r in rows if r["taken_at"] is not None]
        lines = tuple(KeptLine(r["item"], r["taken_quantity"], r["unit"]) for r in taken)
        named = ", ".join(dict.fromkeys(r["taken_reference"] for r in taken if r["taken_reference"]))
        return Kept(key, named or f"{self._where} {key}", "taken", lines, waiting=not taken)

    def _held(self, connection: sa.Connection, keys: Sequence[str]) -> list[dict[str, Any]]:
        t, found = self._table, []
        for n in range(0, len(keys), 400):
            wanted = sa.select(t).where(t.c.key.in_(keys[n : n + 400])).order_by(t.c.key, t.c.line)
            found += [dict(row) for row in connection.execute(wanted).mappings()]
        return found

    @property
    def _where(self) -> str:
        return str(self._table.fullname)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise SourceDownError(
                f"the staging database: {_said(error)}; what was sent is taken up again by key"
            ) from error
        except sa.exc.DBAPIError as error:
            raise TerminalError(f"the staging database refuses: {_said(error)}") from error


def _said(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).splitlines()[0]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A flat row with the table's types; instants without a zone are UTC."""
    at = datetime.fromisoformat(row["approved_at"]).astimezone(UTC).replace(tzinfo=None)
    days = {name: row[name] and date.fromisoformat(row[name]) for name in ("start_on", "due_on")}
    return row | days | {"approved_at": at}
