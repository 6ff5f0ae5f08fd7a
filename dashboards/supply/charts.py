"""Charts of the supply page. Frame in, chart out."""

from __future__ import annotations

import altair as alt
import polars as pl

from dashboards.charts import LEGEND, tip
from dashboards.theme import BLUE, ORANGE, SKY


def by_week(frame: pl.DataFrame) -> alt.LayerChart:
    """On time in full by week, all partners together: line, and lines due as bars behind it. Needs week, due, otif."""
    summed = frame.group_by("week").agg(pl.col("due", "otif").sum()).sort("week")
    shown = summed.with_columns(value=pl.col("otif") / pl.col("due"))
    tips = [alt.Tooltip("week:T", title="Week of", format="%-d %b %Y"), tip("value", "On time in full", ".0%"),
            tip("due", "Lines due", ",.0f")]  # fmt: skip
    weeks = shown["week"].to_list()
    axis = alt.Axis(title=None, format="%-d %b", labelOverlap=True, grid=False, values=weeks[:: -(-len(weeks) // 13)])
    base = alt.Chart(shown).encode(x=alt.X("week:T", axis=axis), tooltip=tips)
    bars = base.mark_bar(color=SKY, opacity=0.35, width={"band": 0.7}).encode(
        y=alt.Y("due:Q", axis=alt.Axis(title="Lines due", orient="right", grid=False, tickCount=3))
    )
    line = base.mark_line(color=BLUE, strokeWidth=2.5, point={"size": 50, "color": BLUE}).encode(
        y=alt.Y("value:Q", axis=alt.Axis(title=None, format=".0%", tickCount=5), scale=alt.Scale(domain=[0, 1]))
    )
    both: alt.LayerChart = alt.layer(bars, line).resolve_scale(y="independent").properties(height=210)
    return both


def lead_times(frame: pl.DataFrame) -> alt.LayerChart:
    """Days from order to receipt: 10 % to 90 % as a bar, the median as a tick, what was agreed as a diamond.

    Needs name, p10_d, p50_d, p90_d, agreed_d, n.
    """
    labels = alt.Axis(labelLimit=110)
    y = alt.Y("name:N", sort=frame["name"].to_list(), title=None, axis=labels)
    days = {
        "p10_d": "10 % within, days",
        "p50_d": "Half within, days",
        "p90_d": "90 % within, days",
        "agreed_d": "Agreed",
    }
    tips = [alt.Tooltip("name:N", title="Supplier"), tip("n", "Lines", ",.0f"), *(tip(c, t) for c, t in days.items())]
    base = alt.Chart(frame.with_columns(what=pl.lit("Agreed"))).encode(y=y, tooltip=tips)
    x = alt.X("p10_d:Q", axis=alt.Axis(title="Days from order to receipt", tickCount=6), scale=alt.Scale(zero=True))
    bars = base.mark_bar(height=12, opacity=0.35, color=BLUE).encode(x=x, x2="p90_d:Q")
    ticks = base.mark_tick(color=BLUE, thickness=3, size=18).encode(x="p50_d:Q")
    words = alt.Scale(domain=["Agreed"], range=[ORANGE])
    agreed = base.mark_point(shape="diamond", filled=True, size=110, opacity=1).encode(
        x="agreed_d:Q", color=alt.Color("what:N", scale=words, legend=LEGEND)
    )
    # The axis and the legend are inside the height (Streamlit fits charts so).
    return alt.layer(bars, ticks, agreed).properties(height=36 * frame.height + 100)  # type: ignore[return-value]  # a layer stays one
