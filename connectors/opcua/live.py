"""What came by subscription and was not handed on yet: messages as they came, decoded some at a time.

A message decoded alone, ten times a second, costs three times as much as one of ten decoded in a row: between two
everything it needs has left the processor's caches.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from datetime import datetime

import numpy as np
from asyncua import ua

from connectors.intake import now_us
from connectors.opcua.wire.columns import Columns, concat
from connectors.opcua.wire.publish import Raw, decode_auto
from connectors.opcua.wire.rhythm import Rhythm
from connectors.opcua.wire.rows import oldest_of

logger = logging.getLogger(__name__)


class Live:
    """Batches in the order they came, of one subscription.

    Args:
        on_gap: told why, when a message cannot be read; its values are then in none of the batches.
        on_overflow: told the handles before whose values the server lost some.
    """

    def __init__(self, on_gap: Callable[[str], None], on_overflow: Callable[[np.ndarray], None]) -> None:
        self._on_gap, self._on_overflow = on_gap, on_overflow
        self._came: list[tuple[int, Raw]] = []
        self._read: list[tuple[int, Columns]] = []
        self._rhythm = Rhythm()
        self.rows = 0

    def take(self, batch: Raw | Columns) -> None:
        """Keep what came now."""
        if isinstance(batch, Raw):
            self._came.append((now_us(), batch))
            self.rows += batch.count
        else:
            self.decode()  # what came before it stands before it
            self._keep(now_us(), batch)
            self.rows += len(batch)

    def decode(self) -> None:
        """Read every message that came; gaps and overflows in them are told now."""
        came, self._came = self._came, []
        for at_us, raw in came:
            try:
                self._keep(at_us, decode_auto(raw, self._rhythm))
            except (struct.error, IndexError, ValueError, TypeError, ua.UaError):
                logger.exception("a notification could not be read; its values come again where there is a history")
                self.rows -= raw.count
                self._on_gap("a message could not be read")

    def _keep(self, at_us: int, columns: Columns) -> None:
        if len(lost := columns.overflowed):
            self._on_overflow(lost)
        self._read.append((at_us, columns))

    def oldest(self) -> list[datetime]:
        """The oldest source time of each batch that was read, UTC."""
        return [at for _, columns in self._read if (at := oldest_of(columns)) is not None]

    def given(self) -> tuple[int, Columns] | None:
        """Hand out what was read, as one, with when the last of it came (us since 1970); None when there is nothing."""
        if not self._read:
            return None
        read, self._read = self._read, []
        self.rows = sum(raw.count for _, raw in self._came)
        return read[-1][0], concat([columns for _, columns in read])
