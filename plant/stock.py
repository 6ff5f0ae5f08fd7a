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


class Break(Strict):
    """The price of every unit of an order of `from_qty` or more."""

    from_qty: float = Field(gt=0, description="smallest order the price is for, in the material's unit")
    price: float = Field(gt=0, description="price of a unit, in the plant's currency")


class Terms(Strict):
    """What an order of a material has to keep to; also of a material that is made."""

    material: str = Field(min_length=1, description="material")
    supplier: str | None = Field(default=None, description="supplier; without one: of whoever supplies or makes it")
    min_qty: float = Field(default=0.0, ge=0, description="smallest order, in the material's unit")
    multiple_qty: float = Field(default=1.0, gt=0, description="an order is a whole multiple of it: pack or lot size")
    prices: tuple[Break, ...] = Field(default=(), description="prices by quantity, rising")

    @model_validator(mode="after")
    def _quantities_rise(self) -> Self:
        starts = [b.from_qty for b in self.prices]
        if starts != sorted(set(starts)):
            raise ValueError(f"prices of {self.material} are from {starts}; give rising quantities, each once")
        return self


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
    site_of: dict[str, str] = Field(
        default={}, description="sites by what the ERP, MES and WMS call them: warehouses, zones or locations"
    )
    terms: tuple[Terms, ...] = Field(default=(), description="least quantities, packs and price breaks of materials")
    slotting_weeks: float = Field(default=26.0, gt=0, description="weeks in which a move of stock has to pay back")

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        if not self.age_days or list(self.age_days) != sorted(set(self.age_days)) or self.age_days[0] < 1:
            raise ValueError(
                f"age_days is {list(self.age_days)}; give rising whole days from 1 on, e.g. [30, 90, 180, 365]"
            )
        return self

    @model_validator(mode="after")
    def _terms_once(self) -> Self:
        pairs = [(t.material, t.supplier) for t in self.terms]
        twice = sorted({f"{m} of {s or 'any supplier'}" for m, s in pairs if pairs.count((m, s)) > 1})
        if twice:
            raise ValueError(f"terms of {', '.join(twice)} are there more than once; keep one of each")
        return self
