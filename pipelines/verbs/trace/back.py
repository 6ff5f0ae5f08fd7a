"""From a raw row to what became of it: its clean sample, the ledger rows, the sums and the numbers it went into."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from pipelines.verbs.trace.raw import ROLES, with_files
from plant.calendar import production_day
from plant.config import Plant, tag_id
from plant.errors import PlantError
from warehouse.lake import Lake

NAME = "bronze.readings"
HOUR = timedelta(hours=1)


def fate(plant: Plant, lake: Lake, segment: str, seq: int) -> dict[str, Any]:
    """What a raw row of bronze.readings went into, as JSON values.

    Raises:
        PlantError: there is no such row.
    """
    rows = with_files(lake, NAME, lake.partitions(NAME)).filter(pl.col("segment") == segment, pl.col("seq") == seq)
    found = rows.collect(engine="in-memory")
    if found.is_empty():
        raise PlantError(f"{NAME} has no row {segment}:{seq}; `shopfloor trace KPI ...` prints the rows of a number")
    row = found.row(0, named=True)
    shown = {k: row[k] for k in ("tag", "ts", "value", "text", "status", "received_at", "source", "file")}
    tags = {tag_id(m, t): (m, t) for m, t in plant.tags()}
    told: dict[str, Any] = {"row": {"segment": segment, "seq": seq} | {k: _text(v) for k, v in shown.items()}}
    if row["tag"] not in tags:
        return told | {"fate": f"left out: tag {row['tag']!r} is not in plant.toml any more"}
    machine, tag = tags[row["tag"]]
    day = production_day(plant, plant.site_of(machine.name).name, row["ts"])
    told |= {"machine": machine.name, "production_day": str(day), "fate": _sample(lake, row, day)}
    told["opens"] = [str(d) for d in _opened(lake, row, day)]
    if tag.role not in ROLES:
        return told | {"note": f"role {tag.role!r}: read by models and charts, in no ledger"}
    return told | _cells(lake, machine.name, row["ts"], day)


def _sample(lake: Lake, row: dict[str, Any], day: Any) -> str:
    """What became of the sample in silver.readings, in words."""
    cut = lake.scan("silver.retractions").filter(
        pl.col("tag") == row["tag"], pl.col("start_at") <= row["ts"], pl.col("end_at") > row["ts"]
    )  # fmt: skip
    retracted = cut.select("edit_id", "edited_by").collect()
    if retracted.height:
        edit, by = retracted.row(0)
        return f"left out: retracted by edit {edit} of {by}"
    clean = lake.scan("silver.readings", days=(day, day)).filter(
        pl.col("tag") == row["tag"], pl.col("at") == row["ts"], ~pl.col("opening")
    )  # fmt: skip
    sample = clean.select("value", "text", "quality", "flag").collect()
    if sample.is_empty():
        return "not built yet: run `shopfloor build`"
    same = lake.scan(NAME, partitions=[row["ts"].date()]).filter(pl.col("tag") == row["tag"], pl.col("ts") == row["ts"])
    facts = same.sort("received_at", "segment", "seq").select("segment", "seq", "value", "text", "status").collect()
    said = ("value", "text", "status")
    first = facts.unique(said, keep="first", maintain_order=True)
    last = first.row(-1, named=True)
    if any(last[k] != row[k] for k in said):
        return f"left out: corrected by {last['segment']}:{last['seq']}, which was received later"
    if (last["segment"], last["seq"]) != (row["segment"], row["seq"]):
        return f"counts once: delivered before as {last['segment']}:{last['seq']}"
    told = sample.row(0, named=True)
    flag = f", flag {told['flag']}" if told["flag"] else ""
    return f"clean sample of quality {told['quality']}{flag}"


def _opened(lake: Lake, row: dict[str, Any], day: Any) -> list[Any]:
    """Later days that open with this very sample."""
    later = [d for d in lake.days("silver.readings") if d > day]
    out = []
    for d in later:
        opening = lake.scan("silver.readings", days=(d, d)).filter(
            pl.col("opening"), pl.col("tag") == row["tag"], pl.col("since_at") == row["ts"]
        )  # fmt: skip
        if opening.head(1).collect().is_empty():
            break
        out.append(d)
    return out


def _cells(lake: Lake, machine: str, at: datetime, day: Any) -> dict[str, Any]:
    """Ledger rows and sums around the instant, and the scopes whose numbers are made of them."""
    own, span = pl.col("machine") == machine, (day, day)
    around = (pl.col("start_at") <= at) & (pl.col("end_at") >= at)
    ledger = lake.scan("silver.time_ledger", days=span).filter(own, around).drop("production_day").collect()
    hour = (pl.col("hour_at") <= at) & (pl.col("hour_at") > at - HOUR)
    counts = lake.scan("silver.count_ledger", days=span).filter(own, hour).drop("production_day").collect()
    keys = ["hour_at", "shift", "order_id", "operation", "product", "operator"]
    sums = lake.scan("gold.kpi_sums", days=span).filter(own, hour).select(keys).unique().sort(keys).collect()
    place = lake.scan("silver.machines").filter(own).select("machine", "line", "area", "site").collect()
    scopes = place.row(0, named=True) if place.height else {}
    shifts = lake.scan("silver.time_ledger", days=span).filter(own, around).select("shift").unique().collect()
    numbers = [f"level={k} scope={v} day={day}" for k, v in scopes.items()]
    numbers += [f"{n} shift={s}" for n in numbers for s in shifts["shift"].sort() if s != "off"]
    return {
        "silver.time_ledger": _rows(ledger), "silver.count_ledger": _rows(counts), "gold.kpi_sums": _rows(sums),
        "numbers": numbers,
    }  # fmt: skip


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [{k: _text(v) for k, v in r.items() if v is not None} for r in frame.iter_rows(named=True)]


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
