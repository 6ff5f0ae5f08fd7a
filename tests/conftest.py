"""For every test: no telemetry, no stderr noise of DuckDB's binding when the interpreter is gone."""

import atexit
import os

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")


def _quiet_end():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


atexit.register(_quiet_end)
