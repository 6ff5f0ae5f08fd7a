"""What others would write for the time ledger: events and calendar in, seconds by machine, shift and state out.

Peers of the kernel over the same Parquet file and the same calendar. All do less than the ledger: no stops, no minor
stops, no intervals, and only `merge_asof_layers` has orders and people. `by_day` is the range join of one who has
first cut events and calendar at the edges of production days, so that an equality of days spares most of the range.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl

NEXT = 'lead(epoch_us("at")) OVER (PARTITION BY machine{day} ORDER BY "at", opening DESC)'
RANGE_JOIN = """
WITH events AS (
    SELECT machine, production_day, epoch_us("at") AS start_us, "text" AS state, {next} AS next_us
    FROM read_parquet($path) WHERE role = 'state'
), pieces AS (
    SELECT e.machine, s.production_day, s.shift, s.kind, e.state,
           {hour} least(coalesce(e.next_us, s.day_end_us), s.end_us) - greatest(e.start_us, s.start_us) AS us
    FROM events e JOIN segments s
      ON s.machine = e.machine AND s.start_us < coalesce(e.next_us, s.day_end_us) AND s.end_us > e.start_us {same}
)
SELECT machine, production_day, shift, {hour} kind, state, sum(us)::BIGINT AS us FROM pieces GROUP BY ALL
"""
SAYS = {"operations": "order_id", "attendance": "operator", "downtimes": "reason"}
SAME_DAY = "AND s.production_day = e.production_day"


def range_join(path: Path, segments: pl.DataFrame) -> pl.DataFrame:
    """DuckDB: every event lasts to the next one, joined to the calendar stretches of its machine that it overlaps."""
    hour = "hour_at," if "hour_at" in segments.columns else ""
    return _joined(path, segments, RANGE_JOIN.format(next=NEXT.format(day=""), same="", hour=hour))


def by_day(path: Path, segments: pl.DataFrame) -> pl.DataFrame:
    """DuckDB: the range join inside each production day, which begins with an opening row."""
    return _joined(path, segments, RANGE_JOIN.format(next=NEXT.format(day=", production_day"), same=SAME_DAY, hour=""))


def _joined(path: Path, segments: pl.DataFrame, query: str) -> pl.DataFrame:
    with duckdb.connect() as con:
        con.register("frame", segments.to_arrow())
        con.execute("CREATE TABLE segments AS SELECT * FROM frame")
        return con.sql(query, params={"path": str(path)}).pl()


def merge_asof(path: Path, segments: pl.DataFrame) -> pl.DataFrame:
    """pandas: the calendar's edges are added to the events, each row takes the state before it by merge_asof."""
    placed = _placed(path, segments, {})
    return _sums(placed, ["machine", "production_day", "shift", "kind", "state"])


def merge_asof_layers(path: Path, segments: pl.DataFrame, layers: dict[str, pl.LazyFrame]) -> pl.DataFrame:
    """The same with orders, people and bookings, each by one more merge_asof, and the accounts that follow.

    Each layer's own intervals must not overlap. Still no stops, no minor stops, no classes of reasons.
    """
    placed = _placed(path, segments, {name: _plain(rows, SAYS[name]) for name, rows in layers.items()})
    state, ordered = placed["state"].fillna("unknown"), placed["order_id"].notna()
    cases = {
        "not_scheduled": placed["kind"] == "off", "planned_down": placed["kind"] == "break",
        "production": state == "producing", "setup": state == "setup", "unknown": state == "unknown",
    }  # fmt: skip
    other = np.where(ordered, "delay", "down_no_order")
    placed["account"] = np.select(list(cases.values()), list(cases), default=other)
    keys = ["machine", "production_day", "shift", "state", "account", "order_id", "operator"]
    return _sums(placed, keys)


def _plain(rows: pl.LazyFrame, says: str) -> pd.DataFrame:
    frame = rows.rename({"started_at": "start_at", "ended_at": "end_at"}, strict=False)
    us = {"at": pl.col("start_at").dt.epoch("us"), "end_us": pl.col("end_at").dt.epoch("us")}
    return frame.select("machine", says, **us).collect(engine="in-memory").to_pandas().sort_values("at")


def _placed(path: Path, segments: pl.DataFrame, layers: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row from each edge of any layer to the next: machine, at, us and what every layer says."""
    events = pd.read_parquet(path, columns=["machine", "at", "text", "opening"], filters=[("role", "==", "state")])
    events = events.sort_values(["at", "opening"], ascending=[True, False], kind="stable")
    events["at"] = events["at"].astype("int64")
    cells = segments.to_pandas().rename(columns={"start_us": "at"}).sort_values("at")
    ends = [rows[["machine", "end_us"]].rename(columns={"end_us": "at"}) for rows in layers.values()]
    starts = [frame[["machine", "at"]] for frame in (events, cells, *layers.values())]
    edges = pd.concat([*starts, *ends]).drop_duplicates().sort_values("at")
    edges = edges[edges["at"] < cells["day_end_us"].max()]
    said = events[["machine", "at", "text"]].rename(columns={"text": "state"})
    placed = pd.merge_asof(edges, said, on="at", by="machine")
    placed = pd.merge_asof(placed, cells.drop(columns="end_us"), on="at", by="machine")
    for rows in layers.values():
        placed = pd.merge_asof(placed, rows, on="at", by="machine")
        says = [c for c in rows.columns if c in SAYS.values()]
        placed.loc[~(placed["at"] < placed["end_us"]), says] = None
        placed = placed.drop(columns="end_us")
    placed = placed.sort_values(["machine", "at"])
    until = placed.groupby("machine", sort=False)["at"].shift(-1).fillna(placed["day_end_us"]).astype("int64")
    placed["us"] = until - placed["at"]
    return placed


def _sums(placed: pd.DataFrame, keys: list[str]) -> pl.DataFrame:
    return pl.from_pandas(placed.groupby(keys, sort=False, dropna=False)["us"].sum().reset_index())
