"""Gaps: time in which a source's values are not known, as rows of bronze.readings.

A gap opens with one row per tag: no value, a Bad status that says why. The ledger's rule for bad samples does the
rest: time is unknown from there to the next good sample, and pieces counted over it are told apart. Good samples
that come later with source times inside the gap (history, a broker's queue) shrink it, in whatever order they come.

A value that has not changed since before the gap sends no new sample, so the gap would not end. A reader
therefore hands on `confirmed` rows of what it reads first when the source is back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from connectors.intake import ROWS, as_instant, now_us
from plant.states import GAP_STATUS, GapReason

IDENTITY_US = 1
"""A gap opens this much after the last good moment, so that it never replaces the sample of that very instant."""


@dataclass(frozen=True)
class Gap:
    """Time in which values of a source are not known.

    `begin_us` is the last moment they were known good, `end_us` the first moment they are known again (None: not
    yet), both microseconds since 1970 **on the clock of the samples' source times**: where that is not the
    collector's clock, the latest source or server time seen, not the time of the reading process. Else a gap can
    begin behind the first sample after it.
    """

    source: str
    tags: tuple[str, ...]
    begin_us: int
    end_us: int | None
    reason: GapReason

    def __post_init__(self) -> None:
        if self.reason not in GAP_STATUS:
            raise ValueError(f"gap reason {self.reason!r}; valid are {', '.join(GAP_STATUS)}")
        if self.end_us is not None and self.end_us <= self.begin_us:
            raise ValueError(f"gap of {self.source} ends ({self.end_us}) no later than it begins ({self.begin_us})")


def gap_rows(gap: Gap, received_us: int | None = None) -> pl.DataFrame:
    """The rows (`ROWS`) that open a gap: one per tag 1 us after `begin_us`, no value, status by reason.

    Empty where the gap lasts no longer than that microsecond. `received_us` is when the collector learnt of it
    (us since 1970, its clock; now when None). The same gap twice gives rows of the same identity.
    """
    at = gap.begin_us + IDENTITY_US
    tags = gap.tags if gap.end_us is None or gap.end_us > at else ()
    return pl.DataFrame({"tag": tags}, schema={"tag": pl.String()}).select(
        pl.lit(value, ROWS[name]).alias(name) if name != "tag" else pl.col("tag")
        for name, value in {
            "ts": as_instant([at])[0],
            "tag": None,
            "value": None,
            "text": None,
            "status": GAP_STATUS[gap.reason],
            "server_at": None,
            "received_at": as_instant([now_us() if received_us is None else received_us])[0],
            "source": gap.source,
        }.items()
    )


def confirmed(rows: pl.DataFrame, at_us: int) -> pl.DataFrame:
    """Rows (`ROWS`) whose value was read again at `at_us` but whose own time is older: the same value at `at_us`.

    For the first values after a gap (`at_us`: the gap's end on the source's clock, e.g. the server time of that
    read) and, where a complete history shows that nothing changed, for the last values before it (`at_us`:
    2 us after the gap's `begin_us`, which takes the gap back). Of several rows of a tag the latest counts; rows
    of `at_us` or later need none. Bad rows confirm nothing.
    """
    at = as_instant([at_us])[0]
    old = rows.filter(pl.col("ts") == pl.col("ts").max().over("tag")).unique("tag", keep="last", maintain_order=True)
    good = old.filter(pl.col("ts") < at, pl.col("status") // 2**30 < 2)
    return good.with_columns(ts=pl.lit(at, ROWS["ts"])).select(*ROWS)


def open_tags(rows: pl.DataFrame, tags: Sequence[str]) -> list[str]:
    """Of `tags`, those with a row in `rows` (tag, ts, status) whose latest is not Bad: only these can have a gap."""
    last = rows.sort("ts").group_by("tag").last()
    good = set(last.filter(pl.col("status") // 2**30 < 2)["tag"])
    return [tag for tag in tags if tag in good]
