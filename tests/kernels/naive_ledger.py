"""The naive oracle's time accounts in the few columns test_ledger asks for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from ledger_run import Inputs
from naive_bridge import narrowed, world
from naive_time import time_rows

from plant.config import Plant

Row = dict[str, Any]
COLUMNS = ("machine", "production_day", "shift", "account", "state", "order_id", "reason", "start_at", "end_at")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def naive(plant: Plant, data: Inputs, first: date, last: date) -> list[Row]:
    """Rows machine, production_day, shift, account, word, order_id, reason, start_at, end_at; merged where equal."""
    rows = narrowed(time_rows(world(plant, data, first, last)), COLUMNS)
    return [{"word" if k == "state" else k: _instant(k, v) for k, v in row.items()} for row in rows]


def _instant(name: str, value: Any) -> Any:
    return EPOCH + timedelta(microseconds=value) if name in {"start_at", "end_at"} else value


def stops(rows: list[Row], plant: Plant) -> dict[tuple[str, datetime], tuple[datetime, bool]]:
    """Per (machine, start) of a stop interval: when its stop began inside the day, and whether it is minor."""
    out, run = {}, []
    for row in [*rows, None]:
        joins = (
            run and row and row["machine"] == run[-1]["machine"] and row["production_day"] == run[-1]["production_day"]
        )
        is_stop = row is not None and row["account"] in {"delay", "down_no_order"}
        if run and not (joins and is_stop):
            length = run[-1]["end_at"] - run[0]["start_at"]
            limit = timedelta(seconds=plant.machines[run[0]["machine"]].minor_stop_s)
            for r in run:
                out[r["machine"], r["start_at"]] = (run[0]["start_at"], r["account"] == "delay" and length < limit)
            run = []
        if is_stop:
            run.append(row)
    return out
