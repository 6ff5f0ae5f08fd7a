"""Receipts: what each built day was built from and what came out. Kept beside the lake, written by the door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from assets.kernels.readings import closing
from connectors.base import Landing
from pipelines.days.fingerprints import content_hash, fingerprints, frame_hash
from pipelines.days.inputs import Inputs
from warehouse.lake import Lake
from warehouse.state import Receipt, State

CLOSING = "closing"
"""Pseudo table under which the hash of a day's closing rows is kept: the next day opens with them."""
READINGS = "silver.readings"


class Receipts:
    """Records receipts as tables are written. `begin` is called before anything is read."""

    def __init__(self, lake: Lake, state: State, inputs: Callable[[], Inputs]) -> None:
        self.lake, self.state, self._inputs = lake, state, inputs
        self._at_begin: Inputs | None = None

    def begin(self) -> None:
        """Take the hashes of the inputs now: data that arrive later make the day stale again."""
        self._at_begin = self._inputs()

    def days_written(self, name: str, frame: pl.DataFrame, days: Sequence[date]) -> None:
        """Record the days of a day table: inputs, fingerprint of the files, rows."""
        inputs = self._at_begin or self._inputs()
        if name == READINGS:
            self._closings(frame, days)
        prints = fingerprints(self.lake, name)
        parts = frame.partition_by("production_day", as_dict=True)
        receipts = []
        for day in days:
            rows = parts.get((day,), frame.clear())
            built_from = inputs_hash(inputs, self.state, self.lake, name, day)
            receipts.append(receipt_of(name, day, built_from, prints.get(str(day), ""), rows))
        self.state.record_built(*receipts)

    def table_written(self, name: str) -> None:
        """Record a table that is kept whole."""
        self.state.record_built(receipt_of(name, None, "", self.lake.fingerprint(name)))

    def landed(self, landing: Landing) -> None:
        """Remember a file once its rows are in the lake."""
        if landing.ingested is not None:
            taken = landing.ingested
            self.state.record_ingested(taken.identity, taken.source, taken.origin, taken.rows)

    def _closings(self, frame: pl.DataFrame, days: Sequence[date]) -> None:
        parts = frame.drop("source").partition_by("production_day", as_dict=True)
        receipts = []
        for day in days:
            rows = parts.get((day,))
            hashed = "" if rows is None else frame_hash(closing(rows.lazy()).collect(engine="in-memory"))
            receipts.append(receipt_of(CLOSING, day, hashed))
        self.state.record_built(*receipts)


def inputs_hash(inputs: Inputs, state: State, lake: Lake, name: str, day: date) -> str:
    """The hash a receipt of that table and day must carry to be up to date."""
    if name == READINGS:
        before = state.built(CLOSING, day - timedelta(days=1))
        return inputs.readings_hash(day, before.inputs_hash if before else "")
    if name in LEDGER_TABLES:
        return inputs.ledger_hash(day, fingerprints(lake, READINGS).get(str(day), ""))
    if name == "gold.inventory":
        return inputs.inventory_hash(day)
    return inputs.numbers_hash(day)


def receipt_of(
    name: str, day: date | None, built_from: str, output: str = "", rows: pl.DataFrame | None = None
) -> Receipt:
    """A receipt of now. The content hash is of the rows as built, in their order."""
    content = "" if rows is None else content_hash(rows)
    return Receipt(name, day, built_from, content, output, 0 if rows is None else rows.height, datetime.now(UTC))


LEDGER_TABLES = ("silver.time_ledger", "silver.count_ledger", "silver.energy_ledger")
NUMBER_TABLES = ("gold.oee", "gold.losses", "gold.yield", "gold.energy", "gold.kpi")
INVENTORY_TABLES = ("gold.inventory",)
STAGES: dict[str, tuple[str, ...]] = {
    "readings": (READINGS,),
    "ledgers": LEDGER_TABLES,
    "numbers": NUMBER_TABLES,
    "inventory": INVENTORY_TABLES,
}
"""Stages in the order they are brought up to date, with their day tables."""
