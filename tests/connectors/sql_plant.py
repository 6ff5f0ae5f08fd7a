"""A writable database beside the reader of it, and what the lake would know after each reading."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from connectors.base import Landing
from connectors.sql.engine import open_engine
from connectors.sql.marks import KNOWN_SCHEMA
from connectors.sql.source import read_table
from connectors.sql.tokens import tokens
from plant.sources.batch import SqlSource, SqlTable
from plant.tables import table

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
T0 = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
CONTRACT = table("bronze.records")
ORDERS = SqlTable(name="orders", key=("id",), watermark="updated_at", overlap="10min")


class Remembered:
    """A `Memory` that appends landings as the lake would: each version once."""

    def __init__(self) -> None:
        self.versions = CONTRACT.empty()
        self.quarantine: list[pl.DataFrame] = []
        self.apps: dict[str, int] = {}
        self.marks: dict[str, tuple[str, int]] = {}
        self.asked: list[str] = []

    def append(self, landing: Landing) -> None:
        assert landing.frame.schema == CONTRACT.schema
        if self.apps.get(landing.app, -1) < landing.version:
            self.versions = pl.concat([self.versions, landing.frame])
            self.quarantine.append(landing.quarantine)
            self.apps[landing.app] = landing.version

    def known(self, record_set: str, keys: pl.Series | None = None) -> pl.DataFrame:
        self.asked.append("all" if keys is None else "keys")
        rows = self.versions.filter(pl.col("record_set") == record_set)
        latest = rows.sort("ingested_at", "segment", "seq").unique("record_key", keep="last", maintain_order=True)
        wanted = latest if keys is None else latest.filter(pl.col("record_key").is_in(keys.implode()))
        return wanted.select(*KNOWN_SCHEMA)

    def landed(self, record_set: str) -> int:
        return self.apps.get(f"sql:{record_set}", -1)

    def mark(self, record_set: str) -> tuple[str | None, bool]:
        text, landed = self.marks.get(record_set, (None, -1))
        return text, landed == self.landed(record_set)

    def keep(self, record_set: str, mark: str) -> None:
        self.marks[record_set] = (mark, self.landed(record_set))


@dataclass
class Erp:
    """A writable database with a table of orders, read again and again."""

    url: str
    source: SqlSource
    memory: Remembered = field(default_factory=Remembered)
    runs: int = 0

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        if self.engine.dialect.name == "postgresql":  # its counters follow a commit late: the next look would find it
            sa.event.listen(self.engine, "commit", lambda c: c.exec_driver_sql("SELECT pg_stat_force_next_flush()"))
        self.run("DROP TABLE IF EXISTS orders")
        meta = sa.MetaData()
        self.orders = sa.Table(
            "orders", meta, sa.Column("id", sa.String(80), primary_key=True), sa.Column("qty", sa.Integer),
            sa.Column("amount", sa.Numeric(12, 2)), sa.Column("ratio", sa.Float(53)), sa.Column("open", sa.Boolean),
            sa.Column("due_day", sa.Date), sa.Column("blob", sa.LargeBinary), sa.Column("updated_at", sa.DateTime),
        )  # fmt: skip
        meta.create_all(self.engine)

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def put(self, key: str, at: datetime = T0, **more: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.delete(self.orders).where(self.orders.c.id == key))
            connection.execute(self.orders.insert(), {"id": key, "updated_at": at.replace(tzinfo=None), **more})

    def landings(self, one: SqlTable = ORDERS, *, hours: float = 0.0) -> list[Landing]:
        """Read some minutes, or hours, later, and append."""
        self.runs += 1
        now = NOW + timedelta(minutes=self.runs, hours=hours)
        engine = open_engine(self.source, Path("unused"))
        sign = tokens(engine, self.source, [one]).get(one.name)
        out = []
        for landing in read_table(self.source, one, engine, self.memory, now, sign):
            self.memory.append(landing)
            out.append(landing)
        return out

    def read(self, one: SqlTable = ORDERS, *, hours: float = 0.0) -> Landing | None:
        """The same as one landing; None where nothing was landed."""
        found = self.landings(one, hours=hours)
        if not found:
            return None
        frame, held = (pl.concat([getattr(x, name) for x in found]) for name in ("frame", "quarantine"))
        return Landing(CONTRACT.name, found[-1].app, found[-1].version, frame, held)

    def landed(self, one: SqlTable = ORDERS, *, hours: float = 0.0) -> list[tuple[str, bool]]:
        """What was landed: key and whether it is a tombstone."""
        landing = self.read(one, hours=hours)
        rows = () if landing is None else landing.frame.select("record_key", "deleted").iter_rows()
        return [(json.loads(k)[0], d) for k, d in rows]
