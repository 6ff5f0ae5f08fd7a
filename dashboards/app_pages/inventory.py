"""Inventory: what to do now, when to reorder, what matters, how old and how full it is, where it should lie."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from dashboards import curves, data, frame, words
from dashboards.frame import Choice, Fact
from dashboards.stock import data as stock
from dashboards.stock import parts
from dashboards.theme import spoken

ORDER = {"negative_stock": 0, "below_reorder_point": 1, "no_movement": 2}

HELP = """
* **On hand**: the sum of all postings up to the end of the production day. Less than nothing
  is a finding: a posting is missing.
* **Reorder at**: demand during the lead time plus safety stock. *When to reorder* goes by the aim of the class, the
  pattern of demand and what is on order; the table of every location by 95 % and a normal distribution.
* **Days of cover**: on hand / mean daily issues of 28 days. A dash: nothing was issued.
* **Turns**: cost of issues in a year / time-weighted average value, over 28 days.
* **ABC** by value of demand (80 / 95 / 100 %), **XYZ** by how even it is without trend and season (X even, Z erratic).
* **Runs out first**: the chance that stock and what is on its way do not last until an order placed now arrives.
* **Dead**: neither demand nor an arrival for long; **in excess**: above the cover allowed (`[stock]` in plant.toml).
"""


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    rows = data.inventory(day=choice.last, site=choice.site, material=None)
    if rows.is_empty():
        frame.nothing(f"There is no stock record for {words.day(choice.last)}. Choose another day above.")
        return
    st.subheader(f"End of {words.day(choice.last)}")
    alerts = rows.filter(pl.col("alert").is_not_null()).sort(pl.col("alert").replace_strict(ORDER, default=9))
    orders = stock.replenishment(site=choice.site).filter(pl.col("production_day") == choice.last)
    totals(rows, alerts, orders)
    findings(alerts, orders, choice.site)
    if orders.height:
        parts.replenishment(orders)
    one_material(rows, choice, orders)
    standing(choice, latest=orders.height > 0)
    everything(rows)
    frame.explain("How to read this", HELP)


def standing(choice: Choice, *, latest: bool) -> None:
    """How the stock stands: classes, age, room, layout, statements. All but the room is known of the last day only."""
    if latest:
        parts.classes(choice.site, data.currency())
        parts.age(choice.site, data.currency())
    parts.space(choice.site, choice.last)
    if latest:
        parts.layout(choice.site)
        parts.statements(choice.site)
    else:
        st.caption("Reorder points, classes, age and layout are those of the last day with stock.")


def totals(rows: pl.DataFrame, alerts: pl.DataFrame, orders: pl.DataFrame) -> None:
    """Stock of the plant in big numbers."""
    known = alerts.filter(pl.col("alert") == "below_reorder_point") if orders.is_empty() else orders.filter(
        pl.col("alert").is_in(["below_reorder_point", "stock_out"])
    )  # fmt: skip
    low = known.height
    wrong = alerts.filter(pl.col("alert") == "negative_stock").height
    still = alerts.filter(pl.col("alert") == "no_movement")
    frame.facts(
        [
            Fact("To reorder", words.number(low), "below the reorder point"),
            Fact("Wrong", words.number(wrong), "negative stock"),
            Fact("Not moving", words.number(still.height), f"{words.number(still['on_hand_value'].sum())} tied up"),
            Fact("Value", words.number(rows["on_hand_value"].sum(), data.currency()), "at cost"),
        ]
    )


def findings(alerts: pl.DataFrame, orders: pl.DataFrame, site: str) -> None:
    """What to do something about, as sentences. Where orders are decided on, they speak for the reorder points."""
    st.subheader("Needs attention")
    acted = orders.filter(pl.col("alert").is_not_null())
    if acted.height:
        parts.alerts(orders)
    if orders.height:
        alerts = alerts.filter(pl.col("alert") != "below_reorder_point")
    if alerts.is_empty() and acted.is_empty():
        st.success(
            "Nothing is below its reorder point, nothing is negative, everything moves.", icon=":material/check_circle:"
        )
    parts.listed(alerts, _finding)
    off = parts.differing(site) if orders.height else orders
    if off.height:
        parts.counted(off, data.currency())


def _finding(row: dict[str, Any]) -> None:
    cover = f" It lasts {words.number(row['days_of_cover'], 'days', 1)}." if row["days_of_cover"] is not None else ""
    point = (
        f", reorder at {words.number(row['reorder_point_qty'], row['unit'])}"
        if row["reorder_point_qty"] is not None
        else ""
    )
    st.markdown(
        f"{parts.icon(row['alert'])} **{row['material']}** at {row['location']}: "
        f"{spoken(row['alert'])}, {words.number(row['on_hand_qty'], row['unit'])} on hand{point}.{cover}"
    )


def one_material(rows: pl.DataFrame, choice: Choice, orders: pl.DataFrame) -> None:
    """One material over the chosen days."""
    st.subheader("One material")
    names = rows["material"].unique(maintain_order=True).to_list()
    material = st.selectbox("Material", names, key="material", bind="query-params")
    days = data.inventory_trend(first=choice.first, last=choice.last, site=choice.site, material=material)
    if days.is_empty():
        frame.nothing(f"{material} has no record on {choice.days}.")
        return
    unit = days["unit"][-1]
    shown = days.select("on_hand_qty", "reorder_point_qty", day="production_day")
    st.altair_chart(curves.stock(shown, unit), alt=f"Stock of {material} by day")
    has = days["reorder_point_qty"].drop_nulls().len() > 0
    said = "Dashed: demand of the lead time and its spread, day by day." if has else "No demand, so no reorder point."
    aimed = orders.filter(pl.col("material") == material)["reorder_point_qty"].drop_nulls()
    today = f" By its class it is reordered at {words.number(aimed[0], unit)} now." if aimed.len() else ""
    st.caption(f"All locations together. {said}{today}")


def everything(rows: pl.DataFrame) -> None:
    """Every material and location."""
    with st.expander("Every material and location", icon=":material/table:"):
        shown = rows.select(
            "material", "location", "on_hand_qty", "unit", "on_hand_value", "days_of_cover", "turns",
            "reorder_point_qty",
            "abc", "xyz", pl.col("alert").map_elements(spoken, return_dtype=pl.String),
        )  # fmt: skip
        st.dataframe(shown, hide_index=True, placeholder=words.DASH, column_config=COLUMNS, alt="Stock on hand")


COLUMNS = {
    "material": st.column_config.TextColumn("Material", pinned=True), "location": "Location", "unit": "Unit",
    "on_hand_qty": st.column_config.NumberColumn("On hand", format="%.0f"),
    "on_hand_value": st.column_config.NumberColumn("Value", format="localized"),
    "days_of_cover": st.column_config.NumberColumn("Days of cover", format="%.1f"),
    "turns": st.column_config.NumberColumn("Turns", format="%.1f"),
    "reorder_point_qty": st.column_config.NumberColumn("Reorder at", format="%.0f"),
    "abc": "ABC", "xyz": "XYZ", "alert": "Finding",
}  # fmt: skip

main()
