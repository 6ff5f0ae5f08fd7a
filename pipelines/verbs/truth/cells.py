"""True figures of every machine and shift, straight from the simulator's ground truth files.

Shares no code with the ledgers, the KPI declarations or the roll-up that it is to judge: intervals are cut with
the shift, pieces are counted by their instant, ideal times are those of plant.toml, and the ratios are
written out here once more after ISO 22400-2.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from plant.config import Plant
from warehouse.lake import Lake

CELL = ("machine", "start_at")
ACCOUNTS = ("planned_down", "production", "setup", "delay", "down_no_order")


def _c(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def _ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    return pl.when(denominator > 0).then(numerator / denominator)


_APT, _AUST, _ADET = _c("production"), _c("setup"), _c("delay")
_AUPT = _APT + _AUST
_AUBT = _AUPT + _ADET
_POT = _c("scheduled")
_PBT = _POT - _c("planned_down")
_GQ, _SQ, _PQ = _c("good"), _c("scrap"), _c("good") + _c("scrap")
_QUALITY = pl.when(_PQ > 0).then(_GQ / _PQ).when(_PQ == 0).then(0.0)
"""Quality ratio, 0 where nothing was made: then nothing effective was done, whatever the ratio would be."""
_IDEAL = _c("ideal")

FIGURES: dict[str, pl.Expr] = {
    "availability": _ratio(_APT, _PBT),
    "allocation_efficiency": _ratio(_AUBT, _PBT),
    "utilisation_efficiency": _ratio(_APT, _AUBT),
    "technical_efficiency": _ratio(_APT, _APT + _ADET),
    "setup_ratio": _ratio(_AUST, _AUPT),
    "effectiveness": _ratio(_IDEAL, _APT),
    "quality_ratio": _ratio(_GQ, _PQ),
    "scrap_ratio": _ratio(_SQ, _PQ),
    "first_pass_yield": _ratio(_GQ, _PQ),
    # A x E x Q with APT cancelled: (APT / PBT) x (ideal / APT) x Q.
    "oee": _ratio(_IDEAL * _QUALITY, _PBT),
    "nee": _ratio(_AUPT * _ratio(_IDEAL, _APT) * _QUALITY, _PBT),
    "ooe": _ratio(_IDEAL * _QUALITY, _POT),
    "oee_good_time": _ratio(_c("good_ideal"), _PBT),
    "teep": _ratio(_c("good_ideal"), _POT),  # inside a shift all time is scheduled
    "loss_speed": _ratio(_APT - _IDEAL, _PBT),
    "throughput_rate": _ratio(_PQ * 3.6e9, _AUBT),
    "worker_efficiency": _ratio(_c("worked"), _c("attended")),
}
"""KPI name of gold.kpi -> its true value over one machine and shift; null where it is not defined."""


def cells_of(lake: Lake) -> pl.DataFrame:
    """gold.oee of every machine and shift, with `until_at`: its end, or where the ledger ends in a running shift.

    The ledger reaches to the newest sample of the site, some seconds before the end of what was exported.
    """
    reached = lake.scan("silver.time_ledger").group_by("machine").agg(reached_at=pl.col("end_at").max())
    oee = lake.scan("gold.oee").filter(pl.col("shift") != "off").join(reached, on="machine")
    return oee.with_columns(until_at=pl.min_horizontal("end_at", "reached_at")).collect(engine="in-memory")


def true_cells(cells: pl.DataFrame, truth: Path, plant: Plant) -> pl.DataFrame:
    """Time in us by account, pieces, ideal time and `FIGURES` of each cell.

    Takes machine, start_at, end_at, until_at, production_day (a cell a row). Time counts to until_at. Accounts and
    `scheduled` (POT) are in us; pieces, ideal times and what is made of them are null for machines without counter.
    """
    keys = cells.select("machine", "start_at", "end_at", "until_at", "production_day")
    intervals, people = (pl.read_parquet(truth / f"{name}.parquet") for name in ("intervals", "people"))
    timed = keys.join(_times(keys, intervals), on=CELL, how="left")
    timed = timed.join(_attended(keys, intervals, people), on=CELL, how="left")
    made = timed.join(_pieces(keys, pl.read_parquet(truth / "pieces.parquet"), plant), on=CELL, how="left")
    counting = [m.name for m in plant.machines.values() if any(t.role == "good_count" for t in m.tags)]
    pieces = ["good", "scrap", "ideal", "good_ideal"]
    known = pl.when(pl.col("machine").is_in(counting)).then(pl.col(pieces).fill_null(0))
    return made.with_columns(pl.col(*ACCOUNTS, "scheduled", "attended", "worked").fill_null(0), known).with_columns(
        **FIGURES
    )


def _times(keys: pl.DataFrame, intervals: pl.DataFrame) -> pl.DataFrame:
    """Length of every account inside each cell, in us."""
    cut, us = _cut(keys, intervals, "account")
    by_account = [us.filter(pl.col("account") == a).sum().alias(a) for a in ACCOUNTS]
    return cut.group_by(CELL).agg(*by_account, us.filter(pl.col("account") != "not_scheduled").sum().alias("scheduled"))


def _attended(keys: pl.DataFrame, intervals: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Time inside each cell with somebody logged in, breaks and planned stops left out, and that of it at work."""
    present = people.select("machine", "start_at", until_at="end_at")
    busy = intervals.filter(~pl.col("account").is_in(["not_scheduled", "planned_down"]))
    parts, _ = _cut(present, busy, "account")
    here = parts.select(
        "machine",
        "account",
        start_at=pl.max_horizontal("t_from", "start_at"),
        end_at=pl.min_horizontal("t_to", "until_at"),
    )
    cut, us = _cut(keys, here, "account")
    working = pl.col("account").is_in(["production", "setup"])
    return cut.group_by(CELL).agg(attended=us.sum(), worked=us.filter(working).sum())


def _cut(keys: pl.DataFrame, spans: pl.DataFrame, what: str) -> tuple[pl.DataFrame, pl.Expr]:
    """Spans (machine, start_at, end_at) beside the cells (to until_at) they touch, and their common length in us."""
    named = spans.select("machine", what, t_from="start_at", t_to="end_at")
    pairs = keys.join(named, on="machine")
    touching = pairs.filter((pl.col("t_from") < pl.col("until_at")) & (pl.col("t_to") > pl.col("start_at")))
    length = pl.min_horizontal("t_to", "until_at") - pl.max_horizontal("t_from", "start_at")
    return touching, length.dt.total_microseconds()


def _pieces(keys: pl.DataFrame, pieces: pl.DataFrame, plant: Plant) -> pl.DataFrame:
    """Pieces counted inside each cell, and their ideal times in us."""
    booked = pieces.sort("at").join_asof(
        keys.sort("start_at"), left_on="at", right_on="start_at", by="machine", check_sortedness=False
    )
    rated = _ideal(keys, plant)
    inside = booked.filter(pl.col("at") < pl.col("end_at")).join(rated, how="left", on=rated.columns[:3])
    return inside.group_by(CELL).agg(
        good=pl.col("good_pcs").sum(), scrap=pl.col("scrap_pcs").sum(),
        ideal=pl.col("ideal_us").sum(), good_ideal=(pl.col("ideal_us") * pl.col("good_pcs")).sum(),
    )  # fmt: skip


def _ideal(keys: pl.DataFrame, plant: Plant) -> pl.DataFrame:
    """Ideal cycle in us of every machine and product that is valid on each production day."""
    days, rows = keys["production_day"].unique().to_list(), []
    for product in plant.file.product:
        for machine in {c.machine for c in product.ideal}:
            mine = sorted((c for c in product.ideal if c.machine == machine), key=lambda c: c.valid_from)
            for day in days:
                valid = [c for c in mine if c.valid_from <= day]
                if valid:
                    rows.append((machine, product.name, day, round(valid[-1].seconds * 1_000_000)))
    schema = {"machine": pl.String, "product": pl.String, "production_day": pl.Date, "ideal_us": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
