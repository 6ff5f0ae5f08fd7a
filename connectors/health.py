"""What is known of one source while it is read, and the log of its outages: error once, recovery once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import numpy as np
import polars as pl

from connectors.skew import ABSURD, Skew
from plant.states import GAP_STATUS

logger = logging.getLogger(__name__)

State = Literal["connected", "down", "never seen"]
SMOOTH_S = 10.0
"""Time constant of values_per_s."""
CALM = 0.8
"""A clock that was off is in order again below this share of its limit."""
BAD = 2**31
"""Status codes from here on are Bad."""
_GAPS = np.array([*GAP_STATUS.values()])
_INSTANTS = ("last_at", "since_at", "last_value_at", "alive_at")


@dataclass
class Health:
    """Health of one source. Instants are UTC; None: not yet, or not known.

    Readers call `up`, `down` and `saw`; the collector calls `took` with the rows it is handed and `tick` each second.
    """

    source: str
    kind: str
    state: State = "never seen"
    last_at: datetime | None = None  # last value taken in, our clock
    values: int = 0
    message: str = ""
    since_at: datetime | None = None
    last_value_at: datetime | None = None  # newest source time
    values_per_s: float = 0.0
    errors: int = 0  # failed attempts
    reconnects: int = 0
    skew_s: float | None = None  # our clock minus the source's
    gaps: int = 0  # rows that opened a gap
    alive_at: datetime | None = None  # last moment it was known to answer, on the source's clock
    away_since: datetime | None = field(default=None, repr=False)
    """`alive_at` of the collector that ran before, where nothing told of the end of the connection: readers may
    begin a gap `collector_stopped` there. Not written to the health file."""
    skew_limit_s: float = 5.0
    _skew: Skew = field(default_factory=Skew)
    _before: tuple[datetime, int] | None = None
    _off: bool = False
    _told: bool = False
    _ups: int = 0

    def saw(self, values: int, at: datetime) -> None:
        """Count values taken in at an instant (UTC)."""
        self.values += values
        self.last_at = at

    def took(self, rows: pl.DataFrame) -> None:
        """Learn from rows (`intake.ROWS`) on their way in: newest source time, gaps, clock."""
        if rows.is_empty():
            return
        ts, limit = rows["ts"], cast("datetime", rows["received_at"].max()) + ABSURD
        newest: Any = ts.max()
        if newest is not None and newest >= limit:  # of the year 9999
            newest = ts.filter(ts < limit).max()
        if newest is not None:
            self.last_value_at = max(self.last_value_at or newest, newest)
        if (opened := _opening(rows)) is not None:
            self.gaps += int(opened.sum())
            rows = rows.filter(~opened)
        if not rows.is_empty():
            self._skew.saw(rows)

    def tick(self, now: datetime) -> None:
        """Bring rate, clock and `alive_at` up to date."""
        if self._before is not None and now > self._before[0]:
            passed_s = (now - self._before[0]).total_seconds()
            weight = min(1.0, passed_s / SMOOTH_S)
            self.values_per_s += weight * ((self.values - self._before[1]) / passed_s - self.values_per_s)
        self._before = (now, self.values)
        self.skew_s = self._skew.seconds
        self._judge_clock()
        if self.state == "connected":
            self.alive_at = now - timedelta(seconds=self.skew_s or 0.0)

    def up(self, message: str = "") -> None:
        """The source answers."""
        self.message = message
        if self.state == "connected":
            return
        if self._told and self.since_at:
            logger.warning("source %s recovered after %.0f s", self.source, _age_s(self.since_at))
        else:
            logger.info("source %s connected", self.source)
        self._told = False
        self._ups += 1
        self.reconnects = self._ups - 1
        self._turn("connected")

    def down(self, message: str) -> None:
        """The source does not answer; logged as an error at the first call of an outage only."""
        self.message = message
        self.errors += 1
        if self._told:
            logger.debug("source %s still down: %s", self.source, message)
            return
        logger.error("source %s is down: %s; trying again until it answers", self.source, message)
        self._told = True
        self._turn("never seen" if self.state == "never seen" else "down")

    def as_dict(self) -> dict[str, object]:
        """For root/spool/health/<source>.json; instants as ISO text, UTC."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("_")}
        del row["away_since"], row["skew_limit_s"]
        row |= {name: v.isoformat() if (v := row[name]) else None for name in _INSTANTS}
        return row | {"message": "; ".join(filter(None, (self.message, self._clock_words() if self._off else "")))}

    def _judge_clock(self) -> None:
        off = abs(self.skew_s or 0.0)
        if not self._off and off > self.skew_limit_s:
            self._off = True
            logger.warning("source %s: %s", self.source, self._clock_words())
        elif self._off and off < CALM * self.skew_limit_s:
            self._off = False
            logger.warning("source %s: its clock is right again", self.source)

    def _clock_words(self) -> str:
        off = self.skew_s or 0.0
        found = f"{-off:.1f} s ahead of ours" if off < 0 else f"{off:.1f} s behind ours, or its values take that long"
        return f"its clock is {found}: set the time at the source (NTP), or here; source times stay as they are"

    def _turn(self, state: State) -> None:
        self.state = state
        self.since_at = datetime.now(UTC)


def _opening(rows: pl.DataFrame) -> pl.Series | None:
    """Which rows open a gap; None where none does. Few are Bad: only those are asked for more."""
    status = rows["status"].to_numpy()
    bad = status[np.flatnonzero(status >= BAD)]
    if not len(bad) or not np.isin(bad, _GAPS).any():
        return None
    opened = rows["status"].is_in(_GAPS) & rows["value"].is_null()
    return opened if opened.any() else None


def _age_s(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()
