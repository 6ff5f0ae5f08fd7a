"""One of several processes that bring the same segments: run by test_lake.py as `race_appends.py ROOT WORKER`."""

import sys
from datetime import UTC, date, datetime, timedelta

import polars as pl

from plant.tables import table
from warehouse.lake import Lake

NAME = "bronze.readings"
AT = datetime(2026, 11, 1, tzinfo=UTC)


def segment(name):
    head = {"date": date(2026, 11, 1), "tag": "m.t", "value": 1.0, "status": 0, "received_at": AT, "source": "s"}
    rows = [{**head, "ts": AT + timedelta(seconds=i), "segment": name, "seq": i} for i in range(20)]
    schema = table(NAME).schema
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=schema, orient="row")


root, worker = sys.argv[1:]
lake = Lake(root)
for version in range(5):
    lake.append_once(NAME, segment(f"shared-{version}"), "shared", version)
    lake.append_once(NAME, segment(f"own-{worker}-{version}"), f"own-{worker}", version)
