"""The commands of `shopfloor edit`; what they do is in `run`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.verbs.options import PLANT, PlantToml, Root

app = typer.Typer(no_args_is_help=True, help="Correct states and reasons, retract samples; the originals stay.")

Start = Annotated[str, typer.Argument(help="ISO 8601; without an offset the wall clock of the machine's site.")]
By = Annotated[str, typer.Option(help="Who edits.")]
Comment = Annotated[str | None, typer.Option(help="Why, for those who read it later.")]
Class = Annotated[str, typer.Argument(help="Class of the loss: breakdown, setup, minor_stop, logistic, planned, ...")]


@app.command("state")
def state(
    machine: str, start: Start, end: Start, state: str, by: By, plant: PlantToml = PLANT, root: Root = None,
    reason: Annotated[str | None, typer.Option(help="Reason, if it is known.")] = None,
    reason_class: Annotated[str | None, typer.Option("--class", help="Class of that reason.")] = None,
    comment: Comment = None,
) -> None:  # fmt: skip
    """Say which state MACHINE was in from START to END."""
    from pipelines.verbs.edit.run import state as run

    raise typer.Exit(run(root, plant, machine, (start, end), state, (reason, reason_class), by, comment))


@app.command("reason")
def reason(
    machine: str, start: Start, end: Start, reason: str, reason_class: Class, by: By, plant: PlantToml = PLANT,
    root: Root = None, comment: Comment = None,
) -> None:  # fmt: skip
    """Say why MACHINE did not produce from START to END."""
    from pipelines.verbs.edit.run import reason as run

    raise typer.Exit(run(root, plant, machine, (start, end), (reason, reason_class), by, comment))


@app.command("split")
def split(
    machine: str, start: Start, at: Start, end: Start, first: str, first_class: Class, second: str,
    second_class: Class, by: By, plant: PlantToml = PLANT, root: Root = None, comment: Comment = None,
) -> None:  # fmt: skip
    """Split a stop of MACHINE at an instant, with a reason for each part."""
    from pipelines.verbs.edit.run import split as run

    reasons = ((first, first_class), (second, second_class))
    raise typer.Exit(run(root, plant, machine, (start, at, end), *reasons, by, comment))


@app.command("retract")
def retract(
    tag: Annotated[str, typer.Argument(help="machine.tag")], start: Start, end: Start, by: By,
    plant: PlantToml = PLANT, root: Root = None, comment: Comment = None,
) -> None:  # fmt: skip
    """Leave out the raw samples of TAG from START to END; they stay in bronze."""
    from pipelines.verbs.edit.run import retract as run

    raise typer.Exit(run(root, plant, tag, (start, end), by, comment))


@app.command("revert")
def revert(edit_id: str, by: By, root: Root = None, comment: Comment = None) -> None:
    """Take an edit (or a revert) back."""
    from pipelines.verbs.edit.run import revert as run

    raise typer.Exit(run(root, edit_id, by, comment))


@app.command("list")
def list_edits(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also reverted edits and the reverts.")] = False,
    root: Root = None,
) -> None:
    """Show the edits in force."""
    from pipelines.verbs.edit.run import list_edits

    raise typer.Exit(list_edits(root, everything=everything))
