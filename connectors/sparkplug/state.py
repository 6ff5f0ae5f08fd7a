"""Sparkplug B as a state machine: messages in, readings and wishes out. No network, no clock here.

After the Eclipse Sparkplug 3.0 specification: births name the metrics and give aliases; every later
message of an edge node carries the next of 256 sequence numbers; a death makes all its values stale.
Tag addresses are `group/edge/device/metric`; a metric of the node itself has an empty device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from connectors.sparkplug.sparkplug_pb2 import Payload
from plant.states import BAD_NO_COMMUNICATION

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
REBIRTH_EVERY_US = 60_000_000
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_NUMBERS = frozenset({"int_value", "long_value", "float_value", "double_value", "boolean_value"})

Row = tuple[int, str, float | None, str | None, int]
"""Source time (us since 1970), tag id, number, text, status."""


@dataclass
class Edge:
    """What is known of one edge node: aliases of it and its devices, last sequence number, birth."""

    aliases: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    datatypes: dict[tuple[str, str], int] = field(default_factory=dict)
    seq: int | None = None
    bd_seq: int | None = None
    asked_us: int | None = None


@dataclass
class Outcome:
    """What a message meant: rows; an edge to ask for a rebirth; what could not be read; if to compare with the past.

    Of a birth also its metric names, and the tags of that node or device that it names or does not name.
    """

    rows: list[Row] = field(default_factory=list)
    rebirth: tuple[str, str] | None = None
    problem: str | None = None
    repeats: bool = False
    born: bool = False
    names: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class Host:
    """The edge nodes of one group. `tags` maps addresses to tag ids; other metrics are not read."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self.tags = dict(tags)
        self.edges: dict[tuple[str, str], Edge] = {}

    def take(self, topic: str, payload: bytes, received_us: int) -> Outcome:
        """Work one message in."""
        parts = topic.split("/")
        if len(parts) not in {4, 5} or parts[0] != NAMESPACE:
            return Outcome()
        group, kind, edge = parts[1:4]
        device = parts[4] if len(parts) == 5 else ""
        if kind not in {"NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"}:
            return Outcome()
        try:
            message = Payload.FromString(payload)
        except DecodeError as error:
            return Outcome(problem=f"bad_payload: {error}")
        known = self.edges.setdefault((group, edge), Edge())
        if kind == "NDEATH":
            return self._node_died(known, (group, edge), message, received_us)
        if kind == "NBIRTH":
            known.aliases, known.datatypes, known.seq = {}, {}, None
            known.bd_seq = _bd_seq(message)
        gap = not self._in_order(known, message, birth=kind == "NBIRTH")
        out = self._device(known, (group, edge, device), kind, message, received_us)
        if gap or out.problem:
            out.rebirth = self._ask(known, (group, edge), received_us)
        return out

    def unborn(self) -> list[str]:
        """Tags whose metric no birth has named so far."""
        born = {f"{g}/{e}/{d}/{name}" for (g, e), edge in self.edges.items() for d, name in edge.datatypes}
        return [tag for address, tag in self.tags.items() if address not in born]

    def dump(self) -> list[dict[str, Any]]:
        """Aliases and births as JSON-ready rows, so that a restarted host reads on without a birth."""
        return [
            {
                "group": group,
                "edge": name,
                "bd_seq": edge.bd_seq,
                "aliases": [[a, *what] for a, what in edge.aliases.items()],
                "datatypes": [[*what, kind] for what, kind in edge.datatypes.items()],
            }
            for (group, name), edge in self.edges.items()
        ]

    def load(self, rows: list[dict[str, Any]]) -> None:
        """Take over what `dump` gave; the sequence is unknown, so the first message asks for a rebirth."""
        for row in rows:
            aliases = {a: (device, name, kind) for a, device, name, kind in row["aliases"]}
            datatypes = {(device, name): kind for device, name, kind in row["datatypes"]}
            self.edges[row["group"], row["edge"]] = Edge(aliases, datatypes, bd_seq=row["bd_seq"])

    def _device(self, edge: Edge, place: tuple[str, str, str], kind: str, message: Payload, now: int) -> Outcome:
        if kind == "DDEATH":
            at = message.timestamp * 1000 if message.HasField("timestamp") else now
            return Outcome(rows=self._stale("/".join(place) + "/", at))
        birth = kind in {"NBIRTH", "DBIRTH"}
        out = Outcome(repeats=birth, born=birth)
        for metric in message.metrics:
            self._metric(edge, place, metric, message, now, out)
        if birth:
            self._name(place, message, out)
        return out

    def _name(self, place: tuple[str, str, str], message: Payload, out: Outcome) -> None:
        """Compare a birth with the tags of its node or device."""
        prefix = "/".join(place) + "/"
        out.names = [metric.name for metric in message.metrics]
        born = {prefix + name for name in out.names}
        for address, tag in self.tags.items():
            if address.startswith(prefix):
                (out.known if address in born else out.unknown).append(tag)

    def _metric(
        self, edge: Edge, place: tuple[str, str, str], metric: Any, message: Payload, now: int, out: Outcome
    ) -> None:
        named = _named(edge, place[2], metric, birth=out.born)
        if named is None:
            found = f"alias {metric.alias}" if metric.HasField("alias") else f"metric {metric.name!r}"
            out.problem = f"unknown_alias: {found} was in no birth of {place[0]}/{place[1]}"
            return
        device, name, datatype = named
        tag = self.tags.get(f"{place[0]}/{place[1]}/{device}/{name}")
        if tag is None:
            return
        at = metric.timestamp if metric.HasField("timestamp") else message.timestamp
        number, text = _value(metric, datatype)
        status = BAD_NO_COMMUNICATION if number is None and text is None else 0
        out.rows.append((at * 1000 if at else now, tag, number, text, status))
        out.repeats |= metric.is_historical

    def _in_order(self, edge: Edge, message: Payload, *, birth: bool) -> bool:
        seq = message.seq if message.HasField("seq") else None
        expected = None if edge.seq is None else (edge.seq + 1) % 256
        edge.seq = seq
        return birth or (seq is not None and seq == expected)

    def _ask(self, edge: Edge, place: tuple[str, str], now: int) -> tuple[str, str] | None:
        if edge.asked_us is not None and now - edge.asked_us < REBIRTH_EVERY_US:
            return None
        edge.asked_us = now
        return place

    def _node_died(self, edge: Edge, place: tuple[str, str], message: Payload, now: int) -> Outcome:
        """A death counts only for the birth it belongs to: a late will of an older session is ignored."""
        died = _bd_seq(message)
        if edge.bd_seq is not None and died is not None and died != edge.bd_seq:
            return Outcome()
        edge.seq = None
        return Outcome(rows=self._stale("/".join(place) + "/", now))

    def _stale(self, prefix: str, at: int) -> list[Row]:
        tags = [tag for address, tag in self.tags.items() if address.startswith(prefix)]
        return [(at, tag, None, None, BAD_NO_COMMUNICATION) for tag in tags]


def _named(edge: Edge, device: str, metric: Any, *, birth: bool) -> tuple[str, str, int] | None:
    """Device, name and datatype of a metric; learns them from a birth. None when they are unknown."""
    if birth:
        named = (device, metric.name, metric.datatype)
        edge.datatypes[device, metric.name] = metric.datatype
        if metric.HasField("alias"):
            edge.aliases[metric.alias] = named
        return named
    if metric.name:
        known = edge.datatypes.get((device, metric.name))
        return None if known is None else (device, metric.name, known)
    return edge.aliases.get(metric.alias) if metric.HasField("alias") else None


def _value(metric: Any, datatype: int) -> tuple[float | None, str | None]:
    """Number and text of a metric; signed integers travel as unsigned and get their sign back."""
    kind = metric.WhichOneof("value")
    if metric.is_null or kind is None:
        return None, None
    value = getattr(metric, kind)
    if kind not in _NUMBERS:
        return None, value if isinstance(value, str) else value.hex()
    bits = _SIGNED_BITS.get(datatype)
    if bits and kind in {"int_value", "long_value"}:
        value &= (1 << bits) - 1
        value -= (1 << bits) if value >> (bits - 1) else 0
    return float(value), None


def _bd_seq(message: Payload) -> int | None:
    for metric in message.metrics:
        if metric.name == "bdSeq":
            return int(metric.long_value or metric.int_value)
    return None


def rebirth_command(now_ms: int) -> bytes:
    """Payload of the NCMD that asks an edge node for its births."""
    command = Payload(timestamp=now_ms)
    command.metrics.add(name=REBIRTH, timestamp=now_ms, datatype=11, boolean_value=True)
    return command.SerializeToString()
