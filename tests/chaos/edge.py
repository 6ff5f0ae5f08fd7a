"""A Sparkplug edge node under load that publishes with QoS 1 and accounts for every value the broker took."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
import polars as pl

from simulator.servers.sparkplug_wire import BOOLEAN, DATATYPES, UINT64, Metric, payload

GROUP, EDGE, DEVICE = "g", "e1", "d"
ROLES = ("power", "temperature", "vibration", "pressure", "flow")
REBIRTH = "Node Control/Rebirth"
FLOAT64 = DATATYPES["float64"]

TOML = """
schema = 1
[plant]
name = "chaos"
[[site]]
name = "s"
timezone = "UTC"
[[area]]
name = "a"
site = "s"
[[line]]
name = "l"
area = "a"
[[source]]
name = "sp"
kind = "sparkplug"
host = "127.0.0.1"
port = {port}
group = "g"
"""
MACHINE = """
[[machine]]
name = "m{n}"
line = "l"
kind = "cnc"
tags = [{tags}]
"""


def plant_toml(port: int, machines: int) -> str:
    """A plant of so many machines with five float64 tags each, all of one Sparkplug device."""
    return TOML.format(port=port) + "".join(
        MACHINE.format(
            n=n,
            tags=", ".join(
                f'{{ name = "{r}", role = "{r}", source = "sp", address = "{GROUP}/{EDGE}/{DEVICE}/m{n}.{r}" }}'
                for r in ROLES
            ),
        )
        for n in range(machines)
    )


class Edge:
    """Publishes one message of all tags `rate` times a second until stopped. Time stamps are never used twice.

    Args:
        port: of the broker.
        machines: as in `plant_toml`.
        rate: messages a second.
    """

    def __init__(self, port: int, machines: int, rate: float) -> None:
        self.tags = [f"m{n}.{r}" for n in range(machines) for r in ROLES]
        self.rate = rate
        self._port = port
        self._sent: list[tuple[int, float]] = []
        self._seq = -1
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="edge", clean_session=False, reconnect_on_failure=True
        )
        self._client.max_inflight_messages_set(200)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(f"spBv1.0/{GROUP}/NCMD/{EDGE}")
        self._client.on_message = self._on_message
        self._thread = threading.Thread(target=self._work)

    def start(self) -> None:
        """Connect, give birth and go on publishing."""
        self._client.connect("127.0.0.1", self._port, 60)
        self._client.loop_start()
        self._births()
        self._thread.start()

    def stop(self, wait_s: float = 60.0) -> None:
        """Publish no more; returns when the broker has everything."""
        self._over.set()
        self._thread.join()
        until = time.monotonic() + wait_s
        while self._client.want_write() or self._client._out_messages:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(self._client._out_messages)} messages not taken by the broker")
            time.sleep(0.05)
        self._client.disconnect()
        self._client.loop_stop()

    def produced(self) -> pl.DataFrame:
        """Every value published: tag, ts, value, status."""
        at = pl.DataFrame(self._sent, schema={"ms": pl.Int64(), "base": pl.Float64()}, orient="row")
        names = pl.DataFrame({"tag": self.tags, "k": [float(k) for k in range(len(self.tags))]})
        return at.join(names, how="cross").select(
            "tag",
            ts=(pl.col("ms") * 1000).cast(pl.Datetime("us", "UTC")),
            value=pl.col("base") + pl.col("k") / 1024,
            status=pl.lit(0, pl.Int64),
        )

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if REBIRTH.encode() in message.payload:
            self._births()

    def _work(self) -> None:
        for n in itertools.count():
            if self._over.wait(1 / self.rate):
                return
            with self._lock:
                at = max(_now_ms(), self._sent[-1][0] + 1 if self._sent else 0)
                self._sent.append((at, float(n)))
                self._send("DDATA", f"/{DEVICE}", self._metrics())

    def _metrics(self, *, birth: bool = False) -> list[Metric]:
        at, base = self._sent[-1] if self._sent else (_now_ms(), None)
        return [
            Metric(FLOAT64, None if base is None else base + k / 1024, at, k + 1, name if birth else None)
            for k, name in enumerate(self.tags)
        ]

    def _births(self) -> None:
        with self._lock:
            self._seq = -1
            now = _now_ms()
            self._send("NBIRTH", "", [Metric(UINT64, 0, now, name="bdSeq"), Metric(BOOLEAN, 0, now, name=REBIRTH)])
            self._send("DBIRTH", f"/{DEVICE}", self._metrics(birth=True))

    def _send(self, kind: str, device: str, metrics: list[Metric]) -> None:
        self._seq = (self._seq + 1) % 256
        body = payload(metrics, _now_ms(), self._seq, birth="BIRTH" in kind)
        self._client.publish(f"spBv1.0/{GROUP}/{kind}/{EDGE}{device}", body, qos=1)


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
