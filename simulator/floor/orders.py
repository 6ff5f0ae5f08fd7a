"""Work orders of a line, made on demand: order n is the same whoever asks for it and whenever."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.floor.layout import Layout
from simulator.instants import MINUTE
from simulator.streams import stream


@dataclass
class Order:
    """A work order on its way through the stages of its route."""

    number: int
    order_id: str
    product: str
    planned_pcs: int
    route: tuple[int, ...]
    gap_us: int  # time after it is asked for until it is released
    remaining: int = 0  # pieces not begun at the first stage
    released_us: int | None = None
    started_us: int | None = None
    ended_us: int | None = None
    lanes: dict[int, int] = field(default_factory=dict)  # pieces waiting before a stage
    at_work: dict[int, int] = field(default_factory=dict)  # pieces in the machines of a stage
    begun: set[int] = field(default_factory=set)  # stages that registered it
    closed: set[int] = field(default_factory=set)  # stages that are done with it

    def before(self, stage: int) -> int | None:
        """The stage before, None at the first."""
        at = self.route.index(stage)
        return self.route[at - 1] if at else None

    def after(self, stage: int) -> int | None:
        """The stage after, None at the last."""
        at = self.route.index(stage)
        return self.route[at + 1] if at + 1 < len(self.route) else None

    def exhausted(self, stage: int) -> bool:
        """No piece waits here and none will come."""
        before = self.before(stage)
        if before is None:
            return self.remaining == 0
        return self.lanes[stage] == 0 and before in self.closed


class OrderBook:
    """The orders of one line in sequence."""

    def __init__(self, seed: int, layout: Layout) -> None:
        self.seed = seed
        self.layout = layout
        self.orders: list[Order] = []

    def order(self, number: int) -> Order:
        """Order `number`, made if it does not exist yet."""
        while len(self.orders) <= number:
            self.orders.append(self._make(len(self.orders)))
        return self.orders[number]

    def _make(self, number: int) -> Order:
        draw = stream(self.seed, "order", self.layout.line, number)
        product = self._product(number)
        hours = draw.uniform(3.0, 9.0)
        pieces = max(20, round(hours * self.layout.rate_per_h(product) / 20) * 20)
        gap = int(draw.uniform(12, 55) * MINUTE) if draw.random() < 0.15 else 0
        route = self.layout.routes[product]
        name = f"wo-{self.layout.line}-{number + 1:05d}"
        return Order(
            number, name, product, pieces, route, gap, remaining=pieces,
            lanes=dict.fromkeys(route, 0), at_work=dict.fromkeys(route, 0),
        )  # fmt: skip

    def _product(self, number: int) -> str:
        """Products take turns, each once a round in an order of the round's own: none is left out for long."""
        products = list(self.layout.routes)
        turn, place = divmod(number, len(products))
        return stream(self.seed, "turn", self.layout.line, turn).sample(products, len(products))[place]
