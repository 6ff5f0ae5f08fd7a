"""OEE and losses: how well the machines were used, where the time went, what each machine did."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from dashboards import charts, clock, data, frame, words
from dashboards.frame import Choice, Fact
from dashboards.ranking import decided
from dashboards.theme import spoken

HELP = """
**OEE** (ISO 22400-2) = availability x effectiveness x quality: the share of planned time in which good pieces
were made at the ideal speed.

* *Availability*: producing time / planned time with a signal. Breaks and planned stops do not count against it.
* *Effectiveness*: ideal time of the pieces made / producing time. Above 100 % is kept, not cut:
  the standard time is wrong.
* *Quality*: good / all pieces.
* **71 % [66..80]** means: 71 % over the time we know of. Had all time without a signal been loss it would be 66 %,
  had it been perfect, 80 %. Where these ranges overlap, nobody can say which machine was better, so they are grey.
* **Cost** of a loss: its time at what an hour of the machine costs (cost rates of the ERP). **Margin**: what the pieces
  not made would have earned, only where the machine is a bottleneck by plant.toml.
* Several machines or days are added up first and divided once. Ratios are never averaged.
"""


def factors(choice: Choice) -> None:
    """OEE of all that is chosen, and its three factors."""
    total = data.oee(**_scope(choice), level="site", grain="period")
    if total.is_empty():
        frame.nothing(f"Nothing was recorded on {choice.days}. Choose other days above.")
        return
    row = total.row(0, named=True)
    loose = words.loose(row["oee_low"], row["oee_high"])
    between = f"between {words.percent(row['oee_low'])} and {words.percent(row['oee_high'])}" if loose else ""
    frame.facts(
        [
            Fact(
                "OEE",
                words.percent(row["oee"]),
                between or _why(row),
            ),
            Fact("Availability", words.percent(row["availability"]), f"{words.span(row['apt_s'])} producing"),
            Fact("Effectiveness", words.percent(row["effectiveness"]), f"{words.number(row['produced_pcs'])} pieces"),
            Fact("Quality", words.percent(row["quality"], 1), f"{words.number(row['scrap_pcs'])} scrapped"),
            Fact("Coverage", words.percent(row["coverage"], 1), f"{words.span(row['unknown_s'])} without a signal"),
        ]
    )
    _product(row, choice)


def _product(row: dict[str, Any], choice: Choice) -> None:
    """Why the three factors do not multiply to the OEE, where a reader who tries would find another number."""
    shown = [row[k] for k in ("availability", "effectiveness", "quality", "oee")]
    if None in shown or abs(shown[0] * shown[1] * shown[2] - shown[3]) < NOTICED:
        return
    machines = data.oee(**_scope(choice), level="machine", grain="period")
    half = machines.filter(pl.col("oee").is_null() & pl.col("availability").is_not_null())["scope"].to_list()
    if half:
        product = words.percent(shown[0] * shown[1] * shown[2])
        st.caption(
            f"The factors multiply to {product}, not to the OEE: without pieces to judge by, {', '.join(half)} "
            f"{'counts' if len(half) == 1 else 'count'} in the availability alone."
        )


def _why(row: dict[str, Any]) -> str:
    if row["oee"] is None:
        return row["note"] or "nothing known"
    return "little time unknown" if row["unknown_s"] else "all time known"


def _scope(choice: Choice) -> dict[str, object]:
    return {"first": choice.first, "last": choice.last, "site": choice.site, "line": choice.line}


def by_day(choice: Choice) -> None:
    """OEE by production day with its bounds."""
    st.subheader("By day")
    days = data.oee(**_scope(choice), level="site", grain="day")
    if days.height < 2:
        frame.nothing("One day makes no trend. Choose more days above.")
        return
    shown = days.select(day="production_day", value="oee", low="oee_low", high="oee_high")
    st.altair_chart(charts.trend(shown, "OEE"), alt="OEE by production day with its bounds")


def by_machine(choice: Choice) -> None:
    """Machines, best first; grey where missing signals leave the order open."""
    st.subheader("By machine")
    machines = decided(data.oee(**_scope(choice), level="machine", grain="period"))
    ranked = machines.filter(pl.col("value").is_not_null())
    if ranked.is_empty():
        frame.nothing("No machine has an OEE on these days.")
    else:
        st.altair_chart(charts.ranking(ranked), alt="Machines by OEE, best first")
    for row in machines.filter(pl.col("value").is_null()).iter_rows(named=True):
        low, high = row["low"], row["high"]
        between = f"OEE between {words.percent(low)} and {words.percent(high)}"
        st.caption(
            f"{row['scope']}: {between if words.loose(low, high) else 'no OEE'}, {row['note'] or 'nothing known'}."
        )
    with st.expander("As a table", icon=":material/table:"):
        table = machines.select(
            "scope",
            "value",
            "low",
            "high",
            "coverage",
            "availability",
            "effectiveness",
            "quality",
            "good_pcs",
            "scrap_pcs",
            "note",
        )
        st.dataframe(table, hide_index=True, placeholder=words.DASH, column_config=COLUMNS, alt="OEE by machine")


COLUMNS = {
    "scope": st.column_config.TextColumn("Machine", pinned=True),
    "value": st.column_config.NumberColumn("OEE", format="percent"),
    "low": st.column_config.NumberColumn("At least", format="percent"),
    "high": st.column_config.NumberColumn("At most", format="percent"),
    **{c: st.column_config.NumberColumn(c.capitalize(), format="percent")
       for c in ("coverage", "availability", "effectiveness", "quality")},
    "good_pcs": st.column_config.NumberColumn("Good", format="localized"),
    "scrap_pcs": st.column_config.NumberColumn("Scrap", format="localized"),
    "note": "Note",
}  # fmt: skip


def where_time_went(choice: Choice) -> None:
    """Losses, longest first, and how each machine spent its time."""
    st.subheader("Where the time went")
    lost = data.losses(**_scope(choice))
    if lost.is_empty():
        frame.nothing("No time was lost on these days, or none was recorded.")
    else:
        top = lost.head(TOP)
        st.altair_chart(charts.pareto(top), alt=f"Losses by reason, longest first: {spoken(top['reason'][0])}")
        st.caption(f"The longest {words.plural(top.height, 'reason')}; planned stops are left out.{_costs(lost)}")
        with st.expander("What it cost", icon=":material/payments:"):
            shown = lost.select(
                pl.col("reason").map_elements(spoken, return_dtype=pl.String), "cost", "margin",
                pl.col("duration_s") / 3600, "stops", "machines", "worst_machine",
            ).sort("cost", descending=True, nulls_last=True)  # fmt: skip
            st.dataframe(
                shown, hide_index=True, placeholder=words.DASH, column_config=LOSS_COLUMNS, alt="Cost of losses"
            )
    spent = data.accounts(**_scope(choice))
    if not spent.is_empty():
        st.markdown("How each machine spent its time")
        st.altair_chart(charts.accounts(spent), alt="Share of time by machine and account")


def _costs(lost: pl.DataFrame) -> str:
    """What all of it cost at the machines' rates; says when some of it has none."""
    known = lost["cost"].drop_nulls()
    if known.is_empty():
        return " Nothing says what an hour costs."
    least = "at least " if known.len() < lost.height else ""
    margin = float(lost["margin"].sum())
    missed = f" At bottlenecks {words.number(margin, data.currency())} of margin were not earned." if margin else ""
    return f" All of it cost {least}{words.number(float(known.sum()), data.currency())} at the machines' rates.{missed}"


TOP = 10
NOTICED = 0.005  # half a point: what a reader with a calculator would notice
LOSS_COLUMNS = {
    "reason": st.column_config.TextColumn("Reason", pinned=True),
    "cost": st.column_config.NumberColumn("Cost", format="%,.0f"),
    "margin": st.column_config.NumberColumn("Margin not earned", format="%,.0f"),
    "duration_s": st.column_config.NumberColumn("Hours", format="%.1f"),
    "stops": st.column_config.NumberColumn("Stops", format="localized"),
    "machines": st.column_config.NumberColumn("Machines", format="%d"), "worst_machine": "Most at",
}  # fmt: skip


def day_by_machine(choice: Choice) -> None:
    """What every machine did on one day, as lanes."""
    st.subheader("A day, machine by machine")
    held = data.days_open()["production_day"]
    options = sorted(held.filter(held.is_between(choice.first, choice.last)), reverse=True) or [choice.last]
    day = st.selectbox("Day", options, _busy(options, choice), format_func=words.day, key="day")
    shown = data.timeline(day=day, site=choice.site, line=choice.line)
    if shown.is_empty():
        frame.nothing(f"No machine has a record on {words.day(day)}.")
        return
    _lanes(shown, choice, day)


def _busy(options: list[date], choice: Choice) -> int:
    """Index of the newest day on which something was planned; the newest of all where there is none."""
    days = data.oee(**_scope(choice), level="site", grain="day")
    planned = set(days.filter(pl.col("pbt_s") > 0)["production_day"])
    return next((i for i, day in enumerate(options) if day in planned), 0)


def _lanes(shown: pl.DataFrame, choice: Choice, day: date) -> None:
    start, end = shown["start_at"].min(), shown["end_at"].max()
    lanes = clock.wall(shown, choice.timezone, start).with_columns(
        pl.col("reason").map_elements(spoken, return_dtype=pl.String)
    )  # fmt: skip
    st.altair_chart(charts.timeline(lanes), alt=f"What each machine did on {words.day(day)}")
    late = (
        " The clocks changed on this day: the axis keeps the time from before."
        if clock.changes(choice.timezone, start, end)
        else ""
    )
    st.caption(f"Site time, from {words.moment(start, choice.timezone)}. Touch a bar for its reason and order.{late}")


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    factors(choice)
    by_machine(choice)
    where_time_went(choice)
    day_by_machine(choice)
    by_day(choice)
    frame.explain("How to read this", HELP)


main()
