"""The frame every page stands in: title, what is chosen (line, days, site), big facts, honest blanks.

The choice lives in the URL (`?line=shafts&days=2026-11-16&days=2026-11-22`), so that a view can be sent
to somebody and stays when the page changes. No numbers are made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import streamlit as st

from dashboards import data, words

ALL_LINES = "All lines"
_CHOSEN = "chosen"
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


def begin(title: str) -> None:
    """Title and chooser above every page; stops with a sentence when there is nothing to show yet.

    They are drawn by `app.py`, not by the pages: a widget that all pages share keeps its value when the page changes.
    """
    st.title(title)
    sites, days = data.sites(), data.days()
    if sites.is_empty() or days.is_empty():
        nothing("There are no numbers yet. They appear here once the pipeline has built the first production day.")
        st.caption(f"Looking in {data.root()}. Build with `shopfloor build`, or try `make demo`.")
        st.stop()
    st.session_state[_CHOSEN] = _choose(sites, days)


def chosen() -> Choice:
    """What the reader chose; for the pages, after `begin`."""
    choice: Choice = st.session_state[_CHOSEN]
    return choice


def _choose(sites: pl.DataFrame, days: pl.DataFrame) -> Choice:
    held = dict(days.select("production_day", "complete").iter_rows())
    whole = max((d for d, complete in held.items() if complete), default=max(held))
    week = (max(min(held), whole - timedelta(days=BACK_DAYS - 1)), whole)
    slot = st.container()
    with slot.popover(_said(week), icon=":material/tune:", width="stretch"):
        site = _site(sites)
        lines = data.machines(site=site)["line"].unique().sort().to_list()
        line = st.selectbox("Line", [ALL_LINES, *lines], key="line", bind="query-params")
        picked = st.date_input(
            "Production days", week, min_value=min(held), max_value=max(held), key="days", bind="query-params"
        )  # fmt: skip
        st.caption("A production day belongs to the date on which it starts.")
    print("DBG", line, picked, st.session_state.get("line"), dict(st.query_params), flush=True)
    first, last = (picked[0], picked[-1]) if picked else week
    zone = dict(sites.select("site", "timezone").iter_rows())[site]
    return Choice(site, zone, None if line == ALL_LINES else line, first, last, not held.get(last, True))


def _said(week: tuple[date, date]) -> str:
    """Label of the chooser: what the reader chose, else what the link says, else the last whole week."""
    linked = [date.fromisoformat(d) for d in st.query_params.get_all("days") if _is_day(d)]
    picked = st.session_state.get("days") or linked or week
    line = st.session_state.get("line") or st.query_params.get("line") or ALL_LINES
    return f"{line} · {words.days(picked[0], picked[-1])}"


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _site(sites: pl.DataFrame) -> str:
    names = sites["site"].to_list()
    if len(names) == 1:
        return str(names[0])
    return str(st.selectbox("Site", names, key="site", bind="query-params"))


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
