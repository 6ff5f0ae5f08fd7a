"""What needs attention, as sentences, most urgent first. Frames in, findings out; nothing is read or drawn here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from dashboards import words
from dashboards.theme import spoken

URGENCY = {"high": 0, "medium": 1, "low": 2}
PAGES = {
    "failure_risk": ("pages/health.py", "Machine health"),
    "inventory": ("pages/inventory.py", "Inventory"),
    "check": ("pages/trust.py", "Data trust"),
    "source": ("pages/trust.py", "Data trust"),
    "quarantine": ("pages/trust.py", "Data trust"),
    "coverage": ("pages/trust.py", "Data trust"),
    "loss": ("pages/oee.py", "OEE and losses"),
    "forecast": ("pages/forecasts.py", "Forecasts"),
}
POOR_COVERAGE = 0.95
"""Share of planned time with a signal below which a day's numbers are too loose to rank by."""


@dataclass(frozen=True)
class Finding:
    """One thing to look at: how urgent (high, medium, low), what it is about, the sentence, where to look."""

    urgency: str
    kind: str
    subject: str
    text: str

    @property
    def page(self) -> str:
        """Page file that shows more, relative to the app."""
        return PAGES[self.kind][0]

    @property
    def page_title(self) -> str:
        """Title of that page."""
        return PAGES[self.kind][1]


def findings(
    alerts: pl.DataFrame, machines: pl.DataFrame, losses: pl.DataFrame, forecast: pl.DataFrame
) -> list[Finding]:
    """Everything that wants a person, most urgent first.

    Args:
        alerts: `marts.alerts`.
        machines: `marts.oee` of one period by machine.
        losses: `marts.losses` of the same period.
        forecast: `marts.forecast`.
    """
    known = [_alert(row) for row in alerts.iter_rows(named=True) if row["kind"] in PAGES]
    found = [*known, *_loose(machines), *_biggest(losses), *_waiting(forecast)]
    return sorted(found, key=lambda f: URGENCY.get(f.urgency, len(URGENCY)))


def _alert(row: dict[str, Any]) -> Finding:
    return Finding(row["severity"], row["kind"], spoken(row["subject"]), row["message"])


def _loose(machines: pl.DataFrame) -> list[Finding]:
    """Machines whose signal was missing so long that their OEE is a range rather than a number."""
    loose = machines.filter(pl.col("coverage") < POOR_COVERAGE).sort("coverage")
    return [
        Finding(
            "medium", "coverage", row["scope"],
            f"no signal for {words.span(row['unknown_s'])} of planned time. Its OEE is "
            f"{words.bounded(row['oee'], row['oee_low'], row['oee_high'])}, coverage {words.percent(row['coverage'])}.",
        )
        for row in loose.iter_rows(named=True)
    ]  # fmt: skip


def _biggest(losses: pl.DataFrame) -> list[Finding]:
    """The one reason that cost most time."""
    if losses.is_empty():
        return []
    top = losses.sort("duration_s", descending=True).row(0, named=True)
    text = f"cost most time: {words.span(top['duration_s'])} in {words.plural(int(top['stops']), 'stop')}, {words.percent(top['share'])} of all lost time."
    return [Finding("low", "loss", spoken(top["reason"]), text)]


def _waiting(forecast: pl.DataFrame) -> list[Finding]:
    drafts = forecast.filter(pl.col("status") == "draft")
    if drafts.is_empty():
        return []
    text = f"{words.plural(drafts.height, 'period waits', 'periods wait')} for approval."
    return [Finding("low", "forecast", words.plural(drafts["item"].n_unique(), "forecast"), text)]
