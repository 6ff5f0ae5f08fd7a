"""What a database says when it refuses, in words of the house: what was found, where, what to do."""

from __future__ import annotations

import sqlalchemy as sa

from plant.errors import PlantError, SourceDownError, TerminalError

_SQLITE_REFUSES = ("syntax error", "no such", "readonly", "ambiguous", "misuse", "not authorized", "too many")
_LOCKED = {"55P03", "40P01", "1205", "3572", "1213"}
_LOGIN = {"28P01", "28000", "1045", "18456"}
_MAY_NOT = {"42501", "1142", "1143", "1044", "229"}


class BeyondError(TerminalError):
    """An instant before the year 1 or after 9999, or infinite: readable as text."""


def told(engine: sa.Engine, name: str, error: sa.exc.DBAPIError) -> PlantError:
    """A driver's error as one of the house; passwords are not in it."""
    said = next(iter(str(error.orig).splitlines()), type(error.orig).__name__)
    where, codes = engine.url.render_as_string(), _codes(error)
    if codes & _LOCKED or "database is locked" in said or "database table is locked" in said:
        return SourceDownError(
            f"{name}: another session holds what is read ({said}): it is tried again at the next run; "
            "if that goes on, end the session that holds it"
        )
    if codes & _LOGIN or "authentication failed" in said or "ORA-01017" in said:
        return TerminalError(
            f"{name}: {where} refuses the login ({said}): correct user and password in the variable named by `url_env`"
        )
    if codes & _MAY_NOT or "ORA-01031" in said:
        return TerminalError(
            f"{name}: user {engine.url.username} may not read it ({said}): have an administrator GRANT SELECT on it "
            "(and USAGE on its schema), or name it in `without`; the other tables are read"
        )
    if engine.dialect.name == "sqlite" and any(words in said for words in _SQLITE_REFUSES):
        return _refused(name, said)
    if isinstance(error, sa.exc.DataError) and "year" in said:
        return BeyondError(f"{name}: an instant is beyond what can be read ({said})")
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or error.connection_invalidated:
        return SourceDownError(f"{name}: {where} cannot be reached ({said}): start the database or correct its URL")
    return _refused(name, said)


def _refused(name: str, said: str) -> TerminalError:
    mend = "correct the table in plant.toml or the adapter"
    return TerminalError(f"{name}: the database refuses the query ({said}): {mend}")


def _codes(error: sa.exc.DBAPIError) -> set[str]:
    """SQLSTATE or error number, as far as the driver tells."""
    state, arguments = getattr(error.orig, "sqlstate", None), getattr(error.orig, "args", ())
    found = {str(state)} if state else set()
    if arguments and isinstance(arguments[0], int):
        found.add(str(arguments[0]))
    return found
