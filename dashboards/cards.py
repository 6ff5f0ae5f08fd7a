"""A model card as sentences a maintenance planner can judge by. Card in, sentences out; what is missing is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dashboards import words
from dashboards.theme import spoken

Card = Mapping[str, Any]


def record(card: Card, mode: str) -> str:
    """How the model did on failures it had not seen, in one sentence; empty when it was not tested on any."""
    events = _told(card, mode).get("events") or {}
    failures, caught, false = (events.get(k) for k in ("failures", "caught", "false_alarms"))
    if not failures or caught is None or false is None:
        return ""
    early = f", by the median {events['lead_h_median']:.0f} h before" if events.get("lead_h_median") else ""
    each = f", about {false / caught:.0f} for each true one" if caught and false > caught else ""
    return (
        f"On data it had not learned from, it warned of {caught} of {words.plural(failures, 'failure')}{early}, "
        f"with {words.plural(false, 'false alarm')}{each}."
    )


def money(card: Card, mode: str, currency: str) -> str:
    """What following the alerts cost in that test, against waiting for failures; empty when not reckoned."""
    told = _told(card, mode)
    followed, waited = ((told.get(k) or {}).get("cost") for k in ("events", "run_to_failure"))
    if followed is None or waited is None:
        return ""
    return (
        f"Following its alerts cost {words.number(followed, currency)} there, waiting for the failures "
        f"{words.number(waited, currency)}."
    )


def no_score(card: Card, mode: str) -> str:
    """Why a failure mode has no score; empty when it has one or the card does not say."""
    return str(_told(card, mode).get("no_model_because") or "")


def sentences(card: Card, mode: str) -> list[str]:
    """What the model is for, what it learned from, how well it did, where not to trust it."""
    told = _told(card, mode)
    return [*_made(card), *_did(told), *_limits(card, mode)]


def _told(card: Card, mode: str) -> Card:
    found = card.get("metrics", {}).get(mode)
    return found if isinstance(found, Mapping) else {}


def _made(card: Card) -> Iterator[str]:
    if card.get("purpose"):
        yield f"Purpose: {card['purpose']}."
    learnt = card.get("trained_on") or {}
    if learnt.get("from") and learnt.get("to"):
        yield f"Learned from {str(learnt['from'])[:10]} to {str(learnt['to'])[:10]}."
    if card.get("split"):
        yield f"Tested {card['split']}."


def _did(told: Card) -> Iterator[str]:
    found, chance = told.get("average_precision"), told.get("prevalence")
    if found is None or chance is None:
        return
    sure = told.get("interval_95") or {}
    between = f" (95 % sure: {sure['low']:.2f} to {sure['high']:.2f})" if sure.get("low") is not None else ""
    yield f"Average precision {found:.2f}{between}; guessing would reach {chance:.2f}, 1 is perfect."
    rules = {k: v for k, v in (told.get("baselines") or {}).items() if v is not None and k != "prevalence"}
    if rules:
        best = max(rules, key=lambda k: rules[k])
        yield f"The best simple rule, {spoken(best)}, reaches {rules[best]:.2f}."
    each = (told.get("events") or {}).get("false_alarms_per_machine_month")
    if each is not None:
        yield f"False alarms: {each:.1f} a machine and month."


def _limits(card: Card, mode: str) -> Iterator[str]:
    """Limits of the model and of this failure mode, not those of others."""
    others = set(card.get("metrics", {})) - {mode}
    for text in card.get("limits", ()):
        about, colon, said = str(text).partition(": ")
        if not colon or about not in others:
            yield f"Limit: {said if about == mode else text}"
