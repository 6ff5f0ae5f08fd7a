"""What `shopfloor adapt` does. What was found goes to stdout, problems as well: it is what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from pipelines.place import root_of
from pipelines.verbs.adapt.trial import Trial, tried
from plant.adapters.canonical import CANONICAL
from plant.adapters.model import Adapter
from plant.adapters.read import file_of, read_adapter, shipped
from plant.checks.shape import did_you_mean
from plant.config import load
from plant.errors import ConfigError, TerminalError
from plant.sources.batch import SqlSource, SqlTable

console = Console(highlight=False, soft_wrap=True)
PROBLEMS = 2


@dataclass(frozen=True)
class Database:
    """A database that no plant.toml names."""

    url: str
    timezone: str
    db_schema: str | None


def list_command() -> int:
    """Shipped adapters and canonical tables, a line each."""
    for name, file in shipped().items():
        taken = read_adapter(file)
        said = "broken" if taken.adapter is None else f"fills {len(taken.adapter.tables)} of {len(CANONICAL)} tables"
        console.print(f"adapter {name}: {said}", markup=False)
    for name, contract in CANONICAL.items():
        console.print(f"{name}: {contract.doc} {contract.grain[:1].upper()}{contract.grain[1:]}.", markup=False)
    return 0


def show_command(name: str) -> int:
    """Columns of a canonical table: type, null, meaning, what is valid.

    Raises:
        TerminalError: there is no such table.
    """
    if name not in CANONICAL:
        hint = did_you_mean(name, list(CANONICAL))
        raise TerminalError(f"no canonical table {name!r}; valid are {', '.join(CANONICAL)}. {hint}".strip())
    contract, grid = CANONICAL[name], Grid(box=None, pad_edge=False)
    for title in ("column", "type", "may be null", "meaning"):
        grid.add_column(title, overflow="fold")
    for c in contract.columns:
        limits = [f"at least {c.low:g}"] if c.low is not None else []
        limits += [f"at most {c.high:g}"] if c.high is not None else []
        limits += [f"one of {', '.join(c.allowed)}"] if c.allowed else []
        # As Text: rich would take the [stock.site_of] of a doc for markup and leave it out.
        grid.add_row(c.name, c.kind, "yes" if c.null else "no", Text("; ".join([c.doc, *limits])))
    console.print(f"{name}: {contract.doc} {contract.grain[:1].upper()}{contract.grain[1:]}.", markup=False)
    console.print(grid)
    return 0


def check_command(
    plant_toml: Path, root: Path | None, source: str | None, adapter: str | None, database: Database | None, rows: int
) -> int:
    """Try adapters on their databases: 0 when nothing is wrong, 2 with every problem.

    Raises:
        ConfigError: plant.toml or the adapter has problems; every one of them.
        SourceDownError: a database cannot be reached.
    """
    if adapter is not None:
        pairs = [_given(adapter, database)]
    elif database is not None:
        raise TerminalError("--url goes with --adapter FILE; without both, the sources of plant.toml are checked")
    else:
        pairs = _of_plant(plant_toml, source)
    wrong = 0
    for one, how in pairs:
        trial = tried(one, how, root_of(root), rows, datetime.now(UTC))
        _say(one, how, trial, rows)
        wrong += len(trial.problems)
    console.print(f"{wrong} problem(s)" if wrong else "no problems", markup=False)
    return PROBLEMS if wrong else 0


def new_command(name: str, database: Database | None, root: Path | None) -> int:
    """Draft an adapter for a database on stdout.

    Raises:
        TerminalError: no --url.
    """
    from pipelines.verbs.adapt.draft import drafted

    if database is None:
        raise TerminalError("--new NAME needs --url, the database to draft an adapter for")
    console.print(drafted(name, _source(name, database, ()), root_of(root)), markup=False, end="")
    return 0


def _given(adapter: str, database: Database | None) -> tuple[SqlSource, Adapter]:
    if database is None:
        raise TerminalError("--adapter FILE needs --url, the database to check it against")
    taken = read_adapter(file_of(adapter, Path()))
    if taken.adapter is None:
        raise ConfigError(list(taken.problems))
    tables = tuple(SqlTable.model_validate(row) for row in taken.tables.values())
    return _source(taken.adapter.name, database, tables), taken.adapter


def _source(name: str, database: Database, tables: tuple[SqlTable, ...]) -> SqlSource:
    try:
        return SqlSource(
            kind="sql", name=name, url=database.url, timezone=database.timezone, db_schema=database.db_schema,
            tables=tables,
        )  # fmt: skip
    except ValidationError as error:
        raise TerminalError(f"{name!r}: {error.errors()[0]['msg']}") from error


def _of_plant(plant_toml: Path, wanted: str | None) -> list[tuple[SqlSource, Adapter]]:
    plant = load(plant_toml)
    sources = [s for s in plant.file.source if isinstance(s, SqlSource)]
    names = [s.name for s in sources]
    if wanted is not None and wanted not in names:
        hint = did_you_mean(wanted, names)
        raise TerminalError(
            f"no SQL source {wanted!r} in {plant_toml}; valid are {', '.join(names) or 'none'}. {hint}".strip()
        )
    if not sources:
        raise TerminalError(f"{plant_toml} has no SQL source; give --adapter FILE --url URL, or add one")
    return [(s, plant.adapters[s.name]) for s in sources if wanted in (None, s.name)]


def _say(source: SqlSource, adapter: Adapter, trial: Trial, rows: int) -> None:
    of = f"the first {rows} rows of each table: joins may miss rows behind them" if rows else "all rows"
    console.print(f"{source.name}: adapter {adapter.name}, {len(trial.read)} tables read ({of})", markup=False)
    for one in trial.filled:
        rejected = f", {one.rejected} rejected" if one.rejected else ""
        console.print(f"  {one.name}: {one.rows} rows{rejected}", markup=False)
        for reason, count, example in one.reasons:
            console.print(f"    {count} x {reason}: {example.removeprefix(f'{reason}: ')}", markup=False)
        if one.example:
            told = ", ".join(f"{k}={v}" for k, v in one.example.items() if v is not None)
            console.print(f"    e.g. {told}", markup=False)
    for words in trial.remarks:
        console.print(f"  remark: {words}", markup=False)
    for words in trial.problems:
        console.print(f"  problem: {words}", markup=False)
