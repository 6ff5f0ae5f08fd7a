"""The shape of plant.toml: frozen pydantic models, strict, no unknown keys.

Reading, cross-checking and error wording are in `plant.config`. Every room receives a `Plant`; nobody
else reads the file.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from plant.collector import Collector
from plant.finance import Finance
from plant.proposals.rights import Expiry, Role
from plant.shifts.model import Break, Crew, Holiday, Planned, Shift
from plant.shifts.sections import Clock, Name, Strict
from plant.sources.batch import FilesSource, SqlSource
from plant.sources.live import ModbusSource, MqttSource, OpcUaSource, SparkplugSource
from plant.sources.tags import Tag
from plant.state_maps import with_ready_made
from plant.stock import Stock
from plant.supply import Supply

__all__ = ["Break", "Crew", "Holiday", "Planned", "Shift"]
"""Sections of plant.shifts.model that are read here as well."""


class Head(Strict):
    """The plant as a whole."""

    name: Name
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"


class Site(Strict):
    """A site: its zone decides every local time; production days run from day_start to day_start."""

    name: Name
    timezone: str
    day_start: Clock = "06:00"
    holidays: tuple[date, ...] = ()
    calendar: str | None = Field(default=None, description="an .ics file to read besides, relative to plant.toml")


class Area(Strict):
    """An area of a site (ISA-95)."""

    name: Name
    site: Name


class Line(Strict):
    """A line of an area (ISA-95)."""

    name: Name
    area: Name


class MinorStop(Strict):
    """The length of a minor stop, from a production day on."""

    seconds: float = Field(ge=0, description="a delay shorter than this is a minor stop")
    valid_from: date = Field(description="first production day it holds")


class Machine(Strict):
    """A machine (ISA-95 work unit)."""

    name: Name
    line: Name
    kind: Name
    description: str = ""
    operation: Name | None = Field(default=None, description="operation done here when no order names one")
    minor_stop_s: float = Field(default=120.0, ge=0)
    minor_stops: tuple[MinorStop, ...] = Field(default=(), description="other lengths, each from a day on")
    minimum_run_s: float = Field(default=0.0, ge=0, description="a shorter run between two stops is part of the stop")
    runs_through_breaks: bool = False
    bottleneck: bool = Field(default=False, description="limits what its line makes: its losses cost margin as well")
    tags: tuple[Tag, ...] = ()


class IdealCycle(Strict):
    """Ideal cycle time of a product on a machine, from a day on."""

    machine: Name
    seconds: float = Field(gt=0, description="ideal time per piece")
    valid_from: date = date(2000, 1, 1)


class Product(Strict):
    """A product and its ideal cycle times."""

    name: Name
    description: str = ""
    ideal: tuple[IdealCycle, ...] = ()


class Tariff(Strict):
    """Price and emission factor of an energy carrier at a site, from a day on."""

    site: Name
    carrier: Literal["electricity"] = "electricity"
    price_per_kwh: float = Field(ge=0)
    co2e_kg_per_kwh: float | None = Field(default=None, ge=0)
    valid_from: date = date(2000, 1, 1)


Source = Annotated[
    OpcUaSource | ModbusSource | SparkplugSource | MqttSource | FilesSource | SqlSource, Field(discriminator="kind")
]


class Alerts(Strict):
    """Costs that set the alert threshold of failure predictions."""

    cost_missed: float = Field(default=5000.0, gt=0)
    cost_planned: float = Field(default=1000.0, ge=0)
    cost_false_alarm: float = Field(default=200.0, gt=0)
    horizon_h: float = Field(default=24.0, gt=0)


class PlantFile(Strict):
    """plant.toml as a whole."""

    schema_version: Literal[1] = Field(alias="schema")
    plant: Head
    site: tuple[Site, ...] = Field(min_length=1)
    area: tuple[Area, ...] = Field(min_length=1)
    line: tuple[Line, ...] = Field(min_length=1)
    machine: tuple[Machine, ...] = Field(min_length=1)
    shift: tuple[Shift, ...] = ()
    crew: tuple[Crew, ...] = ()
    holiday: tuple[Holiday, ...] = ()
    planned: tuple[Planned, ...] = ()
    product: tuple[Product, ...] = ()
    source: tuple[Source, ...] = ()
    tariff: tuple[Tariff, ...] = ()
    states: dict[Name, dict[str, str]] = Field(default={}, description="mapping name -> raw code -> state word")
    alerts: Alerts = Alerts()
    stock: Stock = Stock()
    supply: Supply = Supply()
    finance: Finance = Finance()
    collector: Collector = Collector()
    role: tuple[Role, ...] = ()
    proposal_expiry: Expiry = Expiry()

    @model_validator(mode="before")
    @classmethod
    def _ready_made(cls, data: Any) -> Any:
        """Ready-made state mappings that are named stand in `states` as if they were written there."""
        return with_ready_made(data)
