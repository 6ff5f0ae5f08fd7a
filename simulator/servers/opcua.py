"""The OPC UA machines of the plant in a box: a real asyncua server with history in memory."""

from __future__ import annotations

import contextlib
import socket
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlparse

from asyncua import Server, ua
from asyncua.common.node import Node
from asyncua.server.history import HistoryDict

from plant.config import Plant
from plant.sources.live import OpcUaSource
from plant.sources.tags import Tag
from simulator.servers.delivered import Delivered, PortInUseError, Sample, tags_of
from simulator.servers.opcua_key import secured

NAMESPACE = "urn:shopfloor:plant-in-a-box"
HISTORY_VALUES = 100_000
_TYPES = {
    "bool": ua.VariantType.Boolean, "int16": ua.VariantType.Int16, "uint16": ua.VariantType.UInt16,
    "int32": ua.VariantType.Int32, "uint32": ua.VariantType.UInt32, "int64": ua.VariantType.Int64,
    "float32": ua.VariantType.Float, "float64": ua.VariantType.Double, "string": ua.VariantType.String,
}  # fmt: skip


class History(HistoryDict):
    """The newest `HISTORY_VALUES` of each node, answered in pages with continuation points."""

    def __init__(self, page: int = 1000) -> None:
        super().__init__(max_history_data_response_size=page)

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[ua.DataValue], datetime | None]:
        """A page in ascending order; the continuation point is the time of the next value."""
        values = self._datachanges.get(node_id, [])
        first = bisect_left(values, start or datetime.min.replace(tzinfo=UTC), key=lambda v: v.SourceTimestamp)
        last = bisect_left(values, end, key=lambda v: v.SourceTimestamp) if end else len(values)
        page = min(nb_values or self.max_history_data_response_size, self.max_history_data_response_size)
        stop = min(first + page, last)
        return values[first:stop], values[stop].SourceTimestamp if stop < last else None

    def add(self, node_id: ua.NodeId, value: ua.DataValue) -> None:
        """Record a value at once; asyncua's own way goes through a task per value."""
        values = self._datachanges.setdefault(node_id, [])
        values.append(value)
        if len(values) > HISTORY_VALUES:
            del values[: HISTORY_VALUES // 10]


class OpcUaPlant:
    """One OPC UA source, served. Build it with `opcua_plant`."""

    def __init__(
        self, source: OpcUaSource, tags: dict[str, Tag], delivered: Delivered, keys: Path | None = None
    ) -> None:
        self.source, self.tags, self.delivered, self.keys = source, tags, delivered, keys
        self.server = Server()
        self.history = History()
        self._nodes: dict[str, Node] = {}

    async def start(self, initial: Sequence[Sample] = ()) -> None:
        """Take the initial values, then listen.

        Raises:
            PortInUseError: the endpoint's port is taken.
        """
        check_free(*address_of(self.source.endpoint), self.source.name, "endpoint")
        self.server.iserver.history_manager.set_storage(self.history)
        await self.server.init()
        self.server.set_endpoint(self.source.endpoint)
        self.server.set_server_name("Shopfloor plant in a box")
        await secured(self.server, self.source, self.keys)
        index = await self.server.register_namespace(NAMESPACE)
        folder = await self.server.nodes.objects.add_folder(index, "machines")
        for name, tag in self.tags.items():
            self._nodes[name] = await self._add(folder, name, tag)
        await self.deliver(initial)
        await self.server.start()

    async def _add(self, folder: Node, name: str, tag: Tag) -> Node:
        nodeid = ua.NodeId.from_string(tag.address)
        kind = _TYPES[tag.type]
        waiting = ua.DataValue(
            ua.Variant(None, ua.VariantType.Null), ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData)
        )
        node = await folder.add_variable(nodeid, ua.QualifiedName(name, nodeid.NamespaceIndex), 0, kind)
        await self.server.write_attribute_value(node.nodeid, waiting)
        await node.set_attr_bit(ua.AttributeIds.AccessLevel, ua.AccessLevel.HistoryRead)
        await node.set_attr_bit(ua.AttributeIds.UserAccessLevel, ua.AccessLevel.HistoryRead)
        return node

    async def deliver(self, samples: Sequence[Sample]) -> None:
        """Write samples with their source time and status; each goes to history and subscribers."""
        for sample in samples:
            node, tag = self._nodes[sample.tag], self.tags[sample.tag]
            value = ua.DataValue(
                _variant(sample.value, tag.type),
                ua.StatusCode(sample.status),
                SourceTimestamp=sample.ts,
                ServerTimestamp=datetime.now(UTC),
            )
            self.history.add(node.nodeid, value)
            await self.server.write_attribute_value(node.nodeid, value)
        self.delivered.add(self.source.name, samples, self.tags)

    async def stop(self) -> None:
        """Stop listening; history is forgotten."""
        await self.server.stop()


def _variant(value: float | None, kind: str) -> ua.Variant:
    if value is None:
        return ua.Variant(None, ua.VariantType.Null)
    if kind == "string":
        return ua.Variant(str(value), ua.VariantType.String)
    if kind == "bool":
        return ua.Variant(bool(value), ua.VariantType.Boolean)
    return ua.Variant(float(value) if kind.startswith("float") else int(value), _TYPES[kind])


def address_of(endpoint: str) -> tuple[str, int]:
    """Host and port of an OPC UA endpoint; 4840 where it names none."""
    url = urlparse(endpoint)
    return url.hostname or "127.0.0.1", url.port or 4840


def check_free(host: str, port: int, source: str, key: str) -> None:
    """Raise PortInUseError when something listens on the port already."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUseError(port, source, key) from error


@contextlib.asynccontextmanager
async def opcua_plant(
    plant: Plant, name: str, delivered: Delivered, initial: Sequence[Sample] = (), *, keys: Path | None = None
) -> AsyncIterator[OpcUaPlant]:
    """Serve one OPC UA source of the plant while the context is open.

    `keys` is the folder of the server's key pair, made when missing; only security = "none" does without.
    """
    source = plant.sources[name]
    if not isinstance(source, OpcUaSource):
        raise TypeError(f"{name} is of kind {source.kind}, not opcua")
    served = OpcUaPlant(source, tags_of(plant, name), delivered, keys)
    await served.start(initial)
    try:
        yield served
    finally:
        await served.stop()
