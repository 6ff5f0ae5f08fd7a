"""What is known of one edge node: names and aliases of its metrics and those of its devices, sequence, birth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.sparkplug.values import SIGNED_BITS

BEHIND = 128
"""A message that comes again is less than this many numbers behind the last one."""


@dataclass(slots=True)
class Known:
    """A metric that was born: the tag it is read into (None: none), device, name, datatype (0: not said).

    `number` is the field its numbers came in last, empty where none has come yet; below `limit` they stand as they are
    (a signed integer from there on is negative).
    """

    tag: str | None
    device: str
    name: str
    datatype: int
    number: str = ""
    limit: float = field(init=False)

    def __post_init__(self) -> None:
        bits = SIGNED_BITS.get(self.datatype)
        self.limit = 2.0 ** (bits - 1) if bits else math.inf


@dataclass
class Edge:
    """One edge node. `doubted`: it is not known yet whether something was lost while we were away.

    `spoke_us`: time of its last message, on its clock; 0 where it is not known to be alive.
    `whole`: no message is missing since its birth.
    """

    aliases: dict[int, Known] = field(default_factory=dict)
    names: dict[tuple[str, str], Known] = field(default_factory=dict)
    seq: int | None = None
    bd_seq: int | None = None
    born_ms: int = 0
    doubted: bool = False
    spoke_us: int = 0
    whole: bool = False
    _twice: set[int] = field(default_factory=set)

    def reborn(self, bd_seq: int | None, born_ms: int, *, dup: bool) -> bool:
        """A node's birth begins: nothing from before holds. False where it is the birth we had, sent again."""
        same = self.seq is not None and (bd_seq, born_ms) == (self.bd_seq, self.born_ms)
        if same and (dup or self.doubted):
            return False
        self.aliases, self.names, self.seq, self._twice = {}, {}, None, set()
        self.bd_seq, self.born_ms = bd_seq, born_ms
        return True

    def device_reborn(self, device: str) -> None:
        """A device's birth begins: nothing from before holds of it."""
        self._twice = set()
        self.aliases = {a: known for a, known in self.aliases.items() if known.device != device}
        self.names = {where: known for where, known in self.names.items() if where[0] != device}

    def learn(self, known: Known, alias: int | None) -> None:
        """A metric of a birth. An alias of several metrics (some send 0 for all) names none."""
        self.names[known.device, known.name] = known
        if alias is None:
            return
        held = self.aliases.get(alias)
        if held is not None and (held.device, held.name) != (known.device, known.name):
            self._twice.add(alias)
        self.aliases[alias] = known

    def told_apart(self) -> None:
        """A birth has ended: aliases that name several metrics are forgotten."""
        for alias in self._twice:
            self.aliases.pop(alias, None)

    def repeated(self, seq: int | None, *, dup: bool) -> bool:
        """Whether a message was here before: the last one, one that says so (`dup`), a late one after an outage."""
        if seq is None or self.seq is None:
            return False
        behind = (self.seq - seq) % 256
        return behind == 0 or ((dup or self.doubted) and behind < BEHIND)

    def in_order(self, seq: int | None) -> bool:
        """Whether a message that is no repeat is the next one; from now on it is the last one."""
        expected = None if self.seq is None else (self.seq + 1) % 256
        self.seq = seq
        return seq is not None and seq == expected

    def dump(self, group: str, edge: str) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "group": group,
            "edge": edge,
            "bd_seq": self.bd_seq,
            "aliases": [[alias, k.device, k.name, k.datatype] for alias, k in self.aliases.items()],
            "datatypes": [[*where, known.datatype] for where, known in self.names.items()],
        }

    @classmethod
    def load(cls, row: dict[str, Any], tag_of: Callable[[str, str], str | None]) -> Edge:
        """What `dump` gave, with the tags of the plant of today."""
        aliases = {a: Known(tag_of(device, name), device, name, kind) for a, device, name, kind in row["aliases"]}
        names = {(d, name): Known(tag_of(d, name), d, name, kind) for d, name, kind in row["datatypes"]}
        return cls(aliases, names, bd_seq=row["bd_seq"])
