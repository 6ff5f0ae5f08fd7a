"""What to order, when, and why: rows of gold.replenishment out of where each material stands and what is asked of it.

Smooth demand over the lead time is a gamma (never below 0, skewed), counted in pieces where it is rare (negative
binomial, its level set by what it kept, `intermittent`), and drawn from what was seen where it is rare and uneven
(bootstrap). A material with a tenth of spread or less is normal.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import polars as pl

from models.replenishment.demand import Floats, bootstrapped, over_lead_time
from models.replenishment.intermittent import reorder_points
from models.replenishment.outlook import outlook
from models.replenishment.pattern import DAYS, Panel
from models.replenishment.quantities import cycle_point, fill_point, fill_rate
from models.replenishment.terms import Costs, Offers, Terms, cheapest, terms_of
from models.replenishment.words import reasoned
from plant.stock import Stock

NORMAL_CV = 0.1
SPARSE = ("intermittent", "lumpy")
YEAR_D = 365.25


@dataclass(frozen=True)
class Point:
    """Reorder point of one material with what it keeps; `model` says whose distribution it stands on."""

    model: str
    point: float
    cycle: float
    fill: float
    expected: float


def decided(
    position: pl.DataFrame, described: pl.DataFrame, found: Panel, aims: Stock, known: Offers | None = None
) -> pl.DataFrame:
    """One row a material of `position`, with the columns of gold.replenishment but for the words of the alert.

    Args:
        position: `assets.kernels.stock.position.position`.
        described: rows of gold.stock_classes.
        found: `pattern.panel` of the weekly demand.
        aims: the `[stock]` section of plant.toml.
        known: what suppliers sell by (`terms.offers`); None: whole units at the usual price.
    """
    classed = described.select("site", "material", "abc", "xyz", "pattern", "mean_d", "sd_d", "state", "excess_qty")
    rows = position.join(classed, on=["site", "material"], how="left").sort("site", "material")
    sparse = rows.filter(pl.col("pattern") == "intermittent").select("site", "material")
    shelf = _Shelf(found, aims, known or {}, set(sparse.iter_rows()))
    return pl.DataFrame(
        [reasoned(shelf.decide(row), aims) for row in rows.iter_rows(named=True)], infer_schema_length=None
    )


class _Shelf:
    """The demand of all materials, and the reorder points of the sparse ones by lead time and aim."""

    def __init__(self, found: Panel, aims: Stock, known: Offers, sparse: Container[tuple[str, str]]) -> None:
        self.aims, self.known = aims, known
        keys = list(found.keys.select("site", "material").iter_rows())
        self.place = {key: i for i, key in enumerate(keys)}
        self.values = found.values
        self.alike = [i for i, key in enumerate(keys) if key in sparse]
        """Rows of the sparse materials: they are judged by each other, not by what sells every day."""
        self.sparse: dict[tuple[int, float], Floats] = {}

    def decide(self, row: dict[str, Any]) -> dict[str, Any]:
        mean, spread = row["mean_d"], row["sd_d"]
        lead, sd = row["lead_d"], row["lead_sd_d"] or 0.0
        out = row | {"measure": self.aims.measure, "target": self.aims.service.of(row["abc"])}
        out["terms"] = terms = terms_of(self.known, row["material"], row.get("supplier"))
        if mean is not None:
            out["order_qty"] = self._quantity(mean, row["price"], terms)
        if mean and lead is not None:
            held = self.point(row, mean, (spread or 0.0) ** 2, out["order_qty"])
            out |= {"model": held.model, "reorder_point_qty": held.point,
                    "safety_stock_qty": held.point - held.expected, "cycle_service": held.cycle, "fill_rate": held.fill,
                    "order_up_to_qty": held.point + out["order_qty"]}  # fmt: skip
        due = [(d["in_d"], d["qty"]) for d in row["due"] or ()]
        seen = outlook(row["on_hand_qty"], due, mean or 0.0, (spread or 0.0) ** 2, lead, sd**2)
        return out | {"stockout_probability": seen.probability, "out_in_d": seen.out_in_d}

    def _quantity(self, mean: float, price: float | None, terms: Terms) -> float | None:
        """The cheapest order quantity the terms allow; a week of demand where nothing is known of the price."""
        if mean <= 0:
            return None
        usual = price or next((p for _, p in terms.breaks), None)
        if not usual:
            return terms.rounded(mean * DAYS)
        costs = Costs(self.aims.order_cost, self.aims.holding_rate, mean * YEAR_D)
        return cheapest(costs, usual, terms, mean).quantity

    def point(self, row: dict[str, Any], mean: float, variance: float, quantity: float) -> Point:
        lead, spread = row["lead_d"], row["lead_sd_d"] or 0.0
        review, target = self.aims.review_d, self.aims.service.of(row["abc"])
        size, one = np.array([quantity]), [np.array([x]) for x in (mean, variance, lead, spread**2)]
        if row["pattern"] == "lumpy":
            return self._drawn(row, mean, quantity, target)
        sparse = row["pattern"] == "intermittent"
        smooth = "normal" if variance**0.5 * 7**0.5 < NORMAL_CV * mean * 7 else "gamma"
        model = "negative_binomial" if sparse else smooth
        demand = over_lead_time(model, one[0], one[1], one[2], one[3], review)
        if self.aims.measure == "fill":
            point = float(fill_point(demand, size, target)[0])
        else:
            point = self._kept(row, target) if sparse else float(ceil(cycle_point(demand, target)[0]))
        at = np.array([point])
        cycle, fill = float(demand.within(at)[0]), float(fill_rate(demand, at, size)[0])
        return Point(model, point, cycle, fill, float(demand.mean[0]))

    def _kept(self, row: dict[str, Any], target: float) -> float:
        """The point of a sparse item: over all items at once, since the level is set over all of them."""
        span = max(1, ceil((row["lead_d"] + self.aims.review_d) / DAYS))
        if (span, target) not in self.sparse:
            self.sparse[span, target] = reorder_points(self.values[self.alike], span, target).points
        return float(self.sparse[span, target][self.alike.index(self.place[row["site"], row["material"]])])

    def _drawn(self, row: dict[str, Any], mean: float, quantity: float, target: float) -> Point:
        span = max(1, ceil((row["lead_d"] + self.aims.review_d) / DAYS))
        drawn = bootstrapped(self.values[self.place[row["site"], row["material"]]], span)
        point = drawn.quantile(target)
        if self.aims.measure == "fill":
            tried = np.unique(np.append(drawn.samples, 0.0))
            kept = [1 - (drawn.missed(x) - drawn.missed(x + quantity)) / quantity >= target for x in tried]
            point = float(tried[int(np.argmax(kept))])
        fill = 1 - (drawn.missed(point) - drawn.missed(point + quantity)) / quantity
        return Point("bootstrap", point, drawn.within(point), min(max(fill, 0.0), 1.0), mean * span * DAYS)
