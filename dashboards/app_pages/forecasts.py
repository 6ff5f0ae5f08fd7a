"""Forecasts: expected demand, reviewed and approved by a person, then exported."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from dashboards import curves, data, export, frame, words
from dashboards.theme import spoken

PAST_PERIODS = 26
PERIOD_WORDS = {"day": "", "week": "week of ", "month": "month from "}
BADGES = {"draft": "orange", "approved": "green", "exported": "blue"}

HELP = """
* **From, to**: eight times in ten the demand should lie between them (10 % and 90 % quantile).
* **Past error**: how far the model was off when it had to forecast weeks it had not seen (weighted absolute percentage
  error), beside the same for simply repeating the last season. A model that is not
  better than that is not worth approving.
* **Approving** records your name, the quantity and your remark; nothing is overwritten. A newer forecast
  is a draft again.
* **Exporting** hands out approved quantities only and marks them, so that nobody orders twice.
"""


def main() -> None:
    """The page, top to bottom."""
    said()
    rows = data.forecast(item=None)
    if rows.is_empty():
        frame.nothing("There is no forecast yet. It is made once the sales orders reach back far enough to test it on.")
        return
    states(rows)
    item = pick(rows)
    mine = rows.filter(pl.col("item") == item)
    picture(mine, item)
    approve(mine, item)
    periods(mine)
    hand_over(rows)
    frame.explain("How to read this", HELP)


def said() -> None:
    """What the last decision did, shown once."""
    message = st.session_state.pop("said", None)
    if message:
        st.success(message, icon=":material/check_circle:")


def states(rows: pl.DataFrame) -> None:
    """How many periods wait, are approved, are handed over."""
    count = dict(rows.group_by("status").len().iter_rows())
    frame.facts(
        [
            frame.Fact("To approve", words.number(count.get("draft", 0)), "periods"),
            frame.Fact("Approved", words.number(count.get("approved", 0)), "ready to export"),
            frame.Fact("Exported", words.number(count.get("exported", 0)), "handed over"),
        ]
    )


def pick(rows: pl.DataFrame) -> str:
    """The item; those with open periods first."""
    open_first = rows.group_by("item").agg((pl.col("status") == "draft").sum().alias("open"))
    items = open_first.sort(["open", "item"], descending=[True, False])["item"].to_list()
    return str(st.selectbox("Item", items, key="item", bind="query-params"))


def picture(mine: pl.DataFrame, item: str) -> None:
    """Past demand, the forecast, and how far to trust it."""
    first = mine.row(0, named=True)
    past = data.demand(item=item, period=first["period"], periods=PAST_PERIODS, before=first["period_start"])
    ahead = mine.select("quantity", "low", "high", "status", day="period_start")
    st.altair_chart(curves.demand(past, ahead), alt=f"Demand for {item}: ordered and expected")
    naive = (
        f", repeating the last season {words.percent(first['naive_wape'])}" if first["naive_wape"] is not None else ""
    )
    st.caption(
        f"Grey: ordered a {first['period']}. Past error {words.percent(first['backtest_wape'])}{naive}. "
        f"Model: {spoken(first['model'])}."
    )


def _period(row: dict[str, Any]) -> str:
    return f"{PERIOD_WORDS.get(row['period'], '')}{words.day(row['period_start'])}"


def approve(mine: pl.DataFrame, item: str) -> None:
    """Decide on the open periods of an item."""
    st.subheader("Approve")
    drafts = mine.filter(pl.col("status") == "draft")
    if drafts.is_empty():
        frame.nothing(f"Every period of {item} is decided.")
        return
    by_start = {r["period_start"]: r for r in drafts.iter_rows(named=True)}
    start = st.selectbox("Period", list(by_start), format_func=lambda d: _period(by_start[d]), key=f"period {item}")
    row = by_start[start]
    with st.form(f"approve {item} {start}", border=True):
        st.markdown(
            f"Expected **{words.number(row['quantity'])}**, "
            f"from {words.number(row['low'])} to {words.number(row['high'])}."
        )
        quantity = st.number_input(
            "Quantity", min_value=0.0, value=float(round(row["quantity"])), step=1.0, format="%.0f"
        )
        by = st.text_input("Your name", value=st.session_state.get("decided_by", ""))
        comment = st.text_input("Comment (optional)")
        one = st.form_submit_button("Approve", type="primary", width="stretch", icon=":material/check:")
        every = len(by_start) > 1 and st.form_submit_button(
            f"Approve all {len(by_start)} open periods as expected", width="stretch", icon=":material/done_all:"
        )
    if one:
        _decide([_pick(row, quantity)], by, comment, f"Approved: {item}, {_period(row)}, {words.number(quantity)}.")
    elif every:
        _decide(
            [_pick(r, None) for r in by_start.values()], by, comment, f"Approved: {item}, all open periods as expected."
        )


def _pick(row: dict[str, Any], quantity: float | None) -> data.Pick:
    return data.Pick(row["item"], row["period_start"], row["model_version"], quantity)


def _decide(picks: list[data.Pick], by: str, comment: str, message: str) -> None:
    if not by.strip():
        st.error("Write your name first: a decision needs somebody who made it.", icon=":material/error:")
        return
    try:
        data.approve(picks, by, comment.strip() or None)
    except data.DecisionError as error:
        st.error(f"Nothing was recorded. {error}.", icon=":material/error:")
        return
    st.session_state["decided_by"], st.session_state["said"] = by.strip(), message
    st.rerun()


def periods(mine: pl.DataFrame) -> None:
    """Every period of the item with where it stands."""
    st.subheader("All periods")
    for row in mine.iter_rows(named=True):
        decided = row["decided_quantity"] if row["status"] != "draft" else None
        who = f", {words.number(decided)} by {row['approved_by']}" if decided is not None else ""
        why = f" “{row['comment']}”" if who and row["comment"] else ""
        st.markdown(
            f":{BADGES[row['status']]}-badge[{row['status']}] **{_period(row)}**: {words.number(row['quantity'])} "
            f"[{words.number(row['low'])}..{words.number(row['high'])}]{who}{why}"
        )


def hand_over(rows: pl.DataFrame) -> None:
    """Approved quantities as a file; downloading marks them exported."""
    st.subheader("Export")
    ready = rows.filter(pl.col("status") == "approved")
    if ready.is_empty():
        frame.nothing("Nothing waits to be handed over: what is approved above appears here.")
        return
    by = st.session_state.get("decided_by") or str(ready["approved_by"][0])
    picks = [data.Pick(r["item"], r["period_start"], r["model_version"]) for r in ready.iter_rows(named=True)]
    st.caption(f"{words.plural(ready.height, 'approved period')} of {words.plural(ready['item'].n_unique(), 'item')}.")
    name = f"forecast-{date.today():%Y-%m-%d}"  # noqa: DTZ011 - a file name in the reader's own calendar
    given = {"on_click": _exported, "args": (picks, by), "width": "stretch", "icon": ":material/download:"}
    st.download_button("Download CSV and mark as exported", export.csv(ready), f"{name}.csv", "text/csv", **given)
    st.download_button("Download Excel and mark as exported", export.excel(ready), f"{name}.xlsx", export.XLSX, **given)


def _exported(picks: list[data.Pick], by: str) -> None:
    try:
        data.mark_exported(picks, by)
    except data.DecisionError as error:
        st.session_state["said"] = f"Not marked as exported: {error}."
        return
    st.session_state["said"] = f"{words.plural(len(picks), 'period')} exported."


main()
