"""Data trust: how fresh and complete the data are, what was rejected, which checks failed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import streamlit as st

from dashboards import charts, clock, data, frame, words
from dashboards.attention import check_words
from dashboards.frame import Choice, Fact
from dashboards.supply import parts
from dashboards.theme import spoken

STATES = {
    "connected": ":green[:material/check_circle:]", "down": ":red[:material/error:]",
    "never seen": ":orange[:material/help:]", "idle": ":gray[:material/pause_circle:]",
}  # fmt: skip

# A clock off by less is not worth a word: the way a value takes is in the estimate.
# No string may stand here alone: Streamlit writes it on the page.
SKEW_SHOWN_S = 1.0


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    st.caption("Before you act on a number: is it fresh, complete, and did it pass its checks?")
    now = datetime.now(UTC)
    totals(choice)
    sources(choice, now)
    coverage(choice)
    checks(choice)
    quarantine()
    parts.unmatched()
    tables(choice)


def totals(choice: Choice) -> None:
    """The answer in five numbers."""
    covered = data.oee(first=choice.first, last=choice.last, site=choice.site, level="site", grain="period")
    known = covered.row(0, named=True) if covered.height else {"coverage": None, "unknown_s": None}
    tests, held, origin = data.checks(), data.quarantine(), data.sources()
    reach = data.tables().filter(pl.col("table_name") == "silver.time_ledger")["latest_at"].drop_nulls()
    bad = tests.filter(~pl.col("passed")).height
    frame.facts(
        [
            _reach(reach[0] if reach.len() else None, choice),
            Fact("Coverage", words.percent(known["coverage"], 1), f"{words.span(known['unknown_s'])} without a signal"),
            Fact("Checks failed", words.number(bad), f"of {tests.height}"),
            Fact(
                "Rows held back",
                words.number(held["open_rows"].sum()),
                f"{words.number(held.filter('booked')['rows'].sum())} only reported",
            ),
            Fact("Sources down", words.number(origin.filter(pl.col("state") == "down").height), f"of {origin.height}"),
        ]
    )


def _reach(at: datetime | None, choice: Choice) -> Fact:
    day, _, clock_time = words.moment(at, choice.timezone).partition(", ")
    return Fact("Data until", clock_time or day, f"{day}, site time" if clock_time else "no data")


def sources(choice: Choice, now: datetime) -> None:
    """Health of every source, worst first."""
    st.subheader("Sources")
    rows = data.sources()
    if rows.is_empty():
        frame.nothing(
            "No source has been seen. Start the collector with `shopfloor collect`, "
            "or ingest files with `shopfloor build`."
        )
    for row in rows.iter_rows(named=True):
        taken = (
            f"{words.number(row['values'])} {'rows' if row['kind'] == 'sql' else 'values'}, "
            f"the last {words.ago(row['last_at'], now)}"
            if row["last_at"]
            else "no value yet"
        )
        said = f" {row['message'][:1].upper()}{row['message'][1:]}." if row["message"] else ""
        since = f" since {words.moment(row['since_at'], choice.timezone)}" if row["since_at"] else ""
        st.markdown(
            f"{STATES.get(row['state'], '')} **{row['source']}** ({row['kind']}) {row['state']}{since}: {taken}"
            f"{_condition(row)}.{said}"
        )


def _condition(row: dict[str, Any]) -> str:
    """Rate, interruptions, gaps and clock of a live source; empty for others and where there is nothing to say."""
    said = [f"{words.number(row['values_per_s'])} a second"] if row["values_per_s"] else []
    said += [f"{words.number(row[n])} {n}" for n in ("reconnects", "gaps") if row[n]]
    said += [f"clock {-row['skew_s']:+.1f} s against ours"] if abs(row["skew_s"] or 0.0) >= SKEW_SHOWN_S else []
    return "".join(f", {part}" for part in said)


def coverage(choice: Choice) -> None:
    """Share of planned time with a signal, machine by day."""
    st.subheader("Coverage")
    rows = data.coverage(first=choice.first, last=choice.last, site=choice.site)
    if rows.is_empty():
        frame.nothing(f"Nothing was planned or recorded on {choice.days}.")
        return
    shown = rows.select(
        day=pl.col("production_day").dt.strftime("%a %-d"), scope="machine", value="coverage"
    )  # fmt: skip
    st.altair_chart(charts.coverage(shown), alt="Share of planned time with a signal, by machine and day")
    st.caption("Share of planned time with a trustworthy signal. An empty field: nothing was planned that day.")


def checks(choice: Choice) -> None:
    """Checks that failed, then all of them."""
    st.subheader("Checks")
    rows = data.checks()
    if rows.is_empty():
        frame.nothing("No check has run yet; they run with every build.")
        return
    failed = rows.filter(~pl.col("passed"))
    if failed.is_empty():
        st.success(f"All {rows.height} checks passed.", icon=":material/check_circle:")
    for row in failed.iter_rows(named=True):
        icon = ":red[:material/error:]" if row["severity"] == "blocking" else ":orange[:material/warning:]"
        rows_against = "failed" if row["unexpected"] is None else f"{row['unexpected']} rows against it"
        seen = f", observed {row['observed']}" if row["observed"] else ""
        named = f"{row['table_name']} {row['check_name']}"
        st.markdown(f"{icon} {check_words.found(named, rows_against + seen)}")
    with st.expander(f"All {rows.height} checks", icon=":material/table:"):
        local = clock.local(rows, choice.timezone)
        st.dataframe(local, hide_index=True, placeholder=words.DASH, column_config=CHECKS, alt="All data checks")


CHECKS = {
    "table_name": st.column_config.TextColumn("Table", pinned=True), "check_name": "Check", "severity": "Severity",
    "passed": "Passed", "unexpected": "Rows against it", "observed": "Observed",
    "checked_at": st.column_config.DatetimeColumn("Checked", format="D MMM, HH:mm"),
}  # fmt: skip


def quarantine() -> None:
    """Rows that could not be taken as they are."""
    st.subheader("Quarantine")
    rows = data.quarantine()
    if rows.is_empty():
        st.success("Nothing was held back or reported.", icon=":material/check_circle:")
        return
    held = rows.filter(pl.col("open_rows") > 0)
    if held.is_empty():
        reported = words.plural(int(rows.filter("booked")["rows"].sum()), "row was", "rows were")
        st.success(f"Nothing is held back; {reported} taken in and only reported.", icon=":material/check_circle:")
    for row in held.head(SHOWN).iter_rows(named=True):
        st.markdown(
            f":orange[:material/block:] **{words.plural(row['open_rows'], 'row')}** of {row['source']} held back, "
            f"{spoken(row['reason'])}. Example: {row['example']}."
        )
    with st.expander(f"By source and reason ({rows.height})", icon=":material/table:"):
        shown = rows.select("reason", "source", "origin", "rows", "open_rows", "booked", "example")
        st.dataframe(shown, hide_index=True, column_config=QUARANTINE, alt="Quarantine by source and reason")
    st.caption(
        "Held back rows are in no number. Reported rows are, as they came. After a fix: `shopfloor quarantine replay`."
    )


SHOWN = 6
QUARANTINE = {
    "reason": st.column_config.TextColumn("Reason", pinned=True), "source": "Source", "origin": "From", "rows": "Rows",
    "open_rows": "Held back", "booked": "Taken in", "example": st.column_config.TextColumn("Example", width="large"),
}  # fmt: skip


def tables(choice: Choice) -> None:
    """How far each table reaches."""
    st.subheader("Freshness")
    rows = data.tables().filter(pl.col("delta_version").is_not_null())
    late = clock.local(rows, choice.timezone).select(
        "table_name",
        "latest_at",
        "written_at",
        "row_count",
        (pl.col("bytes") / 1e6).alias("megabytes"),
        "delta_version",
        "doc",
    )
    with st.expander(f"{rows.height} tables, how far each reaches", icon=":material/table:"):
        st.dataframe(
            late, hide_index=True, placeholder=words.DASH, column_config=TABLES, alt="Freshness of every table"
        )


TABLES = {
    "table_name": st.column_config.TextColumn("Table", pinned=True),
    "latest_at": st.column_config.DatetimeColumn("Data reach", format="D MMM, HH:mm"),
    "written_at": st.column_config.DatetimeColumn("Written", format="D MMM, HH:mm"),
    "row_count": st.column_config.NumberColumn("Rows", format="localized"),
    "megabytes": st.column_config.NumberColumn("MB", format="%.1f"), "delta_version": "Version", "doc": "What it holds",
}  # fmt: skip

main()
