"""Charts of any KPI in its unit: scopes held against each other, and one scope over time. A frame in, a chart out."""

from __future__ import annotations

import altair as alt
import polars as pl

from dashboards.charts import LEGEND, rows_px, tip
from dashboards.theme import BLUE, GREY, PINK
from dashboards.waterfall import shape

SAID = {True: "Rank certain", False: "Rank not certain"}
AXES = {"hour": "%a %H:%M", "shift": "%a %-d %H:%M", "day": "%a %-d %b", "week": "%-d %b", "month": "%b %Y"}
"""How the axis names a period of each grain."""
TICKS = {"hour": 5, "shift": 5, "day": "day", "week": "week", "month": "month"}


def compared(frame: pl.DataFrame, title: str, unit: str) -> alt.LayerChart:
    """Best first: value as a dot, bounds as a bar; grey where the order is not decided.

    Needs scope, value, low, high (null: nothing limits the value), decided, said (the value in words).
    """
    shown = frame.with_columns(order=pl.col("decided").replace_strict(SAID, return_dtype=pl.String))
    colour = alt.Color("order:N", legend=LEGEND, scale=alt.Scale(domain=list(SAID.values()), range=[BLUE, GREY]))
    y = alt.Y("scope:N", sort=frame["scope"].to_list(), title=None, axis=alt.Axis(labelLimit=110))
    base = alt.Chart(shown).encode(y=y, color=colour, tooltip=[alt.Tooltip("scope:N", title="Of"), *_tips(title, unit)])
    x = {"axis": _axis(unit), "scale": _with_room(frame)}
    bars = base.mark_bar(height=8, opacity=0.35).encode(x=alt.X("low:Q", **x), x2="high:Q")
    dots = base.mark_point(filled=True, size=130, opacity=1).encode(x=alt.X("value:Q", **x))
    text = base.mark_text(align="left", dx=10, fontSize=12).transform_calculate(
        right="isValid(datum.high) ? datum.high : datum.value"
    )
    said = text.encode(x="right:Q", text="said:N", color=alt.value(GREY))
    return alt.layer(bars, dots, said).properties(height=rows_px(frame.height, 1))


def over_time(frame: pl.DataFrame, title: str, unit: str, grain: str) -> alt.LayerChart:
    """A KPI from period to period with its bounds. Needs at (wall clock), value, low, high; null leaves a gap."""
    axis = alt.Axis(title=None, format=AXES[grain], labelOverlap=True, tickCount=TICKS[grain], grid=False)
    since = alt.Tooltip("at:T", title="From", format="%a %-d %b %H:%M" if grain in {"hour", "shift"} else "%a %-d %b")
    base = alt.Chart(frame).encode(x=alt.X("at:T", axis=axis))
    y = alt.Y("low:Q", axis=_axis(unit), scale=_near())
    bounds = base.mark_rule(strokeWidth=5, opacity=0.4, color=PINK).encode(y=y, y2="high:Q")
    line = base.mark_line(color=BLUE, strokeWidth=2.5, point={"size": 60, "color": BLUE})
    value = alt.Y("value:Q", axis=_axis(unit), scale=_near())
    return alt.layer(bounds, line.encode(y=value, tooltip=[since, *_tips(title, unit)])).properties(height=210)


def _axis(unit: str) -> alt.Axis:
    return alt.Axis(title=None if unit == "1" else unit, format="~%" if unit == "1" else "~s", tickCount=4)


def _near() -> alt.Scale:
    """An axis that need not begin at 0, so that a move shows."""
    return alt.Scale(zero=False, nice=True)


def _with_room(frame: pl.DataFrame) -> alt.Scale:
    """From a bit below the least to well above the most, where the words stand."""
    ends = [v for c in ("low", "value", "high") for v in frame[c].drop_nulls()]
    low, high = min(ends), max(ends)
    room = (high - low) or abs(high) or 1.0
    return alt.Scale(domain=[low - 0.1 * room, high + 0.5 * room], zero=False, nice=False)


def _tips(title: str, unit: str) -> list[alt.Tooltip]:
    return [tip("value", title, shape(unit)), tip("low", "at least", shape(unit)), tip("high", "at most", shape(unit))]
