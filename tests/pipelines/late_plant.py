"""A plant of three machines at two sites in two zones whose bronze is written directly: what late data tests work on."""
# ruff: noqa: E501

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.build import Builder
from pipelines.days.stages import STAGES
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from plant.config import Plant, load
from plant.tables import table
from warehouse.lake import Lake
from warehouse.state import State

FIRST = date(2026, 3, 2)
START = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)  # 06:00 in Berlin
BUILT = tuple(name for names in STAGES.values() for name in names)
WHOLE = ("silver.operations", "silver.downtimes", "silver.attendance", "silver.edits", "silver.retractions")
MACHINES = {"m-1": "here", "m-2": "here", "m-3": "there"}

TOML = """
schema = 1
[plant]
name = "late"
[[site]]
name = "here"
timezone = "Europe/Berlin"
day_start = "06:00"
[[site]]
name = "there"
timezone = "America/New_York"
day_start = "06:00"
[[area]]
name = "hall"
site = "here"
[[area]]
name = "shed"
site = "there"
[[line]]
name = "one"
area = "hall"
[[line]]
name = "two"
area = "shed"
[[shift]]
name = "day"
site = "here"
start = "06:00"
end = "18:00"
breaks = [{ start = "13:00", end = "13:30" }]
[[shift]]
name = "day"
site = "there"
start = "07:00"
end = "15:00"
[states.codes]
1 = "producing"
2 = "setup"
6 = "stopped"
9 = "failed"
[[source]]
name = "mes"
kind = "sql"
url = "sqlite:///{root}/mes.sqlite"
[[source.tables]]
name = "operations"
[[source.tables]]
name = "downtimes"
[[source.tables]]
name = "attendance"
[[source]]
name = "plc"
kind = "modbus"
host = "127.0.0.1"
[[product]]
name = "part"
ideal = [
  { machine = "m-1", seconds = 60.0 },
  { machine = "m-2", seconds = 60.0 },
  { machine = "m-3", seconds = 60.0 },
]
[[tariff]]
site = "here"
price_per_kwh = 0.2
"""

MACHINE = """
[[machine]]
name = "{0}"
line = "{1}"
kind = "cnc"
operation = "cut"
minor_stop_s = 120.0
tags = [
  {{ name = "state", role = "state", source = "plc", address = "holding:{2}", type = "uint16", states = "codes" }},
  {{ name = "good", role = "good_count", source = "plc", address = "holding:{3}", type = "uint32", unit = "pcs" }},
  {{ name = "energy", role = "energy", source = "plc", address = "holding:{4}", type = "uint32", unit = "Wh" }},
]
"""


def toml() -> str:
    """plant.toml of the test plant."""
    lines = {"here": "one", "there": "two"}
    parts = [MACHINE.format(m, lines[s], n * 10, n * 10 + 2, n * 10 + 4) for n, (m, s) in enumerate(MACHINES.items())]
    return TOML + "".join(parts)


def plant_of(folder: Path, text: str | None = None) -> Plant:
    """The plant, or another text of its plant.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plant.toml"
    path.write_text(text or toml())
    return load(path)


class Floor:
    """What happens at the plant, appended to bronze."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lake = Lake(root)
        self.batches = sum(self.lake.version(name) or 0 for name in ("bronze.readings", "bronze.records"))

    def rows(self, rows: list[tuple[str, datetime, float]], *, status: int = 0) -> None:
        """Samples as (tag, source time, value), as one segment."""
        self.batches += 1
        segment, at = f"s-{self.batches}", datetime(2026, 3, 20, tzinfo=UTC) + timedelta(seconds=self.batches)
        frame = pl.DataFrame(
            [(t.date(), t, tag, float(v), None, status, None, at, "plc", segment, n) for n, (tag, t, v) in enumerate(rows)],
            schema=table("bronze.readings").schema, orient="row",
        )  # fmt: skip
        self.lake.append_once("bronze.readings", frame, f"test:{segment}", 0)

    def record(self, name: str, *, deleted: bool = False, **payload: object) -> None:
        """One version of a record of the MES."""
        self.batches += 1
        text = json.dumps(payload, default=lambda v: v.isoformat())
        at = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(seconds=self.batches)
        row = (
            f"mes.{name}",
            json.dumps([payload["id"]]),
            f"h-{self.batches}",
            None,
            text,
            deleted,
            at,
            f"r-{self.batches}",
            0,
        )
        frame = pl.DataFrame([row], schema=table("bronze.records").schema, orient="row")
        self.lake.append_once("bronze.records", frame, f"test:r-{self.batches}", 0)

    def order(self, name: str, machine: str, start: datetime, end: datetime | None, **more: object) -> None:
        """An order on a machine."""
        given = {"order_id": name, "operation": "cut", "seq": 10, "product": "part"} | more
        self.record("operations", id=f"op-{name}", machine=machine, started_at=start, ended_at=end, **given)

    def booking(self, name: str, machine: str, start: datetime, end: datetime, reason: str, kind: str) -> None:
        """A stop reason booked by an operator."""
        self.record("downtimes", id=name, machine=machine, start_at=start, end_at=end, reason=reason, reason_class=kind)

    def usual_days(self, days: int) -> None:
        """Days that are alike: producing, a stop at 10:00 of 20 minutes, a piece a minute, off from 16:00."""
        for day in range(days):
            self.rows([row for n, machine in enumerate(MACHINES) for row in usual(machine, day, n * 3600 * 2)])


def usual(machine: str, day: int, later_s: int = 0, every_min: int = 10) -> list[tuple[str, datetime, float]]:
    """One usual day of a machine."""
    begin = START + timedelta(days=day, seconds=later_s)
    rows = [(f"{machine}.state", begin + timedelta(hours=h, minutes=m), v)
            for h, m, v in ((0, 0, 1), (4, 0, 6), (4, 20, 1), (10, 0, 6))]  # fmt: skip
    for n in range(0, 600, every_min):
        at = begin + timedelta(minutes=n)
        rows.append((f"{machine}.good", at, day * 600 + n))
        rows.append((f"{machine}.energy", at, day * 6000 + n * 10))
    return rows


def builder(plant: Plant, root: Path) -> Builder:
    """A builder without checks whose Dagster keeps nothing on disk."""
    made = Builder(plant, Place(root), Progress(quiet=True), checks=False)
    made.instance = dg.DagsterInstance.ephemeral()
    return made


def stages(plant: Plant, root: Path) -> list[str]:
    """Build, and say which stages ran on which days."""
    return builder(plant, root).recompute().stages


def content(root: Path, names: tuple[str, ...] = (*BUILT, *WHOLE)) -> dict[str, pl.DataFrame]:
    """Current rows of the tables, without what the door adds."""
    lake, door = Lake(root), ("revision", "known_from", "known_to", "cause")
    return {n: lake.scan(n).drop(door, strict=False).collect().sort(pl.all(), nulls_last=True) for n in names}


def rebuilt(plant: Plant, root: Path, fresh: Path) -> dict[str, pl.DataFrame]:
    """The tables as a rebuild from the same bronze gives them."""
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "lake").mkdir(parents=True)
    (fresh / "lake" / "bronze").symlink_to(root / "lake" / "bronze", target_is_directory=True)
    builder(plant, fresh).recompute()
    return content(fresh)


def state_of(root: Path) -> State:
    """The receipts of a root."""
    return State(root)
