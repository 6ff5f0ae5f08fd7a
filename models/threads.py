"""One thread for small models: the second one costs more than it brings, and sums come out in another order."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


def one_thread() -> AbstractContextManager[Any]:
    """Numeric libraries use one thread inside this context."""
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits
