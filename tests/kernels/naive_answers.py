"""What the naive oracle answers in the columns of an expected file of a case."""

from __future__ import annotations

from typing import Any

from naive_counts import count_rows
from naive_figures import kpi_rows
from naive_time import time_rows
from naive_world import Row, World

FIGURES = {
    "time": ("duration_us",),
    "count": ("good_pcs", "scrap_pcs", "rework_pcs", "quarantined_pcs", "gap_pcs", "ideal_us", "gap_ideal_us"),
}


def answers(world: World, name: str, wanted: list[Row]) -> list[Row]:
    """Rows of the file `name` with the columns of `wanted`, sorted by their text."""
    time = time_rows(world)
    if name == "kpi":
        return _sorted(kpi_rows(world, time, count_rows(world, time), wanted))
    rows = time if name == "time" else count_rows(world, time)
    if name == "time":
        rows = [r | {"duration_us": r["end_at"] - r["start_at"]} for r in rows]
    columns = list(wanted[0])
    return _sorted(grouped(rows, [c for c in columns if c not in FIGURES[name]], columns))


def grouped(rows: list[Row], keys: list[str], columns: list[str]) -> list[Row]:
    """Sums of the other columns by the keys; a sum of nothing but None is None."""
    sums: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        group = sums.setdefault(tuple(_text(row[k]) for k in keys), {c: None for c in columns if c not in keys})
        for figure in group:
            if row[figure] is not None:
                group[figure] = (group[figure] or 0) + row[figure]
    return [
        {c: dict(zip(keys, key, strict=True)).get(c, figures.get(c)) for c in columns} for key, figures in sums.items()
    ]


def _text(value: Any) -> str | None:
    return None if value is None else str(int(value)) if isinstance(value, bool) else str(value)


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: [str(v) for v in row.values()])
