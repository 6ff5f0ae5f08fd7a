"""Holes: times of which a source's values are still at the server only, and what is known meanwhile of each.

A hole has a span of source time per tag. Where it ends, live values go on: what both the history and the
subscription tell of is known here, and kept once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import polars as pl
from polars.exceptions import PolarsError

from connectors.gaps import confirmed
from connectors.intake import IDENTITY, ROWS, as_instant, coded, now_us
from plant.states import GapReason

logger = logging.getLogger(__name__)

CLOSE_US = 2
"""A gap is taken back this much after its begin, behind the row that opened it (`connectors.gaps`)."""
AHEAD = timedelta(hours=1)
"""How far a node's clock may be ahead of its server's without losing the newest history."""
LIVE_ROWS = 500_000
"""Live rows of the time a hole ends in that are remembered; more repeats than that are removed in silver only."""
_BEFORE = pl.Schema({name: ROWS[name] for name in IDENTITY})


@dataclass
class Span:
    """Source time of one tag, us since 1970: values from `start_us` to `end_us`, both included.

    `start_us` moves on as values are taken, `safe_us` as they are durable. `ended`: all are taken, durable or not.
    """

    start_us: int
    end_us: int
    safe_us: int
    ended: bool = False


@dataclass
class Hole:
    """What is to be read back.

    `before` holds the newest rows of each tag up to the beginning (`IDENTITY`), `shown` what the nodes showed when
    live values had begun again (`ROWS`). A hole that came of an outage has `begin_us`, the last moment the source was
    known (us since 1970); `told` are the tags whose gap has been opened by a row. From `late_at` on, values of
    history may still come from the subscription too.
    """

    spans: dict[str, Span]
    before: pl.DataFrame
    shown: pl.DataFrame
    late_at: datetime
    begin_us: int | None = None
    reason: GapReason = "disconnected"
    told: set[str] = field(default_factory=set)
    opened: float = field(default_factory=time.monotonic)
    unsure: set[str] = field(init=False)
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.before = coded(self.before[IDENTITY])
        self.unsure = set(self.spans)  # not known whether their last value still holds
        self._tail = self.before
        self._live: list[pl.DataFrame] = []
        self._live_rows = 0
        self._mark_ends()

    def _mark_ends(self) -> None:
        ends = {"tag": list(self.spans), "end_at": as_instant([s.end_us for s in self.spans.values()])}
        self._ends = coded(pl.DataFrame(ends, schema_overrides={"tag": pl.String}))
        self._last_end: Any = self._ends["end_at"].max()

    @property
    def lacking(self) -> list[str]:
        """Tags of which not all values are taken yet."""
        return [tag for tag, span in self.spans.items() if not span.ended]

    def widen(self, spans: Mapping[str, Span]) -> None:
        """Take further spans in; one of a tag that has one already is the time up to its end."""
        for tag, span in spans.items():
            mine = self.spans.setdefault(tag, span)
            mine.end_us, mine.ended = max(mine.end_us, span.end_us), False
        self.unsure |= set(spans)
        self._mark_ends()

    def saw(self, rows: pl.DataFrame) -> None:
        """Take live rows as handed on."""
        if rows.is_empty():
            return
        if self.unsure:
            self.unsure -= set(rows["tag"].unique().cast(pl.String))
        if self._last_end is None or cast("datetime", rows["ts"].min()) > self._last_end:
            return
        mine = coded(rows)[IDENTITY].join(self._ends, on="tag").filter(pl.col("ts") <= pl.col("end_at"))
        if mine.height and self._live_rows < LIVE_ROWS:
            self._live.append(mine[IDENTITY])
            self._live_rows += mine.height

    def fresh(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Of rows read back, those that are not handed on yet."""
        known = pl.concat([self._tail, *self._live])
        once = rows.unique(IDENTITY, keep="first", maintain_order=True)
        return once.join(known, on=IDENTITY, how="anti", nulls_equal=True, maintain_order="left")

    def took(self, rows: pl.DataFrame, ended: Iterable[str] = ()) -> dict[str, int]:
        """Go on behind rows read back, the last ones of `ended` tags; returns how far each tag is, for `safe`."""
        newest = rows.filter(pl.col("ts") == pl.col("ts").max().over("tag"))[IDENTITY]
        mine = pl.col("tag").is_in(newest["tag"].unique().implode())
        tail = pl.concat([self._tail.filter(mine), newest]).unique()
        tail = tail.filter(pl.col("ts") == pl.col("ts").max().over("tag"))
        self._tail = pl.concat([self._tail.filter(~mine), tail])
        for tag in ended:
            if tag in self.spans:
                self.spans[tag].ended = True
        if self.begin_us is not None:
            self._learn(rows[IDENTITY])
        far = newest.select(pl.col("tag").cast(pl.String), pl.col("ts").dt.epoch("us")).unique()
        marks: dict[str, int] = dict(far.iter_rows())
        for tag, at_us in marks.items():
            if tag in self.spans:
                self.spans[tag].start_us = max(self.spans[tag].start_us, at_us)
        return marks

    def _learn(self, rows: pl.DataFrame) -> None:
        """What history has from before the gap's beginning is what held then, not what came by subscription."""
        early = rows.filter(pl.col("ts") <= as_instant([self.begin_us])[0])
        if early.height:
            both = pl.concat([self.before, early])
            self.before = both.filter(pl.col("ts") == pl.col("ts").max().over("tag")).unique("tag", keep="last")

    def closing(self, tags: Collection[str], source: str) -> pl.DataFrame:
        """Rows (`ROWS`) that take back the gap of tags whose history is complete, where one was opened by a row."""
        mine, self.told = self.told.intersection(tags), self.told.difference(tags)
        if not mine or self.begin_us is None:
            return pl.DataFrame(schema=ROWS)
        given = {
            "server_at": pl.lit(None, ROWS["server_at"]),
            "received_at": pl.lit(as_instant([now_us()])[0], ROWS["received_at"]),
            "source": pl.lit(source),
        }
        rows = self.before.cast({"tag": pl.String}).filter(pl.col("tag").is_in(list(mine)))
        return confirmed(rows.with_columns(**given).select(*ROWS), self.begin_us + CLOSE_US)

    def safe(self, marks: Mapping[str, int], ended: Iterable[str]) -> None:
        """Rows up to these marks are durable; tags that ended are done with."""
        for tag, at_us in marks.items():
            if tag in self.spans:
                self.spans[tag].safe_us = max(self.spans[tag].safe_us, at_us)
        for tag in ended:
            self.spans.pop(tag, None)
            self.unsure.discard(tag)
        if not self.spans:
            self.settled.set()


def ends_of(shown: pl.DataFrame) -> dict[str, int]:
    """By tag the source time (us since 1970) where a hole ends: live values tell what is later.

    That is when the server showed these rows (`ROWS`), by its clock, or the time of what it showed where that is later.
    """
    now: Any = shown["server_at"].max()
    now_at = datetime.now(UTC) if now is None else now
    later = pl.max_horizontal(pl.lit(now_at), pl.min_horizontal("ts", pl.lit(now_at + AHEAD))).dt.epoch("us")
    return dict(shown.select(pl.col("tag").cast(pl.String), later.alias("end_us")).iter_rows())


def save(path: Path, holes: Iterable[Hole]) -> None:
    """Write down what is still to be read, so that the next collector reads it; no file where there is nothing.

    Raises:
        OSError: the folder cannot be written to.
    """
    told = [_as_json(hole) for hole in holes if hole.spans]
    if not told:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.new")
    try:
        with aside.open("w", encoding="utf8") as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        with suppress(OSError):
            aside.unlink(missing_ok=True)  # a disk that is full is not to be filled with halves
        raise


def load(path: Path, tags: Collection[str]) -> list[Hole]:
    """The holes an earlier collector left, of these tags; none where there is no file.

    One that cannot be read (cut off, of another version) is told, and kept as `.unreadable`: its values are not read.
    """
    try:
        holes = [_from_json(one, tags) for one in json.loads(path.read_text(encoding="utf8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, PolarsError) as error:
        aside = path.with_suffix(".unreadable")
        with suppress(OSError):
            path.replace(aside)
        logger.warning("%s says what history is still to be read and cannot be understood (%s): kept as %s; what it "
                       "names is not read back", path, error, aside.name)  # fmt: skip
        return []
    return [hole for hole in holes if hole.spans]


def _as_json(hole: Hole) -> dict[str, Any]:
    before = hole.before.filter(pl.col("tag").cast(pl.String).is_in(list(hole.spans)))
    return {
        "spans": {tag: [span.safe_us, span.end_us] for tag, span in hole.spans.items()},
        "before": before.with_columns(pl.col("tag").cast(pl.String), pl.col("ts").dt.epoch("us")).rows(),
        "begin_us": hole.begin_us,
        "reason": hole.reason,
        "told": sorted(hole.told),
    }


def _from_json(told: Mapping[str, Any], tags: Collection[str]) -> Hole:
    names = {"tag": pl.String(), "ts": pl.Int64(), "value": pl.Float64(), "text": pl.String(), "status": pl.Int64()}
    before = pl.DataFrame(told["before"], schema=names, orient="row")
    before = before.with_columns(as_instant(before["ts"]).alias("ts")).cast(_BEFORE)
    spans = {tag: Span(start, end, start) for tag, (start, end) in told["spans"].items() if tag in tags}
    shown, late_at = pl.DataFrame(schema=ROWS), as_instant([now_us()])[0]
    return Hole(spans, before, shown, late_at, told["begin_us"], told["reason"], set(told["told"]).intersection(spans))
