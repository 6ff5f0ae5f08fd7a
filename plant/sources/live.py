"""Sources the collector reads while they live: OPC UA, Modbus, Sparkplug, plain MQTT."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from plant.shifts.sections import Duration, Name, Strict
from plant.sources.secured import Broker, Secured, with_port


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
    security: Literal["none", "sign", "sign_and_encrypt"] = "sign_and_encrypt"
    security_policy: Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "Basic256Sha256"
    trust: Literal["pin", "list"] = Field(default="pin", description="pin: one certificate; list: root/pki/trusted")
    allow_plain_password: bool = Field(default=False, description="send user and password unencrypted")
    on_start: Literal["error", "retry", "ignore"] = "retry"


class ModbusSource(Secured):
    """Modbus TCP device or gateway read in blocks."""

    kind: Literal["modbus"]
    port: int = Field(default=502, ge=1, le=65535, description="802 with tls")
    unit_id: int = Field(default=1, ge=0, le=255, description="unit of addresses that name none")
    framing: Literal["tcp", "rtu"] = Field(default="tcp", description="rtu: serial frames with CRC sent over TCP")
    map: str | None = Field(default=None, description="CSV with a register map, relative to plant.toml")
    addressing: Literal["zero", "manual"] = Field(
        default="zero", description="numbers of the map: counted from 0, or as in manuals (40001)"
    )
    poll: Duration = "1s"
    timeout: Duration = "1s"
    unit_timeouts: dict[str, Duration] = Field(default={}, description="unit -> its own timeout")
    max_block: int = Field(default=125, ge=1, le=125)
    in_flight: int = Field(default=4, ge=1, le=16, description="units asked at the same time; 1 with framing rtu")
    retry_refused: Duration = Field(default="10min", description="refused addresses are tried again after this")

    @model_validator(mode="before")
    @classmethod
    def _secure_port(cls, data: Any) -> Any:
        """The port of Modbus/TCP Security, where none is given."""
        return with_port(data, 802)


class SparkplugSource(Broker):
    """Sparkplug B through an MQTT broker. Tag addresses are group/edge/device/metric."""

    kind: Literal["sparkplug"]
    host_id: Name = "shopfloor"
    group: Name


class MqttSource(Broker):
    """JSON or plain values on MQTT topics. Tag addresses are topic#path, as in plant/press/telemetry#$.data.temp."""

    kind: Literal["mqtt"]
    client_id: Name | None = Field(default=None, description="shopfloor-<name> without; the session hangs on it")
    subscribe: tuple[str, ...] = Field(default=(), description="topic filters; the topics of the tags without")
    timestamp: str | None = Field(default=None, description="path of the time stamp; receive time without")
    timestamp_format: Literal["iso", "s", "ms", "us", "ns"] = "iso"
    timezone: str = Field(default="UTC", description="of ISO time stamps without an offset")
    quality: str | None = Field(default=None, description="path of the quality; every value is good without")
    quality_good: tuple[str | int | bool, ...] = Field(default=(), description="values of quality that mean good")
