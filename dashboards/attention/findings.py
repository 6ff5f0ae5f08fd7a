"""What needs attention, as sentences, most urgent first. Frames in, findings out; nothing is read or drawn here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from dashboards import words
from dashboards.attention import check_words
from dashboards.theme import ALERT_WORDS, spoken

URGENCY = {"high": 0, "medium": 1, "low": 2}
PAGES = {
    "failure_risk": ("app_pages/health.py", "Machine health"),
    "inventory": ("app_pages/inventory.py", "Inventory"),
    "check": ("app_pages/trust.py", "Data trust"),
    "source": ("app_pages/trust.py", "Data trust"),
    "quarantine": ("app_pages/trust.py", "Data trust"),
    "coverage": ("app_pages/trust.py", "Data trust"),
    "loss": ("app_pages/oee.py", "OEE and losses"),
    "forecast": ("app_pages/forecasts.py", "Forecasts"),
    "proposal": ("app_pages/approvals.py", "Approvals"),
}
_QUANTITY = re.compile(r"-?\d+\.\d+")
POOR_COVERAGE = 0.95
"""Share of planned time with a signal below which a day's numbers are too loose to rank by."""


@dataclass(frozen=True)
class Finding:
    """One thing to look at: how urgent (high, medium, low), what kind, and the sentence (Markdown)."""

    urgency: str
    kind: str
    text: str

    @property
    def rank(self) -> int:
        """0 is most urgent."""
        return URGENCY.get(self.urgency, len(URGENCY))


SENTENCES = {
    "failure_risk": "**{subject}** may fail: {message}.",
    "inventory": "**{subject}**: {message}.",
    "check": "{message}",
    "source": "Source **{raw}** is down: {message}.",
    "quarantine": "**{subject}**: {message}.",
}


def findings(
    alerts: pl.DataFrame,
    machines: pl.DataFrame,
    losses: pl.DataFrame,
    forecast: pl.DataFrame,
    proposals: pl.DataFrame,
    currency: str = "",
) -> list[Finding]:
    """Everything that wants a person, most urgent first.

    Args:
        alerts: `marts.alerts`.
        machines: `data.oee` of one period by machine.
        losses: `data.losses` of the same period.
        forecast: `marts.forecast`.
        proposals: `data.proposals`.
        currency: code of the plant's currency.
    """
    known = [_alert(row) for row in alerts.iter_rows(named=True) if row["kind"] in SENTENCES]
    found = [*known, *_loose(machines), *_biggest(losses), *_waiting(forecast), *_asked(proposals, currency)]
    return sorted(found, key=lambda f: f.rank)


def by_page(found: Sequence[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """Findings under the page (file, title) that shows more, the page with the most urgent one first."""
    grouped: dict[tuple[str, str], list[Finding]] = {}
    for finding in found:
        grouped.setdefault(PAGES[finding.kind], []).append(finding)
    return grouped


def headline(found: Sequence[Finding]) -> str:
    """How much wants a person, in one sentence."""
    now, today = (sum(f.urgency == u for f in found) for u in ("high", "medium"))
    if not now and not today:
        return "Nothing urgent."
    parts = [f"**{words.plural(now, 'thing needs', 'things need')} you now**"] if now else []
    return ", ".join([*parts, *([f"{today} today"] if today else [])]) + "."


def _alert(row: dict[str, Any]) -> Finding:
    message = str(row["message"]).rstrip(".")
    if row["kind"] == "inventory":
        message = _rounded(message)
    elif row["kind"] == "failure_risk":
        message = words.spread(message)
    elif row["kind"] == "check":
        message = check_words.found(row["subject"], message)
    text = SENTENCES[row["kind"]].format(subject=spoken(row["subject"]), raw=row["subject"], message=message)
    return Finding(row["severity"], row["kind"], text)


def _rounded(message: str) -> str:
    """A stock message in words, with whole quantities: "18000.0 pcs" reads "18,000 pcs"."""
    for code, word in ALERT_WORDS.items():
        message = message.replace(code, word)
    return _QUANTITY.sub(lambda found: words.number(float(found[0])), message)


def _loose(machines: pl.DataFrame) -> list[Finding]:
    """Machines whose signal was missing so long that their OEE is a range rather than a number."""
    loose = machines.filter(pl.col("coverage") < POOR_COVERAGE).sort("coverage")
    return [
        Finding(
            "medium",
            "coverage",
            f"**{row['scope']}** gave no signal for {words.span(row['unknown_s'])} of planned time. Its OEE is "
            f"{words.bounded(row['oee'], row['oee_low'], row['oee_high'])}, coverage {words.percent(row['coverage'])}.",
        )
        for row in loose.iter_rows(named=True)
    ]


def _biggest(losses: pl.DataFrame) -> list[Finding]:
    """The one reason that cost most time."""
    if losses.is_empty():
        return []
    top = losses.row(0, named=True)
    cost = f"{words.span(top['duration_s'])} in {words.plural(int(top['stops']), 'stop')}"
    text = f"**{spoken(top['reason'])}** cost most time: {cost}, {words.percent(top['share'])} of all lost time."
    return [Finding("low", "loss", text)]


def _waiting(forecast: pl.DataFrame) -> list[Finding]:
    drafts = forecast.filter(pl.col("status") == "draft")
    if drafts.is_empty():
        return []
    items = words.plural(drafts["item"].n_unique(), "item")
    waits = words.plural(drafts.height, "forecast period waits", "forecast periods wait")
    return [Finding("low", "forecast", f"**{waits}** for approval, {items}.")]


def _asked(proposals: pl.DataFrame, currency: str) -> list[Finding]:
    """Proposals that wait for somebody's second key, with what they are worth together."""
    waiting = proposals.filter(pl.col("state") == "submitted")
    if waiting.is_empty():
        return []
    known = waiting["value_cents"].drop_nulls()
    least = "at least " if known.len() < waiting.height else ""
    worth = f", worth {least}{words.number(float(known.sum()) / 100, currency)}" if known.len() else ""
    waits = words.plural(waiting.height, "proposal waits", "proposals wait")
    return [Finding("medium", "proposal", f"**{waits}** for approval{worth}.")]
