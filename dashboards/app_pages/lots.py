"""Batches: where a lot came from, what was made of it, where all of it is, and the list for a recall."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import polars as pl
import streamlit as st

from dashboards import frame, lot_data, words
from dashboards.frame import Choice, Fact
from dashboards.lot_data import Report

WAYS = {"forward": "What was made of it", "back": "What went into it"}
LINES = 60
ROWS = 500
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CLOSES = {True: "yes", False: "no", None: "not known"}

HELP = """
* **What was made of it** follows the links to every lot this one went into, and to the lots those went into;
  **what went into it** follows them back.
* **Carries**: how much of the lot asked for is in another one, in its own unit. What is taken out of a lot is taken to
  be mixed as the lot is. A dash: a quantity on the way is not known.
* **Mass balance**: made = used + shipped + scrapped + on hand. What was made is from the lots, what was used from the
  links, the rest from the stock ledger, so the three books check each other. A difference is a finding.
* The files hold all rows. With machines, people, alarms and sensors: `shopfloor recall LOT --out FILE`.
"""


def main() -> None:
    """The page, top to bottom."""
    choice, known = frame.chosen(), lot_data.latest()
    if not known.count:
        frame.nothing("There are no lots yet. They come with the tables `lots` and `lot_links` of a source.")
        return
    names = known.lots["lot"].to_list()
    st.caption(f"{words.plural(known.count, 'lot')}; the newest {len(names)} are listed, any other can be typed.")
    lot = st.selectbox("Lot", names, key="lot", bind="query-params", accept_new_options=True)
    way = st.segmented_control(
        "Direction", list(WAYS), default="forward", format_func=WAYS.get, key="way", required=True
    )
    try:
        book = lot_data.recall(lot=lot, direction=way or "forward")
    except lot_data.UnknownLotError as error:
        st.error(f"{str(error)[:1].upper()}{str(error)[1:]}.", icon=":material/search_off:")
        return
    if book is None:
        frame.nothing("No source delivers lot links, so there is nothing to follow.")
        return
    shown(book, choice)


def shown(book: Report, choice: Choice) -> None:
    """The report of one lot."""
    totals(book)
    findings(book.sections["findings"])
    family(book)
    whereabouts(book, choice)
    balance(book.sections["balance"])
    downloads(book)
    frame.explain("How to read this", HELP)


def totals(book: Report) -> None:
    """What is affected, in big numbers."""
    lots, stock, gone = (book.sections[n] for n in ("lots", "stock", "shipments"))
    customers = gone["customer"].drop_nulls().n_unique()
    places = stock["location"].n_unique()
    open_ = book.sections["balance"].filter(pl.col("closes") != True).height  # noqa: E712 - null is not closed either
    note = "for every lot" if book.closes else f"{words.plural(open_, 'lot')} with a difference or without books"
    frame.facts(
        [
            Fact("Lots", words.number(lots.height), f"{words.plural(book.sections['orders'].height, 'order')}"),
            Fact("Shipped", _sum(gone, "qty"), f"to {words.plural(customers, 'customer')}"),
            Fact("Still here", _sum(stock, "on_hand_qty"), f"at {words.plural(places, 'location')}"),
            Fact("Balance closes", CLOSES[book.closes], note),
        ]
    )


def _sum(rows: pl.DataFrame, column: str) -> str:
    """A sum by unit: kilograms and pieces are never added."""
    sums = rows.group_by("unit").agg(pl.col(column).sum()).sort("unit", nulls_last=True)
    return " + ".join(words.number(qty, unit or "") for unit, qty in sums.iter_rows()) or words.number(0)


def findings(rows: pl.DataFrame) -> None:
    """What is wrong with the books of these lots."""
    for row in rows.head(8).iter_rows(named=True):
        what = row["finding"].replace("_", " ")
        st.markdown(f":orange[:material/warning:] **{_plain(row['lot'])}** {what}: {_plain(row['message'])}.")
    if rows.height > 8:
        st.caption(f"{rows.height - 8} more findings are in the files.")


def family(book: Report) -> None:
    """The tree of lots, indented; a lot that several lead to is shown once."""
    st.subheader(WAYS[book.direction])
    about = {row["lot"]: row for row in book.sections["lots"].iter_rows(named=True)}
    unit = about[book.starts[0]]["unit"] or ""
    if "destiny" in book.sections:
        st.markdown(_destiny(book.sections["destiny"], unit))
    lines = lot_data.tree(book.sections["links"], book.starts, book.direction, LINES)
    st.markdown("\n".join(_line(leaf, about[leaf.lot], unit, book.direction) for leaf in lines))
    if len(about) > len(lines):
        st.caption(f"The first {len(lines)} of {words.number(len(about))} lots; all are in the files.")


def _destiny(rows: pl.DataFrame, unit: str) -> str:
    """What became of the lot, in one sentence."""
    told = {place: (qty, share) for place, qty, share in rows.iter_rows()}
    whole = _qty(told.pop("origin")[0], unit)
    if any(qty is None for qty, _ in told.values()):
        return f"Of {whole}: what became of it is not known, because quantities on the way are not."
    parts = [f"{_qty(qty, unit)} {place} ({words.percent(share)})" for place, (qty, share) in told.items() if qty]
    return f"Of {whole}: {', '.join(parts) or 'nothing is booked'}."


def _qty(qty: float | None, unit: str) -> str:
    return words.number(qty, unit, 0 if unit == "pcs" and float(qty or 0).is_integer() else 2)


def _plain(name: str) -> str:
    """A name that Markdown leaves as it is."""
    return re.sub(r"([\\`*_\[\]<>$~|])", r"\\\1", name)


def _line(leaf: lot_data.Leaf, row: dict[str, Any], unit: str, direction: str) -> str:
    """One list item; Markdown indents nested lists by four blanks."""
    own = unit if direction == "forward" else str(row["unit"] or "")
    carries = _qty(row["carries_qty"], own)
    said = f"{carries} of it" if direction == "forward" else f"{carries} went in"
    also = f", also linked to {words.plural(leaf.also, 'other lot')}" if leaf.also else ""
    # Deeper than eight the lines would have no width left on a phone.
    indent = "    " * min(leaf.indent, 8)
    return f"{indent}* **{_plain(leaf.lot)}** {_plain(row['material'] or 'unknown material')}: {said}{also}"


def whereabouts(book: Report, choice: Choice) -> None:
    """Stock, shipments, receipts and orders of the affected lots."""
    sections = {"stock": "Still in the house", "shipments": "Shipped", "receipts": "Received", "orders": "Orders"}
    for name, title in sections.items():
        rows = book.sections[name]
        with st.expander(f"{title}: {words.plural(rows.height, 'row')}", expanded=name in ("stock", "shipments")):
            if rows.is_empty():
                st.caption("None.")
                continue
            _table(rows, title, choice.timezone)


def _table(rows: pl.DataFrame, title: str, zone: str) -> None:
    instants = [n for n, t in rows.schema.items() if isinstance(t, pl.Datetime)]
    local = rows.head(ROWS).with_columns(
        pl.col(n).map_elements(lambda at: _said(at, zone), return_dtype=pl.String) for n in instants
    )
    config: dict[str, Any] = {}
    for name, kind in rows.schema.items():
        label = name.removesuffix("_at").removesuffix("_qty").replace("_", " ").capitalize()
        number = st.column_config.NumberColumn(label, format="localized")
        config[name] = number if kind == pl.Float64 else label
    st.dataframe(local, hide_index=True, placeholder=words.DASH, column_config=config, alt=title)
    if rows.height > ROWS:
        st.caption(f"The first {ROWS} of {words.number(rows.height)}; all are in the files.")


def _said(at: datetime, zone: str) -> str:
    return words.moment(at, zone)


def balance(rows: pl.DataFrame) -> None:
    """The mass balance of every affected lot; those that do not close first."""
    ordered = rows.with_columns(rank=pl.col("closes").fill_null(value=False)).sort("rank", "lot").drop("rank")
    with st.expander(f"Mass balance: {words.plural(rows.height, 'lot')}", icon=":material/balance:"):
        _table(ordered, "Mass balance", "UTC")


def downloads(book: Report) -> None:
    """The recall list as files, made when they are asked for."""
    left, right = st.columns(2)
    stem = f"recall-{''.join(c if c.isalnum() or c in '-_' else '-' for c in book.title)}"
    left.download_button(
        "Recall list (Excel)", lambda: lot_data.workbook(book), f"{stem}.xlsx", XLSX, icon=":material/download:",
        type="primary", width="stretch", on_click="ignore",
    )  # fmt: skip
    right.download_button(
        "Recall list (JSON)", lambda: lot_data.json_text(book), f"{stem}.json", "application/json",
        icon=":material/download:", width="stretch", on_click="ignore",
    )  # fmt: skip
    st.caption(f"Inputs SHA-256 {book.inputs_sha256[:16]}…: the same books give the same list.")


main()
