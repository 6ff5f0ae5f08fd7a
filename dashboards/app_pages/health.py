"""Machine health: which machine may fail, why the model thinks so, and whether to believe it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboards import cards, clock, curves, data, frame, words
from dashboards.frame import Choice
from dashboards.theme import SIGNAL_UNITS, spoken

LOOK_BACK_DAYS = 14
MODEL = "failure_model"
# The mode of the model that asks whether the machine fails at all.
ANY = "any"

HELP = """
* **Probability**: of all times the model said so, about this share was followed by the failure within the horizon
  (it is calibrated). It only uses what was known at the time it was scored.
* **Alert level**: not a matter of taste. It is the probability from which an inspection costs less than the failures
  it prevents, from the costs in `plant.toml` (`[alerts]`).
* **Remaining life**: median and range in running hours; a dash where there are too few failures to say.
* **Drivers**: what differs most from this machine's own normal. Look at the signal below: does it look so to you?
* A machine without a score has too few failures to learn from. It is not healthy, it is unknown.
"""


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    rows = data.failure_risk(site=choice.site, line=choice.line)
    if rows.is_empty():
        frame.nothing(
            "No machine has been scored yet. The model needs failures in the maintenance records to learn from."
        )
        return
    summary(rows, choice)
    row = pick(rows)
    why(row, choice)
    trends(row, choice)
    record(row["machine"], choice)
    card(row)
    frame.explain("How to read this", HELP)


def summary(rows: pl.DataFrame, choice: Choice) -> None:
    """Alerts as sentences, or that there is none."""
    scored = words.moment(rows["scored_at"].max(), choice.timezone)
    alerts = rows.filter(pl.col("alert"))
    if alerts.is_empty():
        st.success(f"No alert. Last scored {scored}.", icon=":material/check_circle:")
    for row in alerts.iter_rows(named=True):
        st.error(
            f"**{row['machine']}** may fail{_mode(row)}: {words.chance(row['probability'])} "
            f"within {words.number(row['horizon_h'], 'h')}. Alert from {words.chance(row['threshold'])}."
            f"{_since(row, choice)}",
            icon=":material/error:",
        )
    unknown = rows.filter(pl.col("probability").is_null()).height
    tail = (
        f" {words.plural(unknown, 'mode has', 'modes have')} no score: too few failures to learn from."
        if unknown
        else ""
    )
    st.caption(f"Last scored {scored}.{tail}")


def _mode(row: dict[str, Any]) -> str:
    """The failure in brackets; nothing for the model of the whole machine."""
    return "" if row["failure_mode"] == ANY else f" ({spoken(row['failure_mode'])})"


def _since(row: dict[str, Any], choice: Choice) -> str:
    """Since which score the alert stands without a break."""
    history = data.risk_history(machine=row["machine"], failure_mode=row["failure_mode"]).sort("scored_at")
    quiet = history.filter(~pl.col("alert").fill_null(value=False))["scored_at"].max()
    stands = history if quiet is None else history.filter(pl.col("scored_at") > quiet)
    if stands.is_empty():
        return ""
    open_end = "at least " if quiet is None else ""
    return f" Alert since {open_end}{words.moment(stands['scored_at'].min(), choice.timezone)}."  # type: ignore[arg-type]


def pick(rows: pl.DataFrame) -> dict[str, Any]:
    """The machine and failure mode to look at, the most likely one first."""
    ordered = rows.sort(["alert", "probability"], descending=True, nulls_last=True)
    # The name is what the link holds (?risk=...), so it has no number in it that will have changed tomorrow.
    by_name = {f"{r['machine']}, {_failure(r)}": r for r in ordered.iter_rows(named=True)}
    picked = st.selectbox("Machine and failure", list(by_name), key="risk", bind="query-params")
    return by_name[str(picked)]


def _failure(row: dict[str, Any]) -> str:
    return "any failure" if row["failure_mode"] == ANY else spoken(row["failure_mode"])


def why(row: dict[str, Any], choice: Choice) -> None:
    """The score against its alert level, remaining life, drivers."""
    before = row["previous_probability"]
    moved = f"{words.chance(before)} at the score before" if before is not None else "first score"
    span = (
        f"{words.number(row['rul_low_h'])} to {words.number(row['rul_high_h'])} h"
        if row["rul_h"] is not None
        else "too few failures to say"
    )
    frame.facts(
        [
            frame.Fact("Probability", words.chance(row["probability"]), moved),
            frame.Fact("Alert level", words.chance(row["threshold"]), f"within {words.number(row['horizon_h'], 'h')}"),
            frame.Fact("Remaining life", words.number(row["rul_h"], "h"), span),
        ]
    )
    told = data.model_card(MODEL, row["model_version"]) or {}
    drivers = [words.spread(d.strip()) for d in (row["explained_by"] or "").split(";") if d.strip()]
    if row["probability"] is None:
        reason = cards.no_score(told, row["failure_mode"])
        frame.nothing(f"There is no score, so nothing to explain{': ' + reason if reason else ''}.")
    elif drivers:
        st.markdown("**What drives it**\n" + "\n".join(f"* {d}" for d in drivers))
    else:
        frame.nothing("Nothing differs from this machine's own normal.")
    if row["probability"] is not None and (tried := cards.record(told, row["failure_mode"])):
        cost = cards.money(told, row["failure_mode"], data.currency())
        st.markdown(f"**Can it be believed?** {tried} {cost}".rstrip())
    history = data.risk_history(machine=row["machine"], failure_mode=row["failure_mode"])
    scored = history.filter(pl.col("probability").is_not_null())
    if scored.height > 1:
        shown = clock.wall(scored.rename({"scored_at": "at"}), choice.timezone, scored["scored_at"].min())
        st.altair_chart(curves.risk(shown), alt="Probability by decision time with the alert level")
        since = words.moment(scored["scored_at"].min(), choice.timezone)  # type: ignore[arg-type]
        st.caption(f"Probability at each score from {since}, site time. Dashed: alert level.")


def trends(row: dict[str, Any], choice: Choice) -> None:
    """The raw signals, so that a person can see what the model saw."""
    st.markdown("##### The signals themselves")
    first = min(choice.first, choice.last - timedelta(days=LOOK_BACK_DAYS))
    rows = data.signals(machine=row["machine"], first=first, last=choice.last)
    if rows.is_empty():
        frame.nothing(f"{row['machine']} has delivered no vibration, temperature or power in these days.")
        return
    since = rows["at"].min()
    works = data.maintenance(machine=row["machine"]).filter(pl.col("reported_at").is_between(since, rows["at"].max()))
    marks = clock.wall(works.select("kind", at="reported_at"), choice.timezone, since)
    named = (row["explained_by"] or "").lower()
    for role in sorted(rows["role"].unique(), key=lambda r: (r not in named, r)):
        one = clock.wall(rows.filter(pl.col("role") == role), choice.timezone, since)
        unit = SIGNAL_UNITS.get(role, "")
        st.markdown(f"**{role.capitalize()}**, {unit}" if unit else f"**{role.capitalize()}**")
        st.altair_chart(curves.signal(one, unit, marks), alt=f"{role} of {row['machine']}")
    tail = " Dashed: maintenance." if marks.height else ""
    st.caption(
        "Green: where 90 % of the values lay while the machine produced, up to a day ago. "
        f"A gap is a lost signal.{tail}"
    )


def record(machine: str, choice: Choice) -> None:
    """What was done to the machine before."""
    rows = data.maintenance(machine=machine)
    with st.expander(f"Maintenance record ({rows.height})", icon=":material/build:"):
        if rows.is_empty():
            frame.nothing(f"There is no maintenance order for {machine}.")
        else:
            local = clock.local(rows, choice.timezone).select(
                "reported_at", "kind", "failure_mode", pl.col("duration_s") / 3600
            )
            st.dataframe(local, hide_index=True, placeholder=words.DASH, column_config=RECORD, alt="Maintenance record")


RECORD = {
    "reported_at": st.column_config.DatetimeColumn("Reported", format="D MMM YYYY, HH:mm", pinned=True), "kind": "Kind",
    "failure_mode": "Failure", "duration_s": st.column_config.NumberColumn("Hours down", format="%.1f"),
}  # fmt: skip


def card(row: dict[str, Any]) -> None:
    """What the model was made from and how well it did."""
    with st.expander("About the model", icon=":material/badge:"):
        found = data.model_card(MODEL, row["model_version"])
        if found is None:
            frame.nothing(f"The card of model version {row['model_version']} is not on the shelf any more.")
            return
        for said in cards.sentences(found, row["failure_mode"]):
            st.markdown(f"* {said}")
        st.caption(f"Version {row['model_version']}")


main()
