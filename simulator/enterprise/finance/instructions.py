"""Work instructions of every operation, with the revision that is in force, and the roster of the shifts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from plant.config import Plant
from simulator.enterprise.journal import Journal
from simulator.floor.layout import Layout
from simulator.floor.machines import Station
from simulator.floor.worktime import Occurrence
from simulator.instants import DAY
from simulator.streams import stream

_STEPS = (
    ("Set up", "Mount the tooling of the product and clear the machine of the last order."),
    ("First piece", "Make one piece, measure every characteristic of the inspection plan, release the run."),
    ("Run", "Keep the buffer filled, book the reason of every stop that is longer than a minor stop."),
    ("Hand over", "Book the last pieces, clean the machine, tell the next operation."),
)
REVISED_D = 30
"""The step of the first piece has read as it does for so many days before the run."""
AHEAD_D = 7
"""Rosters are written a week ahead."""
WORKPLACE = 2


def book_instructions(journal: Journal, layouts: Sequence[Layout], at_us: int, start_us: int) -> None:
    """Table work_instructions: four steps an operation; the second has an edition before the one in force."""
    revised = start_us - REVISED_D * DAY
    for operation in dict.fromkeys(s.operation for layout in layouts for s in layout.stages):
        for n, (title, told) in enumerate(_STEPS):
            editions = ((at_us, revised), (revised, None)) if n == 1 else ((at_us, None),)
            for edition, (since, until) in enumerate(editions, 1):
                journal.put(
                    "work_instructions", since, f"wi-{operation}-{n + 1}-{edition}", operation=operation, product=None,
                    machine=None, seq=n + 1, title=title, text=told, document=f"WI-{operation.upper()}-{n + 1}",
                    edition=f"{edition:02d}", valid_from_at=since, valid_to_at=until,
                )  # fmt: skip


def book_roster(
    journal: Journal, seed: int, plant: Plant, stations: Sequence[Station], shifts: Sequence[Occurrence], end_us: int
) -> None:
    """Table people_shifts: who is planned at a line in each shift, as the crews really work; written a week ahead."""
    attended = [s for s in stations if s.stage >= 0]
    lines = [line for line, group in groupby(attended, key=lambda s: s.machine.line)
             for _ in range(0, len(list(group)), WORKPLACE)]  # fmt: skip
    named = [(s.site, s.name) for s in plant.file.shift]
    for o in shifts:
        known = o.start_us - AHEAD_D * DAY
        if known >= end_us:
            continue
        # The same draw the log-ins come from: it is the roster that sends a person to a workplace.
        draw = stream(seed, "attendance", o.shift.site, o.shift.name, o.day)
        first = named.index((o.shift.site, o.shift.name)) * len(lines) + 1
        crew = draw.sample(range(len(lines)), len(lines))
        for place, (line, n) in enumerate(zip(lines, crew, strict=True)):
            if not o.shift.lines or line in o.shift.lines:
                key = f"ps-{o.shift.site}-{o.shift.name}-{o.day}-{place + 1}"
                journal.put("people_shifts", known, key, person=f"operator-{first + n:02d}", shift=o.shift.name,
                            line=line, role="operator", start_at=o.start_us, end_at=o.end_us)  # fmt: skip
