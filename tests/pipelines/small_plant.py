"""A plant of one machine fed by files and one database: small enough to build in seconds, all stages real."""
# ruff: noqa: E501

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plant.config import Plant, load

TOML = """
schema = 1
[plant]
name = "small"
[[site]]
name = "here"
timezone = "Europe/Berlin"
day_start = "06:00"
[[area]]
name = "hall"
site = "here"
[[line]]
name = "one"
area = "hall"
[[shift]]
name = "day"
site = "here"
start = "06:00"
end = "18:00"
[states.codes]
1 = "producing"
6 = "stopped"
[[source]]
name = "drop"
kind = "files"
path = "drop/*.csv"
[source.columns]
tag = "Tag"
ts = "Timestamp"
value = "Value"
status = "Quality"
[[source]]
name = "mes"
kind = "sql"
url = "sqlite:///{root}/mes.sqlite"
[[source.tables]]
name = "operations"
key = ["id"]
watermark = "updated_at"
[[product]]
name = "part"
ideal = [{ machine = "m-1", seconds = 60.0 }]
[[machine]]
name = "m-1"
line = "one"
kind = "cnc"
operation = "cut"
minor_stop_s = 120.0
tags = [
  { name = "state", role = "state", source = "drop", address = "m-1.state", type = "uint16", states = "codes" },
  { name = "good", role = "good_count", source = "drop", address = "m-1.good", type = "uint32", unit = "pcs", max_rate_per_s = 1.0 },
  { name = "scrap", role = "scrap_count", source = "drop", address = "m-1.scrap", type = "uint32", unit = "pcs", max_rate_per_s = 1.0 },
  { name = "energy", role = "energy", source = "drop", address = "m-1.energy", type = "uint32", unit = "Wh" },
  { name = "temperature", role = "temperature", source = "drop", address = "m-1.t", unit = "degC", range = [0, 100] },
]
"""

START = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)  # Monday 06:00 in Berlin


def write_plant(folder: Path) -> Path:
    path = folder / "plant.toml"
    path.write_text(TOML)
    return path


def small_plant(folder: Path) -> Plant:
    return load(write_plant(folder))


def day_rows(day: int, *, stop_min: int = 30) -> list[tuple[str, datetime, str, str]]:
    """One day: producing from 06:00, a piece a minute, a stop of some minutes at 10:00, until 18:00."""
    begin = START + timedelta(days=day)
    rows = [("m-1.state", begin, "1", "Good")]
    rows += [("m-1.state", begin + timedelta(hours=4), "6", "Good")]
    rows += [("m-1.state", begin + timedelta(hours=4, minutes=stop_min), "1", "Good")]
    rows += [("m-1.state", begin + timedelta(hours=12), "6", "Good")]
    count = day * 689
    for minute in range(720):
        at = begin + timedelta(minutes=minute)
        stopped = 240 <= minute < 240 + stop_min
        count += 0 if stopped or minute == 0 else 1
        rows.append(("m-1.good", at, str(count), "Good"))
        if minute % 10 == 0:
            rows.append(("m-1.energy", at, str(1000 * day + minute), "Good"))
    rows.append(("m-1.scrap", begin, "0", "Good"))
    return rows


def write_csv(root: Path, name: str, rows: list[tuple[str, datetime, str, str]]) -> Path:
    folder = root / "drop"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{tag},{at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')},{value},{quality}" for tag, at, value, quality in rows]
    path = folder / name
    path.write_text("\n".join(["Tag,Timestamp,Value,Quality", *lines]) + "\n")
    return path


def write_orders(root: Path, days: int = 3) -> None:
    """One order that is on the machine all the time."""
    root.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(root / "mes.sqlite") as db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS operations(id TEXT PRIMARY KEY, order_id TEXT, machine TEXT, operation TEXT,"
            " seq INTEGER, product TEXT, started_at TEXT, ended_at TEXT, updated_at TEXT)"
        )
        end = (START + timedelta(days=days)).isoformat()
        row = ("op-1", "wo-1", "m-1", "cut", 10, "part", START.isoformat(), end, end)
        db.execute("INSERT OR REPLACE INTO operations VALUES (?,?,?,?,?,?,?,?,?)", row)
    db.close()
