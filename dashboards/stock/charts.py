"""Charts of stock as it stands. Frame in, chart out."""

from __future__ import annotations

import altair as alt
import polars as pl

from dashboards.charts import DAY_TIP, LEGEND, rows_px, tip
from dashboards.theme import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION

KINDS = {"raw": SKY, "semi": ORANGE, "finished": BLUE, "unknown": GREY}
FULL, NEARLY = 1.0, 0.85


def matrix(frame: pl.DataFrame, money: str) -> alt.LayerChart:
    """Classes as a grid: value of demand as shade, how many materials as a number. Needs abc, xyz, and the sums."""
    known = frame.drop_nulls(["abc", "xyz"]).with_columns(
        label=pl.col("materials").cast(pl.String), dark=pl.col("demand_value") > pl.col("demand_value").max() / 2
    )
    tips = [alt.Tooltip("abc:N", title="By value"), alt.Tooltip("xyz:N", title="By evenness"),
            tip("materials", "Materials", ",.0f"), tip("demand_value", f"Demand in 52 weeks, {money}", ",.0f"),
            tip("on_hand_value", f"Stock, {money}", ",.0f"), alt.Tooltip("names:N", title="Which")]  # fmt: skip
    domain = {"abc": ["A", "B", "C"], "xyz": ["X", "Y", "Z"]}
    base = alt.Chart(known).encode(
        x=alt.X("xyz:N", scale=alt.Scale(domain=domain["xyz"]), axis=alt.Axis(title="X even, Z erratic", labelAngle=0)),
        y=alt.Y("abc:N", scale=alt.Scale(domain=domain["abc"]), axis=alt.Axis(title="A most value")),
        tooltip=tips,
    )
    shade = alt.Color("demand_value:Q", scale=alt.Scale(range=["#D6E6F2", BLUE]), legend=None)
    text = alt.condition("datum.dark", alt.value("white"), alt.value("#222222"))
    tiles = base.mark_rect(cornerRadius=4).encode(color=shade)
    return alt.layer(tiles, base.mark_text(fontSize=20).encode(text="label:N", color=text)).properties(height=210)


def ages(frame: pl.DataFrame, money: str) -> alt.Chart:
    """Value of stock by age and kind of material. Needs from_d, bucket, kind, value."""
    order = frame.sort("from_d")["bucket"].unique(maintain_order=True).to_list()
    seen = [k for k in KINDS if k in frame["kind"].unique().to_list()]
    scale = alt.Scale(domain=seen, range=[KINDS[k] for k in seen])
    tips = [alt.Tooltip("bucket:N", title="Age"), alt.Tooltip("kind:N", title="Kind"),
            tip("value", f"Value, {money}", ",.0f"), tip("materials", "Materials", ",.0f")]  # fmt: skip
    return (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            y=alt.Y("bucket:N", sort=order, title=None, axis=alt.Axis(labelLimit=120)),
            x=alt.X("value:Q", title=money or "Value", axis=alt.Axis(format="~s", tickCount=5)),
            color=alt.Color("kind:N", scale=scale, legend=LEGEND),
            tooltip=tips,
        )
        .properties(height=rows_px(len(order), 1) + 40)
    )


def space(frame: pl.DataFrame) -> alt.LayerChart:
    """Share of each zone that is used at the end of the last day, with the line of being full. Needs zone, share."""
    shade = alt.Color("state:N", legend=None, scale=alt.Scale(domain=["full", "nearly", "room"],
                                                              range=[VERMILION, ORANGE, GREEN]))  # fmt: skip
    state = pl.when(pl.col("share") > FULL).then(pl.lit("full")).when(pl.col("share") > NEARLY).then(
        pl.lit("nearly")
    ).otherwise(pl.lit("room"))  # fmt: skip
    shown = frame.with_columns(state=state)
    tips = [DAY_TIP, alt.Tooltip("zone:N", title="Zone"), tip("share", "Used", ".1%"),
            tip("used", "Space used", ",.0f"), tip("capacity", "Space", ",.0f"),
            tip("materials", "Materials", ",.0f")]  # fmt: skip
    top = max(1.0, float(frame["share"].max() or 0.0))  # type: ignore[arg-type]
    x = alt.X("share:Q", title=None, axis=alt.Axis(format=".0%", tickCount=5), scale=alt.Scale(domain=[0, top]))
    base = alt.Chart(shown).encode(
        y=alt.Y("zone:N", title=None, sort="-x", axis=alt.Axis(labelLimit=120)), tooltip=tips
    )
    bars = base.mark_bar().encode(x=x, color=shade)
    text = base.mark_text(align="left", dx=4, color=GREY).encode(x=x, text=alt.Text("share:Q", format=".0%"))
    return alt.layer(bars, text).properties(height=rows_px(frame.height, 1) + 20)
