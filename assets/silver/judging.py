"""The canonical tables of one run: each judged once, for its own asset and for silver.rejected_records alike."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import polars as pl

from assets.kernels.enterprise.records import left_out
from assets.silver.adapted import adapted, bytes_of, sources_of_sets
from plant.adapters.canonical import CANONICAL
from plant.adapters.kept import Kept
from plant.adapters.run import Run
from plant.config import Plant
from plant.tables import table

REJECTED = "silver.rejected_records"


@dataclass(frozen=True)
class Verdict:
    """A canonical table: `rows` that keep its contract, `rejected` those that do not (`REJECTED_SCHEMA`)."""

    rows: pl.DataFrame
    rejected: pl.DataFrame


@dataclass(frozen=True)
class Known:
    """Rows of silver.rejected_records that still hold, and the canonical tables (without layer) they are all of."""

    rows: pl.DataFrame
    tables: Collection[str]


def nothing_known() -> Known:
    """Everything is to be judged."""
    return Known(table(REJECTED).empty(), ())


class Judging:
    """One for each run: what it read of bronze.records and what it judged is kept for the assets behind."""

    def __init__(self, plant: Plant, run: Run, known: Callable[[], Known] = nothing_known) -> None:
        """`known` is asked once rejected records are wanted, after bronze.records was looked at."""
        self._plant, self._run, self._known = plant, run, known
        self._read: Kept[pl.DataFrame] = Kept(bytes_of)
        self._rows: dict[str, pl.DataFrame] = {}
        self._rejected: dict[str, pl.DataFrame] = {}

    def table(self, name: str, records: pl.LazyFrame) -> Verdict:
        """A canonical table (named without its layer) from bronze.records. Its rows are not kept any longer.

        Raises:
            BoundError: a SELECT ran into its bounds.
        """
        if name not in self._rows:
            self._judge(name, records)
        return Verdict(self._rows.pop(name), self._rejected[name])

    def rejected(self, records: pl.LazyFrame) -> pl.LazyFrame:
        """silver.rejected_records: the rows that still hold, and those of the tables that are judged in this run.

        Raises:
            BoundError: as above.
        """
        known = self._known()
        for name in CANONICAL:
            if name not in self._rejected and name not in known.tables:
                self._judge(name, records)
        told = {name: frame.lazy() for name, frame in self._rejected.items()}
        kept = known.rows.filter(~pl.col("table_name").is_in([f"silver.{name}" for name in told]))
        return pl.concat([kept.lazy(), left_out(told, sources_of_sets(self._plant))]) if told else kept.lazy()

    def _judge(self, name: str, records: pl.LazyFrame) -> None:
        decoded = adapted(self._plant, records, name, self._run, self._read)
        self._rows[name], self._rejected[name] = pl.collect_all([decoded.rows, decoded.rejected])
