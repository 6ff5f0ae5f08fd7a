"""Charts of how a number came to be: its revisions, and the parts of a change. A frame in, an Altair chart out."""

from __future__ import annotations

import altair as alt
import polars as pl

from dashboards.charts import rows_px, when
from dashboards.theme import BLUE, GREEN, GREY, ORANGE, VERMILION

COLOURS = {
    "higher": {"Up": GREEN, "Down": VERMILION}, "lower": {"Up": VERMILION, "Down": GREEN},
    "context": {"Up": BLUE, "Down": ORANGE},
}  # fmt: skip
"""Colour of a rise and of a fall, by which way is better for the KPI."""
TOTAL = "The number"


def _round(unit: str) -> str:
    """Number format of an axis: as many digits as its ticks need."""
    return ".3~p" if unit == "1" else shape(unit)


def shape(unit: str) -> str:
    """Number format of a KPI's values in a chart."""
    return ".2%" if unit == "1" else ",.4~g"


def revisions(frame: pl.DataFrame, unit: str) -> alt.LayerChart:
    """A number from revision to revision. Needs at (wall clock), value, cause; null leaves a gap.

    The last row is of now and has no cause: it carries the line on and gets no dot.
    """
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(format=shape(unit), tickCount=5))
    x = alt.X("at:T", axis=alt.Axis(title=None, format="%-d %b %H:%M", labelOverlap=True, tickCount=4, grid=False))
    tips = [when("at", "Since", "%a %-d %b %H:%M:%S"), alt.Tooltip("value:Q", title="Value", format=shape(unit)),
            alt.Tooltip("cause:N", title="Because of")]  # fmt: skip
    base = alt.Chart(frame).encode(x=x, y=y)
    steps = base.mark_line(interpolate="step-after", color=BLUE, strokeWidth=2.5)
    return alt.layer(steps, base.mark_point(filled=True, size=80, color=BLUE).encode(tooltip=tips)).properties(
        height=200
    )


def waterfall(frame: pl.DataFrame, unit: str, better: str, number: str | None = None) -> alt.LayerChart:
    """The parts of a change from top to bottom. Needs label, start, end, total (bool), said; in the order shown.

    `number` is the format of the axis, else that of the unit.
    """
    kinds = pl.when("total").then(pl.lit(TOTAL)).when(pl.col("end") >= pl.col("start")).then(pl.lit("Up"))
    shown = frame.with_columns(kind=kinds.otherwise(pl.lit("Down")))
    colours = {TOTAL: GREY} | COLOURS[better]
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    low, high = _span(frame)
    x = alt.X("start:Q", title=None, scale=alt.Scale(domain=[low, high], zero=False),
              axis=alt.Axis(format=number or _round(unit), tickCount=4, labelOverlap=True))  # fmt: skip
    y = alt.Y("label:N", sort=frame["label"].to_list(), title=None, axis=alt.Axis(labelLimit=130))
    tips = [alt.Tooltip("label:N", title="Cause"), alt.Tooltip("said:N", title="Contribution")]
    base = alt.Chart(shown).encode(y=y, tooltip=tips)
    bars = base.mark_bar(height=16).encode(x=x, x2="end:Q", color=alt.Color("kind:N", scale=scale, legend=None))
    ticks = base.mark_tick(thickness=4, height=16, color=GREY).encode(x=x).transform_filter("datum.total")
    text = base.mark_text(align="left", dx=6, color=GREY, fontSize=12)
    text = text.encode(x=alt.X("right:Q"), text="said:N").transform_calculate(right="max(datum.start, datum.end)")
    return alt.layer(bars, ticks, text).properties(height=rows_px(frame.height))


def _span(frame: pl.DataFrame) -> tuple[float, float]:
    """The axis: from a bit below the least to well above the most, where the labels stand."""
    parts = frame.filter(~pl.col("total"))
    values = [*parts["start"], *parts["end"], *frame.filter("total")["end"]]
    low, high = min(values), max(values)
    room = (high - low) or abs(high) or 1.0
    return low - 0.15 * room, high + 0.6 * room
