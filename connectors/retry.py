"""Keep one source running: back-off and start policy.

Knows no protocol; outages are told to `health.Health`, which logs each once. Whether to try again is decided by the
type of the error (plant.errors).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from connectors.health import Health, State
from connectors.login import LoginRefusedError
from plant.errors import PlantError, TerminalError

logger = logging.getLogger(__name__)

__all__ = ["Backoff", "Health", "OnStart", "State", "supervise"]
STEADY_S = 10.0
"""A source that was up this long starts its back-off anew; one that flaps waits longer and longer."""
LOGIN_S = 60.0
"""Wait after a refused login; five times as long after the next, up to an hour."""
OnStart = Literal["error", "retry", "ignore"]


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
    decides what a source that was never reached means: `error` raises, `ignore` gives it up. A refused login is
    tried again after `LOGIN_S` seconds, and then ever more seldom.

    Raises:
        TerminalError: with on_start = "error", when the first attempt fails.
    """
    backoff, logins = backoff or Backoff(), Backoff(LOGIN_S, 5.0, 60 * LOGIN_S)
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
            logins.reset()
        await asyncio.sleep((logins if isinstance(error, LoginRefusedError) else backoff).next_s())


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
