"""Orders: which are late, where their time went, what they cost and why, how much is in progress."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from dashboards import data, frame, waterfall, words
from dashboards.frame import Choice, Fact
from dashboards.orders import charts as order_charts
from dashboards.orders import data as order_data
from dashboards.theme import spoken

HELP = """
* **Late**: the planned end has passed and the order is not done, or it ended after it. An order is **on time** when it
  began and ended within {tolerance} of its plan; early is a miss as well, it took the machine from the next order.
* **Where the time went**: from release to end, every minute once. *Running* when at least one machine made pieces,
  *stopped* when all machines it was on stood, *waiting* between two operations, *queue* before the first.
* **Standard**: what the good pieces should have cost by routing, bill of material and rates. **Planned**: the same for
  the ordered quantity. The parts between them add up to the cent.
* **Over** = prices and rates + use and hours + machines standing or without signal + pieces that did not become good.
* **Scrap** is a part of the cost, not beside it. A dash: a rate or a plan is missing, and the note says which.
* **In progress**: what open orders have cost so far minus what they delivered. Little's law: orders under way = orders
  ended a day x their lead time; where that is far off, orders pile up or their dates are wrong.
* **Cash to cash** = days of inventory + days until customers pay - days until we pay, from balances over time.
"""
SHOWN, BARS = 6, 14
LATE = ("late_end", "late_start")
ICONS = {True: ":red[:material/warning:]", False: ":orange[:material/schedule:]"}


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    scope = {"first": choice.first, "last": choice.last, "site": choice.site, "line": choice.line}
    rows = order_data.orders(**scope)
    if rows.is_empty():
        frame.nothing(f"No order was under way on {choice.days}. Choose other days above.")
        return
    cost = order_data.variance(**scope, order=None).row(0, named=True)
    totals(rows, cost)
    late(rows, choice)
    lead_times(rows)
    why_it_cost(cost, choice)
    one_order(rows, choice)
    in_progress(choice)
    cash(choice)
    frame.explain("How to read this", HELP.replace("{tolerance}", tolerance()))


def tolerance() -> str:
    """How far from its plan an order is in time, as plant.toml says it, in words."""
    plant = data.configured()
    return words.span(3600 * plant.file.finance.adherence_h) if plant else "the tolerance of plant.toml"


def totals(rows: pl.DataFrame, cost: dict[str, Any]) -> None:
    """Orders in big numbers."""
    ended = rows.filter(~pl.col("open"))
    judged = ended.filter(pl.col("adherence").is_not_null())
    hit = judged.filter(pl.col("adherence") == "on_time").height
    behind = rows.filter(pl.col("open"), pl.col("end_deviation_s") > 0).height
    over = None if cost["actual"] is None else cost["actual"] - cost["standard"]
    lead = ended["lead_us"].mean()
    frame.facts(
        [
            Fact("Late now", words.number(behind), f"of {words.plural(rows.height - ended.height, 'open order')}"),
            Fact("On schedule", words.share(hit, judged.height), f"{hit} of {judged.height} ended orders"),
            Fact("Lead time", words.span(None if lead is None else float(str(lead)) / 1e6), "mean of ended orders"),
            Fact("Against standard", words.signed(over, data.currency()), _of(over, cost)),
            Fact("Scrap", words.number(cost["scrap"], data.currency()), "thereof, in ended orders"),
        ]
    )


def _of(over: float | None, cost: dict[str, Any]) -> str:
    if over is None:
        return "no ended order with a known cost"
    left = cost["orders"] - cost["known_orders"]
    said = f"{words.share(over, cost['standard'])} over" if over > 0 else "under or at standard"
    return said + (f"; {words.plural(left, 'order')} not known" if left else "")


def late(rows: pl.DataFrame, choice: Choice) -> None:
    """Late orders as sentences, open ones first; then every order as a table."""
    st.subheader("Late orders")
    behind = pl.when("open").then(pl.col("end_deviation_s") > 0).otherwise(pl.col("adherence").is_in(LATE))
    found = rows.filter(behind).sort("open", "end_deviation_s", descending=True)
    if found.is_empty():
        st.success(_fine(rows), icon=":material/check_circle:")
    for row in found.head(SHOWN).iter_rows(named=True):
        _sentence(row, choice)
    with st.expander(f"Every order ({rows.height})", icon=":material/table:"):
        hours = [(pl.col(c) / 3600).alias(c.replace("_s", "_h")) for c in ("start_deviation_s", "end_deviation_s")]
        shown = rows.select(
            "order_id", "product", "line", "open", pl.col("adherence").map_elements(spoken, return_dtype=pl.String),
            *hours, "planned_pcs", "good_pcs", "scrap_pcs", "actual", "standard", "variance",
            pl.concat_str("note", "cost_note", separator="; ", ignore_nulls=True).alias("note"),
        )  # fmt: skip
        st.dataframe(shown, hide_index=True, placeholder=words.DASH, column_config=COLUMNS, alt="Orders")


def _fine(rows: pl.DataFrame) -> str:
    """That nothing is late, and how near it came."""
    most = rows.filter(~pl.col("open"))["end_deviation_s"].max()
    slowest = float(str(most or 0))
    near = f" The slowest ended {words.span(slowest)} behind its plan." if slowest > 0 else ""
    return f"No open order is behind its plan, none ended more than {tolerance()} behind it.{near}"


def _sentence(row: dict[str, Any], choice: Choice) -> None:
    by, due = words.span(row["end_deviation_s"]), words.moment(row["planned_end_at"], choice.timezone)
    pieces = f"{words.number(row['good_pcs'])} of {words.number(row['planned_pcs'], 'pcs')} good"
    how = f"**{by} late and not done**" if row["open"] else f"ended {by} late"
    begun = row["start_deviation_s"]
    start = f", begun {words.span(begun)} late" if begun is not None and begun >= 60 else ""
    most = max(BLAMED, key=lambda b: row[b])
    lost = f"; {words.span(row[most] / 1e6)} {BLAMED[most]}" if row[most] else ""
    order = f"{ICONS[row['open']]} **{row['order_id']}** ({row['product']})"
    st.markdown(f"{order}: {how}, due {due}{start}. {pieces}{lost}.")


BLAMED = {
    "interrupted_us": "stopped", "queue_us": "in the queue", "wait_us": "between operations", "setup_us": "in set-up",
    "unknown_us": "without signal",
}  # fmt: skip


def lead_times(rows: pl.DataFrame) -> None:
    """Where the time of each order went."""
    st.subheader("Where the time went")
    shown = rows.sort("started_at", descending=True, nulls_last=True).head(BARS)
    st.altair_chart(order_charts.lead_time(shown), alt="Lead time of orders by what happened, newest first")
    rest = rows.height - shown.height
    older = f"; {words.plural(rest, 'older one is', 'older ones are')} in the table above" if rest else ""
    st.caption(f"From release to end, newest order first{older}.")


def why_it_cost(cost: dict[str, Any], choice: Choice) -> None:
    """From planned to actual cost."""
    st.subheader("Cost against standard")
    if cost["actual"] is None:
        frame.nothing(f"No order with a known cost and standard ended on {choice.days}; the notes above say why.")
        return
    steps = order_charts.steps(cost)
    drawn = waterfall.waterfall(steps, data.currency(), "lower", number=",.0f")
    st.altair_chart(drawn, alt="From planned to actual cost")
    st.caption(
        f"{words.plural(cost['known_orders'], 'ended order')}{_in_money()}. The parts add up to the cent; "
        "standard is for the good pieces."
    )


def one_order(rows: pl.DataFrame, choice: Choice) -> None:
    """One order: its cost by component and its operations."""
    st.subheader("One order")
    order = st.selectbox("Order", rows["order_id"].to_list(), key="order", bind="query-params")
    costs = order_data.costs(order=order)
    if not costs.is_empty():
        st.markdown(_each(costs.row(-1, named=True)))
    listed = costs.drop("actual_each", "standard_each")
    st.dataframe(listed, hide_index=True, placeholder=words.DASH, column_config=COSTS, alt=f"Cost of {order}")
    steps = order_data.operations(order=order)
    hours = [pl.col(f"{c}_s") / 60 for c in ("planned_setup", "setup", "standard_run", "run", "interrupted")]
    shown = steps.select("operation", "machine", "planned_pcs", "good_pcs", "scrap_pcs", *hours)
    st.dataframe(shown, hide_index=True, placeholder=words.DASH, column_config=STEPS, alt=f"Operations of {order}")


def _each(total: dict[str, Any]) -> str:
    """What an order cost, and a good piece of it."""
    said = f"**{words.number(total['actual'], data.currency())}**"
    if total["actual_each"] is not None:
        said += f", {words.number(total['actual_each'], data.currency(), 2)} a good piece"
    if total["standard_each"] is not None:
        said += f" against {words.number(total['standard_each'], data.currency(), 2)} by standard"
    return f"{said}."


def _in_money() -> str:
    """Behind a comma the currency, where plant.toml is known."""
    return f", {data.currency()}" if data.currency() else ""


def in_progress(choice: Choice) -> None:
    """Work in progress by day."""
    st.subheader("In progress")
    days = order_data.wip(first=choice.first, last=choice.last, site=choice.site).rename({"production_day": "day"})
    if days.is_empty():
        frame.nothing(f"Nothing was in progress on {choice.days}.")
        return
    now = days.row(-1, named=True)
    st.markdown(
        f"At the end of {words.day(now['day'])}: **{words.plural(now['orders'], 'order')}**, "
        f"{words.number(now['pieces'], 'pieces')} between operations, "
        f"**{words.number(now['value'], data.currency())}**."
    )
    if days.height > 1:
        left, right = st.columns(2)
        with left:
            st.caption("Orders under way, mean of the day")
            st.altair_chart(order_charts.in_progress(days, "average_orders", "Orders"), alt="Orders by day")
        with right:
            st.caption(f"Value{_in_money()}")
            st.altair_chart(order_charts.in_progress(days, "value", "Value"), alt="Value in progress by day")
    if now["note"]:
        st.warning(now["note"], icon=":material/balance:")


def cash(choice: Choice) -> None:
    """Cash to cash."""
    st.subheader("Cash to cash")
    rows = order_data.cash(day=choice.last)
    if rows.is_empty():
        frame.nothing("There are no invoices and no stock postings yet.")
        return
    now = rows.row(0, named=True)
    frame.facts(
        [
            Fact("Inventory", words.number(now["dio_d"], "d", 1), "until it is shipped"),
            Fact("Customers pay", words.number(now["dso_d"], "d", 1), "after the invoice"),
            Fact("We pay", words.number(now["dpo_d"], "d", 1), "after the invoice"),
            Fact("Cash to cash", words.number(now["cash_to_cash_d"], "d", 1), f"28 d to {words.day(now['last_day'])}"),
        ]
    )
    if now["note"]:
        st.caption(f"{now['note'].capitalize()}.")


def _money(title: str) -> Any:
    return st.column_config.NumberColumn(title, format="%,.0f")


COLUMNS = {
    "order_id": st.column_config.TextColumn("Order", pinned=True), "product": "Product", "line": "Line",
    "open": st.column_config.CheckboxColumn("Open"), "adherence": "Schedule",
    "start_deviation_h": st.column_config.NumberColumn("Start, h off", format="%+.1f"),
    "end_deviation_h": st.column_config.NumberColumn("End, h off", format="%+.1f"),
    "planned_pcs": st.column_config.NumberColumn("Planned", format="localized"),
    "good_pcs": st.column_config.NumberColumn("Good", format="localized"),
    "scrap_pcs": st.column_config.NumberColumn("Scrap", format="localized"),
    "actual": _money("Cost"), "standard": _money("Standard"), "variance": _money("Over"), "note": "Note",
}  # fmt: skip
COSTS = {
    "component": st.column_config.TextColumn("Cost of", pinned=True), "actual": _money("Actual"),
    "standard": _money("Standard"), "variance": _money("Over"), "prices": _money("Prices, rates"),
    "use": _money("Use, hours"), "standing": _money("Standing"), "lost": _money("Lost pieces"),
    "scrap": _money("Cost of scrap"), "note": "Note",
}  # fmt: skip
STEPS = {
    "operation": st.column_config.TextColumn("Operation", pinned=True), "machine": "Machine",
    "planned_pcs": st.column_config.NumberColumn("Planned", format="%.0f"),
    "good_pcs": st.column_config.NumberColumn("Good", format="localized"),
    "scrap_pcs": st.column_config.NumberColumn("Scrap", format="localized"),
    **{f"{c}_s": st.column_config.NumberColumn(t, format="%.0f") for c, t in (
        ("planned_setup", "Set-up planned, min"), ("setup", "Set-up, min"), ("standard_run", "Standard run, min"),
        ("run", "Run, min"), ("interrupted", "Stopped, min"))},
}  # fmt: skip

main()
