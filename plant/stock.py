"""The `[stock]` section of plant.toml: service aims, what ordering and holding cost, when stock is dead."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plant.shifts.sections import Strict

Share = Annotated[float, Field(gt=0.5, lt=1.0)]
Measure = Literal["cycle", "fill"]


class Service(Strict):
    """Service aimed at by ABC class: share of order cycles without a stock-out, or share of demand met from stock."""

    A: Share = 0.97
    B: Share = 0.95
    C: Share = 0.90

    def of(self, abc: str | None) -> float:
        """The aim of a class; that of C for a material without one."""
        return {"A": self.A, "B": self.B}.get(abc or "C", self.C)


class Stock(Strict):
    """What gold.replenishment, gold.stock_classes, gold.stock_ageing and gold.slotting go by."""

    measure: Measure = Field(default="cycle", description="what `service` aims at: cycle service or fill rate")
    service: Service = Service()
    order_cost: float = Field(default=40.0, gt=0, description="cost of one order, in the plant's currency")
    holding_rate: float = Field(
        default=0.20, gt=0, le=5, description="cost of holding a unit for a year, per its value"
    )
    review_d: float = Field(default=1.0, ge=0, description="days between two looks at the stock")
    age_days: tuple[int, ...] = Field(default=(30, 90, 180, 365), description="edges of the age buckets, in days")
    dead_after_d: int = Field(default=180, gt=0, description="stock without demand for so many days is dead")
    excess_cover_d: float = Field(default=120.0, gt=0, description="stock above so many days of demand is in excess")
    slotting_weeks: float = Field(default=26.0, gt=0, description="weeks in which a move of stock has to pay back")

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        if not self.age_days or list(self.age_days) != sorted(set(self.age_days)) or self.age_days[0] < 1:
            raise ValueError(
                f"age_days is {list(self.age_days)}; give rising whole days from 1 on, e.g. [30, 90, 180, 365]"
            )
        return self
