"""Tag contracts as values come in: what is outside its range is reported at once, once an hour and tag.

Every value is kept. What a contract means for the numbers is decided in silver (`assets.kernels.signals.contracts`,
`assets.kernels.readings`), from the stored samples alone, so that a replay in another order flags the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl

from connectors.base import no_quarantine, one_aside
from connectors.intake import coded
from plant.sources.tags import Tag

BAD = 2**31
"""Status codes from here on are Bad: their values claim nothing."""


class Ranges:
    """The ranges of one source's tags, and what was said about them.

    Args:
        source: name of the source.
        tags: (tag id, tag) pairs; those without `range` promise nothing.
    """

    def __init__(self, source: str, tags: Sequence[tuple[str, Tag]]) -> None:
        self._source = source
        self._tags = {name: tag for name, tag in tags if tag.range is not None}
        self._index = pl.Enum([name for name, _ in tags])
        limits = [tag.range or (np.nan, np.nan) for _, tag in tags]
        self._low, self._high = (np.array([limit[n] for limit in limits]) for n in (0, 1))
        self._waiting: list[pl.DataFrame] = []
        self._told: dict[str, datetime] = {}

    def took(self, rows: pl.DataFrame) -> None:
        """Keep rows (`intake.ROWS`) until they are looked at: a second's rows at once cost a third."""
        if self._tags:
            self._waiting.append(coded(rows[["tag", "value", "status"]]))

    def breaches(self, now: datetime) -> pl.DataFrame:
        """bronze.quarantine rows (out_of_range, booked) about tags of the rows taken since that are beyond their range.

        None about a tag of which the hour of `now` (UTC) has told already.
        """
        rows, self._waiting = self._waiting, []
        beyond = self._beyond(pl.concat(rows).rechunk()) if rows else {}
        if not beyond:
            return no_quarantine()
        hour = now.replace(minute=0, second=0, microsecond=0)
        new = {tag: value for tag, value in beyond.items() if self._told.get(tag) != hour}
        self._told |= dict.fromkeys(new, hour)
        return pl.concat([no_quarantine(), *(self._notice(tag, value, now, hour) for tag, value in new.items())])

    def _beyond(self, rows: pl.DataFrame) -> dict[str, float]:
        """By tag, in order, a value beyond its range. Arrays of numbers: frames cost ten times as much here."""
        place = rows["tag"].cast(self._index).to_physical().to_numpy()
        value = rows["value"].to_numpy()
        with np.errstate(invalid="ignore"):
            found = np.flatnonzero((value < self._low[place]) | (value > self._high[place]))
        if not len(found):
            return {}
        claimed = rows[found].filter(pl.col("status") < BAD, pl.col("value").is_finite())
        return dict(claimed.select("tag", "value").unique("tag", keep="first").sort("tag").iter_rows())

    def _notice(self, name: str, value: float, now: datetime, hour: datetime) -> pl.DataFrame:
        tag = self._tags[name]
        low, high = tag.range or (0.0, 0.0)
        found = (
            f"value {value:g} is outside {low:g} to {high:g} {tag.unit}: kept, graded uncertain; correct the sensor, "
            "or type, word_order, unit or range of the tag in plant.toml; told once an hour"
        )
        payload = json.dumps({"tag": name, "hour": hour.isoformat()})
        return one_aside(
            "out_of_range", found, source=self._source, origin=name, segment=f"contract:{hour:%Y-%m-%dT%H}", now=now,
            payload=payload,
        ).with_columns(booked=pl.lit(value=True))  # fmt: skip
