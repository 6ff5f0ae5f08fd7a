"""A second, slow reading of counters in plain Python, written from docs/counters.md: one sample after the other.

It keeps what a careful clerk would write down: the level that counts, the level before a doubt, and what was
booked since. Exact fractions, no frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any

Reading = tuple[datetime, float | None]


@dataclass
class Clerk:
    """Books one counter. `entries`: [production day, flag, booked, quarantined] for each sample with a value."""

    rate: float | None = None
    end: int | None = None
    tolerance: float = 0
    replaced: list[tuple[datetime, float]] = field(default_factory=list)
    entries: list[list[Any]] = field(default_factory=list)
    level: tuple[datetime, float] | None = None
    trusted: tuple[datetime, float] | None = None
    shown: tuple[datetime, float] | None = None
    falls: list[int] = field(default_factory=list)
    earlier: float = 0
    today: date | None = None

    def most(self, since: datetime, now: datetime) -> Fraction | None:
        """Pieces that can have been made, None without a limit."""
        if self.rate is None:
            return None
        delta = now - since
        us = (delta.days * 86_400 + delta.seconds) * 10**6 + delta.microseconds
        return Fraction(self.rate) * us / 10**6 + 1

    def can(self, pieces: float, since: datetime, now: datetime) -> bool:
        """Whether so many pieces can have been made."""
        most = self.most(since, now)
        return most is None or pieces <= most

    def write(self, day: date, flag: str | None, booked: float = 0, held: float = 0) -> None:
        """Enter one sample."""
        self.entries.append([day, flag, booked, held])

    def read(self, day: date, now: datetime, value: float) -> None:
        """Take the next sample."""
        if day != self.today:
            self.turn_the_page(day)
        before, self.shown = self.shown, (now, value)
        if before is None or self.level is None:
            self.level = (now, value)
            return self.write(day, None)
        if before[1] == self.level[1]:
            self.level = before  # the same number seen again: known later
        since, level = self.level
        new = [start for at, start in self.replaced if before[0] < at <= now]
        if new:
            made = max(0.0, value - new[-1])
            fits = self.can(made, since, now)
            self.settle(now, value)
            return self.write(day, "replaced", made if fits else 0, 0 if fits else made)
        if self.trusted:
            return self.doubt(day, now, value)
        return self.fall(day, now, value) if value < level else self.rise(day, now, value)

    def doubt(self, day: date, now: datetime, value: float) -> None:
        """A sample after a jump or a fall that nothing has confirmed yet."""
        (since, level), (then, trusted) = self.level, self.trusted
        back = value >= trusted and self.can(value - trusted, then, now)
        spike = level > trusted
        if back and spike and value < level:
            return self.come_back(day, now, value)
        if back and level < trusted:
            counts_on = self.rate is not None and self.can(value - level, since, now)
            if level >= trusted / 2 or not counts_on:
                return self.come_back(day, now, value)
        if spike and value < trusted:  # the jump never was: look from before it
            self.level, self.trusted, self.falls, self.earlier = self.trusted, None, [], 0
            return self.fall(day, now, value, "spike_end")
        if spike and value < level:
            self.level = (now, value)
            return self.write(day, "jump")
        return self.fall(day, now, value) if value < level else self.rise(day, now, value)

    def turn_the_page(self, day: date) -> None:
        """A new production day: what the day before booked after a fall can no longer be taken back."""
        self.today, self.falls, self.earlier = day, [], 0
        if self.trusted and self.level[1] < self.trusted[1] / 2:
            self.earlier = self.level[1]

    def rise(self, day: date, now: datetime, value: float) -> None:
        """Not less than the level."""
        since, level = self.level
        if self.can(value - level, since, now):
            if value > level:
                self.settle(now, value)
            self.level = (now, value)
            return self.write(day, None, value - level)
        base = level
        if self.trusted and level < self.trusted[1] <= value:
            base = self.trusted[1]
        self.trusted = self.trusted or self.level
        self.level = (now, value)
        return self.write(day, "jump", 0, value - base)

    def fall(self, day: date, now: datetime, value: float, small: str = "back_step") -> None:
        """Less than the level."""
        since, level = self.level
        if value > 0 and level - value <= self.tolerance:
            return self.write(day, small)
        self.trusted = self.trusted or self.level
        self.level = (now, value)
        self.falls.append(len(self.entries))
        if self.end is not None and level <= self.end:
            around = self.end + 1 - level + value
            if self.rate is None:
                if 10 * level >= 9 * self.end and value < level / 2:
                    return self.write(day, "rollover", around)
            elif self.can(around, since, now):
                return self.write(day, "rollover", around)
        if not self.can(value, since, now):
            return self.write(day, "reload", 0, self.most(since, now) // 1)
        if value < level / 2:
            return self.write(day, "reset", value)
        return self.write(day, "reload", 0, value)

    def come_back(self, day: date, now: datetime, value: float) -> None:
        """The counter goes on from before the doubt: its falls of today never were; an earlier day stays written."""
        back = value - self.trusted[1]
        for n in self.falls:
            self.entries[n][2:] = [0, 0]
        earlier = self.earlier
        self.settle(now, value)
        self.write(day, "return", max(0, back - earlier))

    def settle(self, now: datetime, value: float) -> None:
        """Nothing is in doubt."""
        self.level, self.trusted, self.falls, self.earlier = (now, value), None, [], 0
