"""Overview: the last production day in a minute, on a phone at six in the morning."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from dashboards import charts, data, frame, words
from dashboards.attention.findings import Finding, biggest, by_page, findings, headline
from dashboards.frame import Choice, Fact

SHOWN = 3
ICONS = {
    "high": ":red[:material/error: now]",
    "medium": ":orange[:material/warning: today]",
    "low": ":blue[:material/info:]",
}


@st.fragment(run_every="30s")
def live(choice: Choice) -> None:
    """Everything below the chooser, drawn again when new data have come."""
    day = {"first": choice.last, "last": choice.last, "site": choice.site, "line": choice.line}
    tiles = data.tiles(day=choice.last, site=choice.site, line=choice.line)
    found = findings(
        data.alerts(site=choice.site),
        data.oee(**day, level="machine", grain="period"),
        data.losses(**day),
        data.forecast(item=None),
        data.proposals(),
        data.currency(),
    )
    st.subheader(words.day(choice.last) + (", still running" if choice.running else ""))
    st.markdown(headline(found))
    numbers(tiles.row(0, named=True))
    if tiles["oee"][0] is None:
        last_worked(choice)
    so_far(choice)
    attention(found)
    lines(data.oee(**day, level="line", grain="period"))
    week(choice)


def last_worked(choice: Choice) -> None:
    """The last chosen day that has an OEE, where the one shown has none: what a reader on Monday looks for."""
    scope = {"site": choice.site, "line": choice.line}
    days = data.oee(first=choice.first, last=choice.last, **scope, level="site", grain="day")
    worked = days.filter(pl.col("oee").is_not_null()).sort("production_day")
    if worked.is_empty():
        return
    row = worked.row(-1, named=True)
    day = row["production_day"]
    lost = biggest(data.losses(first=day, last=day, **scope), data.currency())
    said = f"OEE {words.bounded(row['oee'], row['oee_low'], row['oee_high'])}{_made(row)}. "
    st.markdown(f"**Last day with an OEE, {words.day(day)}**: {said}" + " ".join(f.text for f in lost))


def so_far(choice: Choice) -> None:
    """The day that runs, where it is not the one shown."""
    last = data.days_open().sort("production_day").row(-1, named=True)
    day = last["production_day"]
    if day <= choice.last:
        return
    rows = data.oee(first=day, last=day, site=choice.site, line=choice.line, level="site", grain="period")
    for row in rows.iter_rows(named=True):
        st.markdown(
            f"**Since then**, until {words.moment(last['reached_at'], choice.timezone)}: OEE "
            f"{words.bounded(row['oee'], row['oee_low'], row['oee_high'])}{words.because(row)}{_made(row)}."
        )


def attention(found: list[Finding]) -> None:
    """What needs a person, most urgent first, by the page that shows more."""
    st.markdown("##### Needs attention")
    if not found:
        st.success("Nothing. No alert, no failed check, no source down.", icon=":material/check_circle:")
    for (page, title), here in by_page(found).items():
        with st.container(border=True, gap="xsmall"):
            for finding in here[:SHOWN]:
                st.markdown(f"{ICONS.get(finding.urgency, '')} {finding.text}")
            more = f", {len(here) - SHOWN} more there" if len(here) > SHOWN else ""
            st.page_link(page, label=f"{title}{more}", icon=":material/arrow_forward:")


def numbers(tile: dict[str, Any]) -> None:
    """The day in big numbers."""
    frame.facts(
        [
            Fact("OEE", words.percent(tile["oee"]), _oee_note(tile), data.meaning("gold.oee", "oee")),
            Fact("Good pieces", words.number(tile["good_pcs"]), f"{words.number(tile['scrap_pcs'])} scrapped"),
            Fact("Stopped", words.span(tile["down_s"]), "all machines together"),
            Fact("Energy", words.number(tile["energy_kwh"], "kWh"), _energy_note(tile)),
        ]
    )


def _oee_note(tile: dict[str, Any]) -> str:
    if words.loose(tile["oee_low"], tile["oee_high"]):
        return f"between {words.percent(tile['oee_low'])} and {words.percent(tile['oee_high'])}"
    if tile["oee"] is None:
        return "nothing planned, or no signal"
    return words.change(tile["oee"], tile["oee_before"], "the day before")


def _energy_note(tile: dict[str, Any]) -> str:
    if tile["oee"] is None:
        return "not shared out: no OEE that day"
    each = tile["kwh_per_good_pc"]
    return "no pieces to share it" if each is None else f"{words.number(each, 'kWh a good piece', 2)}"


def lines(by_line: pl.DataFrame) -> None:
    """One sentence a line, each leading to its losses."""
    st.markdown("##### Lines")
    if by_line.is_empty():
        frame.nothing("No shift was planned on this day, so no line has an OEE.")
    for row in by_line.iter_rows(named=True):
        with st.container(border=True, gap="xxsmall"):
            st.markdown(
                f"**{row['scope']}**: OEE {words.bounded(row['oee'], row['oee_low'], row['oee_high'])}"
                f"{words.because(row)}{_made(row)}"
            )
            # A link with ?line= would lose against the choice made here, so the choice itself is changed.
            if st.button(
                "Where the time went", key=f"losses of {row['scope']}", type="tertiary", icon=":material/speed:",
                on_click=frame.choose_line, args=(row["scope"],),
            ):  # fmt: skip
                st.switch_page("app_pages/oee.py")


def _made(row: dict[str, Any]) -> str:
    """Pieces of a line that counts any."""
    if not row["produced_pcs"]:
        return ""
    return f" · {words.number(row['good_pcs'])} good, {words.number(row['scrap_pcs'])} scrapped"


def week(choice: Choice) -> None:
    """OEE of the chosen days."""
    days = data.oee(first=choice.first, last=choice.last, site=choice.site, line=choice.line, level="site", grain="day")
    st.markdown(f"##### OEE, {choice.days}")
    if days.height < 2:
        frame.nothing("One day makes no trend. Choose more days above.")
        return
    shown = days.select(day="production_day", value="oee", low="oee_low", high="oee_high")
    st.altair_chart(charts.trend(shown, "OEE"), alt="OEE by production day with its bounds")
    if shown.filter(pl.col("high") - pl.col("low") > 0.005).height:
        st.caption("The shaded band is what missing signals leave open.")


live(frame.chosen())
