"""Brokers for tests: Mosquitto as a process of its own (skipped where it is absent) and amqtt, with or without TLS."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from dock_plant import free_port
from paho.mqtt.enums import CallbackAPIVersion

from simulator.servers.broker import ClosingBroker


@dataclass(frozen=True)
class Served:
    """A broker on 127.0.0.1."""

    kind: str
    port: int


def mosquitto_binary() -> str:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("needs the broker mosquitto: install the package mosquitto")
    return found


@contextlib.asynccontextmanager
async def mosquitto(folder: Path, *lines: str, port: int | None = None, keep: bool = False):
    """Mosquitto with these lines of configuration behind its listener; `keep`: sessions survive its end."""
    binary, port = mosquitto_binary(), port or free_port()
    kept = [f"persistence {'true' if keep else 'false'}", f"persistence_location {folder}/", "max_queued_messages 0"]
    owner = [f"user {os.environ.get('USER') or 'root'}"] if os.getuid() == 0 else []
    text = [f"listener {port} 127.0.0.1", *(lines or ["allow_anonymous true"]), *kept, *owner]
    (folder / "mosquitto.conf").write_text("\n".join(text) + "\n")
    process = await asyncio.create_subprocess_exec(
        binary, "-c", str(folder / "mosquitto.conf"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await _listening(port, process)
        yield Served("mosquitto", port)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def embedded(port: int | None = None, **secure):
    """amqtt, everybody let in by name."""
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    port = port or free_port()
    listener = ListenerConfig(type=ListenerType.TCP, bind=f"127.0.0.1:{port}", ssl=bool(secure), **secure)
    broker = ClosingBroker(
        BrokerConfig(listeners={"default": listener}, plugins={"simulator.servers.broker.OpenDoor": {}})
    )
    await broker.start()
    try:
        yield Served("amqtt", port)
    finally:
        await broker.shutdown()


@contextlib.asynccontextmanager
async def either(kind: str, folder: Path, port: int | None = None):
    """The broker named, without TLS."""
    async with mosquitto(folder, port=port) if kind == "mosquitto" else embedded(port) as served:
        yield served


class Publisher:
    """A client of its own."""

    def __init__(self, port: int, name: str = "publisher", will: tuple[str, bytes] | None = None) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        if will:
            self._client.will_set(*will, qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, topic: str, payload: str | bytes, qos: int = 1, *, retain: bool = False) -> None:
        """Publish and wait until the broker has it."""
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.asynccontextmanager
async def publishing(port: int, **more):
    publisher = await asyncio.to_thread(Publisher, port, **more)
    try:
        yield publisher
    finally:
        await asyncio.to_thread(publisher.close)


async def _listening(port: int, process) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        assert process.returncode is None, "mosquitto ended at once: is its configuration right?"
        await asyncio.sleep(0.05)
    raise AssertionError("mosquitto does not listen")
