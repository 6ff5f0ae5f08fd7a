"""Prometheus metrics of a collector, served on 127.0.0.1 for a scraper on the same machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.health import Health
from pipelines.supervision.reload import Reloads
from plant.errors import TerminalError

HOST = "127.0.0.1"


class SpoolFigures(Protocol):
    """What is told of the spool."""

    def figures(self) -> dict[str, float]:
        """Name and value of each figure: bytes, limit_bytes, waiting_rows, reading (1: sources are read)."""
        ...


SOURCE: tuple[tuple[str, str, type[Metric], Callable[[Health, datetime], float | None]], ...] = (
    ("up", "1: the source answers", GaugeMetricFamily, lambda h, _: float(h.state == "connected")),
    ("values", "values taken in", CounterMetricFamily, lambda h, _: h.values),
    ("errors", "failed attempts to read", CounterMetricFamily, lambda h, _: h.errors),
    ("reconnects", "connections after the first", CounterMetricFamily, lambda h, _: h.reconnects),
    ("gaps", "rows that opened a gap", CounterMetricFamily, lambda h, _: h.gaps),
    ("lag_seconds", "since the last value was taken in", GaugeMetricFamily, lambda h, now: _age_s(h.last_at, now)),
    ("value_age_seconds", "age of the newest source time", GaugeMetricFamily,
     lambda h, now: _age_s(h.last_value_at, now)),
    ("clock_skew_seconds", "our clock minus the source's", GaugeMetricFamily, lambda h, _: h.skew_s),
)  # fmt: skip
"""Name behind shopfloor_source_, help, kind, and value (None: not told)."""
SPOOL = {
    "bytes": "disk the spool takes", "limit_bytes": "its bound; at it no source is read",
    "waiting_rows": "rows in memory, not durable yet", "reading": "1: sources are read; 0: the spool is full",
}  # fmt: skip


class Figures(Collector):
    """What a scrape finds, gathered when it is asked for."""

    def __init__(self, healths: Callable[[], list[Health]], spool: SpoolFigures, reloads: Reloads) -> None:
        self._healths, self._spool, self._reloads = healths, spool, reloads

    def collect(self) -> Iterator[Metric]:
        """Every metric; counters end in _total."""
        now, healths = datetime.now(UTC), self._healths()
        for name, text, kind, value in SOURCE:
            family = kind(f"shopfloor_source_{name}", text, labels=["source", "kind"])  # type: ignore[call-arg]
            for health in healths:
                if (found := value(health, now)) is not None:
                    family.add_metric([health.source, health.kind], found)  # type: ignore[attr-defined]
            yield family
        for name, figure in self._spool.figures().items():
            yield GaugeMetricFamily(f"shopfloor_spool_{name}", SPOOL[name], value=figure)
        reloads = CounterMetricFamily("shopfloor_reloads", "changes of plant.toml", labels=["result"])
        reloads.add_metric(["applied"], self._reloads.applied)
        reloads.add_metric(["refused"], self._reloads.refused)
        yield reloads


@contextmanager
def served(port: int | None, figures: Figures) -> Iterator[None]:
    """Serve metrics on 127.0.0.1:port meanwhile; nothing without a port.

    Raises:
        TerminalError: the port is taken.
    """
    if port is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(figures)
    try:
        server, thread = start_http_server(port, addr=HOST, registry=registry)
    except OSError as error:
        found = f"metrics cannot be served on {HOST}:{port} ({error.strerror or error})"
        text = f"{found}: set another metrics_port in [collector] of plant.toml"
        raise TerminalError(text) from error
    try:
        yield
    finally:
        _end(server.shutdown, thread)
        server.server_close()


def _end(shutdown: Callable[[], None], thread: threading.Thread) -> None:
    shutdown()
    thread.join(timeout=5)


def _age_s(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else (now - at).total_seconds()
