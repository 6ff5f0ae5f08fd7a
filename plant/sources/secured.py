"""What sources over TCP share: TLS, and the login, session and limits of an MQTT broker."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from plant.shifts.sections import Duration, Name, Strict


class Secured(Strict):
    """A TCP connection that can be encrypted. Paths are relative to --root, or absolute."""

    name: Name
    host: str
    tls: bool = False
    ca: str | None = Field(default=None, description="PEM file of the authorities to trust; the system's without")
    client_cert: str | None = Field(default=None, description="PEM file with our certificate")
    client_key: str | None = Field(default=None, description="PEM file with its key, where it is a file of its own")
    on_start: Literal["error", "retry", "ignore"] = "retry"


class Broker(Secured):
    """An MQTT broker: address, login, session."""

    port: int = Field(default=1883, ge=1, le=65535, description="8883 with tls")
    user_env: str | None = None
    password_env: str | None = None
    allow_plain_password: bool = Field(default=False, description="send the password without TLS")
    mqtt: Literal["3.1.1", "5"] = "3.1.1"
    clean_start: bool = Field(default=False, description="forget the session: what was published meanwhile is lost")
    session_expiry: Duration = Field(default="7d", description="MQTT 5: the broker keeps the session this long")
    max_payload_kib: int = Field(default=1024, ge=1, le=262_144, description="a larger message is not read")

    @model_validator(mode="before")
    @classmethod
    def _secure_port(cls, data: Any) -> Any:
        """The usual port of TLS, where none is given."""
        return with_port(data, 8883)


def with_port(data: Any, port: int) -> Any:
    """The section with `port` where TLS is asked for and no port given."""
    if isinstance(data, dict) and data.get("tls") is True and "port" not in data:
        return data | {"port": port}
    return data
