"""Raw rows of bronze by name: table, Delta version, file, and (segment, seq) or the id of the row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from assets.silver.adapted import adapted
from plant.calendar import day_bounds
from plant.config import Plant, tag_id
from warehouse.adapting.select import run_mapping
from warehouse.lake import Lake

ROLES = ("state", "mode", "good_count", "scrap_count", "rework_count", "energy")
"""Roles whose samples go into the ledgers; the others feed models and charts only."""
RECORDS = {
    "operations": ("operation_id", "started_at", "ended_at"),
    "downtimes": ("downtime_id", "start_at", "end_at"),
    "attendance": ("attendance_id", "start_at", "end_at"),
}
"""Interval tables of the MES behind the ledgers: their key, start and end."""
TICK = timedelta(microseconds=1)
NAMED = {"file": pl.String(), "segment": pl.String(), "seq": pl.Int64()}


@dataclass(frozen=True)
class Window:
    """Machines, and the production day they are looked at on, by site."""

    plant: Plant
    machines: tuple[str, ...]
    day: date

    def bounds(self, machine: str) -> tuple[datetime, datetime]:
        """Start and end of the day at the machine's site."""
        return day_bounds(self.plant, self.plant.site_of(machine).name, self.day)

    def edges(self) -> pl.LazyFrame:
        """machine, low, high."""
        rows = [(m, *self.bounds(m)) for m in self.machines]
        at = pl.Datetime("us", "UTC")
        return pl.LazyFrame(rows, schema={"machine": pl.String(), "low": at, "high": at}, orient="row")


def sources(lake: Lake, window: Window) -> list[dict[str, Any]]:
    """Every raw row behind the ledgers of a window, by table and file: table, version, file, rows.

    `rows` maps a segment to runs of positions ('0-153,160'), for edits '' to their ids.
    """
    found = [*_samples(lake, window), *_reports(lake, window), *_records(lake, window), *_edits(lake, window)]
    return [entry for entry in found if entry["rows"]]


def runs(positions: Iterable[int]) -> str:
    """Positions as runs.

    >>> runs([3, 1, 2, 7])
    '1-3,7'
    """
    out: list[list[int]] = []
    for n in sorted(set(positions)):
        if out and n == out[-1][1] + 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def with_files(lake: Lake, name: str, partitions: Sequence[Any]) -> pl.LazyFrame:
    """Rows of some partitions of a bronze table with the `file` they are in."""
    snap = lake.snapshot(name)
    paths = [] if snap is None else snap.paths(partitions)
    if not paths:
        return lake.scan(name).head(0).with_columns(file=pl.lit(None, pl.String))
    rows = pl.scan_parquet(paths, include_file_paths="path", glob=False, missing_columns="insert")
    return rows.with_columns(file=pl.col("path").str.replace(f"{lake.path(name)}/", "", literal=True)).drop("path")


def _samples(lake: Lake, window: Window) -> list[dict[str, Any]]:
    """Samples inside the day and the ones the day opened with, without those that were retracted."""
    tags = [(tag_id(m, t), m.name) for m, t in window.plant.tags() if m.name in window.machines and t.role in ROLES]
    named = pl.LazyFrame(tags, schema={"tag": pl.String(), "machine": pl.String()}, orient="row")
    opened = lake.scan("silver.readings", days=(window.day, window.day)).filter("opening")
    carried = opened.join(named, on="tag", how="semi").select("tag", ts="since_at").collect()
    edges = window.edges().collect()
    around = {at.date() for at in [*edges["low"], *(h - TICK for h in edges["high"]), *carried["ts"]]}
    rows = with_files(lake, "bronze.readings", sorted(around)).join(named, on="tag")
    inside = rows.join(window.edges(), on="machine").filter(
        pl.col("ts") >= pl.col("low"), pl.col("ts") < pl.col("high")
    )
    before = rows.join(carried.lazy(), on=["tag", "ts"], how="semi")
    wanted = pl.concat([inside.select(*NAMED, "tag", "ts"), before.select(*NAMED, "tag", "ts")]).unique()
    taken = wanted.collect(engine="in-memory")
    gone = lake.scan("silver.retractions").collect()
    for tag, start, end in gone.select("tag", "start_at", "end_at").iter_rows():
        taken = taken.filter(~((pl.col("tag") == tag) & (pl.col("ts") >= start) & (pl.col("ts") < end)))
    return _grouped(lake, "bronze.readings", taken)


def _reports(lake: Lake, window: Window) -> list[dict[str, Any]]:
    rows = with_files(lake, "bronze.reports", lake.partitions("bronze.reports")).join(window.edges(), on="machine")
    touches = (pl.col("start_at") < pl.col("high")) & (pl.col("end_at") >= pl.col("low"))
    return _grouped(lake, "bronze.reports", rows.filter(touches).select(*NAMED).collect(engine="in-memory"))


def _records(lake: Lake, window: Window) -> list[dict[str, Any]]:
    """The newest version of every order, booking and log-in that touches the day."""
    out = []
    for name, (key, start, end) in RECORDS.items():
        silver = lake.scan(f"silver.{name}").join(window.edges(), on="machine")
        open_end = pl.col(end).is_null() | (pl.col(end) > pl.col("low"))
        ids = silver.filter(pl.col(start) < pl.col("high"), open_end).select(key).collect()[key].to_list()
        if not ids:
            continue
        made = adapted(window.plant, lake.scan("bronze.records"), name, run_mapping).origins
        named = made.filter(pl.col(key).is_in(ids)).select(pl.exclude(key)).collect(engine="in-memory")
        sets = [s for s in named["record_set"].unique().sort() if s in lake.partitions("bronze.records")]
        if sets:
            rows = with_files(lake, "bronze.records", sets).join(named.lazy(), on=["segment", "seq"], how="semi")
            out += _grouped(lake, "bronze.records", rows.select(*NAMED).collect(engine="in-memory"))
    return out


def _edits(lake: Lake, window: Window) -> list[dict[str, Any]]:
    """Edits in force that touch the day, and the retractions in it."""
    machines = pl.col("tag").str.replace(r"\.[^.]*$", "")
    silver = pl.concat(
        [
            lake.scan("silver.edits").select("edit_id", "machine", "start_at", "end_at"),
            lake.scan("silver.retractions").select("edit_id", machines.alias("machine"), "start_at", "end_at"),
        ]
    ).join(window.edges(), on="machine")
    touches = (pl.col("start_at") < pl.col("high")) & (pl.col("end_at") > pl.col("low"))
    ids = silver.filter(touches).select("edit_id").collect()["edit_id"].sort().to_list()
    return (
        [{"table": "bronze.edits", "version": lake.version("bronze.edits"), "file": None, "rows": {"": ",".join(ids)}}]
        if ids
        else []
    )


def _grouped(lake: Lake, name: str, rows: pl.DataFrame) -> list[dict[str, Any]]:
    version = lake.version(name)
    out = []
    for (file,), part in sorted(rows.partition_by("file", as_dict=True).items()):
        by_segment = part.group_by("segment").agg(pl.col("seq")).sort("segment").iter_rows()
        out.append({"table": name, "version": version, "file": file, "rows": {s: runs(seqs) for s, seqs in by_segment}})
    return out
