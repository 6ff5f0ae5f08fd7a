"""A process that appends all the time, as the collector does: run by test_lane.py as `appender.py ROOT SECONDS`.

Prints how many segments it appended; an append that fails ends it with 1.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import count

import polars as pl

from plant.tables import table
from warehouse.lake import Lake

NAME = "bronze.readings"
ROWS = 50


def segment(n: int, day_s: float) -> pl.DataFrame:
    """Rows of one segment; every third one is late by two days: over for the lane at any hour."""
    now = datetime.now(UTC) - timedelta(days=2 if n % 3 == 0 else 0, seconds=day_s)
    head = {"date": now.date(), "value": float(n), "status": 0, "received_at": now, "source": "s", "segment": f"a/{n}"}
    rows = [{**head, "ts": now + timedelta(microseconds=i), "tag": f"m{i % 7}.t", "seq": i} for i in range(ROWS)]
    schema = table(NAME).schema
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=schema, orient="row")


def main() -> None:
    root, seconds = sys.argv[1], float(sys.argv[2])
    lake, until = Lake(root), time.monotonic() + seconds
    for n in count(1):
        if time.monotonic() > until:
            sys.stdout.write(f"{n - 1}\n")
            return
        if not lake.append_once(NAME, segment(n, 0.0), "a", n):
            raise AssertionError(f"segment {n} was taken for a repeated one")


if __name__ == "__main__":
    main()
