"""Any KPI over rolled-up sums: numerator, denominator, value, bounds and note; and gold.kpi.

The bounds come from the worlds of `plant.kpi.scenarios`: each scope with doubt is taken once for every world,
with the measures that world changes, and the KPI is computed there by the same terms. Low and high are the
least and the greatest of all worlds and of the point value, which leaves unknown time and quarantined pieces out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import polars as pl

from assets.kernels.figures.compiled import polars_of
from assets.kernels.figures.rolling import KEY, Grain, Level, roll_up
from plant.kpi.catalogue import KPIS
from plant.kpi.declaration import Kpi
from plant.kpi.measures import NAMES
from plant.kpi.needs import LATE, NEEDS, NO_SIGNAL, NOTHING_PLANNED, SEVERAL
from plant.kpi.needs import QUARANTINED as COUNTS_QUARANTINED
from plant.kpi.scenarios import QUARANTINE_DOUBT, QUARANTINED, UNKNOWN, UNKNOWN_DOUBT, Scenario
from plant.kpi.terms import Term
from plant.tables import table

LEVELS: tuple[Level, ...] = ("machine", "line", "area", "site")
STORED: tuple[Grain, ...] = ("shift", "day")
"""Levels and grains that gold.kpi stores; the others come from gold.kpi_sums when they are asked for."""
COLUMNS = tuple(c for c in table("gold.kpi").schema if c not in {"revision", "known_from", "known_to"})
PARTS = ("numerator", "denominator", "value", "value_low", "value_high", "note")


def figures(rolled: pl.LazyFrame, kpis: Sequence[Kpi] = KPIS) -> pl.DataFrame:
    """The rolled-up rows with one struct of `PARTS` a KPI, named as the KPI."""
    plain = rolled.collect(engine="in-memory")
    base = _materialised(plain).with_columns(pl.col(NAMES).cast(pl.Float64)).with_row_index("row")
    joined = base.join(_extremes(base, [kpi for kpi in kpis if not kpi.exact]), on="row", how="left")
    parts = joined.select(_parts(kpi).alias(kpi.name) for kpi in kpis)
    return pl.concat([plain, parts], how="horizontal")


def evaluate(rolled: pl.LazyFrame, kpis: Sequence[Kpi] = KPIS) -> pl.LazyFrame:
    """One row a KPI and row of `rolled` (`roll_up`), by KPI: its key, shift, kpi, definition_id, unit and `PARTS`."""
    wide = figures(rolled, kpis)
    about = {"kpi": "name", "definition_id": "definition_id", "unit": "unit"}
    long = [
        wide.select(
            *KEY, "shift", *(pl.lit(getattr(kpi, of)).alias(name) for name, of in about.items()), pl.col(kpi.name)
        ).unnest(kpi.name)
        for kpi in kpis
    ]
    return pl.concat(long).lazy()


def kpis(sums: pl.LazyFrame, definitions: Sequence[Kpi] = KPIS) -> pl.LazyFrame:
    """gold.kpi: every KPI of every machine, line, area and site, by shift and by production day."""
    scopes = pl.concat([roll_up(sums, level, grain) for level in LEVELS for grain in STORED])
    named = evaluate(scopes.sort(KEY), sorted(definitions, key=lambda kpi: kpi.name))
    return named.with_columns(known_to=pl.lit(None, pl.Datetime("us", "UTC"))).select(*COLUMNS, "known_to")


def _extremes(base: pl.DataFrame, kpis: Sequence[Kpi]) -> pl.DataFrame:
    """Least and greatest value of each KPI over the worlds of each row with doubt, and whether one has no limit."""
    unsure = (polars_of(UNKNOWN_DOUBT) > 0) | (polars_of(QUARANTINE_DOUBT) > 0)
    doubted = base.filter(unsure).select("row", *NAMES)
    worlds = reduce(_worlds, ((UNKNOWN_DOUBT, UNKNOWN), (QUARANTINE_DOUBT, QUARANTINED)), doubted)
    values = _materialised(worlds).select(
        "row",
        *(polars_of(kpi.value).alias(f"value of {kpi.name}") for kpi in kpis),
        *(_unlimited(kpi).alias(f"open {kpi.name}") for kpi in kpis),
    )
    return values.group_by("row").agg(
        *(pl.col(f"value of {kpi.name}").min().alias(f"low of {kpi.name}") for kpi in kpis),
        *(pl.col(f"value of {kpi.name}").max().alias(f"high of {kpi.name}") for kpi in kpis),
        *(pl.col(f"open {kpi.name}").any() for kpi in kpis),
    )


def _unlimited(kpi: Kpi) -> pl.Expr:
    top, bottom = polars_of(kpi.numerator), polars_of(kpi.denominator)
    return (top + bottom).is_null() | ((bottom <= 0) & (top != 0)).fill_null(value=False)


def _materialised(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every value written out.

    Polars keeps a column of one repeated value as a scalar and divides by it through its reciprocal, one bit off.
    """
    return pl.DataFrame(frame.get_columns())


def _worlds(rows: pl.DataFrame, doubt: tuple[Term, tuple[Scenario, ...]]) -> pl.DataFrame:
    """Each row with this doubt once for every scenario, the others as they are."""
    guard, scenarios = polars_of(doubt[0]) > 0, doubt[1]
    unsure = rows.filter(guard)
    changed = [unsure.with_columns(polars_of(new).alias(name) for name, new in s.changes) for s in scenarios]
    return pl.concat([rows.filter(~guard), *changed])


def _parts(kpi: Kpi) -> pl.Expr:
    has = pl.all_horizontal(pl.lit(value=True), *(why.is_null() for why in _lacking(kpi)))
    value, top, bottom = (pl.when(has).then(polars_of(term)) for term in (kpi.value, kpi.numerator, kpi.denominator))
    low, high = _bounds(kpi, value, has)
    return pl.struct(
        numerator=top, denominator=bottom, value=value, value_low=low, value_high=high, note=_note(kpi, value)
    )


def _bounds(kpi: Kpi, value: pl.Expr, has: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    if kpi.exact:
        return value, value
    known = has & ~pl.col(f"open {kpi.name}").fill_null(value=False)
    low = pl.when(known).then(pl.min_horizontal(value, f"low of {kpi.name}"))
    return low, pl.when(known).then(pl.max_horizontal(value, f"high of {kpi.name}"))


def _lacking(kpi: Kpi) -> list[pl.Expr]:
    """For each need of the KPI its words where the scope lacks it, else null."""
    asked = [NEEDS[need] for need in kpi.needs]
    missing: list[pl.Expr] = [
        pl.when(~(polars_of(had) > 0).fill_null(value=False)).then(pl.lit(words)) for had, words in asked
    ]
    return [*missing, pl.when(pl.col("characteristics") > 1).then(pl.lit(SEVERAL))] if kpi.one else missing


def _note(kpi: Kpi, value: pl.Expr) -> pl.Expr:
    """Why the value is null, or what is remarkable about it; null when there is nothing to say."""
    nothing = (
        pl.when(pl.col("pbt_us") == 0).then(pl.lit(NOTHING_PLANNED))
        .when(pl.col("pbt_us") == pl.col("unknown_us")).then(pl.lit(NO_SIGNAL))
        .otherwise(pl.lit(kpi.empty))
    )  # fmt: skip
    empty = nothing if kpi.timed else pl.lit(kpi.empty)
    remarks = [pl.coalesce(*_lacking(kpi), pl.when(value.is_null()).then(empty)), _finding(kpi, value)]
    if "pieces" in kpi.needs:
        remarks.append(pl.when(pl.col("quarantined_pcs") > 0).then(pl.lit(COUNTS_QUARANTINED)))
    text = pl.concat_str(remarks, separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)


def _finding(kpi: Kpi, value: pl.Expr) -> pl.Expr:
    """Effectiveness above 1 is kept: the ideal cycle is too long, or pieces of a lost signal came in later."""
    if kpi.finding is None:
        return pl.lit(None, pl.String)
    late = pl.when(pl.col("unknown_us") > 0).then(pl.lit(kpi.finding + LATE)).otherwise(pl.lit(kpi.finding))
    made = pl.col("planned_ideal_us") - pl.col("planned_gap_ideal_us")
    fast = (made > pl.col("apt_counting_us")) & (pl.col("apt_counting_us") > 0)
    return pl.when(fast & value.is_not_null()).then(late)
