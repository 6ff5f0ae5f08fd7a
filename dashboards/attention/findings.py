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
MOVE = "stock_move"
"""Kind of a proposal whose value is that of the goods moved, not money to be spent."""
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
    found = [*known, *_loose(machines), *biggest(losses, currency), *_waiting(forecast), *_asked(proposals, currency)]
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
    if row["kind"] == "failure_risk":  # "any" is the model of a whole machine, not the name of a failure
        row = row | {"subject": row["subject"].removesuffix(" any")}
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


def biggest(losses: pl.DataFrame, currency: str) -> list[Finding]:
    """The reason that cost most time, and the one that cost most money where it is another.

    Time is not money: an hour of a dear machine may outweigh a shift of a cheap one.
    """
    if losses.is_empty():
        return []
    top = losses.row(0, named=True)
    lost = f"{words.span(top['duration_s'])} in {words.plural(int(top['stops']), 'stop')}"
    text = f"**{spoken(top['reason'])}** cost most time: {lost}, {words.percent(top['share'])} of all lost time"
    text += f", {words.number(top['cost'], currency)}." if top["cost"] is not None else "."
    found = [Finding("low", "loss", text)]
    known = losses.filter(pl.col("cost").is_not_null()).sort("cost", descending=True)
    if known.height and (dear := known.row(0, named=True))["reason"] != top["reason"]:
        money = f"{words.number(dear['cost'], currency)} in {words.span(dear['duration_s'])}"
        found.append(Finding("low", "loss", f"**{spoken(dear['reason'])}** cost most money: {money}."))
    return found


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
    spent = waiting.filter(pl.col("kind") != MOVE)  # goods that only change their place cost nothing
    known = spent["value_cents"].drop_nulls()
    least = "at least " if known.len() < spent.height else ""
    worth = f", worth {least}{words.number(float(known.sum()) / 100, currency)}" if known.len() else ""
    waits = words.plural(waiting.height, "proposal waits", "proposals wait")
    return [Finding("medium", "proposal", f"**{waits}** for approval{worth}.")]
