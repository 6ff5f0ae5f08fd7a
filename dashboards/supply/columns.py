"""Columns of the tables of the supply page, in the words of a buyer."""

from __future__ import annotations

from typing import Any

import streamlit as st


def _number(label: str, shape: str = "localized") -> Any:
    return st.column_config.NumberColumn(label, format=shape)


def _share(label: str) -> Any:
    return st.column_config.ProgressColumn(label, format="%.0f %%", min_value=0, max_value=100)


def _name(label: str) -> Any:
    return st.column_config.TextColumn(label, pinned=True)


RANKED: dict[str, Any] = {
    "name": _name("Who"),
    "otif_share": _share("OTIF"),
    "trend": st.column_config.LineChartColumn("By week", y_min=0, y_max=1),
    "due": _number("Due"),
    "overdue": _number("Overdue"),
    "mean_late_d": _number("Days late", "%.1f"),
    "on_time_share": _number("On time", "%.0f %%"),
    "in_full_share": _number("In full", "%.0f %%"),
    "rejected_share": _number("Rejected", "%.2f %%"),
    "returned_share": _number("Sent back", "%.2f %%"),
    "papers_share": _number("Papers right", "%.0f %%"),
    "country": "Country",
}
REASONS = {
    "unknown_line": "order line not in the books", "undated_return": "return without a date",
    "no_line": "names no order line",
}  # fmt: skip
UNMATCHED: dict[str, Any] = {
    "reason": _name("Why"),
    "delivery_id": "Delivery",
    "order_line": "Order line",
    "name": "Who",
    "material": "Material",
    "qty": _number("Quantity", "%.0f"),
    "unit": "Unit",
    "at": st.column_config.DatetimeColumn("When", format="D MMM YYYY"),
    "kind": "What",
}
COMING: dict[str, Any] = {
    "due_day": st.column_config.DateColumn("Due", format="ddd D MMM", pinned=True),
    "name": "Who",
    "material": "Material",
    "due_qty": _number("Quantity", "%.0f"),
    "on_the_way_qty": _number("On the way", "%.0f"),
    "unit": "Unit",
    "line": "Line",
}
TIMES: dict[str, Any] = {
    "name": _name("Supplier"),
    "material": "Material",
    "agreed_d": _number("Agreed d", "%.1f"),
    "p50_d": _number("Half within d", "%.1f"),
    "p90_d": _number("90 % within d", "%.1f"),
    "km_p90_d": _number("with open lines d", "%.1f"),
    "sd_d": _number("Spread d", "%.1f"),
    "n": _number("Lines"),
    "open": _number("Open"),
    "left_out": _number("Left out"),
}
PRICES: dict[str, Any] = {
    "material": _name("Material"),
    "over_standard": _number("Over standard", "%,.0f"),
    "over_share": _number("in %", "%.1f"),
    "last_price": _number("Last price", "%.4f"),
    "standard_cost": _number("Standard", "%.4f"),
    "over_previous": _number("Over price before", "%,.0f"),
    "name": "Supplier",
    "ordered": _number("Ordered"),
}
ORDERS: dict[str, Any] = {
    "name": _name("Customer"),
    "perfect_share": _share("Perfect"),
    "told": _number("Told"),
    "orders": _number("Orders"),
    "on_time": _number("On time", "%.0f %%"),
    "in_full": _number("In full", "%.0f %%"),
    "open_orders": _number("Open"),
}
