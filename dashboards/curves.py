"""Curves along time: stock, energy, raw signals, risk, demand. A frame in, an Altair chart out; pure."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from dashboards.charts import DAY_AXIS, DAY_TIP, LEGEND, tip, when
from dashboards.theme import BLUE, GREEN, GREY, ORANGE, STATUS_COLOURS, VERMILION

_DAY_AND_HALF_H = 36
_WEEK_H = 8 * 24


def _time(frame: pl.DataFrame, field: str = "at:T") -> alt.X:
    """Time axis of column `at`; with the date once the instants spread over more than a day and a half."""
    hours = frame.select((pl.col("at").max() - pl.col("at").min()).dt.total_hours()).item() or 0
    shape = "%a %-d %b" if hours > _DAY_AND_HALF_H else "%H:%M"
    # Ticks closer than a day would name one day twice.
    ticks: Any = "day" if _DAY_AND_HALF_H < hours <= _WEEK_H else 5
    return alt.X(field, axis=alt.Axis(title=None, labelOverlap=True, tickCount=ticks, format=shape, grid=False))


def stock(frame: pl.DataFrame, unit: str) -> alt.LayerChart:
    """Stock on hand by day with the reorder point. Needs day, on_hand_qty, reorder_point_qty (may be null)."""
    tips = [
        DAY_TIP,
        tip("on_hand_qty", f"On hand, {unit}", ",.0f"),
        tip("reorder_point_qty", f"Reorder at, {unit}", ",.0f"),
    ]
    base = alt.Chart(frame).encode(x=alt.X("day:T", axis=DAY_AXIS), tooltip=tips)
    y = alt.Y("on_hand_qty:Q", title=unit, axis=alt.Axis(format="~s", tickCount=5))
    hand = base.mark_line(color=BLUE, strokeWidth=2.5, point={"size": 60, "color": BLUE}).encode(y=y)
    point = base.mark_line(color=VERMILION, strokeDash=[6, 4], strokeWidth=2).encode(y="reorder_point_qty:Q")
    return alt.layer(hand, point).properties(height=210)


def energy_use(frame: pl.DataFrame) -> alt.LayerChart:
    """Energy an hour: production, idling, and what the baseline expects as a dashed line.

    Needs at (wall clock), production_kwh, idle_kwh, expected_kwh (may be null).
    """
    names = {"production_kwh": "While producing", "idle_kwh": "While not producing"}
    long = frame.unpivot(on=list(names), index="at", variable_name="use", value_name="kwh")
    long = long.with_columns(pl.col("use").replace(names))
    scale = alt.Scale(domain=list(names.values()), range=[GREEN, ORANGE])
    bars = (
        alt.Chart(long)
        .mark_bar(binSpacing=0)
        .encode(
            x=_time(frame, "yearmonthdatehours(at):T"),
            y=alt.Y("kwh:Q", title="kWh an hour", axis=alt.Axis(tickCount=5)),
            color=alt.Color("use:N", scale=scale, legend=LEGEND),
            order=alt.Order("use:N", sort="descending"),
            tooltip=[when("at", "Hour"), alt.Tooltip("use:N", title="Use"), tip("kwh", "kWh")],
        )
    )
    dashed = alt.Chart(frame).mark_line(interpolate="step-after", color=GREY, strokeDash=[5, 3], strokeWidth=2)
    return alt.layer(bars, dashed.encode(x="at:T", y="expected_kwh:Q")).properties(height=240)


def cusum(frame: pl.DataFrame) -> alt.LayerChart:
    """Running sum of actual minus expected energy: rising is waste. Needs at (wall clock), cusum_kwh."""
    y = alt.Y("cusum_kwh:Q", title="kWh", axis=alt.Axis(tickCount=5))
    tips = [when("at", "Hour"), tip("cusum_kwh", "kWh", "+,.1f")]
    line = alt.Chart(frame).mark_line(color=VERMILION, strokeWidth=2.5).encode(x=_time(frame), y=y, tooltip=tips)
    zero = alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color=GREY).encode(y="zero:Q")
    return alt.layer(zero, line).properties(height=180)


def signal(frame: pl.DataFrame, unit: str, works: pl.DataFrame) -> alt.LayerChart:
    """A raw signal with the band of its own normal, and the maintenance on the machine.

    Needs at (wall clock), value, low, high (band; may be null). `works` needs at, kind.
    """
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    base = alt.Chart(frame).encode(x=_time(frame))
    band = base.mark_area(opacity=0.2, color=GREEN).encode(y="low:Q", y2="high:Q")
    tips = [
        when("at", "Time"),
        tip("value", unit, ",.2f"),
        tip("low", "normal from", ",.2f"),
        tip("high", "to", ",.2f"),
    ]
    line = base.mark_line(color=BLUE, strokeWidth=1.6).encode(y=y, tooltip=tips)
    marks = alt.Chart(works).mark_rule(color=VERMILION, strokeDash=[4, 3], strokeWidth=2)
    marks = marks.encode(x="at:T", tooltip=[when("at", "Maintenance"), alt.Tooltip("kind:N", title="Kind")])
    return alt.layer(band, line, *([] if works.is_empty() else [marks])).properties(height=190)


def risk(frame: pl.DataFrame) -> alt.LayerChart:
    """Probability of failure by decision time with the alert level. Needs at (wall clock), probability, threshold."""
    y = alt.Y("probability:Q", title=None, axis=alt.Axis(format=".0%", tickCount=4), scale=alt.Scale(domainMin=0))
    base = alt.Chart(frame).encode(x=_time(frame))
    tips = [when("at", "Scored"), tip("probability", "Probability", ".1%"), tip("threshold", "Alert level", ".1%")]
    line = base.mark_line(color=BLUE, strokeWidth=2.5, point={"size": 45, "color": BLUE}).encode(y=y, tooltip=tips)
    level = base.mark_line(color=VERMILION, strokeDash=[6, 4], strokeWidth=2).encode(y="threshold:Q")
    return alt.layer(line, level).properties(height=180)


def demand(past: pl.DataFrame, ahead: pl.DataFrame) -> alt.LayerChart:
    """Demand as it was and as expected. `past` needs day, quantity; `ahead` needs day, quantity, low, high, status."""
    x = alt.X("day:T", axis=alt.Axis(title=None, format="%-d %b", labelOverlap=True, tickCount=6, grid=False))
    y = alt.Y("quantity:Q", title=None, axis=alt.Axis(format="~s", tickCount=5), scale=alt.Scale(domainMin=0))
    was = (
        alt.Chart(past)
        .mark_line(color=GREY, strokeWidth=2)
        .encode(x=x, y=y, tooltip=[DAY_TIP, tip("quantity", "Ordered", ",.0f")])
    )
    base = alt.Chart(ahead).encode(x=x)
    band = base.mark_area(opacity=0.2, color=BLUE).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(color=BLUE, strokeWidth=2.5).encode(y=y)
    scale = alt.Scale(domain=list(STATUS_COLOURS), range=list(STATUS_COLOURS.values()))
    tips = [DAY_TIP, tip("quantity", "Expected", ",.0f"), tip("low", "from", ",.0f"), tip("high", "to", ",.0f")]
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(
        y=y,
        color=alt.Color("status:N", scale=scale, legend=LEGEND),
        tooltip=[*tips, alt.Tooltip("status:N", title="State")],
    )
    return alt.layer(was, band, line, dots).properties(height=240)
