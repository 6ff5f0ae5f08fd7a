"""Sparkplug B as a state machine: messages in, readings and wishes out. No network, no clock here.

After the Eclipse Sparkplug 3.0 specification: births name the metrics and give aliases; every later
message of an edge node carries the next of 256 sequence numbers; a death makes all its values stale.
Tag addresses are `group/edge/device/metric`; a metric of the node itself has an empty device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError

from connectors.mqtt.rows import Row, Rows
from connectors.sparkplug.edge import Edge, Known
from connectors.sparkplug.rebirth import Node, Rebirths
from connectors.sparkplug.sparkplug_pb2 import Payload
from connectors.sparkplug.values import UnreadableError, value_of
from plant.states import BAD_NO_COMMUNICATION

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
MAX_METRICS = 100_000
"""Metrics of one message; more are no plant, but a bomb."""
LATEST_MS = 253_402_300_799_999
_KINDS = frozenset({"NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"})


@dataclass
class Outcome:
    """What a message meant: rows (`kept`); (reason, found) of what could not be read; if to compare with the past.

    Of a birth also its metric names, and the tags of that node or device that it names or does not name. `sure`: tags
    of which nothing was lost while we were away; `settled`: those of which it is known that something was.
    """

    kept: Rows = field(default_factory=Rows)
    problem: tuple[str, str] | None = None
    repeats: bool = False
    born: bool = False
    names: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    sure: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """What is kept, reading by reading."""
        return list(self.kept)


class Host:
    """The edge nodes that `tags` (address -> tag id) name; others, and metrics without a tag, are not read.

    So nobody can make this host remember nodes, or ask nodes, that are not in plant.toml.
    """

    def __init__(self, tags: Mapping[str, str]) -> None:
        self.tags = dict(tags)
        self.rebirths = Rebirths()
        nodes = dict.fromkeys(tuple(address.split("/", 2)[:2]) for address in self.tags)
        self.edges: dict[Node, Edge] = {(group, edge): Edge() for group, edge in nodes}
        self._bad: set[str] = set()

    def take(self, topic: str, payload: bytes, received_us: int, *, dup: bool = False) -> Outcome:
        """Work one message in. `dup`: the broker says that it sends it again."""
        parts = topic.split("/")
        if len(parts) not in {4, 5} or parts[0] != NAMESPACE or parts[2] not in _KINDS:
            return Outcome()
        group, kind, node = parts[1:4]
        edge = self.edges.get((group, node))
        if edge is None:
            return Outcome()
        device = parts[4] if len(parts) == 5 else ""
        try:
            message = Payload.FromString(payload)
            if len(message.metrics) > MAX_METRICS:
                found = f"{len(message.metrics)} metrics; at most {MAX_METRICS} are read"
                return Outcome(problem=("payload_too_large", found))
            return self._work(edge, (group, node, device), kind, message, received_us, dup=dup)
        except DecodeError as error:
            return Outcome(problem=("bad_payload", f"{error}; valid is a Sparkplug B payload: look at the edge node"))

    def _work(
        self, edge: Edge, place: tuple[str, str, str], kind: str, message: Any, now: int, *, dup: bool
    ) -> Outcome:
        node = place[:2]
        seq = message.seq if message.HasField("seq") else None
        if kind == "NDEATH":
            return self._node_died(edge, node, message, now)
        if kind == "NBIRTH":
            again = not edge.reborn(_bd_seq(message), message.timestamp, dup=dup)
            self.rebirths.born(node)
        else:
            again = edge.repeated(seq, dup=dup)
        if again:
            out = self._device(edge, place, kind, message, now)
            out.repeats = True
            return out
        in_order = edge.in_order(seq) or kind == "NBIRTH"
        edge.whole = kind == "NBIRTH" or (in_order and edge.whole)
        edge.spoke_us = min(_us(message.timestamp) or now, now) if edge.whole else 0
        out = self._device(edge, place, kind, message, now)
        if not in_order or (out.problem and out.problem[0] == "unknown_alias"):
            self.rebirths.want(node)
        if edge.doubted:
            edge.doubted = False
            tags = self._under("/".join(node) + "/")
            out.sure, out.settled = (tags, []) if in_order and kind != "NBIRTH" else ([], tags)
        return out

    def reconnected(self, *, kept: bool) -> None:
        """The connection is new. `kept`: the broker had our session, so an unbroken sequence means nothing was lost."""
        self.rebirths.renew()
        for node, edge in self.edges.items():
            edge.doubted, edge.spoke_us = kept and edge.seq is not None, 0
            if not edge.doubted:
                edge.seq = None
                self.rebirths.want(node)

    def turned_bad(self, tags: list[str] | tuple[str, ...]) -> None:
        """Values of tags are not known any more; the next birth says them again, whatever their own time."""
        self._bad.update(tags)

    def alive(self) -> list[tuple[list[str], int]]:
        """Tags of each edge node that speaks, none of whose messages is missing, and when it last did (us, its clock).

        A node tells of changes: of what it does not speak of, nothing has changed by then. Tags known bad are left out.
        """
        nodes = [("/".join(node) + "/", edge.spoke_us) for node, edge in self.edges.items() if edge.spoke_us]
        return [([t for t in self._under(prefix) if t not in self._bad], at) for prefix, at in nodes]

    def unborn(self) -> list[str]:
        """Tags whose metric no birth has named so far."""
        born = {f"{g}/{e}/{d}/{name}" for (g, e), edge in self.edges.items() for d, name in edge.names}
        return [tag for address, tag in self.tags.items() if address not in born]

    def dump(self) -> list[dict[str, Any]]:
        """Aliases and births as JSON-ready rows, so that a restarted host reads on without a birth."""
        return [edge.dump(*node) for node, edge in self.edges.items()]

    def load(self, rows: list[dict[str, Any]]) -> None:
        """Take over what `dump` gave; the sequence is unknown, so the first message asks for a rebirth."""
        for row in rows:
            node = row["group"], row["edge"]
            if node in self.edges:
                self.edges[node] = Edge.load(row, partial(self._tag, node))

    def _tag(self, node: Node, device: str, name: str) -> str | None:
        return self.tags.get("/".join((*node, device, name)))

    def _device(self, edge: Edge, place: tuple[str, str, str], kind: str, message: Any, now: int) -> Outcome:
        if kind == "DDEATH":
            at = min(message.timestamp * 1000, now) if message.HasField("timestamp") else now
            return Outcome(Rows(self._stale("/".join(place) + "/", at)))
        if kind in {"NBIRTH", "DBIRTH"}:
            return self._birth(edge, place, message, now)
        out = Outcome()
        self._data(edge, place, message, now, out)
        return out

    def _data(self, edge: Edge, place: tuple[str, str, str], message: Any, now: int, out: Outcome) -> None:
        """The values of a data message. This loop is where the time goes: a number in its usual field goes straight."""
        sent = _us(message.timestamp) or now
        names, aliases, device, kept = edge.names, edge.aliases, place[2], out.kept
        us, tags, values = kept.us.append, kept.tags.append, kept.values.append
        texts, statuses = kept.texts.append, kept.statuses.append
        for metric in message.metrics:
            name = metric.name
            known = names.get((device, name)) if name else aliases.get(metric.alias)
            if known is None:
                known = self._unborn(place, metric, out)
            if known is None or known.tag is None:
                continue
            field, at = known.number, metric.timestamp
            value = getattr(metric, field) if field else None
            if value and value < known.limit and not metric.is_null:
                us(at * 1000 if 0 < at < LATEST_MS else _us(at) or sent)
                tags(known.tag)
                values(float(value))
                texts(None)
                statuses(0)
            else:
                self._row(known, metric, sent, out)
            if metric.is_historical:
                out.repeats = True

    def _row(self, known: Known, metric: Any, sent: int, out: Outcome) -> None:
        """One value, whatever it is."""
        kind = metric.WhichOneof("value")
        try:
            number, text = value_of(metric, kind, known.datatype or metric.datatype)
        except UnreadableError as error:
            out.problem = (error.reason, f"metric {known.name!r}: {error}")
            return
        if number is not None and known.datatype:
            known.number = kind
        status = BAD_NO_COMMUNICATION if number is None and text is None else 0
        out.kept.add(_us(metric.timestamp) or sent, known.tag or "", number, text, status)
        out.repeats |= metric.is_historical

    def _unborn(self, place: tuple[str, str, str], metric: Any, out: Outcome) -> Known | None:
        """A metric no birth has named: read by its name where it has one, else it cannot be told what it is."""
        self.rebirths.want(place[:2])
        if name := _name(metric):
            return Known(self.tags.get("/".join((*place, name))), place[2], name, metric.datatype)
        found = f"alias {metric.alias} was in no birth of {place[0]}/{place[1]}"
        out.problem = ("unknown_alias", f"{found}; the edge node is asked for its births")
        return None

    def _birth(self, edge: Edge, place: tuple[str, str, str], message: Any, now: int) -> Outcome:
        out = Outcome(repeats=True, born=True)
        sent = _us(message.timestamp) or now
        prefix = "/".join(place) + "/"
        edge.device_reborn(place[2])
        for metric in message.metrics:
            name = _name(metric)
            known = Known(self.tags.get(prefix + name), place[2], name, metric.datatype)
            edge.learn(known, metric.alias if metric.HasField("alias") else None)
            out.names.append(name)
            if known.tag is not None:
                self._row(known, metric, sent, out)
        edge.told_apart()
        born = {prefix + name for name in out.names}
        for address, tag in self.tags.items():
            if address.startswith(prefix):
                (out.known if address in born else out.unknown).append(tag)
        out.kept.extend(Rows(self._again(out.rows, sent)))
        return out

    def _again(self, rows: list[Row], sent: int) -> list[Row]:
        """Values of a birth that ends a gap, at its own time: their own may be from before."""
        back = [row for row in rows if row[1] in self._bad and row[4] == 0]
        self._bad.difference_update(row[1] for row in back)
        return [(sent, *row[1:]) for row in back if row[0] < sent]

    def _node_died(self, edge: Edge, node: tuple[str, str], message: Any, now: int) -> Outcome:
        """A death counts only for the birth it belongs to: a late will of an older session is ignored."""
        died = _bd_seq(message)
        if edge.bd_seq is not None and died is not None and died != edge.bd_seq:
            return Outcome()
        edge.seq, edge.doubted, edge.spoke_us = None, False, 0
        return Outcome(Rows(self._stale("/".join(node) + "/", now)))

    def _stale(self, prefix: str, at: int) -> list[Row]:
        tags = self._under(prefix)
        self._bad.update(tags)
        return [(at, tag, None, None, BAD_NO_COMMUNICATION) for tag in tags]

    def _under(self, prefix: str) -> list[str]:
        return [tag for address, tag in self.tags.items() if address.startswith(prefix)]


def _us(ms: int) -> int:
    """Milliseconds as microseconds, no later than year 9999; 0 where there is no time."""
    return min(ms, LATEST_MS) * 1000


def _name(metric: Any) -> str:
    """Name of a metric, empty where it has none.

    Raises:
        DecodeError: a name that is no UTF-8; protobuf hands it over as bytes.
    """
    name = metric.name
    if not isinstance(name, str):
        raise DecodeError(f"a metric's name is no UTF-8: {name[:40]!r}")
    return name


def _bd_seq(message: Any) -> int | None:
    for metric in message.metrics:
        if metric.name == "bdSeq":
            return int(metric.long_value or metric.int_value)
    return None


def rebirth_command(now_ms: int) -> bytes:
    """Payload of the NCMD that asks an edge node for its births. Without seq: only edge nodes number."""
    command = Payload(timestamp=now_ms)
    command.metrics.add(name=REBIRTH, timestamp=now_ms, datatype=11, boolean_value=True)
    return bytes(command.SerializeToString())
