"""Options of `shopfloor export supplier` and `shopfloor export customer`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.verbs.options import PLANT, PlantToml, Root

Who = Annotated[str, typer.Argument(help="Key or name, as in the ERP.")]
To = Annotated[Path, typer.Option("--to", help="File to write: .xlsx, .csv or .html.")]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only lines due from this day on.")]


def supplier(name: Who, to: To, since: Since = None, root: Root = None, plant: PlantToml = PLANT) -> None:
    """A supplier's own lines and its on-time-in-full by month; nothing of anybody else."""
    _run("inbound", name, to, since, root, plant)


def customer(name: Who, to: To, since: Since = None, root: Root = None, plant: PlantToml = PLANT) -> None:
    """A customer's own lines and its on-time-in-full by month; nothing of anybody else."""
    _run("outbound", name, to, since, root, plant)


def _run(direction: str, name: str, to: Path, since: datetime | None, root: Path | None, plant: Path) -> None:
    from pipelines.verbs.partners.run import share

    raise typer.Exit(share(direction, name, to, since.date() if since else None, root, plant))


def attach(export_app: typer.Typer) -> None:
    """Put both verbs under `shopfloor export`."""
    export_app.command("supplier")(supplier)
    export_app.command("customer")(customer)
