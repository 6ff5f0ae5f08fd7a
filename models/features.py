"""As-of features of machines: what was known about a machine just before a decision time.

A row at decision time t uses only samples of clock hours that ended at or before t and records booked
before t. Telemetry is reduced to hourly means first, so an hourly archive and minute data give the same
features. Events (alarms, maintenance) are in `models.events`; no training and no scoring here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import polars as pl

from models.events import alarm_counts, maintenance_ages

SIGNALS: tuple[str, ...] = ("power", "temperature", "vibration", "pressure", "flow", "speed")
"""Roles taken as continuous signals; a plant without one of them has no columns for it."""

TELEMETRY = (*SIGNALS, "alarm")
"""Roles of the readings that matter here."""

KEYS = ("machine", "at")
RUN = ("machine", "_run")
"""A run of a machine: from one repair to the next."""
CONTEXT = "context_"
"""Prefix of columns that explain a row but are never an input of a model."""

NORMAL_H = 21 * 24
"""Length of the window a machine's own normal is taken from."""

LAG_H = 48
"""The normal ends this long before the decision time, so that a slow drift is not its own normal."""

AT_WORK = 1 / 3
MIN_NORMAL_H = 48
"""Hours with a value a normal needs; below, the deviation is null."""

OVER = 2.0
"""Deviation (in the machine's own standard deviations) from which an episode counts as running."""

FIXED_POINT = 1e6
"""Means are taken over integers: the same rows give the same bits in any order."""

PRECISION = 6
"""Decimals a feature is rounded to."""


def grid(machines: Iterable[str], times: Iterable[datetime]) -> pl.DataFrame:
    """Decision times: machine x at, every machine at every time."""
    at = pl.DataFrame({"at": list(times)}, schema={"at": pl.Datetime("us", "UTC")})
    return pl.DataFrame({"machine": sorted(set(machines))}, schema={"machine": pl.String()}).join(at, how="cross")


def clean(readings: pl.LazyFrame) -> pl.LazyFrame:
    """Trustworthy telemetry samples: machine, role, at, value. Carried rows and flagged values are left out."""
    good = (pl.col("quality") == "good") & pl.col("flag").is_null() & ~pl.col("opening")
    number = pl.col("value").is_not_null() & pl.col("value").is_finite()
    return readings.filter(pl.col("role").is_in(SIGNALS) & good & number).select("machine", "role", "at", "value")


def hourly(readings: pl.LazyFrame) -> pl.DataFrame:
    """Mean of each signal per machine and clock hour: machine, end_at (end of the hour), one column per signal."""
    samples = clean(readings).with_columns(
        end_at=pl.col("at").dt.truncate("1h") + timedelta(hours=1),
        fixed=(pl.col("value") * FIXED_POINT).round().cast(pl.Int64),
    )
    mean = (pl.col("fixed").sum() / pl.len() / FIXED_POINT).alias("mean")
    long = samples.group_by("machine", "end_at", "role").agg(mean).collect()
    roles = [r for r in SIGNALS if r in set(long["role"])]
    wide = long.pivot("role", index=["machine", "end_at"], values="mean").select("machine", "end_at", *roles)
    return wide.sort("machine", "end_at")


def features(
    readings: pl.LazyFrame,
    alarms: pl.DataFrame,
    maintenance: pl.DataFrame,
    machines: pl.DataFrame,
    at: pl.DataFrame,
    *,
    codes: Sequence[int] | None = None,
    modes: Sequence[str] | None = None,
) -> pl.DataFrame:
    """One row per row of `at` (machine, at), with everything known just before it.

    Args:
        readings: shaped as silver.readings.
        alarms: machine, at, code: one row an alarm that came (`models.events.alarms`).
        maintenance: shaped as silver.maintenance_orders.
        machines: shaped as silver.machines; its kinds become kind_* columns of 0 and 1.
        at: decision times.
        codes: alarm codes that get columns of their own; None: those seen before the last decision time.
        modes: failure modes that get columns of their own; None: those booked before the last decision time.

    Returns:
        machine, at, feature columns, context_* columns. Deviations are in standard deviations of the
        machine's own normal, slopes in the same per day, ages in hours. Null: not known.
    """
    rows = at.select(KEYS).sort(KEYS)
    known = telemetry(hourly(readings), rows, maintenance).join(
        machines.select("machine", "kind"), on="machine", how="left"
    )
    columns = [
        *alarm_counts(alarms, rows, codes),
        *maintenance_ages(maintenance, rows, modes),
        *((known["kind"] == kind).cast(pl.Float64).alias(f"kind_{kind}") for kind in _kinds(machines)),
    ]
    return known.drop("kind").with_columns(columns)


def _kinds(machines: pl.DataFrame) -> list[str]:
    return sorted(machines["kind"].unique().to_list())


def names(frame: pl.DataFrame) -> list[str]:
    """Feature columns of a frame made by `features`, in order; context, keys and labels left out."""
    return [c for c in frame.columns if c not in KEYS and not c.startswith((CONTEXT, "label_"))]


def telemetry(hours: pl.DataFrame, rows: pl.DataFrame, maintenance: pl.DataFrame) -> pl.DataFrame:
    """Rolling features of the hourly means, joined to the decision times at their last complete hour.

    The windows of the deviation start anew after a repair: what the broken part did is no sign of the new one.
    """
    roles = [c for c in hours.columns if c not in ("machine", "end_at")]
    if hours.is_empty() or rows.is_empty():
        return rows
    dense = _at_work(_since_repair(_dense(hours, rows), maintenance), roles)
    for role in roles:
        load = "power" if role != "power" and "power" in roles else None
        for step in (_expected(role, load), _normal(role), _deviation(role), _over(role)):
            dense = dense.with_columns(step)
    wanted = [c for c in dense.columns if c not in ("hour", *roles) and not c.startswith("_")]
    joined = rows.with_columns(hour=pl.col("at").dt.truncate("1h")).join(
        dense.select("hour", *wanted), on=["machine", "hour"], how="left"
    )
    return joined.drop("hour").sort(KEYS).with_columns(pl.selectors.float().round(PRECISION))


def _dense(hours: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Every machine and every hour to the last decision time, nulls where nothing was measured; n counts hours."""
    ends = [hours["end_at"].min(), rows["at"].dt.truncate("1h").max()]
    known = pl.Series("hour", [ends[0], max(ends)], dtype=pl.Datetime("us", "UTC")).to_frame()  # type: ignore[type-var]
    every = rows.select("machine").unique().join(known.upsample("hour", every="1h"), how="cross")
    dense = every.join(hours.rename({"end_at": "hour"}), on=["machine", "hour"], how="left").sort("machine", "hour")
    return dense.with_columns(_n=pl.int_range(pl.len()).cast(pl.Float64).over("machine"))


def _since_repair(dense: pl.DataFrame, maintenance: pl.DataFrame) -> pl.DataFrame:
    """Adds `_run`: repairs finished and booked before each hour's end."""
    over = maintenance.filter((pl.col("kind") == "corrective") & pl.col("ended_at").is_not_null())
    repairs = over.select("machine", hour=pl.max_horizontal("ended_at", "reported_at")).sort("hour")
    runs = repairs.with_columns(_run=pl.int_range(1, pl.len() + 1).over("machine"))
    joined = dense.sort("hour").join_asof(
        runs, on="hour", by="machine", strategy="backward", allow_exact_matches=False, check_sortedness=False
    )
    return joined.with_columns(pl.col("_run").fill_null(0)).sort("machine", "hour")


def _at_work(dense: pl.DataFrame, roles: Sequence[str]) -> pl.DataFrame:
    """Signals only of hours in which the machine was at work: a cold machine says nothing about its bearing.

    At work: mean power of the hour of at least a third of the machine's usual high (90 % quantile of three weeks).
    A machine without a power signal counts as at work.
    """
    if "power" not in roles:
        return dense
    high = pl.col("power").rolling_quantile(0.9, window_size=NORMAL_H, min_samples=24).over("machine")
    idle = (pl.col("power") < AT_WORK * high).fill_null(value=False)
    return dense.with_columns(pl.when(~idle).then(pl.col(r)).alias(r) for r in roles)


def _expected(role: str, load: str | None) -> list[pl.Expr]:
    """What this hour's load adds to the signal: the line through the machine's last weeks, signal over power.

    Without a load signal, or while the load hardly varied, it is 0 and only the median counts.
    """
    if load is None:
        return [pl.lit(0.0).alias(f"_{role}_expected")]
    both = pl.col(role).is_not_null() & pl.col(load).is_not_null()
    x, y = (pl.when(both).then(pl.col(c)).shift(LAG_H) for c in (load, role))

    def mean(e: pl.Expr) -> pl.Expr:
        return e.rolling_mean(NORMAL_H, min_samples=MIN_NORMAL_H)

    spread = mean(x * x) - mean(x).pow(2)
    slope = (mean(x * y) - mean(x) * mean(y)) / pl.when(spread > (mean(x) * 0.01).pow(2)).then(spread)
    # Around the mean load: the slope is an estimate, and far from the mean its error would move the level.
    by_load = slope.over("machine").fill_null(0.0) * (pl.col(load) - mean(x).over("machine"))
    return [by_load.alias(f"_{role}_expected")]


def _normal(role: str) -> list[pl.Expr]:
    """The machine's own normal (median) and spread (interquartile range as a standard deviation) at its load."""
    rest = pl.col(role) - pl.col(f"_{role}_expected")

    def quantile(q: float) -> pl.Expr:
        return rest.shift(LAG_H).rolling_quantile(q, window_size=NORMAL_H, min_samples=MIN_NORMAL_H)

    spread, normal = (quantile(0.75) - quantile(0.25)) / 1.349, quantile(0.5)
    # A signal that does not move has no deviation in its own standard deviations: null, not infinite.
    usable = pl.when(spread > 0).then(pl.max_horizontal(spread, normal.abs() * 1e-3))
    usual = (normal.over("machine") + pl.col(f"_{role}_expected")).rolling_mean(6, min_samples=2)
    return [
        ((rest - normal.over("machine")) / usable.over("machine")).alias(f"_{role}_z"),
        usual.over("machine").alias(f"{CONTEXT}{role}_normal"),
        pl.col(role).rolling_mean(6, min_samples=2).over("machine").alias(f"{CONTEXT}{role}_level"),
    ]


def _deviation(role: str) -> list[pl.Expr]:
    z = pl.col(f"_{role}_z")

    def mean(hours: int) -> pl.Expr:
        return z.rolling_mean(hours, min_samples=max(1, hours // 6)).over(RUN).alias(f"{role}_dev_{hours}h")

    return [
        mean(3), mean(6), mean(24), mean(72),
        z.rolling_std(24, min_samples=8).over(RUN).alias(f"{role}_std_24h"),
        z.ewm_mean(span=24, min_samples=4, ignore_nulls=True).over(RUN).alias(f"{role}_ewm"),
        _slope(z, 24).over(RUN).alias(f"{role}_slope_24h"),
        _slope(z, 72).over(RUN).alias(f"{role}_slope_72h"),
    ]  # fmt: skip


def _slope(x: pl.Expr, hours: int) -> pl.Expr:
    """Least-squares slope per day over the last `hours`, from rolling moments; null below a third of them."""
    n = pl.when(x.is_not_null()).then(pl.col("_n"))

    def mean(e: pl.Expr) -> pl.Expr:
        return e.rolling_mean(hours, min_samples=hours // 3)

    spread = mean(n * n) - mean(n).pow(2)
    return pl.when(spread > 1e-6).then((mean(n * x) - mean(n) * mean(x)) / spread * 24)


def _over(role: str) -> list[pl.Expr]:
    """Hours for which the smoothed deviation has been outside +-OVER without a break; 0 when it is inside."""
    outside = (pl.col(f"{role}_ewm").abs() > OVER).fill_null(value=False)
    episode = (~outside).cum_sum().over(RUN)
    return [outside.cast(pl.Float64).cum_sum().over(*RUN, episode).alias(f"{role}_over_h")]
