"""What people book: reasons of longer stops, some minutes after the stop, most of the time."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.enterprise.journal import Journal
from simulator.floor.machines import Stop
from simulator.instants import MINUTE, to_datetime
from simulator.streams import stream
from simulator.truth import Booking

OPERATORS = tuple(f"operator-{n:02d}" for n in range(1, 13))
_BOOKED = 0.9
"""Share of longer stops that get booked. Breakdowns always are: maintenance asks for it."""


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


def book_downtimes(journal: Journal, booked: Sequence[Booking]) -> None:
    """Table downtimes."""
    for b in booked:
        journal.put(
            "downtimes", b.booked_us, f"dt-{b.machine}-{b.start_us // 1_000_000}", machine=b.machine,
            start_at=b.start_us, end_at=b.end_us, reason=b.reason, reason_class=b.reason_class, operator=b.operator,
        )  # fmt: skip
