"""An embedded MQTT broker (amqtt), for a plant in a box on a machine without one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from simulator.servers.opcua import check_free

logger = logging.getLogger(__name__)


class OpenDoor(BaseAuthPlugin):
    """Lets everybody in by name, so that persistent sessions keep their queue (anonymous ones do not)."""

    async def authenticate(self, *, session: Session) -> bool:
        """True for every session."""
        session.is_anonymous = False
        return True


class ClosingBroker(Broker):
    """A broker that leaves no connection open: amqtt forgets those it is still serving when it ends."""

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Serve a client, then close its connection whatever happened."""
        try:
            await super().stream_connected(reader, writer, listener_name)
        finally:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def broker(host: str, port: int, source: str = "mqtt") -> AsyncIterator[Broker]:
    """A broker on host:port while the context is open.

    Raises:
        PortInUseError: the port is taken.
    """
    check_free(host, port, source, "port")
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"{host}:{port}")},
        plugins={"simulator.servers.broker.OpenDoor": {}},
    )
    served = ClosingBroker(config)
    await served.start()
    try:
        yield served
    finally:
        await served.shutdown()
