"""The conformance kit's side of our kernels: a case's CSV files as their inputs, their tables as the kit's answers."""

from __future__ import annotations

import csv
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from ledger_run import Inputs, Ledgers, rows_of, samples

from assets.kernels.edits import edits as in_force
from assets.kernels.edits import retractions
from assets.kernels.figures.kpi import evaluate
from assets.kernels.figures.rolling import roll_up
from assets.kernels.figures.sums import Sources, counting_machines, kpi_sums
from plant import calendar
from plant.config import Plant
from plant.dimensions import machines_frame
from plant.kpi.catalogue import BY_NAME
from plant.tables import table

Row = dict[str, Any]
INPUTS = {
    "readings": "bronze.readings", "operations": "silver.operations", "downtimes": "silver.downtimes",
    "reports": "bronze.reports", "edits": "bronze.edits", "attendance": "silver.attendance",
}  # fmt: skip
"""Input file -> contract of its columns."""
OUTPUTS: dict[str, tuple[str, ...]] = {
    "time": ("duration_us",),
    "count": ("good_pcs", "scrap_pcs", "rework_pcs", "quarantined_pcs", "gap_pcs", "ideal_us", "gap_ideal_us"),
    "energy": ("energy_j", "duration_us"),
    "kpi": ("numerator", "denominator", "value"),
}
"""Output file -> its figures; every other column is a key the figures are summed by."""
KPI_KEY = ("kpi", "level", "scope", "grain", "period")


def read(path: Path) -> list[Row]:
    """Rows of a CSV file, every cell a text."""
    return list(csv.DictReader(path.read_text(encoding="utf8").splitlines()))


def rows(path: Path, contract: str) -> list[Row]:
    """Rows of an input file, in the dtypes of its table; nothing where there is no file."""
    if not path.exists():
        return []
    schema = table(contract).schema
    told = read(path)
    frame = pl.DataFrame({c: [r[c] or None for r in told] for c in (told[0] if told else ())}, strict=False)
    return frame.select(_typed(c, schema[c]) for c in frame.columns).rows(named=True)


def _typed(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name).cast(pl.String)
    if dtype == pl.Datetime("us", "UTC"):
        return column.str.to_datetime("%+", time_unit="us", time_zone="UTC")
    return column.cast(dtype)


def given(case: Path, name: str, *, late: bool) -> list[Row]:
    """Rows of an input as they stand before, or with those that arrive after, the first build."""
    first = rows(case / f"{name}.csv", INPUTS[name])
    return first + rows(case / f"late_{name}.csv", INPUTS[name]) if late else first


def inputs(case: Path, *, late: bool = False) -> Inputs:
    """What a run reads. Short rows are completed as docs/conformance.md says."""
    found = {name: given(case, name, late=late) for name in INPUTS}
    received = [{"received_at": r["ts"] + timedelta(seconds=1)} | r for r in found.pop("readings")]
    booked = [
        {"source": "book", "segment": "f", "date": r["end_at"].date(), "received_at": r["end_at"], "report": r["state"]}
        | r
        for r in found.pop("reports")
    ]
    edits = rows_of("bronze.edits", found.pop("edits"))
    frames = {name: rows_of(INPUTS[name], told) for name, told in found.items()}
    frames |= {"reports": rows_of("bronze.reports", booked)}
    frames |= {"edits": in_force(edits), "retractions": retractions(edits)}
    taken = {f.name for f in fields(Inputs)}
    return Inputs(samples(received), **{name: frame for name, frame in frames.items() if name in taken})


def expected(case: Path, *, late: bool = False) -> dict[str, list[Row]]:
    """The answers worked out by hand: output -> rows, figures as integers (kpi values as text), nothing as None."""
    found = {name: case / f"{'after_' if late else ''}{name}.csv" for name in OUTPUTS}
    return {name: [_numbers(name, row) for row in read(path)] for name, path in found.items() if path.exists()}


def _numbers(name: str, row: Row) -> Row:
    whole = set(OUTPUTS[name]) if name != "kpi" else set()
    return {k: None if v == "" else int(v) if k in whole else v for k, v in row.items()}


def sorted_rows(found: list[Row]) -> list[Row]:
    """Rows in the order of their text, so that lists compare."""
    return sorted(found, key=lambda row: [str(v) for v in row.values()])


def answer(made: Ledgers, name: str, wanted: list[Row]) -> list[Row]:
    """Our answer in the columns of the expected rows of time, count or energy."""
    columns = list(wanted[0])
    figures = [c for c in columns if c in OUTPUTS[name]]
    keys = [c for c in columns if c not in figures]
    frame: pl.DataFrame = getattr(made, name)
    summed = frame.group_by(keys).agg(_total(c) for c in figures).select(columns)
    return sorted_rows([{k: _text(v) if k in keys else v for k, v in row.items()} for row in summed.rows(named=True)])


def _total(name: str) -> pl.Expr:
    """A sum; of ideal time null where no row has an ideal cycle."""
    total = pl.col(name).sum()
    return pl.when(pl.col(name).count() > 0).then(total).alias(name) if "ideal" in name else total


def _text(value: Any) -> Any:
    return str(int(value)) if isinstance(value, bool) else None if value is None else str(value)


def kpi_answer(plant: Plant, made: Ledgers, told: Row, wanted: list[Row]) -> list[Row]:
    """The KPIs asked for, in the columns of kpi.csv; numbers as text, the value to 12 decimals."""
    segments = calendar.segments(plant, told["first"], told["last"])
    sums = kpi_sums(
        Sources(made.time.lazy(), made.count.lazy()), machines_frame(plant), segments, counting_machines(plant)
    )
    found = []
    for level, grain in {(row["level"], row["grain"]) for row in wanted}:
        names = sorted({row["kpi"] for row in wanted if (row["level"], row["grain"]) == (level, grain)})
        rolled = roll_up(sums.lazy(), level, grain)
        asked = evaluate(rolled, [BY_NAME[name] for name in names]).collect(engine="in-memory")
        found += [_kpi_row(row, grain) for row in asked.rows(named=True)]
    keys = [tuple(row[k] for k in KPI_KEY) for row in wanted]
    return sorted_rows([row for row in found if tuple(row[k] for k in KPI_KEY) in keys])


def _kpi_row(row: Row, grain: str) -> Row:
    year, week, _ = row["production_day"].isocalendar()
    day = str(row["production_day"])
    period = {"shift": f"{day} {row['shift']}", "day": day, "week": f"{year}-W{week:02}", "all": None}[grain]
    value = None if row["value"] is None else f"{row['value']:.12f}"
    parts = {
        n: None if row[n] is None else f"{row[n]:.12f}".rstrip("0").rstrip(".") for n in ("numerator", "denominator")
    }
    return {n: row[n] for n in KPI_KEY[:-1]} | {"period": period, **parts, "value": value}
