"""What others would write for the time ledger: events and calendar in, seconds by machine, shift and state out.

Peers of the kernel over the same Parquet file and the same calendar. They do less than the ledger: no orders, people,
reasons, stops, minor stops or intervals, only the sums. `by_day` is the range join of one who has first cut events
and calendar at the edges of production days, so that an equality of days spares most of the range.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl

NEXT = 'lead(epoch_us("at")) OVER (PARTITION BY machine{day} ORDER BY "at", opening DESC)'
RANGE_JOIN = """
WITH events AS (
    SELECT machine, production_day, epoch_us("at") AS start_us, "text" AS state, {next} AS next_us
    FROM read_parquet($path) WHERE role = 'state'
), pieces AS (
    SELECT e.machine, s.production_day, s.shift, s.kind, e.state,
           least(coalesce(e.next_us, s.day_end_us), s.end_us) - greatest(e.start_us, s.start_us) AS us
    FROM events e JOIN segments s
      ON s.machine = e.machine AND s.start_us < coalesce(e.next_us, s.day_end_us) AND s.end_us > e.start_us {same}
)
SELECT machine, production_day, shift, kind, state, sum(us)::BIGINT AS us FROM pieces GROUP BY ALL
"""
SAME_DAY = "AND s.production_day = e.production_day"


def range_join(path: Path, segments: pl.DataFrame) -> pl.DataFrame:
    """DuckDB: every event lasts to the next one, joined to the calendar stretches of its machine that it overlaps."""
    return _joined(path, segments, RANGE_JOIN.format(next=NEXT.format(day=""), same=""))


def by_day(path: Path, segments: pl.DataFrame) -> pl.DataFrame:
    """DuckDB: the range join inside each production day, which begins with an opening row."""
    return _joined(path, segments, RANGE_JOIN.format(next=NEXT.format(day=", production_day"), same=SAME_DAY))


def _joined(path: Path, segments: pl.DataFrame, query: str) -> pl.DataFrame:
    with duckdb.connect() as con:
        con.register("frame", segments.to_arrow())
        con.execute("CREATE TABLE segments AS SELECT * FROM frame")
        return con.sql(query, params={"path": str(path)}).pl()


def merge_asof(path: Path, segments: pl.DataFrame) -> pl.DataFrame:
    """pandas: the calendar's edges are added to the events, each row takes the state before it by merge_asof."""
    events = pd.read_parquet(path, columns=["machine", "at", "text", "opening"], filters=[("role", "==", "state")])
    events = events.sort_values(["at", "opening"], ascending=[True, False], kind="stable")
    events["at"] = events["at"].astype("int64")
    cells = segments.to_pandas().rename(columns={"start_us": "at"}).sort_values("at")
    edges = pd.concat([events[["machine", "at"]], cells[["machine", "at"]]]).drop_duplicates().sort_values("at")
    states = pd.merge_asof(edges, events[["machine", "at", "text"]], on="at", by="machine")
    placed = pd.merge_asof(states, cells, on="at", by="machine").sort_values(["machine", "at"])
    until = placed.groupby("machine", sort=False)["at"].shift(-1).fillna(placed["day_end_us"]).astype("int64")
    placed["us"] = until - placed["at"]
    keys = ["machine", "production_day", "shift", "kind", "text"]
    sums = placed.groupby(keys, sort=False, dropna=False)["us"].sum().reset_index()
    return pl.from_pandas(sums).rename({"text": "state"})
