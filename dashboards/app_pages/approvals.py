"""Approvals: what Shopfloor would have other systems do, with what it costs and until when; approve or reject."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal

import polars as pl
import streamlit as st

from dashboards import data, frame, words
from dashboards.attention.findings import MOVE
from plant import units

BADGES = {"submitted": "orange", "draft": "gray", "approved": "green", "exporting": "blue", "exported": "blue",
          "confirmed": "green", "rejected": "red", "expired": "gray"}  # fmt: skip
KINDS = {"forecast": "Forecast", "purchase": "Purchase", "production": "Production order",
         "maintenance": "Maintenance", "stock_move": "Stock move"}  # fmt: skip
SHOWN, RECENT = 12, 15
SOON_S = 6 * 3600.0
DONE = {"approve": "Approved", "reject": "Rejected", "submit": "Handed in for approval"}

HELP = """
* Every proposal needs **two people**: who submitted or last changed it cannot approve it.
* What you may approve, of which kind and up to which value, says your role in the plant's configuration.
  A proposal whose value is not known is above every limit.
* What is not decided in time **expires**; nothing is ever approved by itself.
* **Rejecting** needs a comment, so that it can be put right. Every step is kept with your name and is chained to the
  step before it: a later change of the records is found.
* Approved proposals are handed over with `shopfloor proposals export`, each exactly once.
"""


def main() -> None:
    """The page, top to bottom: what waits comes first."""
    said()
    rows = data.proposals()
    if rows.is_empty():
        frame.nothing("There is no proposal yet. `shopfloor proposals draft` makes them from alerts and forecasts.")
        frame.explain("How this works", HELP)
        return
    zone = frame.chosen().timezone
    waiting, drafts = (rows.filter(pl.col("state") == state) for state in ("submitted", "draft"))
    facts(rows, waiting)
    decide(waiting, zone)
    hand_in(drafts, zone)
    recent(rows.filter(~pl.col("state").is_in(["submitted", "draft"])), zone)
    frame.explain("How this works", HELP)


def said() -> None:
    """What the last step did, shown once."""
    message = st.session_state.pop("proposal said", None)
    if message:
        st.success(message, icon=":material/check_circle:")


def facts(rows: pl.DataFrame, waiting: pl.DataFrame) -> None:
    """How many wait, what they are worth, how many are to be handed over."""
    waiting_all, waiting = waiting.height, waiting.filter(pl.col("kind") != MOVE)
    unknown = waiting["value_cents"].null_count()
    note = f"and {words.plural(unknown, 'unknown value')}" if unknown else data.currency()
    known = float(waiting["value_cents"].sum()) / 100 if unknown < waiting.height else None
    count = dict(rows.group_by("state").len().iter_rows())
    frame.facts(
        [
            frame.Fact("To approve", words.number(waiting_all), "waiting for a decision"),
            frame.Fact(
                "Worth", words.number(known), note, "Without stock moves: their value is that of the goods moved"
            ),
            frame.Fact("Approved", words.number(count.get("approved", 0)), "to be handed over"),
        ]
    )


def decide(waiting: pl.DataFrame, zone: str) -> None:
    """The proposals that wait, what runs out first at the top."""
    st.subheader("To approve")
    if waiting.is_empty():
        frame.nothing("Nothing waits for approval.")
        return
    name("approver")
    for row in waiting.head(SHOWN).iter_rows(named=True):
        with st.form(f"decide {shown(row)}", border=True):
            card(row, zone)
            comment = st.text_input("Comment (needed to reject)", key=f"comment {shown(row)}", max_chars=2000)
            yes = st.form_submit_button("Approve", type="primary", width="stretch", icon=":material/check:")
            no = st.form_submit_button("Reject", width="stretch", icon=":material/close:")
        if yes or no:
            step("approve" if yes else "reject", row, comment, "approver")
    rest(waiting.height)


def hand_in(drafts: pl.DataFrame, zone: str) -> None:
    """Drafts, to be handed in by a planner."""
    if drafts.is_empty():
        return
    with st.expander(f"{words.plural(drafts.height, 'draft')} not yet handed in", icon=":material/edit_note:"):
        name("planner")
        for row in drafts.head(SHOWN).iter_rows(named=True):
            with st.form(f"submit {shown(row)}", border=True):
                card(row, zone)
                comment = st.text_input("Comment (optional)", key=f"comment {shown(row)}", max_chars=2000)
                sent = st.form_submit_button("Hand in for approval", width="stretch", icon=":material/send:")
            if sent:
                step("submit", row, comment, "planner")
        rest(drafts.height)


def shown(row: dict[str, Any]) -> str:
    """Name of a card: of this very version, so that a click on an older one does nothing to a newer one."""
    return f"{row['key']} {row['seq']}"


def rest(count: int) -> None:
    """Say that there are more than are shown."""
    if count > SHOWN:
        st.caption(
            f"{words.plural(count - SHOWN, 'more')} follow when these are decided; the first to expire come first."
        )


def name(who: str) -> None:
    """Who decides: one field for all cards; the name stays for the session."""
    st.session_state.setdefault(f"name {who}", st.session_state.get("decided_by", ""))
    st.text_input("Your name", key=f"name {who}", max_chars=80)


def card(row: dict[str, Any], zone: str) -> None:
    """What changes, what it is worth, who asked, when it expires; details folded away."""
    seen = st.session_state.setdefault("proposals seen", {})
    if seen.setdefault(row["key"], row["seq"]) != row["seq"]:
        st.warning("Changed since you first looked: read it again.", icon=":material/warning:")
    st.markdown(f":gray-badge[{KINDS[row['kind']]}] {until(row, zone)}")
    st.markdown(f"**{plain(row['title'])}**")
    worth = (
        words.number(row["value_cents"] / 100, data.currency(), 2) if row["value_cents"] is not None else "not known"
    )
    asked = row["submitted_by"] or row["edited_by"]
    what = "Goods moved worth" if row["kind"] == MOVE else "Value"
    st.markdown(f"{what} **{worth}** · asked for by **{plain(asked)}**")
    if row["reason"]:
        st.caption(plain(words.spread(row["reason"])))
    if row["comment"]:
        st.caption(f"“{plain(row['comment'])}”")
    lines = json.loads(row["lines"])
    if len(lines) > 1 or row["partner"]:
        with st.expander("Lines"):
            st.markdown("\n".join(f"* {line(one)}" for one in lines))
            if row["partner"]:
                st.caption(f"From {plain(row['partner'])}")


def line(one: dict[str, Any]) -> str:
    """A line in words."""
    price = f" at {units.price(one['price_cents'])}" if one["price_cents"] is not None else ""
    way = f", {one['from_location']} to {one['to_location']}" if one["from_location"] else ""
    day = f", by {one['due_on']}" if one["due_on"] else ""
    return plain(f"{one['quantity']:,g} {one['unit']} {one['item']}{price}{way}{day}")


def until(row: dict[str, Any], zone: str) -> str:
    """When it expires, as a badge; red when it is soon."""
    if row["expires_at"] is None:
        return ""
    left = (row["expires_at"] - datetime.now(UTC)).total_seconds()
    colour = "red" if left < SOON_S else "orange"
    return f":{colour}-badge[expires {words.moment(row['expires_at'], zone)}]"


def plain(text: str) -> str:
    """A text of somebody as it is, with nothing in it read as Markdown, HTML or a formula."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~$:&" else c for c in " ".join(str(text).split()))


def step(word: Literal["submit", "approve", "reject"], row: dict[str, Any], comment: str, who: str) -> None:
    """Take a step as the person named; say what it did, or why not."""
    by = st.session_state.get(f"name {who}", "")
    if not by.strip():
        st.error("Write your name first: a decision needs somebody who made it.", icon=":material/error:")
        return
    try:
        data.decide_proposal(word, row["key"], by, comment, row["seq"])
    except data.TerminalError as error:
        told = str(error)
        st.error(f"Nothing was recorded. {plain(told[:1].upper() + told[1:])}.", icon=":material/error:")
        return
    st.session_state["decided_by"] = by.strip()
    st.session_state["proposal said"] = f"{DONE[word]}: {plain(row['title'])}."
    st.rerun()


def recent(rows: pl.DataFrame, zone: str) -> None:
    """What became of the others, latest first."""
    if rows.is_empty():
        return
    st.subheader("Decided")
    for row in rows.sort("last_at", descending=True).head(RECENT).iter_rows(named=True):
        who = f" by {plain(row['decided_by'])}" if row["decided_by"] else ""
        where = (
            f", in {row['target']}" if row["target"] and row["state"] in ("exported", "confirmed", "exporting") else ""
        )
        found = f" · {plain(row['finding'])}" if row["finding"] and row["finding"] != "confirmed" else ""
        remark = f" “{plain(row['comment'])}”" if row["comment"] else ""
        st.markdown(
            f":{BADGES[row['state']]}-badge[{row['state']}] **{plain(row['title'])}**{who}{where}, "
            f"{words.moment(row['last_at'], zone)}{found}{remark}"
        )


main()
