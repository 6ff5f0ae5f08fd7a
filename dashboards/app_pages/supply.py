"""Supply: who delivers on time and in full, whom to call, how long it takes, what it costs; customers likewise."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboards import frame, words
from dashboards.frame import Fact
from dashboards.supply import charts, columns, data, parts
from dashboards.supply.parts import plain

SIDES: dict[str, data.Direction] = {"Suppliers": "inbound", "Customers": "outbound"}
BASES = {"First confirmed": "confirmed", "Requested": "requested", "Last promised": "promised"}
WEEKS = {"4 weeks": 4, "13 weeks": 13, "52 weeks": 52}
SHOWN = 5
WHOLE = 5  # fewer due lines than this say little: they are named

HELP = """
* **On time in full**: of the lines that were due, those of which all came by the day. A line counts from the day
  after its day, whatever came until then: an open one has failed. One to come does not count, nor a cancelled one.
* **First confirmed** is the first date the partner was told (or told us); a later date does not replace it, even
  where the ERP overwrites it.
  **Requested** is what was asked for, **last promised** what was said last.
* **Perfect order**: all lines on time and in full, nothing damaged or sent back by the sender's fault, papers right.
  Claimed only where all four are told. What was sent back had been delivered: it changes neither on time nor in full.
* **Lead time**: days from order to receipt. Lines still open count as at least as old as they are.
* **Over standard**: what was ordered costs more than at standard cost, in money.
* What is late by how much, with every tolerance: [supply] in plant.toml, and docs/supply.md.
"""


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    if choice.line:
        st.caption("Suppliers and customers belong to the plant, not to a line.")
    side = st.segmented_control("Who", list(SIDES), default="Suppliers", key="side", required=True)
    inbound = SIDES[side] == "inbound"
    span, basis = held_to(side)
    asked: dict[str, Any] = {"direction": SIDES[side], "basis": BASES[basis]}
    days: dict[str, Any] = {
        "first": choice.last - timedelta(weeks=WEEKS[span]) + timedelta(days=1),
        "last": choice.last,
    }
    rows = data.partners(**asked, **days)
    if rows.is_empty():
        frame.nothing(f"No order line was due from {words.days(**days)}. Choose a longer time, or another date.")
        parts.unmatched(SIDES[side])
        return
    totals(rows, data.orders(**asked, **days), data.prices(**days) if inbound else None)
    calls(data.open_lines(**asked), days["first"], rows["as_of_day"][0], inbound=inbound)
    parts.unmatched(SIDES[side])
    ranking(rows, data.trend(**asked, **days), side)
    if inbound:
        lead_times(data.lead_times())
        prices(data.prices(**days))
    else:
        perfect(data.orders(**asked, **days))
    parts.files(side, SIDES[side], days["first"], rows["partner"].to_list())
    frame.explain("How to read this", HELP)


def held_to(side: str) -> tuple[str, str]:
    """How far back to look, and which date lines are held to; folded away, so that a phone shows numbers first."""
    bases = [b for b in BASES if side == "Suppliers" or b != "Last promised"]
    span, basis = st.session_state.get("weeks", "13 weeks"), st.session_state.get(f"basis-{side}", bases[0])
    with st.popover(f"{basis} date, last {span}", icon=":material/event:"):
        span = st.segmented_control("Due in the last", list(WEEKS), default="13 weeks", key="weeks", required=True)
        basis = st.selectbox("Held to the date", bases, key=f"basis-{side}")
    return span, basis


def totals(rows: pl.DataFrame, orders: pl.DataFrame, prices: pl.DataFrame | None) -> None:
    """All partners in big numbers."""
    s = rows.select(pl.sum("due", "on_time", "in_full", "otif", "late", "overdue", "late_days")).row(0, named=True)
    told, good, whole = orders.select(pl.sum("told", "perfect", "orders")).row(0)
    behind = s["late"] + s["overdue"]
    late = f"the late ones by {words.number(s['late_days'] / behind, 'days', 1)}" if behind else "none late"
    facts = [
        Fact("On time in full", words.share(s["otif"], s["due"]), f"{words.plural(s['due'], 'line')} due"),
        Fact("On time", words.share(s["on_time"], s["due"]), late),
        Fact("In full", words.share(s["in_full"], s["due"]), f"{words.number(s['due'] - s['in_full'])} short"),
        Fact("Perfect orders", words.share(good, told), f"{told:,} of {whole:,} orders told"),
    ]
    if prices is not None:
        over = prices.select(pl.sum("over_standard")).item()
        facts.append(Fact("Over standard", words.signed(over, data.currency()), "purchase prices"))
    frame.facts(facts)


def calls(lines: pl.DataFrame, since: date, today: date | None, *, inbound: bool) -> None:
    """What is overdue, one sentence a line, and what comes next."""
    st.subheader("Call today")
    late = lines.filter(pl.col("outcome") == "overdue")
    # A line from long ago is rather one whose end nobody booked: it must not push today's calls off the screen.
    now, old = late.filter(pl.col("due_day") >= since), late.filter(pl.col("due_day") < since)
    if now.is_empty():
        st.success("Nothing that was due in this time is overdue.", icon=":material/check_circle:")
    for row in now.head(SHOWN).iter_rows(named=True):
        st.markdown(sentence(row, inbound=inbound))
    for rest, title in ((now[SHOWN:], "more overdue"), (old, "overdue for longer: was the end booked?")):
        if rest.height:
            with st.expander(f"{rest.height} {title}"):
                for row in rest.iter_rows(named=True):
                    st.markdown(sentence(row, inbound=inbound))
    coming = lines.filter(pl.col("outcome") == "not_due")
    if coming.height:
        with st.expander(f"Still to come: {words.plural(coming.height, 'line')}", icon=":material/local_shipping:"):
            table(coming, columns.COMING, "Lines to come")
    undated = lines.filter(pl.col("outcome") == "undated").height
    note = f" {words.plural(undated, 'open line has', 'open lines have')} no such date." if undated else ""
    st.caption(f"As of {words.day(today)}, the newest booking in the order books.{note}")


def sentence(row: dict[str, Any], *, inbound: bool) -> str:
    """Whom to call about what."""
    unit, came, way = row["unit"] or "", row["arrived_qty"], row["on_the_way_qty"]
    missing = words.number(row["due_qty"] - came, unit) + (f" of {words.number(row['due_qty'])}" if came else "")
    what = "has not delivered" if inbound else "has not had"
    sent = way and way >= row["due_qty"] - came
    if sent:
        what = "sent" if inbound else "was sent"
    elif way:
        missing += f" ({words.number(way, unit)} on the way)"
    end = ", nobody booked the arrival" if sent else ""
    year = f" {row['due_day']:%Y}" if row["due_day"].year != row["as_of_day"].year else ""
    return (
        f":red[:material/call:] **{plain(row['name'])}** {what} {missing} of {plain(row['material'])}{end}: "
        f"due {words.day(row['due_day'])}{year}, **{words.plural(row['behind_d'], 'day')} behind**. "
        f":gray[{plain(row['line'])}]"
    )


def table(rows: pl.DataFrame, shown: dict[str, Any], alt: str) -> None:
    """The columns of `shown`, in its order and words."""
    st.dataframe(rows.select(list(shown)), hide_index=True, placeholder=words.DASH, column_config=shown, alt=alt)


def ranking(rows: pl.DataFrame, trend: pl.DataFrame, side: str) -> None:
    """Partners by on time in full, worst first, each with its weeks."""
    st.subheader(f"{side}, worst first")
    weeks = trend.group_by("partner").agg(pl.col("otif_share").sort_by("week").alias("trend"))
    shown = rows.join(weeks, on="partner", how="left", maintain_order="left").with_columns(
        pl.col("otif_share", "on_time_share", "in_full_share", "rejected_share", "returned_share", "papers_share") * 100
    )
    # A column of zeros says that nothing came back; mostly it is that no system tells of returns.
    told = {c: label for c, label in columns.RANKED.items() if c != "returned_share" or rows["returned_micro"].sum()}
    table(shown, told, f"{side} by on time in full")
    few = rows.filter(pl.col("due") < WHOLE)["name"].to_list()
    if few:
        st.caption(f"Fewer than {WHOLE} lines were due, so a share says little: {', '.join(plain(n) for n in few)}.")
    if trend["week"].n_unique() > 1:
        names = ["All", *rows["name"].to_list()]
        one = st.selectbox("By week", names, key=f"trend-{side}")
        picked = trend if one == "All" else trend.filter(pl.col("name") == one)
        st.altair_chart(charts.by_week(picked), alt="On time in full by week")
        st.caption("Line: on time in full by week of the due day. Bars: lines due.")


def lead_times(rows: pl.DataFrame) -> None:
    """Spread of lead times against what was agreed."""
    st.subheader("Lead times")
    whole = rows.filter(pl.col("material").is_null(), pl.col("n") > 0)
    if whole.is_empty():
        frame.nothing("No order line was received in the time that lead times look at.")
        return
    st.altair_chart(charts.lead_times(whole), alt="Lead times by supplier")
    longer = [f"{plain(r['name'])} {words.share(r['over_agreed'], r['n'])}" for r in whole.iter_rows(named=True)
              if r["agreed_d"] is not None]  # fmt: skip
    said = f" Longer than agreed: {', '.join(longer)}." if longer else " No lead time is agreed."
    st.caption(f"Bar: 10 % to 90 % of the lines; tick: half of them.{said}")
    with st.expander("By material", icon=":material/table:"):
        named = rows.with_columns(pl.col("material").fill_null("all"))
        table(named, columns.TIMES, "Lead times by material")


def prices(rows: pl.DataFrame) -> None:
    """Where purchase prices differ from standard cost."""
    st.subheader("Prices")
    if rows.is_empty():
        frame.nothing("Nothing was ordered in this time.")
        return
    worst = rows.row(0, named=True)
    if worst["over_standard"] > 0:
        st.markdown(
            f"**{plain(worst['material'])}** of {plain(worst['name'])} costs most over standard: "
            f"{words.signed(worst['over_standard'], data.currency())} ({words.percent(worst['over_share'], 1)})."
        )
    shown = rows.with_columns(pl.col("over_share") * 100)
    table(shown, columns.PRICES, "Prices against standard")


def perfect(rows: pl.DataFrame) -> None:
    """Perfect orders by customer, with what spoiled the others."""
    st.subheader("Perfect orders")
    share = {name: pl.col(name) / pl.col("orders") * 100 for name in ("on_time", "in_full")}
    shown = rows.filter(pl.col("orders") > 0).with_columns(
        perfect_share=pl.col("perfect") / pl.col("told") * 100, **share
    )
    table(shown, columns.ORDERS, "Perfect orders by customer")
    st.caption("Told: orders of which it can be said. One whose papers or damage nobody noted is never called perfect.")


main()
