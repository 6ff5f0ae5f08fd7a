"""Sections of the inventory page: what to do, classes, age, space, layout, statements. Each says when it is empty."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.stock import charts, data
from dashboards.theme import spoken

SHOWN = 6
ICONS = {
    "negative_stock": ":red[:material/error:]", "stock_out": ":red[:material/error:]",
    "below_reorder_point": ":orange[:material/warning:]",
}  # fmt: skip
ACTIONS = {
    "buy": "Buy {}", "make": "Make {}", "expedite": "Ask for the {} on order sooner", "count": "Count: {} are missing",
    "sell_off": "Sell off {}",
}  # fmt: skip
ALERTS = {
    "negative_stock": "negative stock", "stock_out": "is running out", "below_reorder_point": "is to be reordered",
    "excess": "is more than needed", "dead": "is not needed",
}  # fmt: skip


def action(row: dict[str, Any]) -> str:
    """What to do about an alert, in words."""
    if row["action"] is None:
        return ""
    said = ACTIONS[row["action"]].format(words.number(row["action_qty"], row["unit"]))
    return said + (f", needed by {words.day(row['action_day'])}" if row["action_day"] else "")


def listed(rows: pl.DataFrame, draw: Callable[[dict[str, Any]], None]) -> None:
    """The first few rows drawn, the others where they are asked for."""
    for row in rows.head(SHOWN).iter_rows(named=True):
        draw(row)
    if rows.height > SHOWN:
        with st.expander(f"{rows.height - SHOWN} more"):
            for row in rows.tail(rows.height - SHOWN).iter_rows(named=True):
                draw(row)


def icon(alert: str) -> str:
    """The sign of how bad a finding is."""
    return ICONS.get(alert, ":blue[:material/info:]")


def alerts(rows: pl.DataFrame) -> None:
    """What to do something about, as sentences with the figures behind them, and the way to approve it."""
    listed(rows.filter(pl.col("alert").is_not_null()), _alert)
    if rows.filter(pl.col("action").is_in(["buy", "make"])).height:
        st.page_link(
            "app_pages/approvals.py", label="Orders become proposals: approve them", icon=":material/task_alt:"
        )
        st.caption("`shopfloor proposals draft --by NAME` drafts what is to be bought, made or moved.")


def _alert(row: dict[str, Any]) -> None:
    st.markdown(f"{icon(row['alert'])} **{row['material']}** {ALERTS[row['alert']]}. **{action(row)}.**")
    st.caption(f"{row['reason']}. {_more(row)}".rstrip())


def _more(row: dict[str, Any]) -> str:
    """Why more is to be ordered than the cheapest order; empty where it is not so."""
    usual, asked = row["order_qty"], row["action_qty"]
    if row["action"] not in ("buy", "make") or usual is None or asked is None or asked <= usual:
        return ""
    return f"{words.number(asked, row['unit'])} is that order and what the stock lacks to its reorder point."


def replenishment(rows: pl.DataFrame) -> None:
    """Reorder points and the outlook of every material."""
    st.subheader("When to reorder")
    with_point = rows.filter(pl.col("reorder_point_qty").is_not_null())
    if with_point.is_empty():
        st.info("There is no reorder point yet: it takes a whole week of demand and a known lead time.",
                icon=":material/hourglass_empty:")  # fmt: skip
        return
    shown = rows.select(
        "material", "on_hand_qty", "reorder_point_qty", "stockout_day", "on_order_qty", "order_qty", "unit",
        "stockout_probability", "min_order_qty", "multiple_qty", "mean_d", "lead_d",
        cls=pl.concat_str(pl.col("abc", "xyz").fill_null("–")), service="cycle_service", fill="fill_rate",
        model=pl.col("model").map_elements(spoken, return_dtype=pl.String),
    )  # fmt: skip
    told = [c.name for c in shown if c.null_count() < shown.height or c.name not in ("min_order_qty", "multiple_qty")]
    st.dataframe(
        shown.select(told), hide_index=True, placeholder=words.DASH, column_config=COLUMNS, alt="Reorder points"
    )


def classes(site: str, money: str) -> None:
    """The matrix of classes, with dead and excess stock."""
    st.subheader("Which matter, which are even")
    rows = data.classes(site=site)
    if rows.drop_nulls(["abc", "xyz"]).is_empty():
        st.info("No material has four weeks of demand yet, so none has a class.", icon=":material/hourglass_empty:")
        return
    st.altair_chart(charts.matrix(rows, money), alt="Materials by ABC and XYZ class")
    none = rows.filter(pl.col("abc").is_null() | pl.col("xyz").is_null())["materials"].sum()
    dead, excess = rows["dead_value"].sum(), rows["excess_value"].sum()
    said = [f"Dead stock {words.number(dead, money)}, in excess {words.number(excess, money)}."]
    said += [f"{words.plural(int(none), 'material has', 'materials have')} no class."] if none else []
    st.caption(" ".join(said))


def age(site: str, money: str) -> None:
    """How old the stock is."""
    st.subheader("How old it is")
    rows = data.ageing(site=site)
    if rows.is_empty():
        st.info("There is no stock above nothing.", icon=":material/hourglass_empty:")
        return
    st.altair_chart(charts.ages(rows, money), alt="Value of stock by age")
    st.caption("Lots since they were made or received, wherever they moved; stock without a lot by what came last.")


def space(site: str, day: date) -> None:
    """How full the zones are."""
    st.subheader("Room")
    rows = data.space(first=day, last=day, site=site).with_columns(day="production_day")
    known = rows.filter(pl.col("share").is_not_null())
    if known.is_empty():
        st.info("No zone has a stated capacity.", icon=":material/hourglass_empty:")
        return
    st.altair_chart(charts.space(known), alt="Share of each zone that is used")
    rest = rows.filter(pl.col("share").is_null())["zone"].to_list()
    st.caption("Space of the WMS." + (f" No capacity is stated for {', '.join(rest)}." if rest else ""))


def layout(site: str) -> None:
    """What should lie where."""
    st.subheader("Where it should lie")
    rows = data.slotting(site=site)
    moves = rows.filter(pl.col("from_location") != pl.col("to_location"))
    if moves.is_empty():
        st.success("Everything lies where it should, or no way is stated.", icon=":material/check_circle:")
        return
    top = rows.row(0, named=True)
    back = f", paid back in {words.number(top['payback_weeks'], 'weeks', 1)}" if top["payback_weeks"] else ""
    st.markdown(
        f"**{words.plural(moves.height, 'move')}** would save **{words.number(top['all_saved_m_week'], 'm')}** of "
        f"{words.number(top['all_now_m_week'], 'm')} a week; moving takes {words.number(top['all_move_m'], 'm')}{back}."
    )
    shown = moves.select("material", "from_location", "to_location", "qty", "unit", "trips_week", "saved_m_week")
    with st.expander("The moves", icon=":material/move_down:"):
        st.dataframe(shown, hide_index=True, placeholder=words.DASH, column_config=COLUMNS, alt="Moves proposed")


def differing(site: str) -> pl.DataFrame:
    """The statements and counts that the ledger does not agree with, and what it holds that was not stated."""
    return data.differences(site=site).filter(pl.col("finding").is_in(["differs", "not_stated"]))


def counted(off: pl.DataFrame, money: str) -> None:
    """A sentence about the statements that differ; what each is stands at the end of the page."""
    worth = off["difference_value"].abs().sum()
    said = f" ({words.number(worth, money)} in all)" if worth else ""
    names = ", ".join(off["material"].unique(maintain_order=True).to_list()[:SHOWN])
    found = words.plural(off.height, "statement or count differs", "statements or counts differ")
    st.markdown(
        f":orange[:material/warning:] **{found}** from the ledger{said}: {names}. "
        "**Count again, or post what is missing**; the list is at the end of the page."
    )


def statements(site: str) -> None:
    """What the WMS or ERP states and people counted, against the ledger."""
    st.subheader("Ledger against what was stated and counted")
    rows = data.differences(site=site)
    if rows.is_empty():
        st.info("No system states its stock, and nothing was counted.", icon=":material/hourglass_empty:")
        return
    off = differing(site)
    late = rows.filter(pl.col("finding") == "late_posting").height
    said = f"{words.number(rows.height - off.height)} of {words.number(rows.height)} statements agree"
    said += f", {late} of them once late postings are counted in." if late else "."
    if off.is_empty():
        st.success(said, icon=":material/check_circle:")
        return
    st.markdown(f":orange[:material/warning:] {said}")
    shown = off.select(
        "material", "location", "kind", "at", "ledger_qty", "stated_qty", "difference_qty", "unit", "difference_value",
        finding=pl.col("finding").map_elements(spoken, return_dtype=pl.String),
    )  # fmt: skip
    with st.expander(words.plural(off.height, "difference"), icon=":material/rule:"):
        st.dataframe(shown, hide_index=True, placeholder=words.DASH, column_config=COLUMNS, alt="Differences")


_N = st.column_config.NumberColumn
COLUMNS = {
    "material": st.column_config.TextColumn("Material", pinned=True), "unit": "Unit", "cls": "Class",
    "on_hand_qty": _N("On hand", format="localized"), "on_order_qty": _N("On order", format="localized"),
    "reorder_point_qty": _N("Reorder at", format="localized"), "order_qty": _N("Cheapest order", format="localized",
                    help="Of the usual size; what is below the reorder point comes on top"),
    "min_order_qty": _N("At least", format="localized", help="Smallest order of the supplier's terms"),
    "multiple_qty": _N("In packs of", format="localized", help="An order is a whole multiple of it"),
    "stockout_probability": _N("Runs out first", format="percent",
                               help="Chance to run out before an order placed now arrives"),
    "stockout_day": st.column_config.DateColumn("Out by", format="D MMM YYYY", help="As it is on hand and on order"),
    "mean_d": _N("A day", format="%,.1f", help="Mean demand a day"), "lead_d": _N("Lead time, days", format="%.1f"),
    "service": _N("Cycle service", format="percent", help="Cycles without a stock-out"),
    "fill": _N("Fill rate", format="percent", help="Demand met from stock"), "model": "Demand is",
    "from_location": "From", "to_location": "To", "qty": _N("Quantity", format="localized"),
    "trips_week": _N("Trips a week", format="%.1f"), "saved_m_week": _N("Saves, m a week", format="localized"),
    "location": "Location", "kind": "By", "finding": "Finding",
    "at": st.column_config.DatetimeColumn("As of", format="D MMM, HH:mm"),
    "ledger_qty": _N("Ledger", format="localized"), "stated_qty": _N("Stated", format="localized"),
    "difference_qty": _N("Difference", format="localized"), "difference_value": _N("Worth", format="%.2f"),
}  # fmt: skip
