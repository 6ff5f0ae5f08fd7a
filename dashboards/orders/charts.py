"""Charts of orders: where their time went, how much is in progress. A frame in, an Altair chart out."""

from __future__ import annotations

import altair as alt
import polars as pl

from dashboards.charts import DAY_AXIS, DAY_TIP, NARROW_LEGEND, legend_rows, palette, rows_px, tip
from dashboards.theme import BLUE, GREEN, GREY, ORANGE, PALE, PINK, SKY, VERMILION

BUCKET_WORDS = {
    "queue_us": "Queue", "setup_us": "Set-up", "run_us": "Running", "interrupted_us": "Stopped", "wait_us": "Waiting",
    "planned_us": "Break", "not_scheduled_us": "No shift", "unknown_us": "No signal",
}  # fmt: skip
"""Where the lead time of an order went, in the order it is stacked."""
BUCKET_COLOURS = {
    "queue_us": ORANGE, "setup_us": SKY, "run_us": GREEN, "interrupted_us": VERMILION, "wait_us": "#B59A00",
    "planned_us": GREY, "not_scheduled_us": PALE, "unknown_us": PINK,
}  # fmt: skip
PART_WORDS = {
    "volume": "Other quantity", "price": "Prices and rates", "usage": "Material, energy used",
    "efficiency": "Speed, hours", "downtime": "Standing machines", "unknown": "No signal", "yield": "Scrapped pieces",
}  # fmt: skip
"""Parts between planned and actual cost as people say them, from planned on."""


def lead_time(rows: pl.DataFrame) -> alt.Chart:
    """Hours by order and bucket, stacked. Needs order_id and the buckets in microseconds; shown in the order given."""
    long = rows.select("order_id", *BUCKET_WORDS).unpivot(index="order_id", variable_name="what", value_name="us")
    shown = long.filter(pl.col("us") > 0).with_columns(
        hours=pl.col("us") / 3.6e9,
        rank=pl.col("what").replace_strict(list(BUCKET_WORDS), range(len(BUCKET_WORDS)), return_dtype=pl.Int64),
        what=pl.col("what").replace(BUCKET_WORDS),
    )
    scale = palette(BUCKET_WORDS, BUCKET_COLOURS, shown["what"])
    chart = alt.Chart(shown).mark_bar().encode(
        x=alt.X("hours:Q", axis=alt.Axis(title=None, format=",.0f", tickCount=5, labelExpr="datum.label + ' h'")),
        y=alt.Y("order_id:N", sort=rows["order_id"].to_list(), title=None, axis=alt.Axis(labelLimit=120)),
        color=alt.Color("what:N", scale=scale, legend=NARROW_LEGEND), order="rank:Q",
        tooltip=[alt.Tooltip("order_id:N", title="Order"), alt.Tooltip("what:N", title="What"), tip("hours", "Hours")],
    )  # fmt: skip
    sized: alt.Chart = chart.properties(height=rows_px(rows.height, legend_rows(len(scale.domain), 2)))
    return sized


def in_progress(rows: pl.DataFrame, column: str, title: str) -> alt.LayerChart:
    """A quantity in progress by day. Needs day and the column; null leaves a gap."""
    y = alt.Y(f"{column}:Q", title=None, axis=alt.Axis(tickCount=4, format="~s"), scale=alt.Scale(zero=True))
    base = alt.Chart(rows).encode(x=alt.X("day:T", axis=DAY_AXIS), y=y, tooltip=[DAY_TIP, tip(column, title)])
    line = base.mark_line(color=BLUE, strokeWidth=2.5)
    points = base.mark_point(filled=True, size=70, color=BLUE)
    drawn: alt.LayerChart = alt.layer(line, points).properties(height=170)
    return drawn


def steps(row: dict[str, float | None]) -> pl.DataFrame:
    """From planned to actual cost as rows of `waterfall.waterfall`; parts of nothing are left out.

    Raises:
        KeyError: the row lacks a level or part of `order_data.variance`.
    """
    at, rows = float(row["planned"] or 0.0), []
    rows.append(("Planned", at, at, True, f"{at:,.0f}"))
    for part, word in PART_WORDS.items():
        value = float(row[part] or 0.0)
        if abs(value) >= 0.5:
            sign = "+" if value > 0 else "\N{MINUS SIGN}"
            rows.append((word, at, at + value, False, f"{sign}{abs(value):,.0f}"))
        at += value
        if part == "volume":
            rows.append(("Standard", at, at, True, f"{at:,.0f}"))
    rows.append(("Actual", at, at, True, f"{at:,.0f}"))
    return pl.DataFrame(rows, schema=["label", "start", "end", "total", "said"], orient="row")
