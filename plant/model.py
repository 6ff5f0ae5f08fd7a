"""The shape of plant.toml: frozen pydantic models, strict, no unknown keys.

Reading, cross-checking and error wording are in `plant.config`. Every room receives a `Plant`; nobody
else reads the file.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from plant.shifts.model import Break, Crew, Holiday, Planned, Shift
from plant.shifts.sections import Clock, Duration, Name, Strict
from plant.state_maps import with_ready_made

__all__ = ["Break", "Crew", "Holiday", "Planned", "Shift"]
"""Sections of plant.shifts.model that are read here as well."""

Role = Literal[
    "state", "mode", "good_count", "scrap_count", "rework_count", "energy", "power", "temperature", "vibration",
    "pressure", "flow", "speed", "alarm", "order", "product", "other",
]  # fmt: skip


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


class Replacement(Strict):
    """A counter or meter that was replaced by another device."""

    at: AwareDatetime = Field(description="instant with an offset, as in 2026-05-04T10:00:00+02:00")
    starts_at: float = Field(default=0.0, ge=0, description="what the new device showed when it began, 0 or more")


class Tag(Strict):
    """One signal of a machine. `address` is read by the protocol of its source."""

    name: Name
    role: Role
    source: Name
    address: str
    unit: str = "1"
    type: Literal["bool", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64", "string"] = "float64"
    range: tuple[float, float] | None = None
    word_order: Literal["big", "little"] = "big"
    states: Name | None = Field(default=None, description="mapping of raw codes, for roles state and mode")
    stale_after: Duration | None = Field(default=None, description="no sample for longer: the value is not trusted")
    max_rate_per_s: float | None = Field(default=None, gt=0, description="physical limit of a counter")
    rollover: int | None = Field(default=None, gt=0, description="a counter starts again at 0 after this value")
    back_step_pcs: float | None = Field(default=None, gt=0, description="a counter may fall by this: a correction")
    replaced: tuple[Replacement, ...] = Field(default=(), description="devices put in: when, and where they began")
    deadband: float = Field(default=0.0, ge=0)


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


class OpcUaSource(Strict):
    """OPC UA server read by subscription."""

    kind: Literal["opcua"]
    name: Name
    endpoint: str
    publish: Duration = "250ms"
    sampling: Duration = "100ms"
    queue: int = Field(default=100, ge=1)
    user_env: str | None = None
    password_env: str | None = None
    security: Literal["none", "sign", "sign_and_encrypt"] = "none"
    on_start: Literal["error", "retry", "ignore"] = "retry"


class ModbusSource(Strict):
    """Modbus TCP device read in blocks."""

    kind: Literal["modbus"]
    name: Name
    host: str
    port: int = Field(default=502, ge=1, le=65535)
    unit_id: int = Field(default=1, ge=0, le=255)
    poll: Duration = "1s"
    timeout: Duration = "1s"
    max_block: int = Field(default=125, ge=1, le=125)
    on_start: Literal["error", "retry", "ignore"] = "retry"


class SparkplugSource(Strict):
    """Sparkplug B through an MQTT broker. Tag addresses are group/edge/device/metric."""

    kind: Literal["sparkplug"]
    name: Name
    host: str
    port: int = Field(default=1883, ge=1, le=65535)
    host_id: Name = "shopfloor"
    group: Name
    tls: bool = False
    user_env: str | None = None
    password_env: str | None = None
    on_start: Literal["error", "retry", "ignore"] = "retry"


FILE_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "readings": (("tag", "ts", "value"), ("status", "server_at", "text", "machine")),
    "reports": (
        ("machine", "start_at", "end_at", "report"),
        ("order_id", "product", "operation", "operator", "good_pcs", "scrap_pcs", "rework_pcs"),
    ),
}
"""Our names in `columns` of a files source, by content: those that must be mapped, those that may be."""


class FilesSource(Strict):
    """Files dropped in a folder. `columns` maps our column names to theirs."""

    kind: Literal["files"]
    name: Name
    path: str = Field(description="folder or glob; relative to --root, or absolute")
    content: Literal["readings", "reports"] = "readings"
    format: Literal["auto", "csv", "parquet", "excel"] = "auto"
    columns: dict[str, str] = Field(description="our column -> their column")
    timezone: str = "UTC"
    timestamp_format: str | None = None
    decimal_comma: bool = False
    separator: str = ","
    encoding: str = "utf8"
    states: Name | None = Field(default=None, description="mapping of report types, for content reports")
    machines: dict[str, Name] = Field(default={}, description="their machine name -> ours; others pass unchanged")
    unique: bool = Field(default=False, description="exact duplicate rows are quarantined, not booked")
    checks: dict[str, Literal["span"]] = Field(
        default={}, description="their column -> check; 'span' must read HHH:MM and equal end - start"
    )


class SqlTable(Strict):
    """A relational table to take in."""

    name: Name
    key: tuple[str, ...] = ("id",)
    watermark: str | None = None
    overlap: Duration = "10min"
    query: str | None = Field(default=None, description="SELECT to use instead of the whole table")


class SqlSource(Strict):
    """A relational database, read only. The URL comes from url_env where set."""

    kind: Literal["sql"]
    name: Name
    url: str = Field(description="SQLAlchemy URL; {root} is --root; no password here")
    url_env: str | None = None
    db_schema: str | None = None
    timezone: str = "UTC"
    tables: tuple[SqlTable, ...] = ()
    on_start: Literal["error", "retry", "ignore"] = "retry"


Source = Annotated[OpcUaSource | ModbusSource | SparkplugSource | FilesSource | SqlSource, Field(discriminator="kind")]


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

    @model_validator(mode="before")
    @classmethod
    def _ready_made(cls, data: Any) -> Any:
        """Ready-made state mappings that are named stand in `states` as if they were written there."""
        return with_ready_made(data)
