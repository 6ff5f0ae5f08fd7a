"""What was built and ingested, and what the checks said: `root/state.sqlite` (SQLite, WAL).

The lake holds data; this holds the book-keeping that lets a build skip what is up to date. Losing the
file costs a rebuild and nothing else: contents that are there already are not committed again.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from plant.errors import TerminalError

_FEW_DAYS = 500
"""So many days are asked for by name; of more, all are read and looked through."""
_REBUILT = "move the file away and run `shopfloor build`: it is written anew, at the cost of a rebuild"
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another process holds it; end that, then try again",
    sqlite3.SQLITE_FULL: "make room on the disk of --root, then start again",
    sqlite3.SQLITE_READONLY: "correct its permissions, or give another --root",
    sqlite3.SQLITE_CANTOPEN: "correct its permissions, or give another --root",
}
WHOLE = ""
"""Day of a receipt for a table that is kept whole."""

Parts = dict[str, dict[str, str]]
"""Named parts of what a day was built from: part -> machine ('' for the whole day) -> hash."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS builds(
  table_name TEXT, production_day TEXT, inputs_hash TEXT NOT NULL, content_hash TEXT NOT NULL,
  output_fingerprint TEXT NOT NULL, rows INTEGER NOT NULL, built_at TEXT NOT NULL, parts TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY (table_name, production_day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ingested(
  sha TEXT PRIMARY KEY, source TEXT NOT NULL, path TEXT NOT NULL, rows INTEGER NOT NULL, ingested_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS checks(
  table_name TEXT, check_name TEXT, passed INTEGER NOT NULL, severity TEXT NOT NULL, unexpected INTEGER,
  observed TEXT, checked_at TEXT NOT NULL, PRIMARY KEY (table_name, check_name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes(name TEXT PRIMARY KEY, value TEXT NOT NULL, noted_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS memory(
  space TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (space, name)) WITHOUT ROWID;
"""
_PARTS = "ALTER TABLE builds ADD COLUMN parts TEXT NOT NULL DEFAULT '{}'"
_RECEIPT = "table_name, production_day, inputs_hash, content_hash, output_fingerprint, rows, built_at, parts"


@dataclass(frozen=True)
class Receipt:
    """From one built day (None: the whole table) to the inputs it was built from, as one hash and as named parts."""

    table_name: str
    production_day: date | None
    inputs_hash: str
    content_hash: str
    output_fingerprint: str
    rows: int
    built_at: datetime
    parts: Parts = field(default_factory=dict)


@dataclass(frozen=True)
class CheckResult:
    """Last result of one check. `severity` is blocking or warning; `unexpected` counts rows against it."""

    table_name: str
    check_name: str
    passed: bool
    severity: str
    unexpected: int | None
    observed: str | None
    checked_at: datetime


class Checked(Protocol):
    """Anything shaped like a CheckResult: the checks of the assets bring their own."""

    @property
    def table_name(self) -> str:
        """layer.table."""

    @property
    def check_name(self) -> str:
        """Unique in the table."""

    @property
    def passed(self) -> bool:
        """Kept."""

    @property
    def severity(self) -> str:
        """Blocking or warning."""

    @property
    def unexpected(self) -> int | None:
        """Rows against it."""

    @property
    def observed(self) -> str | None:
        """Observed value."""

    @property
    def checked_at(self) -> datetime:
        """UTC."""


class State:
    """The book-keeping of one root. Opens a connection per call: safe for threads and processes.

    On a folder that cannot be written (a mounted copy, a backup) it is read as it stands.

    Raises:
        TerminalError: the file cannot be opened, read or written, with what to do.
    """

    def __init__(self, root: Path | str) -> None:
        self.path = Path(root).resolve() / "state.sqlite"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._sealed = self.path.exists() and not os.access(self.path.parent, os.W_OK)
        if self._sealed:
            return
        with self._open() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(_SCHEMA)
            if "parts" not in {row[1] for row in db.execute("PRAGMA table_info(builds)")}:
                db.execute(_PARTS)  # a root of an earlier version

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        how = "?mode=ro&immutable=1" if self._sealed else ""
        try:
            db = sqlite3.connect(self.path.as_uri() + how, timeout=30, uri=True)
            try:
                db.execute("PRAGMA synchronous=NORMAL")
                with db:
                    yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise TerminalError(f"{self.path}: {error}; {_remedy(error)}") from error

    def built(self, table: str, day: date | None = None) -> Receipt | None:
        """Receipt of a built day, or None when it was never built."""
        found = self.receipts(table, [day])
        return found[0] if found else None

    def receipts(self, table: str | None = None, days: Iterable[date | None] | None = None) -> list[Receipt]:
        """Receipts of all tables or one, of all days or some, in order."""
        where, values = ("WHERE table_name = ?", [table]) if table else ("", [])
        wanted = None if days is None else sorted({_day(d) for d in days})
        if table and wanted is not None and len(wanted) <= _FEW_DAYS:
            where, values = f"{where} AND production_day IN ({', '.join('?' * len(wanted))})", [table, *wanted]
        sql = f"SELECT {_RECEIPT} FROM builds {where} ORDER BY table_name, production_day"
        with self._open() as db:
            rows = db.execute(sql, values).fetchall()
        return [_receipt(row) for row in rows if wanted is None or row[1] in wanted]

    def built_from(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Of every built day, by table and ISO day: the hash of its inputs and the fingerprint it left behind."""
        with self._open() as db:
            rows = db.execute("SELECT table_name, production_day, inputs_hash, output_fingerprint FROM builds")
            return {(name, day): (inputs, output) for name, day, inputs, output in rows}

    def record_built(self, *receipts: Receipt) -> None:
        """Remember builds; a later one of the same table and day replaces the earlier."""
        rows = [
            (
                r.table_name, _day(r.production_day), r.inputs_hash, r.content_hash, r.output_fingerprint, r.rows,
                _text(r.built_at), json.dumps(r.parts, sort_keys=True, separators=(",", ":")),
            )
            for r in receipts
        ]  # fmt: skip
        with self._open() as db:
            db.executemany(f"INSERT OR REPLACE INTO builds ({_RECEIPT}) VALUES (?,?,?,?,?,?,?,?)", rows)

    def ingested(self, sha: str) -> bool:
        """True when a file of this content was taken in."""
        with self._open() as db:
            return db.execute("SELECT 1 FROM ingested WHERE sha = ?", [sha]).fetchone() is not None

    def record_ingested(self, sha: str, source: str, path: str, rows: int) -> None:
        """Remember a file by the hash of its content; the first time counts."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO ingested VALUES (?,?,?,?,?)", [sha, source, path, rows, _text(_now())])

    def ingested_files(self) -> list[tuple[str, str, str, int, datetime]]:
        """Every file taken in: sha, source, path, rows, ingested_at."""
        with self._open() as db:
            rows = db.execute("SELECT * FROM ingested ORDER BY ingested_at, path").fetchall()
        return [(*row[:4], datetime.fromisoformat(row[4])) for row in rows]

    def record_checks(self, results: Iterable[Checked]) -> None:
        """Remember the last result of each check."""
        rows = [
            (r.table_name, r.check_name, r.passed, r.severity, r.unexpected, r.observed, _text(r.checked_at))
            for r in results
        ]
        with self._open() as db:
            db.executemany("INSERT OR REPLACE INTO checks VALUES (?,?,?,?,?,?,?)", rows)

    def checks(self) -> list[CheckResult]:
        """Last result of every check."""
        with self._open() as db:
            rows = db.execute("SELECT * FROM checks ORDER BY table_name, check_name").fetchall()
        return [CheckResult(r[0], r[1], bool(r[2]), r[3], r[4], r[5], datetime.fromisoformat(r[6])) for r in rows]

    def note(self, name: str, value: Any) -> None:
        """Remember a small JSON value under a name."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO notes VALUES (?,?,?)", [name, json.dumps(value), _text(_now())])

    def noted(self, name: str) -> Any:
        """The JSON value last noted under a name, or None."""
        with self._open() as db:
            row = db.execute("SELECT value FROM notes WHERE name = ?", [name]).fetchone()
        return None if row is None else json.loads(row[0])

    def remembered(self, space: str) -> dict[str, Any]:
        """What `remember` keeps under a space: results that are costly to find and cheap to keep, by name."""
        with self._open() as db:
            rows = db.execute("SELECT name, value FROM memory WHERE space = ?", [space]).fetchall()
        return {name: json.loads(value) for name, value in rows}

    def remember(self, space: str, values: dict[str, Any], *, only: bool = False) -> None:
        """Keep JSON values under names of a space. With `only`, spaces of the same kind (text before ':') go."""
        kind = space.partition(":")[0]
        with self._open() as db:
            if only:
                db.execute("DELETE FROM memory WHERE space LIKE ? AND space <> ?", [f"{kind}:%", space])
            rows = [(space, name, json.dumps(value)) for name, value in values.items()]
            db.executemany("INSERT OR REPLACE INTO memory VALUES (?,?,?)", rows)

    def forget(self, space: str, names: Iterable[str]) -> None:
        """Drop names of a space."""
        with self._open() as db:
            db.executemany("DELETE FROM memory WHERE space = ? AND name = ?", [(space, name) for name in names])


def _remedy(error: sqlite3.Error) -> str:
    """What to do about what SQLite refused; see https://www.sqlite.org/rescode.html."""
    return _REMEDIES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _REBUILT)


def _now() -> datetime:
    return datetime.now(UTC)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _day(day: date | None) -> str:
    return WHOLE if day is None else day.isoformat()


def _receipt(row: tuple[Any, ...]) -> Receipt:
    day = date.fromisoformat(row[1]) if row[1] != WHOLE else None
    return Receipt(row[0], day, row[2], row[3], row[4], row[5], datetime.fromisoformat(row[6]), json.loads(row[7]))
