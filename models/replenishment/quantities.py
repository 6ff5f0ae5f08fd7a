"""How much to order and when, in closed form where there is one: EOQ, newsvendor, (r, Q), (s, S).

Costs are in one currency, rates per the same period. Sources: Harris 1913 (EOQ); Snyder and Shen, *Fundamentals of
Supply Chain Theory*, sections 3 to 5; Federgruen and Zheng 1992 ((r, Q), exact); Zheng and Federgruen 1991 ((s, S),
exact).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from models.replenishment.demand import Demand, Floats

STEPS = 48
"""Halvings of an interval: far below a millionth of a unit."""


def eoq(order_cost: Floats, holding: Floats, demand: Floats) -> Floats:
    """The economic order quantity sqrt(2 K d / h): demand and holding cost per the same period."""
    return np.asarray(np.sqrt(2 * order_cost * demand / holding))


def eoq_cost(order_cost: Floats, holding: Floats, demand: Floats, quantity: Floats) -> Floats:
    """Cost per period of ordering and holding with an order quantity."""
    return np.asarray(order_cost * demand / quantity + holding * quantity / 2)


def newsvendor(holding: float, shortage: float, demand: Demand) -> tuple[Floats, Floats]:
    """Stock for one period and its expected cost: the quantile at the critical ratio p / (p + h)."""
    stock = demand.quantile(shortage / (shortage + holding))
    missed = demand.missed(stock)
    return stock, np.asarray(holding * (stock - demand.mean + missed) + shortage * missed)


def cycle_point(demand: Demand, target: float | Floats) -> Floats:
    """Reorder point that no demand over the lead time exceeds with chance `target` (cycle service), at least 0."""
    return np.asarray(np.maximum(demand.quantile(target), 0.0))


def fill_rate(demand: Demand, point: Floats, quantity: Floats) -> Floats:
    """Share of demand met from stock under (r, Q): 1 - (E(D - r)+ - E(D - r - Q)+) / Q, within 0..1."""
    gone = (demand.missed(point) - demand.missed(point + quantity)) / quantity
    return np.asarray(np.clip(1.0 - gone, 0.0, 1.0))


def fill_point(demand: Demand, quantity: Floats, target: float | Floats) -> Floats:
    """The least reorder point, at least 0, whose fill rate is at least `target`; whole for discrete demand."""
    low = np.zeros_like(demand.mean)
    high = demand.mean + 40 * np.sqrt(np.maximum(demand.variance, 1.0)) + 1
    smooth = demand.model in ("normal", "gamma")
    for _ in range(STEPS if smooth else int(np.ceil(np.log2(float(high.max())))) + 3):
        middle = (low + high) / 2
        enough = fill_rate(demand, middle, quantity) >= target
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    if smooth:
        return np.asarray(np.where(fill_rate(demand, np.zeros_like(high), quantity) >= target, 0.0, high))
    whole = np.floor(high)
    return np.asarray(np.where(fill_rate(demand, whole, quantity) >= target, whole, np.ceil(high)))


def _cost(holding: float, shortage: float, demand: Demand) -> Callable[[int], float]:
    def of(stock: int) -> float:
        missed = float(demand.missed(np.array([float(stock)]))[0])
        return holding * (stock - float(demand.mean[0]) + missed) + shortage * missed

    return of


def r_q_exact(
    holding: float, shortage: float, order_cost: float, rate: float, lead: float, variance: float | None = None
) -> tuple[int, int, float]:
    """Best (r, Q) and its cost per period for whole-piece demand of `rate` a period (Federgruen and Zheng 1992).

    Poisson without a `variance` (that of lead-time demand), else negative binomial. Backorders cost `shortage` a piece
    and period.
    """
    mean = rate * lead
    lead_demand = Demand("negative_binomial", np.array([mean]), np.array([mean if variance is None else variance]))
    cost = _cost(holding, shortage, lead_demand)
    at = int(lead_demand.quantile(shortage / (shortage + holding))[0])
    best = min(range(max(at - 2, 0), at + 3), key=cost)
    low = high = best
    total, size = order_cost * rate + cost(best), 1
    while min(left := cost(low - 1), right := cost(high + 1)) < total / size:
        if left < right:
            low, total = low - 1, total + left
        else:
            high, total = high + 1, total + right
        size += 1
    return low - 1, size, total / size


def s_s_exact(
    holding: float, shortage: float, order_cost: float, chances: Floats, cost: Callable[[int], float]
) -> tuple[int, int, float]:
    """Best (s, S) and its cost per period under review each period (Zheng and Federgruen 1991).

    Args:
        holding: cost of a piece a period; with `shortage` it bounds the search.
        shortage: cost of a backordered piece a period.
        order_cost: cost of an order.
        chances: chance of a demand of 0, 1, 2 ... pieces in a period.
        cost: expected cost of a period that begins with that inventory position, convex.
    """
    renewal = _Renewal(chances)
    up_to = renewal.lowest(cost, holding, shortage)

    def average(s: int, up: int) -> float:
        spread = sum(renewal.density(j) * cost(up - j) for j in range(up - s))
        return (order_cost + spread) / renewal.total(up - s)

    s, best_up = up_to - 1, up_to
    while average(s, best_up) > cost(s):
        s -= 1
    best, up = average(s, best_up), best_up + 1
    while cost(up) <= best:
        if average(s, up) < best:
            best_up = up
            while average(s, best_up) <= cost(s + 1):
                s += 1
            best = average(s, best_up)
        up += 1
    return s, best_up, best


class _Renewal:
    """Renewal density m(j) of a demand and its sums: how many periods until more than j pieces are gone."""

    def __init__(self, chances: Floats) -> None:
        self.chances = chances
        self._density = [1.0 / (1.0 - float(chances[0]))]
        self._total = [0.0]

    def density(self, j: int) -> float:
        while len(self._density) <= j:
            n = len(self._density)
            reach = min(n, len(self.chances) - 1)
            seen = sum(float(self.chances[k]) * self._density[n - k] for k in range(1, reach + 1))
            self._density.append(seen / (1.0 - float(self.chances[0])))
        return self._density[j]

    def total(self, j: int) -> float:
        while len(self._total) <= j:
            self._total.append(self._total[-1] + self.density(len(self._total) - 1))
        return self._total[j]

    def lowest(self, cost: Callable[[int], float], holding: float, shortage: float) -> int:
        """The position of least cost, found by walking down a convex function from the newsvendor's."""
        gone = np.cumsum(self.chances)
        at = int(np.searchsorted(gone, shortage / (shortage + holding)))
        while cost(at - 1) < cost(at):
            at -= 1
        while cost(at + 1) < cost(at):
            at += 1
        return at


def poisson_period(holding: float, shortage: float, mean: float) -> tuple[Floats, Callable[[int], float]]:
    """Chances and cost of a period with Poisson demand and no lead time, for `s_s_exact`."""
    most = int(stats.poisson.ppf(1 - 1e-15, mean)) + 1
    demand = Demand("poisson", np.array([mean]), np.array([mean]))
    return np.asarray(stats.poisson.pmf(np.arange(most), mean)), _cost(holding, shortage, demand)
