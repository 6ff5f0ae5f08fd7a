"""The production days of the house as Dagster partitions, shared by every silver and gold day table.

Importing this module first is also what silences Dagster's beta warning about backfill policies: the
filter must be in place before the first asset decorator runs, and kernels must stay free of Dagster.
"""

from __future__ import annotations

import warnings
from datetime import date

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)

DAYS = dg.DailyPartitionsDefinition(start_date="1999-12-31", end_offset=1)
"""One partition a production day, named by its ISO date; the running day is a partition as well."""

SINGLE_RUN = dg.BackfillPolicy.single_run()
"""Every day table builds a whole range of days in one run: one read, one commit."""


def days(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """First and last production day of the run, both inclusive.

    Raises:
        dagster.DagsterInvariantViolationError: the run names no partition.
    """
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)
