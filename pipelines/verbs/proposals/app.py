"""The commands of `shopfloor proposals`; what they do is in `run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.verbs.options import PLANT, PlantToml, Root

app = typer.Typer(
    no_args_is_help=True, help="What Shopfloor would have other systems do: two keys, audit trail, export."
)

By = Annotated[str, typer.Option(help="Who does it; needs a role of plant.toml.")]
Comment = Annotated[str | None, typer.Option(help="Why; kept for ever.")]
Keys = Annotated[list[str], typer.Argument(help="Keys, as `list` shows them.")]
To = Annotated[str, typer.Option(help="csv, excel, json, sql or tryton.")]
UrlEnv = Annotated[str | None, typer.Option(help="Variable with the URL of the staging database or of Tryton.")]
UserEnv = Annotated[str, typer.Option(help="Variable with Tryton's user.")]
PasswordEnv = Annotated[str, typer.Option(help="Variable with Tryton's password.")]
Table = Annotated[str, typer.Option(help="Staging table, may be schema.table.")]


@app.command("list")
def list_proposals(
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None, root: Root = None,
) -> None:  # fmt: skip
    """Show proposals as they stand, those that wait for somebody first."""
    from pipelines.verbs.proposals.run import list_proposals as run

    raise typer.Exit(run(root, state, kind))


@app.command("show")
def show(key: str, root: Root = None) -> None:
    """Show one proposal with its lines and every step."""
    from pipelines.verbs.proposals.run import show as run

    raise typer.Exit(run(root, key))


@app.command("draft")
def draft(
    by: By, file: Annotated[Path | None, typer.Argument(help="JSON of one proposal; none: from alerts.")] = None,
    key: Annotated[str, typer.Option(help="A word that makes the same content another proposal.")] = "",
    comment: Comment = None, plant: PlantToml = PLANT, root: Root = None,
) -> None:  # fmt: skip
    """Make a draft from FILE, or drafts from reorder alerts, failure risks and approved forecasts."""
    from pipelines.verbs.proposals.run import draft as run

    raise typer.Exit(run(root, plant, file, by, comment, key))


@app.command("edit")
def edit(
    key: str, file: Annotated[Path, typer.Argument(help="JSON of the proposal as it shall be.")], by: By,
    comment: Comment = None, plant: PlantToml = PLANT, root: Root = None,
) -> None:  # fmt: skip
    """Replace the content; it is a draft again."""
    from pipelines.verbs.proposals.run import edit as run

    raise typer.Exit(run(root, plant, key, file, by, comment))


@app.command("submit")
def submit(keys: Keys, by: By, comment: Comment = None, plant: PlantToml = PLANT, root: Root = None) -> None:
    """Hand drafts in for approval."""
    from pipelines.verbs.proposals.run import step as run

    raise typer.Exit(run(root, plant, "submit", keys, by, comment))


@app.command("approve")
def approve(keys: Keys, by: By, comment: Comment = None, plant: PlantToml = PLANT, root: Root = None) -> None:
    """Approve; never by who submitted or last edited."""
    from pipelines.verbs.proposals.run import step as run

    raise typer.Exit(run(root, plant, "approve", keys, by, comment))


@app.command("reject")
def reject(keys: Keys, by: By, comment: Comment = None, plant: PlantToml = PLANT, root: Root = None) -> None:
    """Reject, with a reason."""
    from pipelines.verbs.proposals.run import step as run

    raise typer.Exit(run(root, plant, "reject", keys, by, comment))


@app.command("confirm")
def confirm(
    key: str, by: By, comment: Annotated[str, typer.Option(help="What was looked at.")],
    plant: PlantToml = PLANT, root: Root = None,
) -> None:  # fmt: skip
    """Confirm by hand what a file did."""
    from pipelines.verbs.proposals.run import confirm as run

    raise typer.Exit(run(root, plant, key, by, comment))


@app.command("release")
def release(
    key: str, to: To, by: By, comment: Annotated[str, typer.Option(help="What was looked at.")],
    url_env: UrlEnv = None, user_env: UserEnv = "SHOPFLOOR_TRYTON_USER",
    password_env: PasswordEnv = "SHOPFLOOR_TRYTON_PASSWORD", table: Table = "shopfloor_proposals",
    plant: PlantToml = PLANT, root: Root = None,
) -> None:  # fmt: skip
    """Take a proposal back from an export that was cut off, when the target holds nothing of it."""
    from pipelines.verbs.proposals.run import release as run
    from pipelines.verbs.proposals.targets import Wanted

    raise typer.Exit(run(root, plant, key, Wanted(to, url_env, user_env, password_env, table), by, comment))


@app.command("export")
def export(
    to: To, by: By, keys: Annotated[list[str] | None, typer.Argument(help="Keys; none: all approved.")] = None,
    url_env: UrlEnv = None, user_env: UserEnv = "SHOPFLOOR_TRYTON_USER",
    password_env: PasswordEnv = "SHOPFLOOR_TRYTON_PASSWORD", table: Table = "shopfloor_proposals",
    *, create_table: Annotated[bool, typer.Option("--create-table", help="Make the table if needed.")] = False,
    settle: Annotated[float, typer.Option(min=0, help="Seconds to wait for an export that was cut off.")] = 35.0,
    plant: PlantToml = PLANT, root: Root = None,
) -> None:  # fmt: skip
    """Export approved proposals, each once; exit 1 when one was refused or waits."""
    from pipelines.verbs.proposals.run import export as run
    from pipelines.verbs.proposals.targets import Wanted

    wanted = Wanted(to, url_env, user_env, password_env, table, create_table)
    raise typer.Exit(run(root, plant, wanted, by, keys or [], settle))


@app.command("reconcile")
def reconcile(
    to: To, by: By, url_env: UrlEnv = None, user_env: UserEnv = "SHOPFLOOR_TRYTON_USER",
    password_env: PasswordEnv = "SHOPFLOOR_TRYTON_PASSWORD", table: Table = "shopfloor_proposals",
    plant: PlantToml = PLANT, root: Root = None,
) -> None:  # fmt: skip
    """Read back what the target kept; exit 1 when something is not there as it was approved."""
    from pipelines.verbs.proposals.run import reconcile as run
    from pipelines.verbs.proposals.targets import Wanted

    raise typer.Exit(run(root, plant, Wanted(to, url_env, user_env, password_env, table), by))
