"""Any KPI at any level and grain: one roll-up of the base sums, one function from sums to value, bounds and note.

Averaging a ratio is not offered: a line is the ratio of the sums of its machines, a day of its shifts.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.kernels.figures.kpi_definitions import KPIS, Kpi
from assets.kernels.figures.sums import SUMS
from plant.states import OFF_SHIFT
from plant.tables import table

LEVELS = ("machine", "line", "area", "site")
QUARANTINED = "counts quarantined"
NO_COUNTER, NO_IDEAL, NOTHING_PLANNED, NO_SIGNAL = "no piece counter", "no ideal cycle", "nothing planned", "no signal"
KEY = ("production_day", "level", "scope", "grain", "period_start")


def value(kpi: Kpi) -> pl.Expr:
    """The point value: unknown time left out. Null where the scope lacks what the KPI needs or the ratio is empty."""
    ratio = pl.when(kpi.denominator > 0).then(kpi.numerator / kpi.denominator)
    return pl.when(_lacking(kpi).is_null()).then(ratio)


def low(kpi: Kpi) -> pl.Expr:
    """Lower bound: all doubt is loss, N / (D + doubt). Never above the value."""
    if kpi.doubt is None:
        return _bare(kpi)
    whole = kpi.denominator + kpi.doubt
    return pl.when(_lacking(kpi).is_null() & (whole > 0)).then(kpi.numerator / whole)


def high(kpi: Kpi) -> pl.Expr:
    """Upper bound: all doubt is perfect, (N + doubt x max(1, value)) / (D + doubt). Never below the value.

    Perfect is the ideal rate, or the rate seen where that is higher, else a value above 1 would have an
    upper bound below itself.
    """
    if kpi.doubt is None:
        return _bare(kpi)
    best = kpi.numerator if kpi.best is None else kpi.best
    rate = pl.max_horizontal(1.0, pl.when(kpi.denominator > 0).then(best / kpi.denominator).fill_null(1.0))
    whole = kpi.denominator + kpi.doubt
    known = _lacking(kpi).is_null() & kpi.numerator.is_not_null()
    # The maximum only takes back what rounding costs: algebraically the bound is never below the value.
    return pl.when(known & (whole > 0)).then(pl.max_horizontal((best + kpi.doubt * rate) / whole, value(kpi)))


def _bare(kpi: Kpi) -> pl.Expr:
    """Bounds of a KPI that unknown time either does not touch, or touches without a limit."""
    sure = pl.col("quarantined_pcs") == 0 if "pieces" in kpi.needs else pl.lit(value=True)
    return pl.when(sure if kpi.exact else sure & (pl.col("unknown_us") == 0)).then(value(kpi))


def note(kpi: Kpi) -> pl.Expr:
    """Why the value is null, or what is remarkable about it; null when there is nothing to say."""
    empty = (
        pl.when(pl.col("pbt_us") == 0)
        .then(pl.lit(NOTHING_PLANNED))
        .when(pl.col("pbt_us") == pl.col("unknown_us"))
        .then(pl.lit(NO_SIGNAL))
        .otherwise(pl.lit(kpi.empty))
    )
    why = pl.coalesce(_lacking(kpi), pl.when(value(kpi).is_null()).then(empty))
    remarks = [why, _finding(kpi)]
    if "pieces" in kpi.needs:
        remarks.append(pl.when(pl.col("quarantined_pcs") > 0).then(pl.lit(QUARANTINED)))
    text = pl.concat_str(remarks, separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)


def _finding(kpi: Kpi) -> pl.Expr:
    """Effectiveness above 1 is kept: the ideal cycle is too long, or pieces of a lost signal came in later."""
    if kpi.finding is None:
        return pl.lit(None, pl.String)
    late = pl.lit(f"{kpi.finding}, or pieces of lost time counted after it")
    fast = pl.col("planned_ideal_us") > pl.col("apt_counting_us")
    plain = pl.when(pl.col("unknown_us") > 0).then(late).otherwise(pl.lit(kpi.finding))
    return pl.when(fast & (pl.col("apt_counting_us") > 0) & value(kpi).is_not_null()).then(plain)


def _lacking(kpi: Kpi) -> pl.Expr:
    """What the scope lacks for this KPI, in words; null when it has all."""
    reasons = {
        "pieces": pl.when(~pl.col("counting")).then(pl.lit(NO_COUNTER)),
        "ideal": pl.when(pl.col("unrated_pcs") > 0).then(pl.lit(NO_IDEAL)),
        "meter": pl.when(pl.col("metered_us") == 0).then(pl.lit("no energy meter")),
    }
    return pl.coalesce([pl.lit(None, pl.String), *(reasons[need] for need in kpi.needs)])


def roll_up(sums: pl.LazyFrame, level: str, grain: str) -> pl.LazyFrame:
    """The base sums of each scope of a level by shift or production day: `KEY`, shift and `SUMS`.

    Shifts of a scope that start at the same instant are one period. Grain 'shift' leaves out time outside
    every shift; grain 'day' has all of it and starts where the ledger of the day starts.
    """
    starts = pl.col("first_at").min().over("production_day", "site") if grain == "day" else pl.col("start_at")
    rows = sums if grain == "day" else sums.filter(pl.col("shift") != OFF_SHIFT)
    keyed = rows.with_columns(
        starts.alias("period_start"), pl.col(level).alias("scope"), pl.lit(level).alias("level"), grain=pl.lit(grain)
    )
    names = pl.col("shift").unique().sort().str.join("+") if grain == "shift" else pl.lit(None, pl.String)
    return keyed.group_by(*KEY).agg(
        names.first().alias("shift"), pl.col("counting").any(), pl.col("ran").any(), pl.col(*SUMS).sum()
    )


def kpis(sums: pl.LazyFrame, definitions: Sequence[Kpi] = KPIS) -> pl.LazyFrame:
    """gold.kpi: every KPI of every machine, line, area and site, by shift and by production day."""
    scopes = pl.concat([roll_up(sums, level, grain) for level in LEVELS for grain in ("shift", "day")])
    values = [_cell(kpi).alias(kpi.name) for kpi in definitions]
    wide = scopes.select(*KEY, "shift", *values)
    about = pl.LazyFrame(
        [(k.name, k.definition_id, k.unit) for k in definitions], ["kpi", "definition_id", "unit"], orient="row"
    )
    long = wide.unpivot(index=[*KEY, "shift"], variable_name="kpi", value_name="cell").unnest("cell")
    named = long.join(about, on="kpi", how="left").with_columns(known_to=pl.lit(None, pl.Datetime("us", "UTC")))
    made_at_door = {"revision", "known_from"}
    columns = [c for c in table("gold.kpi").schema if c not in made_at_door]
    return named.select(columns).sort(*KEY, "kpi")


def _cell(kpi: Kpi) -> pl.Expr:
    lacking = _lacking(kpi).is_not_null()
    return pl.struct(
        numerator=pl.when(~lacking).then(kpi.numerator).cast(pl.Float64),
        denominator=pl.when(~lacking).then(kpi.denominator).cast(pl.Float64),
        value=value(kpi),
        value_low=low(kpi),
        value_high=high(kpi),
        note=note(kpi),
    )
