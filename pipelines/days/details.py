"""The parts of a day by machine, for its receipt: what the cause of a revision is derived from.

Made only of days that are built. A table takes over the parts of the tables it is made of as their receipts have
them, not as they would be now: rows that arrived in between are in the next revision.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from pipelines.days.fingerprints import digest
from pipelines.days.inputs import Inputs
from pipelines.days.layers import LAYERS, RECORDS, RETRACTIONS, Layer
from pipelines.days.parts import BOUNDS, DAY
from pipelines.days.spans import Bounds, framed
from plant.calendar import planned_machines, segments
from warehouse.state import Parts

LAYERED = (*LAYERS, RETRACTIONS, *RECORDS)


def of_readings(inputs: Inputs, day: date) -> Parts:
    """Parts of silver.readings: raw rows, retractions, the meaning of tags, the bounds of the day."""
    bounds = inputs.spans.of(day)
    return {
        "readings": inputs.raw.checksums(day, bounds),
        "retractions": _machines(inputs, [RETRACTIONS], day),
        "tags": inputs.settings.tags(day),
        "machine": inputs.settings.machine(day),
        BOUNDS: inputs.spans.text(day),
    }


def of_ledgers(inputs: Inputs, day: date) -> Parts:
    """Parts of the ledgers besides the readings: orders, bookings, edits, reports, calendar, settings, horizon."""
    parts = sorted({layer.part for layer in LAYERS})
    layers = {part: _machines(inputs, [x for x in LAYERS if x.part == part], day) for part in parts}
    reach = inputs.horizon(day)
    return layers | {
        "horizon": {m: reach[site].isoformat() if site in reach else "" for m, site in inputs.sites.items()},
        "calendar": _calendar(inputs, day),
        "machine": inputs.settings.machine(day),
        "target": inputs.settings.target(day),
    }


def of_sums(inputs: Inputs, day: date) -> Parts:
    """Parts of gold.kpi_sums besides the ledgers."""
    return {"records": _machines(inputs, list(RECORDS), day)}


def again(inputs: Inputs, day: date, old: Parts) -> Parts:
    """The parts that are rows, as they are now inside the bounds of an old receipt of the day.

    Parts without bounds of their own (calendar, settings) are not among them.
    """
    before: Bounds = {
        site: _read(text) for site, text in old.get(BOUNDS, {}).items() if site != DAY and site in inputs.plant.sites
    }
    frame = framed((site, day, *b) for site, b in before.items())
    parts = {layer.part for layer in LAYERED}
    taken = {part: [x for x in LAYERED if x.part == part] for part in sorted(parts)}
    rows = {part: _merged([inputs.hashed(x, frame).get(day, {}) for x in layers]) for part, layers in taken.items()}
    # Where the day's end moved the data reach to another instant: that is no late row.
    return rows | {"readings": inputs.raw.checksums(day, before), "horizon": old.get("horizon", {})}


def _read(text: str) -> tuple[datetime, datetime]:
    start, _, end = text.partition("/")
    return datetime.fromisoformat(start), datetime.fromisoformat(end)


def _machines(inputs: Inputs, layers: list[Layer], day: date) -> dict[str, str]:
    return _merged([inputs.layer(x).get(day, {}) for x in layers])


def _merged(found: list[dict[str, str]]) -> dict[str, str]:
    """Hashes of several tables of one part as one a machine; machines without rows in any are left out."""
    machines = sorted({m for by in found for m in by})
    return {m: digest(*(by.get(m, "") for by in found)) for m in machines}


def _calendar(inputs: Inputs, day: date) -> dict[str, str]:
    """Calendar of each machine on a day and the day before it (stops may have begun there): its line and own events."""
    first, plant = day - timedelta(days=1), inputs.plant
    hashed = {
        str(key[0]): digest(*rows.drop("line").rows())
        for key, rows in segments(plant, first, day).partition_by("line", as_dict=True).items()
    }
    own = {machine: digest(*rows.rows()) for machine, rows in machines_of(planned_machines(plant, first, day)).items()}
    return {m.name: digest(hashed.get(m.line), own.get(m.name)) for m in plant.file.machine}


def machines_of(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows by machine."""
    return {str(key[0]): part for key, part in rows.partition_by("machine", as_dict=True).items()}
