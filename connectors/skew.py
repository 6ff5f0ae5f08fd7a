"""How far the clock of a source is off, judged by when its values arrive.

A value arrives after its time stamp by the difference of the clocks plus the way it took. The way only adds, so
the least delay of a minute is nearest to the difference; the median of the last minutes' least delays neither
follows one odd time stamp nor a minute of values that were late. Source times are never rewritten.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from statistics import median_low

import numpy as np
import polars as pl

MINUTES = 10
"""Minutes that count."""
ENOUGH = 3
"""Minutes after which a source may be called behind: the first values of a connection can be old ones."""
ABSURD = timedelta(days=1)
"""A time stamp further ahead says nothing of a clock."""
_MINUTE_US = 60_000_000
_ABSURD_US = ABSURD // timedelta(microseconds=1)


class Skew:
    """The estimate of one source; fed with rows as they are taken in."""

    def __init__(self) -> None:
        self._least: deque[tuple[int, int]] = deque(maxlen=MINUTES)

    def saw(self, rows: pl.DataFrame) -> None:
        """Take rows (`intake.ROWS`): receive time less the server's time, or the source's where there is none.

        Rows without a clock of their own (source time equal to receive time, as of Modbus) say nothing, nor do
        stamps more than `ABSURD` away: those are nonsense (year 9999, 1601) or history, not a clock.
        """
        server, ts, received = rows["server_at"], rows["ts"], _us(rows["received_at"])
        server = ts if server.null_count() == len(server) else server
        delay = received - _us(server.fill_null(ts) if server.null_count() else server)
        least = int(delay.min(initial=_ABSURD_US))
        if not 0 < least < _ABSURD_US:  # seldom: our own stamps, a clock ahead, history
            delay = delay[(delay != 0) & (np.abs(delay) < _ABSURD_US)]
        if len(delay):
            self._add(int(delay.min()), int(received.max()) // _MINUTE_US)

    def _add(self, least_us: int, minute: int) -> None:
        if self._least and self._least[-1][0] == minute:
            self._least[-1] = (minute, min(self._least[-1][1], least_us))
        else:
            self._least.append((minute, least_us))

    @property
    def seconds(self) -> float | None:
        """Our clock minus the source's, s: positive where the source is behind (or never quick); None: unknown."""
        found = median_low(us for _, us in self._least) / 1e6 if self._least else None
        return None if found is not None and found > 0 and len(self._least) < ENOUGH else found


def _us(instants: pl.Series) -> np.ndarray:
    """Microseconds since 1970; instants without nulls."""
    return instants.to_numpy().view("i8")
