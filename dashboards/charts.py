"""Charts of time and pieces: a frame in, an Altair chart out. Pure: nothing is read, summed or shown here.

Curves of stock, energy, signals and demand are in `dashboards.curves`. Instants arrive in the site's
wall clock without a zone (`clock.wall`), so that a chart shows the site's time in whatever zone the browser is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import altair as alt
import polars as pl

from dashboards.theme import (
    ACCOUNT_COLOURS,
    ACCOUNT_WORDS,
    BLUE,
    CLASS_COLOURS,
    CLASS_WORDS,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SKY,
    VERMILION,
    spoken,
)

ROW_PX = 30
LEGEND_COLUMNS = 3  # that many words fit on a phone
LEGEND = alt.Legend(orient="top", title=None, columns=LEGEND_COLUMNS, labelLimit=120, symbolOpacity=1)
NARROW_LEGEND = alt.Legend(orient="top", title=None, columns=2, labelLimit=140, symbolOpacity=1)
DAY_AXIS = alt.Axis(title=None, format="%a %-d %b", labelOverlap=True, tickCount="day", grid=False)
HOUR_AXIS = alt.Axis(title=None, format="%H:%M", labelOverlap=True, tickCount=6)
DAY_TIP = alt.Tooltip("day:T", title="Day", format="%a %-d %b")


def tip(field: str, title: str, shape: str = ",.1f") -> alt.Tooltip:
    """A number in a tooltip."""
    return alt.Tooltip(f"{field}:Q", title=title, format=shape)


def when(field: str, title: str, shape: str = "%a %-d %b %H:%M") -> alt.Tooltip:
    """An instant in a tooltip."""
    return alt.Tooltip(f"{field}:T", title=title, format=shape)


def palette(words: Mapping[str, str], colours: Mapping[str, str], present: pl.Series) -> alt.Scale:
    """The fixed colours of the words that occur: the same word has the same colour on every page."""
    keys = [k for k in words if words[k] in set(present)]
    return alt.Scale(domain=[words[k] for k in keys], range=[colours[k] for k in keys])


def worded(frame: pl.DataFrame, column: str, words: Mapping[str, str]) -> pl.DataFrame:
    """Codes replaced by the words people read."""
    return frame.with_columns(pl.col(column).replace({str(k): v for k, v in words.items()}))


def rows_px(count: int, legend: int = 0) -> int:
    """Height for that many lanes or bars, the axis below and so many rows of legend above them."""
    return max(1, count) * ROW_PX + 45 + (30 + 18 * legend if legend else 0)


def legend_rows(count: int, columns: int = LEGEND_COLUMNS) -> int:
    """Rows a legend of so many words takes."""
    return -(-count // columns)


def around(frame: pl.DataFrame, *columns: str) -> alt.Scale:
    """A scale of ratios from the ten percent below the least to the ten above the most, so that a move shows."""
    low = min((v for c in columns if (v := frame[c].min()) is not None), default=0.0)
    high = max((v for c in columns if (v := frame[c].max()) is not None), default=1.0)
    return alt.Scale(domain=[max(0.0, math.floor(10 * low - 0.2) / 10), math.ceil(10 * high + 0.2) / 10])


def trend(frame: pl.DataFrame, title: str) -> alt.LayerChart:
    """A ratio by day with the band unknown time leaves. Needs day, value, low, high; null leaves a gap."""
    y = alt.Y("low:Q", axis=alt.Axis(title=None, format=".0%", tickCount=5), scale=around(frame, "low", "high"))
    base = alt.Chart(frame).encode(x=alt.X("day:T", axis=DAY_AXIS))
    tips = [DAY_TIP, tip("value", title, ".1%"), tip("low", "at least", ".1%"), tip("high", "at most", ".1%")]
    band = base.mark_area(opacity=0.2, color=PINK).encode(y=y, y2="high:Q")
    bounds = base.mark_rule(strokeWidth=4, opacity=0.5, color=PINK).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(color=BLUE, strokeWidth=2.5, point={"size": 60, "color": BLUE})
    return alt.layer(band, bounds, line.encode(y="value:Q", tooltip=tips)).properties(height=210)


def ranking(frame: pl.DataFrame) -> alt.LayerChart:
    """Best first: value as a dot, bounds as a bar; grey where the order is not decided.

    Needs scope, value, low, high, decided (false where the bounds overlap a neighbour's).
    """
    said = {True: "Rank certain", False: "Rank not certain"}
    shown = frame.with_columns(order=pl.col("decided").replace_strict(said, return_dtype=pl.String))
    colour = alt.Color("order:N", legend=LEGEND, scale=alt.Scale(domain=list(said.values()), range=[BLUE, GREY]))
    y = alt.Y("scope:N", sort=frame["scope"].to_list(), title=None, axis=alt.Axis(labelLimit=110))
    x = alt.X("low:Q", axis=alt.Axis(title=None, format=".0%", tickCount=5), scale=around(frame, "low", "high"))
    tips = [alt.Tooltip("scope:N", title="Machine"), tip("value", "OEE", ".1%")]
    tips += [tip("low", "at least", ".1%"), tip("high", "at most", ".1%")]
    base = alt.Chart(shown).encode(y=y, color=colour, tooltip=tips)
    bars = base.mark_bar(height=8, opacity=0.35).encode(x=x, x2="high:Q")
    dots = base.mark_point(filled=True, size=130, opacity=1).encode(x="value:Q")
    return alt.layer(bars, dots).properties(height=rows_px(frame.height, 1))


def timeline(frame: pl.DataFrame) -> alt.Chart:
    """What every machine did when, one lane a machine.

    Needs machine, start_at, end_at (wall clock), account, reason, order_id, product.
    """
    shown = worded(frame, "account", ACCOUNT_WORDS)
    colours = palette(ACCOUNT_WORDS, ACCOUNT_COLOURS, shown["account"])
    names = {"machine": "Machine", "account": "What", "reason": "Reason", "order_id": "Order", "product": "Product"}
    tips = [alt.Tooltip(f"{c}:N", title=t) for c, t in names.items()]
    tips[3:3] = [when("start_at", "From", "%H:%M:%S"), when("end_at", "To", "%H:%M:%S")]
    chart = (
        alt.Chart(shown)
        .mark_bar(clip=True)
        .encode(
            x=alt.X("start_at:T", axis=HOUR_AXIS),
            x2="end_at:T",
            y=alt.Y("machine:N", title=None, axis=alt.Axis(labelLimit=90), scale=alt.Scale(paddingInner=0.25)),
            color=alt.Color("account:N", scale=colours, legend=LEGEND),
            tooltip=tips,
        )
    )
    return chart.properties(height=rows_px(shown["machine"].n_unique(), legend_rows(len(colours.domain))))


def accounts(frame: pl.DataFrame) -> alt.Chart:
    """How the time of each machine was spent. Needs scope, account, hours."""
    order = list(ACCOUNT_WORDS.values())
    shown = worded(frame, "account", ACCOUNT_WORDS)
    shown = shown.with_columns(rank=pl.col("account").replace_strict(order, range(len(order)), default=99))
    scale = palette(ACCOUNT_WORDS, ACCOUNT_COLOURS, shown["account"])
    chart = (
        alt.Chart(shown)
        .mark_bar()
        .encode(
            x=alt.X("hours:Q", stack="normalize", axis=alt.Axis(title=None, format=".0%", tickCount=5)),
            y=alt.Y("scope:N", title=None, axis=alt.Axis(labelLimit=90)),
            color=alt.Color("account:N", scale=scale, legend=LEGEND),
            order="rank:Q",
            tooltip=[
                alt.Tooltip("scope:N", title="Machine"),
                alt.Tooltip("account:N", title="What"),
                tip("hours", "Hours"),
            ],
        )
    )
    return chart.properties(height=rows_px(shown["scope"].n_unique(), legend_rows(len(scale.domain))))


def pareto(frame: pl.DataFrame) -> alt.LayerChart:
    """Losses, longest first, each with its hours and share. Takes rows of `data.losses`, in their order."""
    shown = worded(frame, "reason_class", CLASS_WORDS).with_columns(
        hours=pl.col("duration_s") / 3600,
        label=pl.format(
            "{} h · {} %", (pl.col("duration_s") / 3600).round(1), (100 * pl.col("share")).round().cast(pl.Int64)
        ),
        cause=pl.col("reason").map_elements(spoken, return_dtype=pl.String),
    )
    scale = palette(CLASS_WORDS, CLASS_COLOURS, shown["reason_class"])
    tips = [alt.Tooltip("cause:N", title="Reason"), alt.Tooltip("reason_class:N", title="Kind")]
    tips += [tip("hours", "Hours"), tip("stops", "Stops", ","), tip("cumulative_share", "Down to here", ".0%")]
    placed = shown.with_row_index("place").with_columns(lane=pl.format("{}|{}", "cause", "place"))
    # Two rows may have one reason and different kinds: the lane is both, its label only the reason.
    lane = alt.Y("lane:N", sort=placed["lane"].to_list(), title=None,
                 axis=alt.Axis(labelLimit=120, labelExpr="split(datum.label, '|')[0]"))  # fmt: skip
    room = 1.6 * float(placed["hours"].max() or 1.0)  # type: ignore[arg-type]  # room right of the longest bar
    base = alt.Chart(placed).encode(
        y=lane, x=alt.X("hours:Q", axis=None, scale=alt.Scale(domain=[0, room])), tooltip=tips
    )  # fmt: skip
    bars = base.mark_bar().encode(color=alt.Color("reason_class:N", scale=scale, legend=NARROW_LEGEND))
    text = base.mark_text(align="left", dx=5, color=GREY, fontSize=12).encode(text="label:N")
    return alt.layer(bars, text).properties(height=rows_px(frame.height, legend_rows(len(scale.domain), 2)) - 20)


def pieces(frame: pl.DataFrame) -> alt.Chart:
    """Pieces by day, good and scrapped. Needs day, kind ("good" or "scrap"), pcs."""
    shown = worded(frame, "kind", {"good": "Good", "scrap": "Scrap"})
    scale = alt.Scale(domain=["Good", "Scrap"], range=[GREEN, VERMILION])
    chart = (
        alt.Chart(shown)
        .mark_bar()
        .encode(
            x=alt.X("yearmonthdate(day):T", axis=DAY_AXIS),
            y=alt.Y("pcs:Q", title=None, axis=alt.Axis(format="~s", tickCount=5)),
            color=alt.Color("kind:N", scale=scale, legend=LEGEND),
            tooltip=[DAY_TIP, alt.Tooltip("kind:N", title="What"), tip("pcs", "Pieces", ",")],
        )
    )
    return chart.properties(height=200)


def by_series(frame: pl.DataFrame, title: str) -> alt.Chart:
    """One line a series of a ratio by day. Needs day, series, value; null leaves a gap."""
    frame = frame.filter(pl.col("value").is_not_null().any().over("series"))
    names = frame["series"].unique().sort().to_list()
    colours = [BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, GREY]
    scale = alt.Scale(domain=names, range=colours)
    axis = alt.Axis(format=".1%", tickCount=5)
    chart = (
        alt.Chart(frame)
        .mark_line(point={"size": 50}, strokeWidth=2)
        .encode(
            x=alt.X("day:T", axis=DAY_AXIS),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=axis),
            color=alt.Color("series:N", legend=LEGEND, scale=scale),
            tooltip=[DAY_TIP, alt.Tooltip("series:N", title="What"), tip("value", title, ".1%")],
        )
    )
    return chart.properties(height=230)


def coverage(frame: pl.DataFrame) -> alt.LayerChart:
    """Share of planned time with a trustworthy signal, machine by day. Needs day (text), scope, value."""
    days = frame["day"].unique(maintain_order=True).to_list()
    base = alt.Chart(frame).encode(
        x=alt.X("day:N", sort=days, title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("scope:N", title=None, axis=alt.Axis(labelLimit=90)),
        tooltip=[
            alt.Tooltip("scope:N", title="Machine"),
            alt.Tooltip("day:N", title="Day"),
            tip("value", "Coverage", ".1%"),
        ],
    )
    scale = alt.Scale(type="threshold", domain=[0.8, 0.95], range=[VERMILION, "#A66F00", BLUE])
    tiles = base.mark_rect(stroke="#8A8F9840").encode(color=alt.Color("value:Q", scale=scale, legend=None))
    text = base.mark_text(fontSize=11, color="white").encode(text=alt.Text("value:Q", format=".3~p"))
    return alt.layer(tiles, text).properties(height=rows_px(frame["scope"].n_unique()))
