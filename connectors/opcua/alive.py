"""When a source last answered, and what its silence up to then says: nothing has changed."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import polars as pl

from connectors.health import Health
from connectors.intake import ROWS, Seen, as_instant, now_us
from connectors.opcua.session import KEEP_ALIVE_S, GapSubscription
from connectors.repeats import Repeats, promises
from plant.sources.tags import Tag

CHECK_S = 1.0
"""How often it is looked whether a value is to be said again, more often where the server is asked more often."""
_NOTHING = pl.DataFrame(schema=ROWS)


class Alive:
    """The last sign of life of one source, by its subscription: a value or a keep-alive, not an open connection.

    Args:
        source: its name.
        tags: (tag id, tag) pairs; those with `stale_after` are said again.
        health: knows how far the source's clock is off.
    """

    def __init__(self, source: str, tags: Sequence[tuple[str, Tag]], health: Health) -> None:
        promised = promises(tags)
        self._health, self._checked = health, 0.0
        self._sub: GapSubscription | None = None
        self._repeats = Repeats(source, promised)
        self.keep_alive_s = min([KEEP_ALIVE_S, *(us / 4e6 for us in promised.values())])
        """How often the server is asked to say that it lives: four times in the shortest `stale_after`."""
        self._check_s = min(CHECK_S, self.keep_alive_s)
        self._some = bool(promised)

    def follow(self, sub: GapSubscription) -> None:
        """From now on this subscription tells; until its first answer the one before does."""
        if self._sub is not None and sub.answered_at is None:
            sub.answered_at = self._sub.answered_at
        self._sub = sub

    def at_us(self) -> int:
        """The last sign of life, us since 1970 on the source's clock as far as that is known."""
        if self._sub is None or self._sub.answered_at is None:
            at = self._health.alive_at
            return round(at.timestamp() * 1e6) if at else now_us()
        return self._received_us() - round((self._health.skew_s or 0.0) * 1e6)

    def again(self, seen: Seen, silent: Collection[str]) -> pl.DataFrame:
        """Rows that say unchanged values again, seldom more than once in `CHECK_S`; `silent` tags are not monitored."""
        now = time.monotonic()
        if not self._some or self._sub is None or self._sub.answered_at is None or now - self._checked < self._check_s:
            return _NOTHING
        self._checked = now
        at_us = self.at_us()
        rows = self._repeats.due(seen.last.filter(~pl.col("tag").is_in(list(silent))), at_us)
        # the clock is judged by received_at less server_at: these rows are to add nothing to what is known of it
        server_at, received_at = as_instant([at_us])[0], as_instant([self._received_us()])[0]
        return rows.with_columns(server_at=pl.lit(server_at), received_at=pl.lit(received_at))

    def mended(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows`, with a value behind what was said again too soon (`Repeats.mended`)."""
        return self._repeats.mended(rows)

    def _received_us(self) -> int:
        if self._sub is None or self._sub.answered_at is None:
            return now_us()
        return now_us() - round((time.monotonic() - self._sub.answered_at) * 1e6)
