"""How stock goes on: the chance that it runs out before help can come, and the day it is more likely out than not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.replenishment.demand import Demand, over_lead_time

AHEAD_D = 180


@dataclass(frozen=True)
class Outlook:
    """`probability` to run out before an order placed now arrives; `out_in_d`: days until stock is likely out.

    Likely is a chance of one half. `out_in_d` is 0 for stock that is not there, None where it lasts longer than 180
    days or there is no demand.
    """

    probability: float | None
    out_in_d: int | None


def outlook(
    on_hand: float,
    due: Sequence[tuple[float, float]],
    mean: float,
    variance: float,
    lead: float | None,
    lead_variance: float = 0.0,
    model: str = "gamma",
) -> Outlook:
    """The outlook of one material.

    Args:
        on_hand: stock now.
        due: what is on its way as (days from now, quantity); overdue orders are taken to come tomorrow.
        mean: mean demand of a day.
        variance: its variance.
        lead: days until an order placed now arrives; None: not known, no probability then.
        lead_variance: its variance.
        model: distribution of demand over a span.

    Stock is lowest just before a receipt and at the end, so only these instants are looked at; the probability is the
    largest of theirs (what has run out once may have been enough later), which is exact without receipts in between.
    """
    coming = sorted((max(at, 1.0), qty) for at, qty in due)
    if mean <= 0:
        return Outlook(None if lead is None else float(on_hand < 0), 0 if on_hand < 0 else None)
    chance = None if lead is None else _chance(on_hand, coming, (mean, variance, lead, lead_variance), model)
    return Outlook(chance, _runs_out(on_hand, coming, mean, variance, model))


def _chance(
    on_hand: float, coming: Sequence[tuple[float, float]], rates: tuple[float, float, float, float], model: str
) -> float:
    mean, variance, lead, lead_variance = rates
    worst = 0.0
    for at in (*(at for at, _ in coming if at < lead), lead):
        there = on_hand + sum(qty for day, qty in coming if day < at)
        spread = lead_variance if at == lead else 0.0
        one = [np.array([x]) for x in (mean, variance, at, spread)]
        demand = over_lead_time(model, one[0], one[1], one[2], one[3])
        worst = max(worst, 1.0 - float(demand.within(np.array([there]))[0]))
    return worst


def _runs_out(
    on_hand: float, coming: Sequence[tuple[float, float]], mean: float, variance: float, model: str
) -> int | None:
    if on_hand <= 0 and not any(at <= 1 for at, _ in coming):
        return 0
    days = np.arange(1, AHEAD_D + 1, dtype=np.float64)
    there = on_hand + sum((np.where(days >= at, qty, 0.0) for at, qty in coming), np.zeros_like(days))
    within = Demand(model, mean * days, variance * days).within(there)
    out = np.flatnonzero(within < 0.5)
    return int(days[out[0]]) if len(out) else None
