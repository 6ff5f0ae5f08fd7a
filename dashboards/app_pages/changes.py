"""Why it changed: how a number came to read as it does, its parts by cause, sign-off, and what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import streamlit as st

from dashboards import clock, data, frame, waterfall, words
from dashboards.frame import Choice, Fact

EVER, FOREVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
LEVELS = {"machine": "Machine", "line": "Line", "area": "Area", "site": "Site"}
GRAINS = {"day": "Production day", "shift": "Shift"}
TOLD = 20

HELP = """
* Every number is computed again when what it is made of changes: readings that came late, orders, reasons and states
  put right, the calendar, target cycles, settings, or the definition of the KPI. The old number is kept.
* **First** is the first publication, **running** the time that went on while the period was still open.
* A change is taken apart in the order in which its causes came in. The parts sum to the difference exactly,
  to the last of twelve decimals.
* **Signing off** records your name with the number as it stands. When it changes later you find it under
  *Changed after sign-off*, with the causes.
"""


@dataclass(frozen=True)
class Cell:
    """One number: a KPI of a scope in a period, with its words."""

    kpi: dict[str, Any]
    level: str
    scope: str
    grain: str
    row: dict[str, Any]

    @property
    def asked(self) -> dict[str, Any]:
        """The number as the warehouse names it."""
        return {"kpi": self.kpi["kpi"], "level": self.level, "scope": self.scope, "grain": self.grain,
                "period_start": self.row["period_start"]}  # fmt: skip

    @property
    def unit(self) -> str:
        """Unit of the KPI; '1' for a ratio."""
        return str(self.kpi["unit"])

    @property
    def name(self) -> str:
        """The number in words."""
        return f"{self.kpi['title']} of {self.scope}, {_period(self.row)}"


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    said()
    cell = pick(choice)
    if cell is not None:
        steps = data.change(**cell.asked, then=EVER, now=FOREVER)
        moves = steps.filter(pl.col("cause") != "total")
        facts(cell, moves, choice)
        over_time(cell, moves, choice)
        parts(cell, moves, choice)
        sign(cell, choice)
    news(choice)
    frame.explain("How to read this", HELP)


def said() -> None:
    """What the last sign-off did, shown once."""
    message = st.session_state.pop("signed", None)
    if message:
        st.success(message, icon=":material/check_circle:")


def pick(choice: Choice) -> Cell | None:
    """KPI, scope and period; those that changed last come first, those without a value (an idle day) last."""
    kpis = {row["kpi"]: row for row in data.kpi_definitions().iter_rows(named=True)}
    if not kpis:
        frame.nothing("No number has been published with its history yet. It is kept from the next build on.")
        return None
    start = list(kpis).index("oee") if "oee" in kpis else 0
    name = st.selectbox("Number", list(kpis), start, format_func=lambda k: f"{kpis[k]['title']}", key="changed kpi")
    left, right = st.columns(2)
    level = left.segmented_control(
        "Of", list(LEVELS), default="machine", format_func=lambda k: LEVELS[k], key="changed level"
    )
    grain = right.segmented_control(
        "By", list(GRAINS), default="day", format_func=lambda k: GRAINS[k], key="changed grain"
    )
    found = _found(choice, name, level or "machine", grain or "day")
    if found.is_empty():
        frame.nothing(f"{kpis[name]['title']} was not published for {choice.days}. Choose other days above.")
        return None
    scopes = found["scope"].unique(maintain_order=True).to_list()
    scope = left.selectbox("Which", scopes, key=f"changed {level}")
    mine = found.filter(pl.col("scope") == scope).to_dicts()
    chosen = right.selectbox("Period", range(len(mine)), format_func=lambda k: _option(mine[k]), key=f"{level} {grain}")
    return Cell(kpis[name], level or "machine", str(scope), grain or "day", mine[min(chosen or 0, len(mine) - 1)])


def _found(choice: Choice, kpi: str, level: str, grain: str) -> pl.DataFrame:
    given = {"known_at": FOREVER, "first": choice.first, "last": choice.last}
    rows = data.numbers(kpi=kpi, level=level, scope=None, grain=grain, definition="now", **given)  # type: ignore[arg-type]
    here = data.machines(site=choice.site, line=choice.line)[level].unique().to_list()
    mine = rows.filter(pl.col("scope").is_in(here)).with_columns(
        changed=pl.col("revision") > 1, told=pl.col("value").is_not_null()
    )
    by = ["told", "changed", "known_from", "period_start", "scope"]
    return mine.sort(by, descending=[True, True, True, True, False])


def _period(row: dict[str, Any]) -> str:
    shift = f", {row['shift']} shift" if row["shift"] else ""
    return f"{words.day(row['production_day'])}{shift}"


def _option(row: dict[str, Any]) -> str:
    times = row["revision"] - 1
    return f"{_period(row)} · {'data changed ' + words.plural(times, 'time') if times else 'as first published'}"


def _read(value: float | None, unit: str) -> str:
    return words.percent(value, 2) if unit == "1" else words.number(value, unit, 3)


def _moved(contribution: Decimal | None, unit: str) -> str:
    if contribution is None:
        return "no difference"
    return f"{100 * contribution:+.2f} points" if unit == "1" else f"{contribution:+,.3f} {unit}"


def facts(cell: Cell, moves: pl.DataFrame, choice: Choice) -> None:
    """What it reads now, what it first read, and since when."""
    st.subheader(cell.name)
    first = moves["value_after"].drop_nulls()
    revisions = moves["known_from"].n_unique()
    shown = [
        Fact("Reads now", _read(cell.row["value"], cell.unit), f"definition {cell.row['definition_id']}"),
        Fact("First published", _read(first[0] if first.len() else None, cell.unit),
             words.moment(moves["known_from"].min() if moves.height else None, choice.timezone)),  # type: ignore[arg-type]
        Fact("Changes since", words.number(max(0, revisions - 1)),
             f"the last {words.moment(moves['known_from'].max(), choice.timezone)}" if revisions > 1 else "none"),  # type: ignore[arg-type]
    ]  # fmt: skip
    frame.facts(shown)


def over_time(cell: Cell, moves: pl.DataFrame, choice: Choice) -> None:
    """The number from revision to revision."""
    if moves["known_from"].n_unique() < 2:
        return
    st.subheader("Over time")
    together = moves.group_by("known_from", maintain_order=True).agg(
        value=pl.col("value_after").last(), cause=pl.col("cause").unique(maintain_order=True).str.join(", ")
    )
    now = pl.DataFrame(
        {"known_from": [datetime.now(UTC)], "value": [cell.row["value"]]}, schema_overrides=together.schema
    )
    lasting = pl.concat([together, now], how="diagonal").rename({"known_from": "at"})
    chart = waterfall.revisions(clock.local(lasting, choice.timezone), cell.unit)
    st.altair_chart(chart, alt=f"{cell.name}: value from revision to revision")


def parts(cell: Cell, moves: pl.DataFrame, choice: Choice) -> None:
    """The difference between an earlier reading and now, by cause."""
    st.subheader("What changed it")
    instants = moves["known_from"].unique().sort().to_list()
    if len(instants) < 2:
        frame.nothing("This number reads as it was first published.")
        return
    then = st.selectbox(
        "Compare now with the number of", instants[:-1], key=f"then {cell.name}",
        format_func=lambda at: f"{words.moment(at, choice.timezone)}:{at:%S}",
    )  # fmt: skip
    rows = data.change(**cell.asked, then=then, now=FOREVER)
    total = rows.row(-1, named=True)
    both = f"{_read(total['value_before'], cell.unit)} then, {_read(total['value_after'], cell.unit)} now."
    if total["contribution"] is None:
        st.markdown(f"{total['note'] or 'There was no number, and there is none'}: {both}")
    else:
        st.markdown(f"**{_moved(total['contribution'], cell.unit)}**: {both}")
        steps = _steps(rows, cell.unit)
        st.altair_chart(
            waterfall.waterfall(steps, cell.unit, cell.kpi["better"]), alt=f"{cell.name}: parts of the change"
        )
    _table(rows, choice)


def _steps(rows: pl.DataFrame, unit: str) -> pl.DataFrame:
    """Bars of the waterfall: then, each cause with all it contributed, now."""
    total = rows.row(-1, named=True)
    by_cause: dict[str, Decimal] = {}
    for cause, contribution in rows.head(-1).select("cause", "contribution").iter_rows():
        by_cause[cause] = by_cause.get(cause, Decimal(0)) + (contribution or Decimal(0))
    at, bars = float(total["value_before"]), []
    bars.append(("then", at, at, True, _read(at, unit)))
    for cause, contribution in by_cause.items():
        bars.append((cause, at, at + float(contribution), False, _moved(contribution, unit)))
        at += float(contribution)
    bars.append(("now", at, at, True, _read(total["value_after"], unit)))
    return pl.DataFrame(bars, schema=["label", "start", "end", "total", "said"], orient="row")


def _table(rows: pl.DataFrame, choice: Choice) -> None:
    with st.expander("Every step", icon=":material/table:"):
        shown = clock.local(rows, choice.timezone).with_columns(pl.col("contribution").cast(pl.String))
        st.dataframe(
            shown, hide_index=True, placeholder=words.DASH, alt="Every step of the change",
            column_config={
                "cause": st.column_config.TextColumn("Cause", pinned=True),
                "known_from": st.column_config.DatetimeColumn("Since", format="D MMM, HH:mm:ss"),
                "value_before": st.column_config.NumberColumn("Before", format="%.6g"),
                "value_after": st.column_config.NumberColumn("After", format="%.6g"),
                "contribution": "Contribution, exact", "note": "Note",
            },
        )  # fmt: skip


def sign(cell: Cell, choice: Choice) -> None:
    """Who signed this number, and a place to sign it."""
    st.subheader("Sign-off")
    mine = data.signoffs().filter(pl.col(name) == value for name, value in cell.asked.items())
    for row in mine.iter_rows(named=True):
        why = f" “{row['comment']}”" if row["comment"] else ""
        when = words.moment(row["signed_at"], choice.timezone)
        st.markdown(f":green[:material/verified:] **{row['signed_by']}** signed "
                    f"{_read(row['value'], cell.unit)} on {when}.{why}")  # fmt: skip
    with st.form(f"sign {cell.name}", border=True):
        st.markdown(f"{cell.name} reads **{_read(cell.row['value'], cell.unit)}**.")
        by = st.text_input("Your name", value=st.session_state.get("decided_by", ""))
        comment = st.text_input("Comment (optional)")
        pressed = st.form_submit_button("Sign off", type="primary", width="stretch", icon=":material/draw:")
    if pressed:
        _sign(cell, by, comment)


def _sign(cell: Cell, by: str, comment: str) -> None:
    if not by.strip():
        st.error("Write your name first: a sign-off needs somebody who signs.", icon=":material/error:")
        return
    try:
        data.sign(**cell.asked, by=by, comment=comment)
    except data.SignoffError as error:
        st.error(f"Nothing was recorded: {error}.", icon=":material/error:")
        return
    st.session_state["decided_by"] = by.strip()
    st.session_state["signed"] = f"Signed: {cell.name}, {_read(cell.row['value'], cell.unit)}."
    st.rerun()


def news(choice: Choice) -> None:
    """Numbers that changed after somebody signed them, latest first."""
    st.subheader("Changed after sign-off")
    rows = data.notifications()
    if rows.is_empty():
        frame.nothing("No signed number has changed.")
        return
    for row in rows.head(TOLD).iter_rows(named=True):
        st.markdown(
            f":orange[:material/notifications:] **{row['recipient']}**: {row['title']} of {row['scope']}, "
            f"{row['grain']} from {words.moment(row['period_start'], choice.timezone)}, signed as "
            f"{_read(row['signed_value'], row['unit'])}, reads {_read(row['value'], row['unit'])} "
            f"since {words.moment(row['known_from'], choice.timezone)}: {_causes(row['parts'], row['unit'])}."
        )
    if rows.height > TOLD:
        st.caption(f"The latest {TOLD} of {words.number(rows.height)}; all are in gold.notifications.")


def _causes(parts: str, unit: str) -> str:
    found = json.loads(parts, parse_float=Decimal, parse_int=Decimal)
    return ", ".join(f"{cause} {_moved(c, unit)}" for cause, c in found.items()) or "no cause recorded"


main()
