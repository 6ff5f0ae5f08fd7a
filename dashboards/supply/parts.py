"""Parts of the supply page that stand alone: deliveries that count nowhere, and the files for partners."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.supply import columns, data

SHOWN = 3
KINDS = {
    ".xlsx": ("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".csv": ("CSV", "text/csv"), ".html": ("Web page", "text/html"),
}  # fmt: skip


def plain(text: str) -> str:
    """A text of somebody with nothing in it read as Markdown."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-.!|~:$<>" else c for c in text)


def unmatched(direction: data.Direction | None = None) -> None:
    """Deliveries that count nowhere: how many, the newest as examples, all of them in a table; nothing without any."""
    rows = data.unmatched()
    rows = rows if direction is None else rows.filter(pl.col("direction") == direction)
    lost = rows.filter(pl.col("reason") != "no_line")
    if lost.height:
        st.markdown("**Deliveries that count nowhere**")
    for row in lost.head(SHOWN).iter_rows(named=True):
        st.markdown(f":orange[:material/link_off:] {unmatched_sentence(row)}")
    if lost.height:
        st.caption(
            f"{words.plural(lost.height, 'delivery counts', 'deliveries count')} nowhere; "
            "from the moment the order line is in the books they count."
        )
    if rows.height:
        free = rows.height - lost.height
        title = f"All {rows.height}" if lost.height else "Deliveries without an order"
        with st.expander(title, icon=":material/table:"):
            st.dataframe(
                rows.select(pl.col("reason").replace(columns.REASONS), *list(columns.UNMATCHED)[1:]),
                hide_index=True, placeholder=words.DASH, column_config=columns.UNMATCHED,
                alt="Deliveries that count nowhere",
            )  # fmt: skip
            if free:
                st.caption(f"{words.plural(free, 'delivery names', 'deliveries name')} no order line at all.")


def unmatched_sentence(row: dict[str, Any]) -> str:
    """What came, which line it names, and why that is not found."""
    what = f"**{words.number(row['qty'], row['unit'] or '')} of {plain(row['material'])}**"
    who = f"{'from' if row['direction'] == 'inbound' else 'to'} {plain(row['name'])}"
    when = f" on {words.day(row['at'].date())}" if row["at"] else ""
    named = f"{row['kind'].capitalize()} {plain(row['delivery_id'])}: {what} {who}{when}"
    if row["reason"] == "undated_return":
        return f"{named} went back, nobody said when."
    line = f"names order line {plain(row['order_line'])}"
    if row["line_rejected"]:
        return f"{named} {line}, which was left out: see the quarantine on Data trust."
    if row["other_direction"]:
        return f"{named} {line}, which is a {'sales' if row['direction'] == 'inbound' else 'purchase'} order."
    return f"{named} {line}, which no system has."


def files(side: str, direction: data.Direction, first: date, due: list[str]) -> None:
    """The file of one partner, as `shopfloor export` writes it. `due`: partners with a line due since `first`."""
    noun = side.lower().removesuffix("s")
    known: dict[str, str] = dict(data.names(direction=direction).iter_rows())
    if data.configured() is None or not known:
        return  # no plant.toml is named: neither its name nor its currency is known, and a file without them is another
    with st.expander(f"File for a {noun}", icon=":material/download:"):
        st.caption(
            f"Only this {noun}'s own lines and its on time in full by month; nothing of anybody else. "
            f"The same file: `shopfloor export {noun} ... --to FILE`."
        )
        key: str = st.selectbox(side[:-1], list(known), format_func=known.__getitem__, key=f"file-{side}")
        form = st.segmented_control(
            "Form", list(KINDS), default=".xlsx", format_func=lambda f: KINDS[f][0], key=f"form-{side}", required=True
        )
        late = st.checkbox(
            f"Only lines due from {words.day(first)} on", key=f"since-{side}", disabled=key not in due,
            help=None if key in due else "None of its lines was due since.",
        )  # fmt: skip
        since = first if late and key in due else None
        name = re.sub(r"[^\w.-]+", "-", key) + form
        make = partial(data.partner_file, direction, key, known[key], since, form)
        st.download_button(f"Download {name}", make, name, KINDS[form][1], on_click="ignore", key=f"load-{side}")
