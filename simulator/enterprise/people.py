"""What people do at the machines: they log in for their shift, and book the reasons of longer stops.

A workplace is one or two machines next to each other on a line; one person of the shift's crew has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from random import Random

from plant.config import Plant
from simulator.enterprise.journal import Journal
from simulator.floor.machines import Station, Stop
from simulator.floor.worktime import Occurrence
from simulator.instants import MINUTE, to_datetime
from simulator.streams import stream
from simulator.truth import Booking, Presence

OPERATORS = tuple(f"operator-{n:02d}" for n in range(1, 13))
_BOOKED = 0.9
"""Share of longer stops that get booked. Breakdowns always are: maintenance asks for it."""
_UNATTENDED = 0.06
"""Share of shifts in which nobody logs in at a machine."""
_LEAVES_EARLY = 0.05
"""Share of shifts in which a person goes home before the end; every other time a colleague takes over."""
_WIDTH = 2
"""Machines of a workplace, at most."""


def bookings(seed: int, stops: Sequence[Stop]) -> list[Booking]:
    """The stops somebody booked, with who and when, by machine and start."""
    out = []
    for stop in sorted(stops, key=lambda s: (s.machine, s.start_us)):
        draw = stream(seed, "booking", stop.machine, stop.start_us)
        if stop.reason_class == "breakdown" or draw.random() < _BOOKED:
            booked = stop.end_us + int(draw.uniform(1, 9) * MINUTE)
            # Three crews of four: who is at work depends on the hour.
            crew = to_datetime(stop.start_us).hour // 8 * 4
            who = OPERATORS[crew + draw.randrange(4)]
            out.append(Booking(stop.machine, stop.start_us, stop.end_us, booked, stop.reason, stop.reason_class, who))
    return out


def presences(
    seed: int, plant: Plant, stations: Sequence[Station], shifts: Sequence[Occurrence], start_us: int
) -> list[Presence]:
    """Log-ins of every shift that ends after start_us: some minutes around the shift, utilities are unattended.

    Each shift of plant.toml has its own crew, and a draw a day decides who of it has which workplace. At a
    change of shift the old and the new person may both be logged in for some minutes.
    """
    places = list(_workplaces(stations))
    named = [(s.site, s.name) for s in plant.file.shift]
    out = []
    for o in shifts:
        if o.end_us <= start_us:
            continue
        draw = stream(seed, "attendance", o.shift.site, o.shift.name, o.day)
        first = named.index((o.shift.site, o.shift.name)) * len(places) + 1
        crew = [f"operator-{first + n:02d}" for n in draw.sample(range(len(places)), len(places))]
        for i, (line, machines) in enumerate(places):
            # Drawn for every workplace, so that one shift's lines do not change another's people.
            at_work = list(_at_place(draw, o, machines, crew[i], crew[i - 1]))
            if not o.shift.lines or line in o.shift.lines:
                out += at_work
    return out


def _workplaces(stations: Sequence[Station]) -> Iterator[tuple[str, list[str]]]:
    """(line, machines) of every workplace."""
    attended = [s for s in stations if s.stage >= 0]
    for line, group in groupby(attended, key=lambda s: s.machine.line):
        names = [s.name for s in group]
        yield from ((line, names[i : i + _WIDTH]) for i in range(0, len(names), _WIDTH))


def _at_place(draw: Random, o: Occurrence, machines: Sequence[str], who: str, colleague: str) -> Iterator[Presence]:
    early, over = draw.random() < _LEAVES_EARLY, draw.random() < 0.5
    begin, end = o.start_us + int(draw.uniform(-9, 6) * MINUTE), o.end_us + int(draw.uniform(-5, 9) * MINUTE)
    leaves = o.start_us + int(draw.uniform(0.4, 0.85) * (o.end_us - o.start_us))
    for machine in machines:
        begin, back = begin + int(draw.uniform(0.2, 2) * MINUTE), int(draw.uniform(3, 10) * MINUTE)
        if draw.random() < _UNATTENDED:
            continue
        yield Presence(machine, who, begin, leaves if early else end)
        if early and over and who != colleague:
            yield Presence(machine, colleague, leaves + back, end)


def book_downtimes(journal: Journal, booked: Sequence[Booking]) -> None:
    """Table downtimes."""
    for b in booked:
        journal.put(
            "downtimes", b.booked_us, f"dt-{b.machine}-{b.start_us // 1_000_000}", machine=b.machine,
            start_at=b.start_us, end_at=b.end_us, reason=b.reason, reason_class=b.reason_class, operator=b.operator,
        )  # fmt: skip


def book_attendance(journal: Journal, present: Sequence[Presence]) -> None:
    """Table attendance: a log-in is written as it happens, its end as the person logs out."""
    for p in present:
        key = f"at-{p.machine}-{p.start_us // 1_000_000}"
        journal.put(
            "attendance", p.start_us, key, operator=p.operator, machine=p.machine, start_at=p.start_us, end_at=None
        )
        journal.put("attendance", p.end_us, key, end_at=p.end_us)
