"""The command line. Thin: every verb calls one function of another module, imported when needed.

stdout carries data, stderr carries progress. Deployment settings (root, plant file) come from options
or the environment and are read here, nowhere else.
"""

from __future__ import annotations

import atexit
import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.verbs.adapt.app import adapt
from pipelines.verbs.browse import browse
from pipelines.verbs.calendar import app as calendar_app
from pipelines.verbs.certs import app as certs_app
from pipelines.verbs.edit.app import app as edit_app
from pipelines.verbs.options import PLANT, PlantToml, Root
from pipelines.verbs.partners.app import attach as attach_partners
from pipelines.verbs.proposals.app import app as proposals_app
from pipelines.verbs.recall.app import recall
from plant.errors import ConfigError, PlantError

app = typer.Typer(
    name="shopfloor", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Everything a plant knows, in one open lakehouse on one machine, with numbers that can be proved.",
)  # fmt: skip
quarantine_app = typer.Typer(no_args_is_help=True, help="Rejected rows with reasons; replay after a fix.")
export_app = typer.Typer(no_args_is_help=True, help="Forecasts, copies of the lake, what a partner may see.")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(edit_app, name="edit")
app.add_typer(calendar_app, name="calendar")
app.add_typer(export_app, name="export")
attach_partners(export_app)
app.add_typer(certs_app, name="certs")
app.add_typer(proposals_app, name="proposals")
app.command()(adapt)
app.command()(browse)
app.command()(recall)

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of external data sets ({data} in paths).", envvar="SHOPFLOOR_DATA")
]
Day = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD")]
Host = Annotated[str, typer.Option(help="Address to listen on; loopback unless told.")]
_FULL = "make room on the disk of --root, then start again: what was acknowledged is kept"
_REMEDIES = {
    errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EFBIG: _FULL,
    errno.EACCES: "correct its permissions, or give another --root",
    errno.EROFS: "the disk is read only: give another --root",
}  # fmt: skip


@app.command()
def demo(
    root: Root = None,
    plant: PlantToml = PLANT,
    days: Annotated[int, typer.Option(min=1, max=120, help="Simulated days of history.")] = 7,
    seed: Annotated[int, typer.Option(help="Same seed, same plant.")] = 7,
    serve: Annotated[bool, typer.Option(help="Open the dashboards afterwards.")] = True,
    live: Annotated[bool, typer.Option(help="Keep the plant running over real protocols.")] = False,
) -> None:
    """Plant in a box: simulate, build everything, prove the numbers against the truth, serve."""
    from pipelines.verbs.demo import demo as run

    raise typer.Exit(run(plant, root, days=days, seed=seed, serve=serve, live=live))


@app.command()
def check(
    plant_toml: Annotated[Path, typer.Argument(help="The plant's configuration.")] = PLANT,
    probe: Annotated[bool, typer.Option(help="Also try every source.")] = False,
    root: Root = None,
) -> None:
    """Every problem of the configuration at once. Exit 2 on problems."""
    from plant.config import load

    plant = load(plant_toml)
    machines, tags, sources = len(plant.machines), sum(1 for _ in plant.tags()), len(plant.sources)
    said, away = "no problems", 0
    if probe:
        from pipelines.verbs.probe import probe_all

        away = probe_all(plant, root)
        reached = f"{sources - away} of {sources} sources reached"
        said = f"no problems in the file, but only {reached}" if away else f"no problems; {reached}"
    typer.echo(f"{plant_toml}: {machines} machines, {tags} tags, {sources} sources, {said}")
    raise typer.Exit(2 if away else 0)


@app.command()
def schema() -> None:
    """Print the JSON schema of plant.toml."""
    from plant.schema import schema_text

    typer.echo(schema_text(), nl=False)


@app.command()
def simulate(
    plant: PlantToml = PLANT,
    root: Root = None,
    seed: Annotated[int, typer.Option(help="Same seed, same plant.")] = 7,
    days: Annotated[int, typer.Option(min=0, max=120, help="Days of history to export first, if none is there.")] = 1,
) -> None:
    """Run only the plant in a box: servers and database, until stopped."""
    from pipelines.verbs.live import simulate as run

    raise typer.Exit(run(plant, root, seed=seed, days=days))


@app.command()
def collect(
    plant: PlantToml = PLANT,
    root: Root = None,
    duration: Annotated[str | None, typer.Option("--for", help="Stop after, e.g. 30s, 10min.")] = None,
) -> None:
    """Run the collectors: protocols to durable segments to the lake."""
    from pipelines.verbs.live import collect as run

    raise typer.Exit(run(plant, root, duration))


@app.command()
def build(
    plant: PlantToml = PLANT,
    root: Root = None,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First production day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last production day.")] = None,
    data: Data = None,
) -> None:
    """Ingest what is new and bring every table up to date; only what changed is touched."""
    from pipelines.build import build_command

    raise typer.Exit(build_command(plant, root, first, last, data))


@app.command()
def serve(
    plant: PlantToml = PLANT,
    root: Root = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboards.")] = 8501,
    dagster_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Dagster's web server.")] = 3000,
) -> None:
    """Dashboards and Dagster's web server."""
    from pipelines.verbs.serve import serve as run

    raise typer.Exit(run(plant, root, host=host, port=port, dagster_port=dagster_port))


@app.command()
def info(
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine readable.")] = False,
) -> None:
    """Tables, versions, rows, freshness, source health, quarantine counts."""
    from pipelines.verbs.info import info_command

    raise typer.Exit(info_command(root, as_json=as_json))


@app.command()
def verify(
    receipt: Annotated[
        str | None,
        typer.Argument(help="table@day (gold.oee@2026-11-15) or a file of `trace --json`; default: everything."),
    ] = None,
    root: Root = None,
    plant: PlantToml = PLANT,
) -> None:
    """Recompute published numbers from bronze. Exit 1 on any difference, 3 when days only wait for a build."""
    from pipelines.verbs.verify.run import verify_command

    raise typer.Exit(verify_command(root, plant, receipt))


@app.command()
def trace(
    number: Annotated[str | None, typer.Argument(help='"KPI level=... scope=... day=... [shift=...]"')] = None,
    row: Annotated[str | None, typer.Option(help="SEGMENT:SEQ of a raw row, to go the other way.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine readable; `verify` takes it as a receipt.")] = False,
    root: Root = None,
    plant: PlantToml = PLANT,
) -> None:
    """From a number to its raw rows, with a hash; from a raw row to its numbers."""
    from pipelines.verbs.trace.run import trace as run

    raise typer.Exit(run(root, plant, number, row, as_json=as_json))


@quarantine_app.command("list")
def quarantine_list(root: Root = None) -> None:
    """Count rows set aside by source, origin and reason."""
    from pipelines.verbs.quarantine import list_rows

    raise typer.Exit(list_rows(root))


@quarantine_app.command("show")
def quarantine_show(
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    root: Root = None,
) -> None:
    """Show rows set aside with message and payload."""
    from pipelines.verbs.quarantine import show_rows

    raise typer.Exit(show_rows(root, reason, source, limit))


@quarantine_app.command("replay")
def quarantine_replay(
    plant: PlantToml = PLANT,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    root: Root = None,
) -> None:
    """Try the held-back rows again with the present configuration."""
    from pipelines.verbs.quarantine import replay_rows

    raise typer.Exit(replay_rows(root, plant, source))


@export_app.command("forecast")
def export_forecast(
    plant: PlantToml = PLANT,
    by: Annotated[str, typer.Option(help="Who exports.")] = "",
    form: Annotated[str, typer.Option("--format", help="csv, excel or json.")] = "csv",
    root: Root = None,
) -> None:
    """Write approved forecasts to a file and mark them exported."""
    from pipelines.verbs.export import export_forecast as run

    raise typer.Exit(run(plant, root, by=by, form=form))


@export_app.command("copy")
def export_copy(path: Annotated[Path, typer.Argument(help="File to write.")], root: Root = None) -> None:
    """A self-contained DuckDB file of gold and silver, to take to another machine."""
    from pipelines.verbs.export import export_copy as run

    raise typer.Exit(run(root, path))


def _quiet_end() -> None:
    """Silence stderr once Python itself is done: DuckDB 2's binding lists 'leaked instances' when it is unloaded."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def main() -> None:
    """Entry point: problems become messages and exit codes, never tracebacks."""
    atexit.register(_quiet_end)
    try:
        app()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except PlantError as error:
        sys.stderr.write(f"shopfloor: {error}\n")
        sys.exit(1)
    except OSError as error:
        sys.stderr.write(f"shopfloor: {_words(error)}\n")
        sys.exit(1)


def _words(error: OSError) -> str:
    """What the system refused, where, and what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "look at what is named, then try again")
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; {remedy}"


if __name__ == "__main__":
    main()
