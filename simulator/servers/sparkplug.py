"""The Sparkplug B machines of the plant in a box: edge nodes as MQTT clients.

They honour the primary host's STATE: while it is offline they store in a bounded ring; when it is
back they give birth and replay as historical, from a little before they learned of the outage, so
that what was under way when the host died comes again. DATA is QoS 0, as the specification demands.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import paho.mqtt.client as mqtt

from plant.config import Plant
from plant.errors import SourceDownError
from plant.sources.live import SparkplugSource
from plant.sources.tags import Tag
from simulator.servers.delivered import Delivered, Sample, tags_of
from simulator.servers.sparkplug_wire import BOOLEAN, DATATYPES, UINT64, Metric, payload

NAMESPACE = "spBv1.0"
RING = 200_000
"""Samples an edge node can hold; the oldest go first, as on a real one."""
OVERLAP_S = 60.0
"""Replayed from before the outage was noticed; longer than the broker needs to notice a dead host."""
PER_MESSAGE = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REBIRTH = "Node Control/Rebirth"


class EdgeNode:
    """One edge node with its devices. Thread-safe: paho calls back on its own thread.

    Args:
        source: broker, host id.
        place: (group, edge node).
        tags: tags of the node by tag id; the address is group/edge/device/metric.
    """

    def __init__(self, source: SparkplugSource, place: tuple[str, str], tags: dict[str, Tag]) -> None:
        self.source, self.place, self.tags = source, place, tags
        self.aliases = {tag: n for n, tag in enumerate(tags, start=1)}
        self._ring: deque[tuple[float, Sample]] = deque(maxlen=RING)
        self._last: dict[str, Sample] = {}
        self._lock = threading.RLock()
        self._seq = 0
        self._bd_seq = -1
        self._host_at = 0
        self._offline_since = 0.0
        self.host_online = False
        self._client: mqtt.Client | None = None

    def start(self) -> None:
        """Connect to the broker; retried by paho when it is lost later.

        Raises:
            OSError: the broker cannot be reached.
        """
        client_id = f"{self.place[0]}-{self.place[1]}"
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id)
        client.on_connect, client.on_message = self._on_connect, self._on_message
        client.reconnect_delay_set(1, 5)
        self._new_will()
        client.connect(self.source.host, self.source.port, 30)
        client.loop_start()

    def stop(self) -> None:
        """Publish the death, then disconnect."""
        if self._client is None:
            return
        with self._lock:
            if self._client.is_connected() and self.host_online:
                self._client.publish(self._topic("NDEATH"), self._death(), qos=0)
            self._client.disconnect()
        self._client.loop_stop()

    def deliver(self, samples: Sequence[Sample]) -> None:
        """Publish samples, or keep them while the host is away."""
        with self._lock:
            at = time.monotonic()
            self._ring.extend((at, s) for s in samples)
            self._last |= {s.tag: s for s in samples}
            if self.host_online and self._client is not None and self._client.is_connected():
                self._data(samples, historical=False)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            return
        with self._lock:
            self._away()
            self._host_at = 0
        client.subscribe([(f"{NAMESPACE}/STATE/{self.source.host_id}", 1), (self._topic("NCMD"), 0)])

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._lock:
            if "/STATE/" in message.topic:
                self._on_state(message.payload)
            elif REBIRTH.encode() in message.payload and self.host_online:
                self._births()

    def _on_state(self, raw: bytes) -> None:
        """An older STATE than the last one (a late will) is ignored."""
        state = json.loads(raw)
        if state["timestamp"] < self._host_at:
            return
        self._host_at = state["timestamp"]
        if not state["online"]:
            self._away()
            return
        since = (self._offline_since if not self.host_online else time.monotonic()) - OVERLAP_S
        self.host_online = True
        self._births()
        self._data([s for at, s in self._ring if at >= since], historical=True)

    def _away(self) -> None:
        if self.host_online:
            self._offline_since = time.monotonic()
        self.host_online = False

    def _births(self) -> None:
        now = _now_ms()
        self._seq = -1
        node = [Metric(UINT64, self._bd_seq, now, name="bdSeq"), Metric(BOOLEAN, 0, now, name=REBIRTH)]
        self._send("NBIRTH", "", node, birth=True)
        for device, tags in self._devices().items():
            self._send("DBIRTH", device, [self._birth_metric(t, now) for t in tags], birth=True)

    def _birth_metric(self, tag: str, now: int) -> Metric:
        last = self._last.get(tag)
        kind = DATATYPES[self.tags[tag].type]
        name = self.tags[tag].address.split("/", 3)[3]
        if last is None:
            return Metric(kind, None, now, self.aliases[tag], name)
        return Metric(kind, last.value, _ms(last), self.aliases[tag], name)

    def _data(self, samples: Sequence[Sample], *, historical: bool) -> None:
        by_device: dict[str, list[Metric]] = defaultdict(list)
        for s in samples:
            kind = DATATYPES[self.tags[s.tag].type]
            metric = Metric(kind, s.value, _ms(s), self.aliases[s.tag], historical=historical)
            by_device[self.tags[s.tag].address.split("/", 3)[2]].append(metric)
        for device, metrics in by_device.items():
            for at in range(0, len(metrics), PER_MESSAGE):
                self._send("DDATA", device, metrics[at : at + PER_MESSAGE])

    def _send(self, kind: str, device: str, metrics: list[Metric], *, birth: bool = False) -> None:
        self._seq = (self._seq + 1) % 256
        topic = self._topic(kind) + (f"/{device}" if device else "")
        self._client.publish(topic, payload(metrics, _now_ms(), self._seq, birth=birth), qos=0)

    def _new_will(self) -> None:
        self._bd_seq = (self._bd_seq + 1) % 256
        self._client.will_set(self._topic("NDEATH"), self._death(), qos=1, retain=False)

    def _death(self) -> bytes:
        now = _now_ms()
        return payload([Metric(UINT64, self._bd_seq, now, name="bdSeq")], now, None, birth=True)

    def _topic(self, kind: str) -> str:
        return f"{NAMESPACE}/{self.place[0]}/{kind}/{self.place[1]}"

    def _devices(self) -> dict[str, list[str]]:
        out: dict[str, list[str]] = defaultdict(list)
        for name, tag in self.tags.items():
            out[tag.address.split("/", 3)[2]].append(name)
        return out


def _now_ms() -> int:
    return int(time.time() * 1000)


def _ms(sample: Sample) -> int:
    return round((sample.ts - EPOCH) / timedelta(milliseconds=1))


class SparkplugPlant:
    """The edge nodes of one source. Build it with `sparkplug_plant`."""

    def __init__(self, source: SparkplugSource, tags: dict[str, Tag], delivered: Delivered) -> None:
        self.source, self.tags, self.delivered = source, tags, delivered
        places = {name: tuple(tag.address.split("/", 3)[:2]) for name, tag in tags.items()}
        self._of = places
        self.edges = {
            place: EdgeNode(source, place, {n: t for n, t in tags.items() if places[n] == place})
            for place in sorted(set(places.values()))
        }

    async def deliver(self, samples: Sequence[Sample]) -> None:
        """Hand samples to their edge nodes. Time stamps travel in milliseconds."""
        for place, edge in self.edges.items():
            mine = [s for s in samples if self._of[s.tag] == place]
            if mine:
                edge.deliver(mine)
        in_ms = timedelta(milliseconds=1)
        sent = [replace(s, ts=EPOCH + round((s.ts - EPOCH) / in_ms) * in_ms) for s in samples]
        self.delivered.add(self.source.name, sent, self.tags)


@contextlib.asynccontextmanager
async def sparkplug_plant(
    plant: Plant, name: str, delivered: Delivered, initial: Sequence[Sample] = ()
) -> AsyncIterator[SparkplugPlant]:
    """Run the edge nodes of one Sparkplug source while the context is open; a broker must be there."""
    source = plant.sources[name]
    if not isinstance(source, SparkplugSource):
        raise TypeError(f"{name} is of kind {source.kind}, not sparkplug")
    served = SparkplugPlant(source, tags_of(plant, name), delivered)
    await served.deliver(initial)
    try:
        for edge in served.edges.values():
            try:
                await asyncio.to_thread(edge.start)
            except OSError as error:
                raise SourceDownError(f"no MQTT broker at {source.host}:{source.port} for {name}: {error}") from error
        yield served
    finally:
        for edge in served.edges.values():
            await asyncio.to_thread(edge.stop)
