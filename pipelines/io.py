"""The single writing door: how an asset's frames get into the lake is a field of the table's contract.

`append_once` for landings of the dock, `replace_day` for day tables (only changed days are committed),
`replace` for small tables, the shelf for model artefacts. No asset writes by itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import polars as pl

from connectors.base import Landing
from connectors.quarantine import FAILURES, REFUSALS, pending, settled
from pipelines.days.receipts import Receipts
from pipelines.lock import alone
from pipelines.place import Place
from plant.tables import Table, table
from warehouse.lake import Lake
from warehouse.shelf import Shelf

ENGINE: Literal["in-memory"] = "in-memory"
"""polars 2.1's streaming engine panics on merges of empty inputs (a plant without meters); days fit in memory."""


class LakeIO(dg.IOManager):
    """Reads inputs pruned to the run's days, writes outputs as their contract says."""

    def __init__(self, lake: Lake, shelf: Shelf, receipts: Receipts, exports: Path) -> None:
        self.lake, self.shelf, self.receipts, self.exports = lake, shelf, receipts, exports

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write what an asset returned; adds rows, version, schema and seconds as metadata."""
        began = time.perf_counter()
        path = context.asset_key.path
        if path[0] == "models":
            meta = self._shelve(obj)
        elif path[0] == "exports":
            meta = export_file(obj, self.exports / f"{path[1]}.csv")
        else:
            meta = self._write(context, table(".".join(path)), obj)
        context.add_output_metadata({**meta, "write_s": round(time.perf_counter() - began, 3)})

    def load_input(self, context: dg.InputContext) -> Any:
        """A lazy frame of the upstream table, filtered to the run's days where both sides have days."""
        path = context.asset_key.path
        if path[0] == "models":
            return self.shelf.latest(path[1])
        contract = table(".".join(path))
        if context.has_asset_partitions:
            self.receipts.begin()  # before anything is read: what arrives later makes the day stale again
        elif contract.layer == "bronze":
            self.receipts.begin_whole()
        if contract.write == "replace_day" and context.has_asset_partitions:
            return self.lake.scan(contract.name, days=_span(context.asset_partition_keys))
        return self.lake.scan(contract.name)

    def _shelve(self, obj: Any) -> dict[str, Any]:
        self.shelf.put(obj.name, obj.version, obj.payload, obj.card)
        return {"model_version": obj.version, "card": dg.MetadataValue.json(json.loads(json.dumps(obj.card)))}

    def _write(self, context: dg.OutputContext, contract: Table, obj: Any) -> dict[str, Any]:
        if contract.write == "append_once":
            return self._land(contract, obj)
        frame = obj.collect(engine=ENGINE) if isinstance(obj, pl.LazyFrame) else obj
        if contract.write == "replace_day":
            days = [date.fromisoformat(key) for key in context.asset_partition_keys]
            frame = self.receipts.kept(contract.name, frame)
            written = self.lake.replace_days(contract.name, frame, days, self.receipts.causes(contract.name, days))
            self.receipts.days_written(contract.name, frame, days)
        else:
            written = self.lake.replace(contract.name, frame)
            self.receipts.table_written(contract.name)
        return _metadata(contract, frame.height, written.version) | {"changed": len(written.changed)}

    def _land(self, contract: Table, landings: Iterable[Landing]) -> dict[str, Any]:
        """Append landings one by one; what is kept of each is how its file or source fared, not its rows."""
        rows = held = 0
        told: list[Landing] = []
        for landing in landings:
            if not landing.frame.is_empty():
                self.lake.append_once(landing.table, landing.frame, landing.app, landing.version)
            if not landing.quarantine.is_empty():
                self.lake.append_once("bronze.quarantine", landing.quarantine, landing.app, landing.version)
            self.receipts.landed(landing)
            rows, held = rows + landing.frame.height, held + landing.quarantine.height
            kept = landing.quarantine.filter(pl.col("reason").is_in([*FAILURES, *REFUSALS]))
            told.append(replace(landing, frame=landing.frame.clear(), quarantine=kept))
        self._settle(contract, told)
        return _metadata(contract, rows, self.lake.version(contract.name)) | {"quarantined": held}

    def _settle(self, contract: Table, landings: Sequence[Landing]) -> None:
        """Close the reports about sources and files that this ingestion could read."""
        reports = self.lake.scan("bronze.quarantine").filter(pl.col("reason").is_in([*FAILURES, *REFUSALS]))
        now = datetime.now(UTC)
        done = settled(pending(reports, self.lake.scan("bronze.replays")), contract.name, landings, now)
        if not done.is_empty():
            self.lake.append_once("bronze.replays", done, f"settled:{contract.name}:{now.isoformat()}", 0)


def door(where: Place, lake: Lake, shelf: Shelf, receipts: Callable[[], Receipts]) -> dg.IOManagerDefinition:
    """The door as Dagster opens it for one run: alone on the root, with the receipts of that run."""

    def opened(context: dg.InitResourceContext) -> Iterator[LakeIO]:
        run = "" if context.run is None else f" {context.run.run_id}"
        with alone(where.root, f"Dagster run{run}"):
            yield LakeIO(lake, shelf, receipts(), where.exports)

    return dg.IOManagerDefinition(resource_fn=opened)  # type: ignore[arg-type]  # a generator: closed with the run


def export_file(rows: pl.LazyFrame | pl.DataFrame, path: Path) -> dict[str, Any]:
    """Write rows as CSV beside and move into place: a reader sees the old file or the new one."""
    frame = rows.lazy().collect(engine=ENGINE)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    frame.write_csv(aside)
    aside.replace(path)
    return {"dagster/row_count": frame.height, "path": str(path)}


def _span(keys: Sequence[str]) -> tuple[date, date]:
    return date.fromisoformat(min(keys)), date.fromisoformat(max(keys))


def _metadata(contract: Table, rows: int, version: int | None) -> dict[str, Any]:
    columns = [dg.TableColumn(c.name, str(c.dtype), description=c.doc) for c in contract.columns]
    return {
        "dagster/row_count": rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": contract.name,
        "delta/version": -1 if version is None else version,
    }
