"""gold.energy: metered energy by machine and hour, its cost and emissions, against a baseline after ISO 50006.

The baseline of a machine and production day is fitted by least squares on its hours of the production days before
(up to 14, at least 24 machine-hours):

    E = a1 x production hours + a2 x set-up hours + a3 x other on-time hours + a4 x off hours + a5 x pieces

without a constant: the four kinds of hours make up the whole hour, so the constant of ISO 50006 is in a1..a4.
A day never looks at its own or later days, so the expectation is not pulled towards what it judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import fsum

import polars as pl

from assets.kernels.figures.hours import full_hours
from assets.kernels.figures.sums import scaled
from plant.states import Account
from plant.tables import table

TRAINING_DAYS = 14
TRAINING_HOURS = 24.0
JOULE_PER_KWH = 3_600_000
FEATURES = ("production_h", "setup_h", "other_h", "off_h", "pieces")
COEFFICIENTS = [f"per_{name}" for name in FEATURES]
HOUR_KEY = ("production_day", "site", "area", "line", "machine", "hour_at")
COLUMNS = [c for c in table("gold.energy").schema if c not in {"revision", "known_from"}]
_BASELINE = {"production_day": pl.Date(), "machine": pl.String()} | dict.fromkeys(COEFFICIENTS, pl.Float64())
_SAME_DIRECTION = 1e-7
"""A feature whose part not explained by the earlier ones is below this share of it has no coefficient of its own."""


def energy_use(
    energy: pl.LazyFrame,
    counts: pl.LazyFrame,
    tariffs: pl.LazyFrame,
    zones: Mapping[str, str],
    wanted: tuple[date, date],
) -> pl.LazyFrame:
    """One row a metered machine and full local hour of the production days in `wanted` (both inclusive).

    `energy` and `counts` are the ledgers of those days and of the `TRAINING_DAYS` before them; days without
    data are simply not there. `zones` gives each site's time zone, `tariffs` price and emission factor
    from a day on. production_kwh is what the meter booked in account production, idle_kwh the rest; they
    sum to energy_kwh. expected_kwh is null without a baseline, or where the hour holds a kind of hour the
    training days had none of; such hours add nothing to cusum_kwh.
    """
    first, last = wanted
    by_hour = hours(energy, counts, zones)
    asked = by_hour.filter(pl.col("production_day").is_between(first, last))
    expected = pl.sum_horizontal(_part(name) for name in FEATURES).round(6)
    unseen = pl.any_horizontal((pl.col(name) > 0) & pl.col(f"per_{name}").is_null() for name in FEATURES)
    fitted = asked.join(baselines(by_hour, first, last), on=["production_day", "machine"], how="left")
    judged = fitted.with_columns(
        scaled(pl.col("energy_j"), JOULE_PER_KWH, 9).alias("energy_kwh"),
        scaled(pl.col("production_j"), JOULE_PER_KWH, 9).alias("production_kwh"),
        scaled(pl.col("energy_j") - pl.col("production_j"), JOULE_PER_KWH, 9).alias("idle_kwh"),
        pl.when(~unseen & pl.col("known")).then(expected).alias("expected_kwh"),
    ).sort("production_day", "machine", "hour_at")
    above = pl.col("energy_kwh") - pl.col("expected_kwh")
    priced = _priced(judged, tariffs).sort("production_day", "machine", "hour_at")
    return priced.with_columns(
        pl.when(pl.col("good_pcs") > 0).then(pl.col("energy_kwh") / pl.col("good_pcs")).alias("kwh_per_good_pc"),
        (pl.col("energy_kwh") * pl.col("co2e_kg_per_kwh")).alias("co2e_kg"),
        (pl.col("energy_kwh") * pl.col("price_per_kwh")).alias("cost"),
        above.cum_sum().over("production_day", "machine").round(6).alias("cusum_kwh"),
    ).select(COLUMNS)


def hours(energy: pl.LazyFrame, counts: pl.LazyFrame, zones: Mapping[str, str]) -> pl.LazyFrame:
    """Energy (J), pieces and `FEATURES` per machine and full local hour; parts of an hour in two shifts are one."""
    hour = full_hours(pl.col("hour_at"), zones).alias("hour_at")
    floored = energy.with_columns(hour)
    accounts = {
        "production_h": [Account.PRODUCTION], "setup_h": [Account.SETUP], "off_h": [Account.NOT_SCHEDULED],
        "other_h": [Account.DELAY, Account.DOWN_NO_ORDER, Account.PLANNED_DOWN, Account.UNKNOWN],
    }  # fmt: skip
    of = {name: pl.col("account").is_in([a.value for a in kinds]) for name, kinds in accounts.items()}
    metered = floored.group_by(*HOUR_KEY).agg(
        pl.col("energy_j").sum(),
        pl.col("energy_j").filter(of["production_h"]).sum().alias("production_j"),
        *(scaled(pl.col("duration_us").filter(at).sum(), 3_600_000_000, 12).alias(name) for name, at in of.items()),
    )
    made = counts.with_columns(hour).group_by("production_day", "machine", "hour_at")
    pieces = made.agg(
        pl.col("good_pcs").sum(),
        pl.sum_horizontal("good_pcs", "scrap_pcs", "rework_pcs").sum().cast(pl.Float64).alias("pieces"),
    )
    joined = metered.join(pieces, on=["production_day", "machine", "hour_at"], how="left")
    return joined.with_columns(pl.col("good_pcs", "pieces").fill_null(0))


def baselines(by_hour: pl.LazyFrame, first: date, last: date) -> pl.LazyFrame:
    """Coefficients per machine and production day in kWh per hour or piece.

    No row below `TRAINING_HOURS`; a null coefficient where the training days had none of that feature.
    """
    energy = (pl.col("energy_j") / JOULE_PER_KWH).round(9).alias("kwh")
    table_of = by_hour.select("production_day", "machine", energy, *FEATURES)
    fitted = table_of.map_batches(
        lambda frame: _fit_days(frame, first, last),
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=_BASELINE,
    )
    return fitted.with_columns(known=pl.lit(value=True))


def _fit_days(frame: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Least squares per machine over the normal equations of each day, which add up over days."""
    daily: dict[str, dict[date, list[float]]] = {}
    for (machine, day), rows in frame.group_by("machine", "production_day"):
        daily.setdefault(str(machine), {})[day] = _moments(rows.select(*FEATURES, "kwh").rows())
    out = []
    for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
        for machine, known in sorted(daily.items()):
            window = [known[d] for n in range(1, TRAINING_DAYS + 1) if (d := day - timedelta(days=n)) in known]
            total = [fsum(column) for column in zip(*window, strict=True)]
            if total and total[-1] >= TRAINING_HOURS:
                out.append((day, machine, *_solve(total)))
    return pl.DataFrame(out, schema=_BASELINE, orient="row")


def _moments(rows: Sequence[tuple[float, ...]]) -> list[float]:
    """Sums of products of all pairs of (features, energy), then the hours. fsum: no order, no rounding."""
    width = len(FEATURES) + 1
    pairs = [fsum(r[i] * r[j] for r in rows) for i in range(width) for j in range(i, width)]
    return [*pairs, fsum(fsum(r[: width - 2]) for r in rows)]


def _solve(moments: Sequence[float]) -> list[float | None]:
    """Coefficients from the moments by Gauss-Jordan on the scaled normal equations.

    A feature that never occurs is null. One that the earlier features explain (pieces at a constant rate
    are production hours) is 0: its energy is in theirs.
    """
    width = len(FEATURES)
    full = iter(moments)
    gram = [[0.0] * (width + 1) for _ in range(width + 1)]
    for i in range(width + 1):
        for j in range(i, width + 1):
            gram[i][j] = gram[j][i] = next(full)
    scale = [gram[i][i] ** 0.5 for i in range(width)]
    rows = [[gram[i][j] / (scale[i] * (scale[j] if j < width else 1.0)) if scale[i] and (j == width or scale[j])
             else 0.0 for j in range(width + 1)] for i in range(width)]  # fmt: skip
    used = [_eliminate(rows, i) for i in range(width)]
    found = [rows[i][width] / scale[i] if used[i] else 0.0 for i in range(width)]
    return [found[i] if scale[i] else None for i in range(width)]


def _eliminate(rows: list[list[float]], i: int) -> bool:
    """Bring column i to a unit vector; False where nothing of it is left to explain."""
    pivot = rows[i][i]
    if pivot < _SAME_DIRECTION:
        return False
    rows[i] = [x / pivot for x in rows[i]]
    for k, row in enumerate(rows):
        if k != i and row[i]:
            factor = row[i]
            rows[k] = [x - factor * y for x, y in zip(row, rows[i], strict=True)]
    return True


def _part(name: str) -> pl.Expr:
    """What a feature adds to the expectation; a kind of hour that is not there needs no coefficient."""
    return pl.when(pl.col(name) > 0).then(pl.col(name) * pl.col(f"per_{name}")).otherwise(0.0)


def _priced(rows: pl.LazyFrame, tariffs: pl.LazyFrame) -> pl.LazyFrame:
    """Tariff valid on the production day; none before the first."""
    return rows.sort("production_day").join_asof(
        tariffs.sort("valid_from"), left_on="production_day", right_on="valid_from", by="site", strategy="backward",
        check_sortedness=False,
    )  # fmt: skip
