"""What demand looks like: how much, how even, how often. Evenness is of what is left without trend and season.

A product with a strong season has a large spread over the year and may still be easy to plan; its XYZ class goes by the
residuals. Weekly sums carry no weekday pattern; trend and season are a straight line and two yearly harmonics by least
squares, used where the harmonics explain more than chance (F test at 1 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from models.replenishment.demand import Floats

YEAR_WEEKS = 365.25 / 7
HARMONICS = 2
SEASON_WEEKS = 78
"""Weeks of history a season is looked for in: one and a half years."""
CHANCE = 0.01
LEAST_WEEKS = 4
RECENT_WEEKS = 26
"""Weeks the mean and spread of replenishment are of."""
YEAR = 52
ADI_EDGE, CV2_EDGE = 1.32, 0.49
"""Borders of the patterns (Syntetos, Boylan, Croston 2005)."""
DAYS = 7


@dataclass(frozen=True)
class Panel:
    """Weekly demand of all materials: `values` items x weeks, oldest first, NaN before the records begin."""

    keys: pl.DataFrame
    values: Floats


def panel(weekly: pl.DataFrame) -> Panel:
    """The frame of `assets.kernels.stock.demand.weekly` as a matrix; `keys` has a row an item, in order."""
    keys = ["site", "material"]
    items = weekly.group_by(keys).agg(pl.col("basis", "weeks", "last_demand_day").first()).sort(keys)
    rows = weekly.join(items.select(keys).with_row_index("item"), on=keys)
    wide = int(weekly["week"].max() or 0) + 1 if weekly.height else 0  # type: ignore[arg-type]
    values = np.full((items.height, wide), np.nan)
    begun = items["weeks"].to_numpy()
    for i, weeks in enumerate(begun):
        values[i, wide - min(max(int(weeks), 1), wide) :] = 0.0
    inside = rows.filter(pl.col("week") < pl.col("weeks").clip(1))
    values[inside["item"].to_numpy(), wide - 1 - inside["week"].to_numpy()] = inside["qty"].to_numpy()
    return Panel(items, values)


def described(found: Panel) -> pl.DataFrame:
    """One row an item: its keys and demand_qty, mean_d, sd_d, cv, residual_cv, seasonal, xyz, adi, cv2, pattern.

    The mean and spread a day are of the last 26 whole weeks; the variations of all weeks. Without a whole week: null.
    """
    rows = [
        _item(values[~np.isnan(values)], int(n)) for values, n in zip(found.values, found.keys["weeks"], strict=True)
    ]
    schema = {
        "demand_qty": pl.Float64(), "mean_d": pl.Float64(), "sd_d": pl.Float64(), "cv": pl.Float64(),
        "residual_cv": pl.Float64(), "seasonal": pl.Boolean(), "xyz": pl.String(), "adi": pl.Float64(),
        "cv2": pl.Float64(), "pattern": pl.String(),
    }  # fmt: skip
    return found.keys.hstack(pl.DataFrame(rows, schema=schema, orient="row"))


def _item(weeks: Floats, whole: int) -> tuple[float | bool | str | None, ...]:
    if whole < 1:
        return float(weeks.sum()), None, None, None, None, False, None, None, None, None
    recent = weeks[-RECENT_WEEKS:]
    spread = float(np.sqrt(recent.var(ddof=1) / DAYS)) if len(recent) > 1 else None
    cv = _variation(weeks)
    residual, seasonal = residual_variation(weeks)
    used = residual if seasonal else cv
    adi, cv2 = _intervals(weeks)
    return (
        float(weeks[-YEAR:].sum()), float(recent.mean() / DAYS), spread, cv, residual, seasonal,
        None if used is None else "X" if used <= 0.5 else "Y" if used <= 1.0 else "Z", adi, cv2, _pattern(adi, cv2),
    )  # fmt: skip


def _variation(weeks: Floats) -> float | None:
    if len(weeks) < LEAST_WEEKS or weeks.mean() <= 0:
        return None
    return float(weeks.std(ddof=1) / weeks.mean())


def residual_variation(weeks: Floats) -> tuple[float | None, bool]:
    """Variation of weekly demand without trend and yearly season, and whether that season is more than chance.

    Null and false with less than 78 weeks or without demand. The degrees of freedom of the fit are taken off.
    """
    if len(weeks) < SEASON_WEEKS or weeks.mean() <= 0:
        return None, False
    t = np.arange(len(weeks), dtype=np.float64)
    line = np.column_stack([np.ones_like(t), t / len(t)])
    turns = [f(2 * np.pi * k * t / YEAR_WEEKS) for k in range(1, HARMONICS + 1) for f in (np.sin, np.cos)]
    full = np.column_stack([line, *turns])
    plain, rest = _squares(line, weeks), _squares(full, weeks)
    free = len(weeks) - full.shape[1]
    if rest <= 1e-12 * max(plain, 1e-12):
        return 0.0, plain > 1e-9 * float((weeks**2).sum())
    gain = (plain - rest) / len(turns) / (rest / free)
    return float(np.sqrt(rest / free) / weeks.mean()), bool(stats.f.sf(gain, len(turns), free) < CHANCE)


def _squares(inputs: Floats, weeks: Floats) -> float:
    fit = inputs @ np.linalg.lstsq(inputs, weeks, rcond=None)[0]
    return float(((weeks - fit) ** 2).sum())


def _intervals(weeks: Floats) -> tuple[float | None, float | None]:
    """Weeks a week with demand, and the squared variation of its sizes."""
    sizes = weeks[weeks > 0]
    if not len(sizes):
        return None, None
    return len(weeks) / len(sizes), float(sizes.var() / sizes.mean() ** 2)


def _pattern(adi: float | None, cv2: float | None) -> str | None:
    if adi is None or cv2 is None:
        return None
    if adi < ADI_EDGE:
        return "smooth" if cv2 < CV2_EDGE else "erratic"
    return "intermittent" if cv2 < CV2_EDGE else "lumpy"
