"""Unchanged values said again, for sources that only tell of changes.

A tag with `stale_after` promises a sample at least that often; a machine that runs all day changes its state
once. While the source is known to be alive, its silence means that nothing has changed: the value is handed
on again, as a row of its own, at the last moment the source was alive. Nothing is said again without that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from connectors.gaps import confirmed
from connectors.intake import ROWS, as_instant, now_us
from plant.sources.tags import Tag
from plant.units import duration

REPEAT_US = 60_000_000
"""A value is said again this often, or at half of its `stale_after` where that is shorter."""
MARGIN_US = 2_000_000
"""How long before the last sign of life: what changed just before it may still be on its way."""


def promises(tags: Sequence[tuple[str, Tag]]) -> dict[str, int]:
    """`stale_after` in microseconds of the tags that have one, by tag id."""
    return {name: round(duration(tag.stale_after).total_seconds() * 1e6) for name, tag in tags if tag.stale_after}


class Repeats:
    """What is said again of one source. `stale_us` holds the tags that promise samples; others are left alone."""

    def __init__(self, source: str, stale_us: Mapping[str, int]) -> None:
        self._source = source
        self._every = {tag: min(REPEAT_US, us // 2) for tag, us in stale_us.items()}
        self._said: dict[str, int] = {}

    def due(self, last: pl.DataFrame, alive_us: int) -> pl.DataFrame:
        """Rows (`ROWS`) that say again what the newest row of a tag shows, where it is time to.

        Args:
            last: the newest row of each tag (`Seen.last`: tag, ts, value, text, status).
            alive_us: when the source last gave a sign of life, us since 1970 on the clock of its samples.
        """
        at_us = alive_us - MARGIN_US
        mine = last.filter(pl.col("tag").is_in(list(self._every)))
        quiet = at_us - pl.col("ts").dt.epoch("us") >= pl.col("tag").replace_strict(self._every, return_dtype=pl.Int64)
        rows = confirmed(self._whole(mine.filter(quiet)), at_us) if mine.height else self._whole(mine)
        self._said.update(dict.fromkeys(rows["tag"], at_us))
        return rows

    def mended(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows`, and where one is older than what was said again meanwhile, its value right behind that.

        A sample that was on its way longer than `MARGIN_US` would else be undone by the value said again.
        """
        if not self._said or rows.is_empty():
            return rows
        said = pl.DataFrame({"tag": list(self._said), "said": as_instant(list(self._said.values()))})
        said = said.cast({"tag": rows.schema["tag"]})
        late = rows.join(said, on="tag").filter(pl.col("ts") <= pl.col("said"), pl.col("status") // 2**30 < 2)
        newest = late.sort("ts").group_by("tag", maintain_order=True).last()
        again = newest.with_columns(ts=pl.col("said") + pl.duration(microseconds=1)).select(rows.columns)
        return pl.concat([rows, again.cast(dict(rows.schema))]) if again.height else rows

    def _whole(self, last: pl.DataFrame) -> pl.DataFrame:
        """The rows in the columns of ROWS, of this source, received now."""
        now = as_instant([now_us()])[0]
        given = {"source": pl.lit(self._source), "received_at": pl.lit(now), "server_at": pl.lit(None)}
        return last.select(given.get(n, pl.col(n)).cast(t).alias(n) for n, t in ROWS.items())
