"""Keep one source running: back-off, start policy, and an outage that is logged once.

Knows no protocol. Whether to try again is decided by the type of the error (plant.errors).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from plant.errors import PlantError, TerminalError

logger = logging.getLogger(__name__)

STEADY_S = 10.0
"""A source that was up this long starts its back-off anew; one that flaps waits longer and longer."""
State = Literal["connected", "down", "never seen"]
OnStart = Literal["error", "retry", "ignore"]


@dataclass
class Health:
    """What is known of one source, and the log of its outages: error once, recovery once."""

    source: str
    kind: str
    state: State = "never seen"
    last_at: datetime | None = None
    values: int = 0
    message: str = ""
    since_at: datetime | None = None
    _told: bool = False
    _ups: int = 0

    def saw(self, values: int, at: datetime) -> None:
        """Count values taken in at an instant (UTC)."""
        self.values += values
        self.last_at = at

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
        self._turn("connected")

    def down(self, message: str) -> None:
        """The source does not answer; logged as an error at the first call of an outage only."""
        self.message = message
        if self._told:
            logger.debug("source %s still down: %s", self.source, message)
            return
        logger.error("source %s is down: %s; trying again until it answers", self.source, message)
        self._told = True
        self._turn("never seen" if self.state == "never seen" else "down")

    def as_dict(self) -> dict[str, object]:
        """For root/spool/health/<source>.json; instants as ISO text, UTC."""
        row = {k: v for k, v in asdict(self).items() if not k.startswith("_")}
        return row | {k: v.isoformat() if (v := row[k]) else None for k in ("last_at", "since_at")}

    def _turn(self, state: State) -> None:
        self.state = state
        self.since_at = datetime.now(UTC)


def _age_s(at: datetime) -> float:
    return (datetime.now(UTC) - at).total_seconds()


@dataclass
class Backoff:
    """Exponential waits in seconds with 10 % jitter, back to `first_s` after `reset`."""

    first_s: float = 0.5
    factor: float = 2.0
    cap_s: float = 5.0
    _next_s: float = 0.0

    def next_s(self) -> float:
        """Seconds to wait before the next attempt."""
        self._next_s = min(self.cap_s, self._next_s * self.factor) if self._next_s else self.first_s
        return self._next_s * random.uniform(0.9, 1.1)

    def reset(self) -> None:
        """Start over after a success."""
        self._next_s = 0.0


async def supervise(
    run: Callable[[], Awaitable[None]], health: Health, on_start: OnStart = "retry", backoff: Backoff | None = None
) -> None:
    """Run a source until it is cancelled; failures stay with this source.

    A `TerminalError` ends it (reported); anything else is tried again after a wait. `on_start`
    decides what a source that was never reached means: `error` raises, `ignore` gives it up.

    Raises:
        TerminalError: with on_start = "error", when the first attempt fails.
    """
    backoff = backoff or Backoff()
    while True:
        ups, started = health._ups, time.monotonic()
        error = await _attempt(run, health)
        if error is None:
            return
        never = health.state == "never seen"
        health.down(_words(error))
        if never and on_start == "error":
            raise TerminalError(f"source {health.source} cannot be reached at start: {_words(error)}") from error
        if isinstance(error, TerminalError) or (never and on_start == "ignore"):
            logger.error("source %s is given up: %s", health.source, _words(error))
            return
        if health._ups > ups and time.monotonic() - started > STEADY_S:
            backoff.reset()
        await asyncio.sleep(backoff.next_s())


async def _attempt(run: Callable[[], Awaitable[None]], health: Health) -> Exception | None:
    try:
        await run()
    except Exception as error:
        if not health._told and not isinstance(error, (OSError, PlantError)):
            logger.error("source %s failed unexpectedly", health.source, exc_info=True)  # noqa: G201  level is error
        return error
    return None


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
