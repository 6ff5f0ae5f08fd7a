"""plant.toml as frames, for kernels to join with."""

from __future__ import annotations

from datetime import UTC, date

import polars as pl

from plant.config import Plant, tag_id
from plant.model import Machine, MinorStop
from plant.tables import table
from plant.units import duration

TAG_SCHEMA: dict[str, pl.DataType] = {
    "tag": pl.String(), "machine": pl.String(), "site": pl.String(), "role": pl.String(), "source": pl.String(),
    "unit": pl.String(), "low": pl.Float64(), "high": pl.Float64(), "states": pl.String(),
    "stale_us": pl.Int64(), "max_rate_per_s": pl.Float64(), "rollover": pl.Int64(), "back_step_pcs": pl.Float64(),
    "monotone": pl.String(),
    "replaced": pl.List(pl.Struct({"at": pl.Datetime("us", "UTC"), "starts_at": pl.Float64()})),
}  # fmt: skip
IDEAL_SCHEMA: dict[str, pl.DataType] = {
    "machine": pl.String(), "product": pl.String(), "ideal_us": pl.Int64(), "valid_from": pl.Date(),
}  # fmt: skip
MINOR_SCHEMA: dict[str, pl.DataType] = {
    "machine": pl.String(), "minor_us": pl.Int64(), "valid_from": pl.Date(),
}  # fmt: skip
STATE_SCHEMA: dict[str, pl.DataType] = {"states": pl.String(), "code": pl.String(), "word": pl.String()}
TARIFF_SCHEMA: dict[str, pl.DataType] = {
    "site": pl.String(), "price_per_kwh": pl.Float64(), "co2e_kg_per_kwh": pl.Float64(), "valid_from": pl.Date(),
}  # fmt: skip


def machines_frame(plant: Plant) -> pl.DataFrame:
    """silver.machines: one row a machine; for the kernels operation, runs_through_breaks and minimum_run_s as well."""
    rows = [_machine_row(plant, name) for name in plant.machines]
    extra = {"operation": pl.String(), "runs_through_breaks": pl.Boolean(), "minimum_run_s": pl.Float64()}
    return pl.DataFrame(rows, schema=table("silver.machines").schema | extra, orient="row")


def _machine_row(plant: Plant, name: str) -> tuple[object, ...]:
    m, site = plant.machines[name], plant.site_of(name)
    place = (m.name, m.line, plant.area_of(name), site.name, site.timezone)
    minor_stop_s = _minor_stops(m)[-1].seconds
    return (*place, m.kind, minor_stop_s, m.description or None, m.operation, m.runs_through_breaks, m.minimum_run_s)


def minor_stops_frame(plant: Plant) -> pl.DataFrame:
    """Length of a minor stop per machine and first production day, in microseconds; every machine has one for all days.

    `minor_stop_s` holds until the first of `minor_stops`; of two with the same day the one written later holds.
    """
    rows = [(m.name, round(s.seconds * 1e6), s.valid_from) for m in plant.machines.values() for s in _minor_stops(m)]
    frame = pl.DataFrame(rows, schema=MINOR_SCHEMA, orient="row")
    return frame.unique(["machine", "valid_from"], keep="last", maintain_order=True)


def _minor_stops(machine: Machine) -> list[MinorStop]:
    always = MinorStop(seconds=machine.minor_stop_s, valid_from=date.min)
    return [always, *sorted(machine.minor_stops, key=lambda s: s.valid_from)]


def tags_frame(plant: Plant) -> pl.DataFrame:
    """One row a tag: role, unit, range, staleness (us), limits and replacements, direction, state mapping."""
    rows = []
    for m, t in plant.tags():
        low, high = t.range or (None, None)
        stale = int(duration(t.stale_after).total_seconds() * 1e6) if t.stale_after else None
        site = plant.site_of(m.name).name
        head = (tag_id(m, t), m.name, site, t.role, t.source, t.unit)
        swaps = [{"at": r.at.astimezone(UTC), "starts_at": r.starts_at} for r in t.replaced]
        limits = (t.max_rate_per_s, t.rollover, t.back_step_pcs, t.monotone)
        rows.append((*head, low, high, t.states, stale, *limits, swaps))
    return pl.DataFrame(rows, schema=TAG_SCHEMA, orient="row")


def ideal_frame(plant: Plant) -> pl.DataFrame:
    """Ideal cycle per machine, product and first day of validity, in microseconds a piece."""
    rows = [(i.machine, p.name, round(i.seconds * 1e6), i.valid_from) for p in plant.file.product for i in p.ideal]
    return pl.DataFrame(rows, schema=IDEAL_SCHEMA, orient="row")


def states_frame(plant: Plant) -> pl.DataFrame:
    """Raw code (as text) to canonical word, per mapping."""
    rows = [(name, code, word) for name, codes in plant.file.states.items() for code, word in codes.items()]
    return pl.DataFrame(rows, schema=STATE_SCHEMA, orient="row")


def tariffs_frame(plant: Plant) -> pl.DataFrame:
    """Energy price and emission factor per site and first day of validity."""
    rows: list[tuple[str, float, float | None, date]] = [
        (t.site, t.price_per_kwh, t.co2e_kg_per_kwh, t.valid_from) for t in plant.file.tariff
    ]
    return pl.DataFrame(rows, schema=TARIFF_SCHEMA, orient="row")
