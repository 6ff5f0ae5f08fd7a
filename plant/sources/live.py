"""Sources the collector reads while they live: OPC UA, Modbus, Sparkplug."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plant.shifts.sections import Duration, Name, Strict


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
