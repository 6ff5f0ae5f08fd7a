"""The sections of plant.toml that say when is worked: shifts with breaks, crews, holidays, planned events."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, NaiveDatetime

from plant.shifts.sections import Clock, Name, Strict

EVERY_DAY = "FREQ=DAILY"
FIRST_MONDAY = date(2000, 1, 3)
"""Where rules count from when nothing is said: long ago, and a Monday."""

Reason = Annotated[str, Field(min_length=1, max_length=80, description="text of 1 to 80 characters")]
Moment = Annotated[NaiveDatetime, Field(description="local date and time without an offset, as in 2026-12-01T08:00:00")]


class Break(Strict):
    """A planned break inside a shift, local wall clock."""

    start: Clock
    end: Clock
    valid_from: date | None = Field(default=None, description="first date of a shift that has it")
    valid_until: date | None = Field(default=None, description="last date of a shift that has it")


class Shift(Strict):
    """A shift: an RFC 5545 rule says on which local dates it starts, the clock says when."""

    name: Name
    site: Name
    start: Clock
    end: Clock
    rrule: str = EVERY_DAY
    starts_on: date = FIRST_MONDAY
    breaks: tuple[Break, ...] = ()
    lines: tuple[Name, ...] = Field(default=(), description="lines it is worked on; empty: all of the site")
    crew: Name | None = Field(default=None, description="who works it, where no [[crew]] says so")
    valid_from: date | None = Field(default=None, description="first date it may start on")
    valid_until: date | None = Field(default=None, description="last date it may start on")
    extra: tuple[date, ...] = Field(default=(), description="further dates it starts on (RFC 5545 RDATE)")
    cancelled: tuple[date, ...] = Field(default=(), description="dates it does not start on (RFC 5545 EXDATE)")
    works_holidays: bool = Field(default=False, description="starts on holidays too")


class Crew(Strict):
    """A crew that works shifts in a rotating pattern."""

    name: Name
    site: Name
    pattern: str = Field(description="a named pattern as 'pitman', or a cycle of letters and '-' as 'DDNN----'")
    shifts: dict[str, Name] = Field(description="letter of the pattern -> shift of the site")
    starts_on: date = Field(description="date of the first day of the cycle; not at work before")
    valid_until: date | None = Field(default=None, description="last date of the pattern")
    lines: tuple[Name, ...] = Field(default=(), description="lines it works on; empty: those of the shift")


class Holiday(Strict):
    """A named holiday, once or by a rule; with `start` only from that clock on."""

    name: Reason
    site: Name
    day: date = Field(description="the day, or where the rule counts from")
    days: int = Field(default=1, ge=1, le=366, description="days it lasts")
    rrule: str | None = None
    start: Clock | None = Field(default=None, description="half-day: shifts end at this clock")
    cancelled: tuple[date, ...] = ()


class Planned(Strict):
    """Planned down time: maintenance, meeting, no demand; once or by a rule."""

    reason: Reason
    site: Name
    start: Moment
    end: Moment
    rrule: str | None = Field(default=None, description="RFC 5545 rule of the dates it starts on; none: once")
    extra: tuple[date, ...] = ()
    cancelled: tuple[date, ...] = ()
    lines: tuple[Name, ...] = Field(default=(), description="empty, and no machines: the whole site")
    machines: tuple[Name, ...] = ()
    like_a_break: bool = Field(default=False, description="machines that run through breaks run on")
