"""The frame every page stands in: title, what is chosen (line, days, site), big facts, honest blanks.

The choice lives in the URL (`?line=shafts&days=2026-11-16&days=2026-11-22`), so that a view can be sent
to somebody and stays when the page changes. No numbers are made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboards import data, words

ALL_LINES = "All lines"
NEARLY_S = 900.0  # a day is over for a reader when at most this much of it is still to come
_CHOSEN, _LINKED = "chosen", "linked"
BACK_DAYS = 7  # a week holds every shift pattern of most plants once


@dataclass(frozen=True)
class Choice:
    """What a page shows: production days first..last (both included), one line or all (None), one site."""

    site: str
    timezone: str
    line: str | None
    first: date
    last: date
    running: bool

    @property
    def days(self) -> str:
        """The days in words; says when the last one is still running."""
        said = words.days(self.first, self.last)
        return f"{said} (still running)" if self.running else said


@dataclass(frozen=True)
class Fact:
    """One big number: what, how much, and a small line below it (bounds, comparison, why it is missing)."""

    label: str
    value: str
    note: str = ""
    help: str = ""


def begin(title: str, *, by_line: bool = True) -> None:
    """Title and chooser above every page; stops with a sentence when there is nothing to show yet.

    `by_line`: whether a line narrows the page; where it does not, the chooser says so and lets it be.

    They are drawn by `app.py`, not by the pages: a widget that all pages share keeps its value when the page changes.
    """
    st.title(title)
    sites, days = data.sites(), data.days_open()
    if sites.is_empty() or days.is_empty():
        nothing("There are no numbers yet. They appear here once the pipeline has built the first production day.")
        st.caption(f"Looking in {data.root()}. Build with `shopfloor build`, or try `make demo`.")
        st.stop()
    st.session_state[_CHOSEN] = _choose(sites, days, by_line=by_line)


def chosen() -> Choice:
    """What the reader chose; for the pages, after `begin`."""
    choice: Choice = st.session_state[_CHOSEN]
    return choice


def _choose(sites: pl.DataFrame, days: pl.DataFrame, *, by_line: bool) -> Choice:
    held = days.sort("production_day")["production_day"].to_list()
    whole = days.filter(pl.col("open_s") <= NEARLY_S)["production_day"].max() or held[-1]
    week = (max(held[0], whole - timedelta(days=BACK_DAYS - 1)), whole)
    names, site = sites["site"].to_list(), st.session_state.get("site")
    lines = data.machines(site=site)["line"].unique().sort().to_list()
    _adopt(names, lines, (held[0], held[-1]))
    st.session_state.setdefault("days", week)
    with st.popover(_said(by_line=by_line), icon=":material/tune:", width="stretch"):
        if len(names) > 1:
            site = st.selectbox("Site", names, key="site", persist_state="session")
        line = st.selectbox(
            "Line", [ALL_LINES, *lines], key="line", persist_state="session", disabled=not by_line,
            help=None if by_line else "This page shows the whole site.",
        )  # fmt: skip
        picked = st.date_input(
            "Production days", min_value=held[0], max_value=held[-1], key="days", persist_state="session"
        )  # fmt: skip
        st.caption("A production day belongs to the date on which it starts.")
    first, last = (picked[0], picked[-1]) if picked else week
    _link(site, line, first, last)
    zone = dict(sites.select("site", "timezone").iter_rows())
    site = site or names[0]
    running = days.filter(pl.col("open_s") > NEARLY_S)["production_day"].to_list()
    return Choice(site, zone[site], None if line == ALL_LINES else line, first, last, last in running)


def _adopt(sites: list[str], lines: list[str], held: tuple[date, date]) -> None:
    """Take over what a link says, once: afterwards the widgets decide. What makes no sense is left out.

    Streamlit's own binding of widgets to the URL is not used: it forbids `st.switch_page` (seen with 1.67).
    """
    linked = _linked()
    if linked == st.session_state.get(_LINKED):
        return
    if linked.get("site") in sites:
        st.session_state["site"] = linked["site"]
    if linked.get("line") in (*lines, ALL_LINES):
        st.session_state["line"] = linked["line"]
    days = [d for text in linked["days"] if (d := _day(text)) and held[0] <= d <= held[1]]
    if days:
        st.session_state["days"] = (min(days), max(days))


def _linked() -> dict[str, Any]:
    """What the URL says of the choice."""
    given = st.query_params
    return {"site": given.get("site"), "line": given.get("line"), "days": given.get_all("days")}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _link(site: str | None, line: str, first: date, last: date) -> None:
    """Write the choice into the URL, beside what pages keep there."""
    if site:
        st.query_params["site"] = site
    st.query_params["line"] = line
    st.query_params["days"] = [first.isoformat(), last.isoformat()]
    st.session_state[_LINKED] = _linked()


def _said(*, by_line: bool) -> str:
    """Label of the chooser: what is chosen, before its widgets are drawn."""
    picked = st.session_state["days"]
    line = (st.session_state.get("line") or ALL_LINES) if by_line else "Whole site"
    return f"{line} · {words.days(picked[0], picked[-1])}"


def choose_line(name: str) -> None:
    """Choose a line for the reader; for callbacks only, which run before the chooser is drawn."""
    st.session_state["line"] = name


def facts(shown: list[Fact]) -> None:
    """Big numbers side by side, two in a row on a phone; the small lines wrap instead of being cut off."""
    grid = st.grid(len(shown), min_column_width=140, gap="xsmall", border=True)
    for fact in shown:
        with grid.cell(), st.container(gap=None):
            st.metric(fact.label, fact.value, help=fact.help or None)
            if fact.note:
                st.caption(fact.note)


def nothing(sentence: str) -> None:
    """A blank that says why it is blank."""
    st.info(sentence, icon=":material/hourglass_empty:")


def explain(title: str, text: str) -> None:
    """How to read what is shown; closed until asked for."""
    with st.expander(title, icon=":material/help:"):
        st.markdown(text)
