"""Random small plants: one line of machines, every machine with settings, signals, orders and edits of its own.

A machine is a case. All instants lie on a coarse raster with a few odd microseconds, so that many coincide with
each other and with the edges of shifts, breaks, hours and days.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
from ledger_run import Inputs, rows_of, samples

from plant import calendar
from plant.config import Plant
from plant.model import PlantFile

Row = dict[str, Any]
DAYS = 2
ZONES = (
    ("Europe/Berlin", date(2026, 3, 28)),
    ("Europe/Berlin", date(2026, 10, 24)),
    ("UTC", date(2026, 5, 4)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("America/Santiago", date(2026, 9, 5)),
    ("America/New_York", date(2026, 10, 31)),
    ("Asia/Kolkata", date(2026, 5, 4)),
)
SHIFTS: tuple[list[Row], ...] = (
    [
        {"name": "early", "start": "06:00", "end": "14:00", "breaks": [{"start": "10:00", "end": "10:30"}]},
        {"name": "late", "start": "14:00", "end": "22:00"},
        {"name": "night", "start": "22:00", "end": "06:00", "breaks": [{"start": "02:15", "end": "02:45"}]},
    ],
    [{"name": "day", "start": "07:00", "end": "19:00", "breaks": [{"start": "12:00", "end": "13:00"}]}],
    [
        {"name": "night", "start": "23:30", "end": "06:00", "breaks": [{"start": "02:00", "end": "02:30"}]},
        {"name": "early", "start": "06:00", "end": "10:00"},
    ],
)
CODES = {
    "1": "producing",
    "2": "setup",
    "3": "idle",
    "4": "starved",
    "6": "stopped",
    "7": "failed",
    "8": "planned_stop",
}
MODES = {"0": "unknown", "1": "planned_stop", "2": "setup", "3": "producing"}
REASONS = (("jam", "minor_stop"), ("belt", "breakdown"), ("odd", "no such class"), ("tool", None))


class Floor:
    """A plant of `machines` and what was said about it in two production days; all of it follows from the seed."""

    def __init__(self, seed: int, machines: int) -> None:
        self.random = Random(seed)
        zone, self.first = self.random.choice(ZONES)
        self.names = [f"m{n:03}" for n in range(machines)]
        self.plant = Plant(PlantFile.model_validate(self._file(zone)), Path("plant.toml"))
        start, _ = calendar.day_bounds(self.plant, "s", self.first)
        self.start, self.last = start, self.first + timedelta(days=DAYS - 1)
        self.raster = int((calendar.day_bounds(self.plant, "s", self.last)[1] - start).total_seconds() // 900)
        self.data = self._inputs()

    def _file(self, zone: str) -> Row:
        shifts = [{"site": "s", **s} for s in self.random.choice(SHIFTS)]
        reports = {"name": "book", "kind": "files", "path": "x", "content": "reports", "columns": {}}
        rated = [m for m in self.names if self.random.random() < 0.9]
        bolt = [{"machine": m, "seconds": self.random.choice((1.5, 30, 600))} for m in rated]
        bolt += [i | {"seconds": 2.5, "valid_from": self.first + timedelta(days=1)} for i in bolt[:1]]
        return {
            "schema": 1,
            "plant": {"name": "random"},
            "area": [{"name": "a", "site": "s"}],
            "site": [
                {
                    "name": "s",
                    "timezone": zone,
                    "day_start": self.random.choice(("06:00", "06:00", "00:00"))
                    if shifts[0]["name"] == "day"
                    else "06:00",
                }
            ],
            "line": [{"name": "l", "area": "a"}],
            "planned": [self._planned(n) for n in self._some(3)],
            "shift": shifts,
            "machine": [self._machine(m) for m in self.names],
            "source": [{"name": "plc", "kind": "opcua", "endpoint": "opc.tcp://127.0.0.1:1"}, reports],
            "product": [{"name": "bolt", "ideal": bolt}, {"name": "nut"}],
            "states": {"codes": CODES, "modes": MODES},
        }

    def _machine(self, name: str) -> Row:
        chance, tags = self.random.random, []
        given = {"source": "plc", "address": "s=1"}
        if chance() < 0.85:
            stale = {"stale_after": self.random.choice(("15min", "2h"))} if chance() < 0.5 else {}
            tags.append({"name": "state", "role": "state", "states": "codes", **given, **stale})
            if chance() < 0.25:
                tags.append({"name": "mode", "role": "mode", "states": "modes", **given, **stale})
        counted = [kind for kind in ("good", "scrap", "rework") if chance() < (0.6 if kind == "good" else 0.2)]
        tags += [{"name": k, "role": f"{k}_count", "unit": "pcs", **given, **self._counter()} for k in counted]
        return {
            "name": name,
            "line": "l",
            "kind": "press",
            "tags": tags,
            "runs_through_breaks": chance() < 0.3,
            "minor_stop_s": self.random.choice((0.0, 600.0, 1800.0)),
            "minimum_run_s": self.random.choice((0.0, 0.0, 901.0, 7200.0)),
            **(
                {"minor_stops": [{"seconds": 3600.0, "valid_from": self.first + timedelta(days=1)}]}
                if chance() < 0.3
                else {}
            ),
            **({"operation": "pressing"} if chance() < 0.5 else {}),
        }

    def _planned(self, number: int) -> Row:
        """An event of the line or of some machines, local clock."""
        start = datetime.combine(self.first, time(6)) + timedelta(minutes=15 * self.random.randrange(96 * DAYS))
        end = start + timedelta(minutes=15 * self.random.randrange(1, 20))
        some = (
            {"machines": self.random.sample(self.names, min(5, len(self.names)))} if self.random.random() < 0.6 else {}
        )
        like = {"like_a_break": self.random.random() < 0.3}
        return {"reason": f"event {number}", "site": "s", "start": start, "end": end, **some, **like}

    def _counter(self) -> Row:
        options = {
            "max_rate_per_s": self.random.choice((0.01, 0.5)),
            "rollover": self.random.choice((99, 999)),
            "back_step_pcs": 2,
            "replaced": [{"at": f"{self.first}T10:00:00Z", "starts_at": 5.0}],
        }
        return {name: value for name, value in options.items() if self.random.random() < 0.35}

    def _at(self) -> Any:
        odd = self.random.choice((0, 0, 0, 0, 1, 7_000_000, 333_333_333))
        return self.start + timedelta(minutes=15 * self.random.randrange(self.raster), microseconds=odd)

    def _some(self, most: int) -> range:
        return range(self.random.randrange(most + 1))

    def _span(self) -> tuple[Any, Any]:
        at = self._at()
        return at, at + timedelta(minutes=15 * self.random.randrange(41))

    def _status(self) -> int:
        return self.random.choice((0, 0, 0, 0, 0, 0x40000000, 0x80310000))

    def _inputs(self) -> Inputs:
        kinds = ("operations", "downtimes", "reports", "edits", "attendance", "retractions")
        told: dict[str, list[Row]] = {n: [] for n in kinds}
        rows = [row for m in self.names for row in self._readings(m)]
        rows.append({"tag": "m000.state", "ts": self.start, "value": 1.0})  # a signal there always is
        for machine in self.names:
            self._people(machine, told)
        self.random.shuffle(rows)
        contract = {
            "operations": "silver.operations",
            "downtimes": "silver.downtimes",
            "reports": "bronze.reports",
            "edits": "silver.edits",
            "attendance": "silver.attendance",
            "retractions": "silver.retractions",
        }
        taken = {f.name for f in fields(Inputs)}
        frames = {name: rows_of(contract[name], found) for name, found in told.items() if name in taken}
        return Inputs(_received(samples(rows), self.random), **frames)

    def _readings(self, machine: str) -> list[Row]:
        rows: list[Row] = []
        for tag in self.plant.machines[machine].tags:
            odd = (
                (0.0, 1.0, 2.0, 3.0, 99.0)
                if tag.role == "mode"
                else (1.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 99.0, None)
            )
            if tag.role in {"state", "mode"}:
                rows += [self._sample(machine, tag.name, self.random.choice(odd)) for _ in self._some(8)]
            else:
                rows += [self._sample(machine, tag.name, v) for v in self._climb()]
        return rows

    def _sample(self, machine: str, tag: str, value: float | None) -> Row:
        return {"tag": f"{machine}.{tag}", "ts": self._at(), "value": value, "status": self._status()}

    def _climb(self) -> list[float | None]:
        """Values of a counter, mostly rising."""
        odd: tuple[float | None, ...] = (None, float("nan"), -3.0, 5.0, 9.0, 90.0, 98.0, 990.0, 5000.0)
        level, found = self.random.choice((0.0, 80.0, 970.0)), []
        for _ in self._some(10):
            level += self.random.choice((0, 1, 3, 20, -1, -2))
            found.append(self.random.choice(odd) if self.random.random() < 0.3 else level)
        return found

    def _people(self, machine: str, told: dict[str, list[Row]]) -> None:
        head = {"machine": machine}
        pick = self.random.choice
        works = (("o1", "bolt", "turning"), ("o2", "nut", None), ("o3", None, None), ("o4", "bolt", None))
        for n in self._some(3):
            start, end = self._span()
            order, product, operation = pick(works)
            span = {"started_at": pick((start, start, start, None)), "ended_at": pick((end, end, end, None))}
            told["operations"].append(
                head
                | span
                | {
                    "operation_id": f"{machine}-{n}",
                    "order_id": order,
                    "product": product,
                    "operation": operation,
                    "seq": n,
                }
            )
        for n in self._some(2):
            start, end = self._span()
            reason, kind = pick(REASONS)
            told["downtimes"].append(
                head
                | {
                    "downtime_id": f"{machine}-{n}",
                    "start_at": start,
                    "end_at": pick((end, end, None)),
                    "reason": reason,
                    "reason_class": kind,
                }
            )
        self._edits(head, told)
        self._retracted(machine, told["retractions"])
        for n in self._some(2):
            start, end = self._span()
            told["attendance"].append(
                head
                | {
                    "attendance_id": f"{machine}-{n}",
                    "operator": pick(("kim", "lee")),
                    "start_at": start,
                    "end_at": pick((end, end, None)),
                }
            )
        if not self.plant.machines[machine].tags or self.random.random() < 0.2:
            self._reports(head, told["reports"])

    def _edits(self, head: Row, told: dict[str, list[Row]]) -> None:
        for n in self._some(2):
            start, end = self._span()
            reason, kind = self.random.choice(((None, None), *REASONS[:2]))
            state = self.random.choice((None, "producing", "stopped", "setup", "planned_stop", "unknown"))
            told["edits"].append(
                head
                | {
                    "edit_id": f"{head['machine']}-{n}",
                    "start_at": start,
                    "end_at": end,
                    "state": state,
                    "reason": reason,
                    "reason_class": kind,
                    "edited_by": "kim",
                    "edited_at": self.start + timedelta(days=self.random.randrange(2)),
                }
            )

    def _retracted(self, machine: str, told: list[Row]) -> None:
        for tag in self.plant.machines[machine].tags:
            if self.random.random() < 0.1:
                start, end = self._span()
                edit = {"edit_id": f"{machine}-{tag.name}", "edited_by": "kim", "edited_at": start}
                told.append({"tag": f"{machine}.{tag.name}", "start_at": start, "end_at": end, **edit})

    def _reports(self, head: Row, told: list[Row]) -> None:
        for n in self._some(3):
            start, end = self._span()
            order, product, operation = self.random.choice(
                (("o1", "bolt", None), ("o5", None, "filing"), (None, None, None))
            )
            state = self.random.choice(("producing", "setup", "failed", "stopped"))
            told.append(
                head
                | {
                    "date": end.date(),
                    "start_at": start,
                    "end_at": end,
                    "report": state,
                    "state": state,
                    "order_id": order,
                    "product": product,
                    "operation": operation,
                    "operator": self.random.choice((None, "max")),
                    "good_pcs": n,
                    "scrap_pcs": self.random.randrange(2),
                    "source": "book",
                    "segment": "f",
                    "seq": len(told),
                    "received_at": end,
                }
            )


def _received(rows: pl.DataFrame, random: Random) -> pl.DataFrame:
    """Some rows are delivered again, some corrected: equal source times with other receipts."""
    again = rows.sample(fraction=0.15, seed=random.randrange(2**31)).with_columns(
        pl.col("received_at") + timedelta(hours=random.randrange(3)), seq=pl.col("seq") + 100_000
    )
    wrong = again.sample(fraction=0.5, seed=1).with_columns(pl.col("value") + 1, seq=pl.col("seq") + 100_000)
    return pl.concat([rows, again, wrong])
