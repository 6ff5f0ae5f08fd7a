"""A model card as sentences a maintenance planner can judge by. Card in, sentences out; what is missing is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dashboards import words


def sentences(card: Mapping[str, Any], mode: str) -> list[str]:
    """What the model is for, what it learned from, how well it did on unseen time, where not to trust it."""
    return [*_made(card), *_did(_metrics(card, mode)), *(f"Limit: {text}" for text in card.get("limits", ()))]


def _made(card: Mapping[str, Any]) -> Iterator[str]:
    if card.get("purpose"):
        yield str(card["purpose"])
    if card.get("trained_on"):
        yield "Learned from " + ", ".join(
            f"{k.replace('_', ' ')}: {v}" for k, v in card["trained_on"].items() if _short(v)
        )
    if card.get("split"):
        yield f"Tested by: {card['split']}"


def _short(value: object) -> bool:
    return isinstance(value, str | int | float) and len(str(value)) < 60


def _metrics(card: Mapping[str, Any], mode: str) -> Mapping[str, Any]:
    """Metrics of one failure mode, wherever the card keeps them."""
    told = card.get("metrics", {})
    found = told.get(mode) or told.get("modes", {}).get(mode) or {}
    return found if isinstance(found, Mapping) else {}


def _did(told: Mapping[str, Any]) -> Iterator[str]:
    found, chance = told.get("average_precision"), told.get("prevalence")
    if found is not None and chance is not None:
        yield f"On unseen time it ranks with average precision {found:.2f}; guessing would reach {chance:.2f}"
    if told.get("reason"):
        yield f"No score for this failure: {told['reason']}"
    events = told.get("events") or {}
    caught, failures = events.get("caught"), events.get("failures")
    if caught is not None and failures is not None:
        early = f", by the median {events['lead_h_median']:.0f} h before" if events.get("lead_h_median") else ""
        yield f"Of {words.plural(int(failures), 'failure')} in the test it warned of {int(caught)} in time{early}"
    rate = events.get("false_alarms_per_machine_month")
    if rate is not None:
        yield f"False alarms in the test: {int(events['false_alarms'])}, {rate:.1f} a machine and month"
