"""`shopfloor calendar`: show the plant's calendar, write it as .ics, take one over from .ics.

stdout carries the calendar, the .ics or the TOML, so that it can be piped; everything else goes to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from pipelines.verbs.options import PLANT, PlantToml
from plant.errors import ConfigError, Problem, TerminalError

if TYPE_CHECKING:
    from plant.config import Plant
    from plant.shifts.days import Rota, Span

app = typer.Typer(no_args_is_help=True, help="The production calendar: show it, write it as .ics, take one over.")
Site = Annotated[str | None, typer.Option(help="Site; not needed where there is only one.")]
SHOWN_DAYS = 7
DAY = ["%Y-%m-%d"]


@app.command()
def show(
    plant: PlantToml = PLANT,
    site: Site = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First production day; today.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=DAY, help="Last one; six days later.")] = None,
) -> None:
    """What is worked: shifts, crews, breaks and planned events of each production day, in local time."""
    from plant.config import load

    read = load(plant)
    name = _site(read, site)
    begins = first.date() if first else datetime.now(read.zone(name)).date()
    ends = last.date() if last else begins + timedelta(days=SHOWN_DAYS - 1)
    for line in described(read, name, begins, ends):
        typer.echo(line)


@app.command("export")
def export_ics(
    plant: PlantToml = PLANT,
    site: Site = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default: stdout.", dir_okay=False)] = None,
) -> None:
    """Write the calendar of a site as .ics (RFC 5545), for calendar programs and other plants."""
    from plant.config import load
    from plant.ics.write import to_ics

    read = load(plant)
    content = to_ics(read, _site(read, site), datetime.now(UTC).replace(microsecond=0))
    if out is None:
        sys.stdout.buffer.write(content)
        return
    out.write_bytes(content)
    typer.echo(f"{out}: {content.count(b'BEGIN:VEVENT')} events", err=True)


@app.command("import")
def import_ics(
    file: Annotated[Path, typer.Argument(help="The .ics file.", exists=True, dir_okay=False)],
    plant: PlantToml = PLANT,
    site: Site = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Add it to plant.toml, if that has no problem then.")] = False,
) -> None:
    """Turn an .ics file into sections of plant.toml. Exit 2 on problems; nothing is written then."""
    text = taken_over(plant, file, site)
    if not write:
        typer.echo(text, nl=False)
        return
    add_to(plant, f"\n# taken over from {file.name}\n{text}")
    typer.echo(f"{plant}: {text.count('[[')} sections added", err=True)


def taken_over(plant: Path, file: Path, site: str | None) -> str:
    """The sections of plant.toml that an .ics file gives for a site.

    Raises:
        ConfigError: with everything in the file that cannot be read.
    """
    from plant.config import load
    from plant.ics.read import read_ics
    from plant.ics.toml import to_toml

    read = load(plant)
    name = _site(read, site)
    entries, problems = read_ics(file.read_bytes(), str(file), name, read.zone(name), read.lines, read.machines)
    if problems:
        raise ConfigError(problems)
    return to_toml(entries)


def add_to(plant: Path, text: str) -> None:
    """Add text to a plant.toml, as a whole or not at all.

    Raises:
        ConfigError: with every problem the file would have.
    """
    from plant.checks.problems import problems_of

    draft = plant.with_name(f".{plant.name}.draft")
    draft.write_text(plant.read_text(encoding="utf8").rstrip("\n") + "\n" + text, encoding="utf8")
    try:
        found: list[Problem] = problems_of(draft)[0]
        if found:
            raise ConfigError(
                [replace(p, file=p.file.replace(str(draft), f"{plant} with the new sections")) for p in found]
            )
        draft.replace(plant)
    finally:
        draft.unlink(missing_ok=True)


def described(plant: Plant, site: str, first: date, last: date) -> Iterator[str]:
    """Lines of text: a production day, then what is worked, by the lines that work the same."""
    from plant.calendar import rotas
    from plant.shifts.days import day_spans

    groups = [(rota, lines) for (name, rota), lines in rotas(plant).items() if name == site]
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        yield f"{day} {day:%a}"
        for rota, lines in groups:
            yield from (f"  on {', '.join(lines)}:",) if len(groups) > 1 else ()
            yield from (text for span in day_spans(rota, day) for text in _span(rota, span))


def _span(rota: Rota, span: Span) -> Iterator[str]:
    pauses = sum((p.end_at - p.start_at for p in span.pauses), timedelta())
    length = (span.end_at - span.start_at - pauses) / timedelta(hours=1)
    crew = f"  crew {span.crew}" if span.crew else ""
    yield f"  {_clocks(rota.zone, span.start_at, span.end_at)}  {span.shift}{crew}  {length:g} h"
    for pause in span.pauses:
        yield f"    {_clocks(rota.zone, pause.start_at, pause.end_at)}  {pause.reason or 'break'}"


def _clocks(zone: ZoneInfo, start_at: datetime, end_at: datetime) -> str:
    return f"{start_at.astimezone(zone):%H:%M}-{end_at.astimezone(zone):%H:%M}"


def _site(plant: Plant, site: str | None) -> str:
    """The site asked for, or the only one.

    Raises:
        TerminalError: no such site, or several and none named.
    """
    if site is None and len(plant.sites) == 1:
        return next(iter(plant.sites))
    if site not in plant.sites:
        found = "the plant has several sites" if site is None else f"no site {site!r}"
        raise TerminalError(f"{found}; name one with --site: {', '.join(plant.sites)}")
    return site
