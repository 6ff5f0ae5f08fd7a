"""An OPC UA server whose values cost it next to nothing: asyncua's, with publish bodies packed by numpy.

Sessions, subscriptions, monitored items, acknowledgements, security and TCP are asyncua's own; only the
content of a data change notification is made here. Every tag changes `hz` times a second on a fixed grid.
Started as a process: `python -m benchmarks.dock.load PORT TAGS HZ SECONDS [mixed] [secure] [PKI]`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.server.internal_subscription import InternalSubscription
from cryptography.x509.oid import ExtendedKeyUsageOID

TICKS_1970 = 116_444_736_000_000_000
TICKS_S = 10_000_000
MOST_TICKS = 50
"""Changes of every tag packed into one message at most; a late client gets the rest in the next one."""
BAD_SENSOR = 0x808D0000
SIZES = {11: 8, 6: 4, 1: 1, 12: 12, 0: 0}
SHARES = {11: 0.60, 6: 0.20, 1: 0.10, 0: 0.05, 12: 0.05}
"""Double, Int32, Boolean, a bad status without a value, a text of eight letters."""


@dataclass(frozen=True)
class Load:
    """`tags` nodes ns=2;s=t0, t1, ... that change `hz` times a second for `seconds`."""

    tags: int
    hz: float
    seconds: float
    mixed: bool = False

    @property
    def values(self) -> int:
        """What a client that loses nothing gets, initial values aside."""
        return self.tags * round(self.hz * self.seconds)


class Packed:
    """The items of one tick of all tags as bytes; value and times are written in place."""

    def __init__(self, handles: np.ndarray, kinds: np.ndarray) -> None:
        sizes = np.array([SIZES[k] for k in kinds.tolist()])
        heads = np.where(kinds == 0, 9, 6)
        starts = np.concatenate([[0], np.cumsum(heads + sizes + 16)])
        self.bytes = np.zeros(starts[-1], "u1")
        self.starts = starts[:-1]
        for handle, kind, at in zip(handles.tolist(), kinds.tolist(), self.starts.tolist(), strict=True):
            self.bytes[at : at + len(head)] = np.frombuffer(head := _head(handle, kind), "u1")
        self.times = (self.starts + heads + sizes)[:, None] + np.arange(16)
        self.doubles = self.starts[kinds == 11][:, None] + 6 + np.arange(8)
        self.ints = self.starts[kinds == 6][:, None] + 6 + np.arange(4)
        self.bits = self.starts[kinds == 1] + 6

    def tick(self, n: int, at: int) -> bytes:
        """Tick number `n` with source time `at` (100 ns since 1601)."""
        self.bytes[self.times] = np.array([at, at + 5_000], "<i8").view("u1")
        walk = np.round(50 + 10 * np.sin(n / 50 + np.arange(len(self.doubles))), 3)
        self.bytes[self.doubles] = walk.astype("<f8").view("u1").reshape(-1, 8)
        self.bytes[self.ints] = np.arange(n, n + len(self.ints), dtype="<i4").view("u1").reshape(-1, 4)
        self.bytes[self.bits] = n // 100 % 2
        return self.bytes.tobytes()


def _head(handle: int, kind: int) -> bytes:
    start = handle.to_bytes(4, "little")
    if kind == 0:
        return start + b"\x0e" + BAD_SENSOR.to_bytes(4, "little")
    return start + b"\x0d" + bytes([kind]) + (b"\x08\x00\x00\x00run %4d" % (handle % 10_000) if kind == 12 else b"")


class Source:
    """Ticks due since the last message, as one notification body."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.sent = 0
        self._packed: Packed | None = None
        self._begun = 0.0

    def begin(self, handles: list[int]) -> None:
        """Start the grid now for these client handles, in tag order."""
        rng = np.random.default_rng(7)
        shares = SHARES if self.load.mixed else {11: 1.0}
        kinds = rng.choice(list(shares), len(handles), p=list(shares.values()))
        self._packed, self._begun = Packed(np.array(handles), kinds), time.time() + 0.5

    @property
    def due(self) -> int:
        """Ticks that have come and were not sent."""
        if self._packed is None:
            return 0
        last = round(self.load.hz * self.load.seconds)
        return min(int((time.time() - self._begun) * self.load.hz) + 1, last) - self.sent

    def pop(self) -> bytes:
        """DataChangeNotification body of what is due."""
        count, parts = min(self.due, MOST_TICKS), []
        for n in range(self.sent, self.sent + count):
            at = TICKS_1970 + int((self._begun + n / self.load.hz) * TICKS_S)
            parts.append(self._packed.tick(n, at) if self._packed else b"")
        self.sent += count
        items = (count * self.load.tags).to_bytes(4, "little")
        return items + b"".join(parts) + (0).to_bytes(4, "little")


class LoadedSubscription(InternalSubscription):
    """asyncua's subscription, with the packed body as its data change."""

    source: Source

    def has_published_results(self) -> bool:
        """Also when ticks are due."""
        return self.source.due > 0 or super().has_published_results()

    def _pop_triggered_datachanges(self, result: ua.PublishResult) -> None:
        super()._pop_triggered_datachanges(result)
        self._begin()
        if self.source.due > 0:
            body = ua.ExtensionObject(ua.FourByteNodeId(811), self.source.pop())
            result.NotificationMessage.NotificationData.append(body)

    def _begin(self) -> None:
        items = self.monitored_item_srv._monitored_items.values()
        if self.source._packed is None and len(items) >= self.source.load.tags:
            by_tag = {int(str(i.read_value_id.NodeId.Identifier)[1:]): i.client_handle for i in items}
            self.source.begin([by_tag[n] for n in sorted(by_tag)])


async def serve(port: int, load: Load, pki: Path | None) -> None:
    """Serve until cancelled; prints `ready` when it listens."""
    LoadedSubscription.source = Source(load)
    sys.modules["asyncua.server.subscription_service"].__dict__["InternalSubscription"] = LoadedSubscription
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/load")
    server.iserver.max_unacked_messages_per_subscription = 5000
    if pki is None:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    else:
        await _secure(server, pki)
    index = await server.register_namespace("urn:shopfloor:load:nodes")  # not the application: that one is 1
    folder = await server.nodes.objects.add_folder(index, "load")
    for name in _names(load.tags):
        await folder.add_variable(ua.NodeId(name, index), name, 0.0)
    async with server:
        sys.stdout.write(json.dumps({"ready": port}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def _names(tags: int) -> Iterator[str]:
    return (f"t{n}" for n in range(tags))


async def _secure(server: Server, pki: Path) -> None:
    uri = "urn:shopfloor:load"
    await server.set_application_uri(uri)
    key, certificate = pki / "load.pem", pki / "load.der"
    usage: list[Any] = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    await setup_self_signed_certificate(key, certificate, uri, "127.0.0.1", usage, {"commonName": "load"})
    await server.load_certificate(str(certificate))
    await server.load_private_key(str(key))
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])


def main(port: str, tags: str, hz: str, seconds: str, *more: str) -> None:
    """Serve a load until killed."""
    pki = [Path(m) for m in more if m != "mixed"]
    load = Load(int(tags), float(hz), float(seconds), "mixed" in more)
    asyncio.run(serve(int(port), load, pki[0] if pki else None))


if __name__ == "__main__":
    main(*sys.argv[1:])
