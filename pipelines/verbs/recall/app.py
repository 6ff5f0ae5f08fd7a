"""Options of `shopfloor recall`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.verbs.options import PLANT, PlantToml, Root

INSTANTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]
First = Annotated[datetime | None, typer.Option("--from", formats=INSTANTS, help="UTC, e.g. 2026-11-20T06:00.")]
Last = Annotated[datetime | None, typer.Option("--to", formats=INSTANTS, help="UTC, exclusive.")]


def recall(
    lot: Annotated[list[str] | None, typer.Argument(help="Lots to start from.")] = None,
    order: Annotated[str | None, typer.Option(help="Start from the lots of a work order.")] = None,
    machine: Annotated[str | None, typer.Option(help="Start from what was on a machine from --from to --to.")] = None,
    first: First = None,
    last: Last = None,
    *,
    back: Annotated[bool, typer.Option("--back", help="What went into them, not what was made of them.")] = False,
    ways_to: Annotated[str | None, typer.Option(help="List every way to this lot, with its quantity.")] = None,
    out: Annotated[Path | None, typer.Option(help="File: .xlsx, .json, or .jsonld for GS1 EPCIS 2.0.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine readable.")] = False,
    base: Annotated[str | None, typer.Option("--id-base", help="Beginning of the URIs in .jsonld.")] = None,
    root: Root = None,
    plant: PlantToml = PLANT,
) -> None:
    """Every affected lot: stock, customers, orders, mass balance, machines. Exit 3: a mass balance does not close."""
    from pipelines.verbs.recall.run import Asked
    from pipelines.verbs.recall.run import recall as run

    begin, end = (None if at is None else at.replace(tzinfo=UTC) for at in (first, last))
    asked = Asked(tuple(lot or ()), order, machine, begin, end, ways_to)
    raise typer.Exit(run(root, plant, asked, back=back, out=out, as_json=as_json, base=base))
