"""Options of `shopfloor adapt`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.verbs.options import PLANT, PlantToml, Root


def adapt(
    *,
    check: Annotated[bool, typer.Option("--check", help="Check adapters against their live databases.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Shipped adapters and the canonical tables.")] = False,
    show: Annotated[str | None, typer.Option(metavar="TABLE", help="Columns of a canonical table.")] = None,
    new: Annotated[str | None, typer.Option(metavar="NAME", help="Draft an adapter for --url, to stdout.")] = None,
    source: Annotated[str | None, typer.Option(help="With --check: only this source of plant.toml.")] = None,
    adapter: Annotated[
        str | None, typer.Option(metavar="FILE", help="With --check and --url: adapter to check.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="SQLAlchemy URL of a database.", envvar="SHOPFLOOR_ADAPT_URL")] = None,
    timezone: Annotated[str, typer.Option(help="With --url: zone of its times without one.")] = "UTC",
    db_schema: Annotated[str | None, typer.Option(help="With --url: schema of its tables.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="Rows of each table to try; 0: all.")] = 1000,
    plant: PlantToml = PLANT,
    root: Root = None,
) -> None:
    """Tables of another system into ours: list, show, check, draft. Exit 2 on problems."""
    from pipelines.verbs.adapt import run

    if sum([check, listed, show is not None, new is not None]) != 1:
        raise typer.BadParameter("one of --check, --list, --show TABLE, --new NAME")
    database = run.Database(url, timezone, db_schema) if url else None
    if check:
        code = run.check_command(plant, root, source, adapter, database, rows)
    elif new is not None:
        code = run.new_command(new, database, root)
    else:
        code = run.list_command() if show is None else run.show_command(show)
    raise typer.Exit(code)
