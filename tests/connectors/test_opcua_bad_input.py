"""Bad input over OPC UA, from a real server to the lake: the rest of the batch goes on, and what is wrong is told."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import UTC, datetime

from asyncua import ua
from dock_plant import free_port, in_loop, until
from ua_server import certificate, serving

from connectors.opcua.certs import thumbprint
from connectors.opcua.trust import trust
from pipelines.collect import collect
from plant.config import load
from warehouse.lake import Lake

K = ua.VariantType
PLANT = """
schema = 1
[plant]
name = "bad"
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
name = "ua"
kind = "opcua"
endpoint = "opc.tcp://127.0.0.1:{port}/x"
security = "{security}"
publish = "50ms"
sampling = "50ms"
[[machine]]
name = "m"
line = "l"
kind = "cnc"
tags = [
{tags}
]
"""
NUMBER = ua.NodeId(ua.ObjectIds.Number)
NODES = {
    "good": (5, K.UInt32), "array": ([1.0, 2.0], K.Double), "nan": (math.nan, K.Double),
    "infinite": (-math.inf, K.Float), "text": ("12,5 bar", K.String), "changed": (7, K.Int32, NUMBER),
    "far": (1.0, K.Double), "missing": None,
}  # fmt: skip


def plant_of(folder, security="none", nodes=tuple(NODES), port=None):
    line = '  {{ name = "{0}", role = "power", unit = "kW", source = "ua", address = "ns=2;s={0}" }},'
    text = PLANT.format(port=port or free_port(), security=security, tags="\n".join(line.format(n) for n in nodes))
    path = folder / "plant.toml"
    path.write_text(text)
    return load(path)


async def every_node(server):
    """The nodes of `NODES`, but for the missing one, each with its value."""
    made = {}
    for name, given in NODES.items():
        if given is not None:
            made[name] = await server.nodes.objects.add_variable(ua.NodeId(name, 2), ua.QualifiedName(name, 2), *given)
    far = ua.DataValue(ua.Variant(1.0, K.Double), SourceTimestamp=datetime(9999, 12, 31, 23, 59, 58))  # noqa: DTZ001
    await server.write_attribute_value(made["far"].nodeid, far)
    return server, made


async def write(server, node, value, kind):
    """Also another type in the same place, which asyncua's server takes of a Number after a bad status."""
    gone = ua.DataValue(StatusCode=ua.StatusCode(ua.StatusCodes.BadNoCommunication))
    new = ua.DataValue(ua.Variant(value, kind), SourceTimestamp=datetime.now(UTC))
    for given in (gone, new):
        (await server.iserver.aspace.write_attribute_value(node.nodeid, ua.AttributeIds.Value, given)).check()


def health(root):
    path = root / "spool" / "health" / "ua.json"
    return json.loads(path.read_text()) if path.exists() else {"state": None, "message": ""}


class Collecting:
    """The collector as a task of the test's loop; its root is `root`."""

    def __init__(self, plant, root):
        self.plant, self.root, self.stop = plant, root, asyncio.Event()

    async def __aenter__(self):
        self.task = asyncio.create_task(collect(self.plant, self.root, self.stop, commit_s=0.3))
        return self

    async def __aexit__(self, *_):
        self.stop.set()
        await self.task

    async def said(self, words, seconds=30):
        await until(lambda: self.task.done() or words in health(self.root)["message"], seconds)
        if self.task.done():
            await self.task
        return health(self.root)


@in_loop
async def test_every_bad_value_is_told_and_spoils_no_other(tmp_path):
    plant, plain = plant_of(tmp_path), [ua.SecurityPolicyType.NoSecurity]
    served = serving(plant.sources["ua"].endpoint, policies=plain, build=every_node)
    async with served as (server, nodes), Collecting(plant, tmp_path) as collecting:
        told = await collecting.said("1 node(s) refused: m.missing")
        for number in range(6, 20):
            await nodes["good"].write_value(number, K.UInt32)
            await asyncio.sleep(0.1)
        await write(server, nodes["changed"], "seven", K.String)
        await asyncio.sleep(0.3)
        await write(server, nodes["changed"], 8.5, K.Double)
        await asyncio.sleep(0.5)
    assert told["state"] == "connected"
    lake = Lake(tmp_path)
    rows = lake.scan("bronze.readings").collect().sort("ts", "seq")
    values = {tag: group["value"].to_list() for (tag,), group in rows.group_by("tag", maintain_order=True)}
    assert values["m.good"] == [float(n) for n in range(5, 20)]
    assert [v for v in values["m.changed"] if v is not None] == [7.0, 8.5]
    assert values["m.infinite"] == [-math.inf]
    assert values["m.array"] == values["m.text"] == [None]
    assert "m.far" not in values
    assert "m.missing" not in values
    _are_told(lake.scan("bronze.quarantine").collect())


def _are_told(aside):
    """Each finding once, with what was found and what to do."""
    found = {(reason, tag): message for reason, tag, message in _findings(aside)}
    assert set(found) == {
        ("not_finite", "m.nan"), ("not_finite", "m.infinite"), ("not_a_number", "m.array"), ("not_a_number", "m.text"),
        ("not_a_number", "m.changed"), ("future_timestamp", "m.far"), ("bad_node", "m.missing"),
    }  # fmt: skip
    assert "[1.0, 2.0] is text, an array or a time" in found["not_a_number", "m.array"]
    assert "seven is text" in found["not_a_number", "m.changed"]
    assert "9999-12-31T23:59:58" in found["future_timestamp", "m.far"]
    assert "ns=2;s=missing is refused with BadNodeIdUnknown" in found["bad_node", "m.missing"]
    kept = dict(aside.select("reason", "booked").rows())
    assert kept == {"not_finite": True, "not_a_number": True, "future_timestamp": False, "bad_node": False}


def _findings(aside):
    for reason, origin, payload, message in aside.select("reason", "origin", "payload", "message").rows():
        yield reason, json.loads(payload).get("tag", origin), message


@in_loop
async def test_a_server_that_cannot_be_read_is_told_in_the_health_and_read_once_it_can(tmp_path):
    """Wrong endpoint, expired certificate, a renewed one while connected: each until a person trusts it.

    The collector is never restarted.
    """
    plant = plant_of(tmp_path, "sign_and_encrypt", nodes=("good", "nan"))
    async with Collecting(plant, tmp_path) as collecting:
        told = await collecting.said("nothing listens at 127.0.0.1")
        assert told["state"] == "never seen"
        shown = certificate(days=(-30, -1))
        async with serving(plant.sources["ua"].endpoint, cert=shown, build=every_node):
            told = await collecting.said("it expired on")
            assert "shopfloor certs trust" in told["message"]
            trust(thumbprint(shown), tmp_path, "ua")
            told = await collecting.said("the server's certificate expired on")
            assert told["state"] == "connected"
            await until(lambda: health(tmp_path)["values"] >= 2, 20)
        renewed = certificate()
        async with serving(plant.sources["ua"].endpoint, cert=renewed, build=every_node):
            await collecting.said("another certificate than the one pinned")
            trust(thumbprint(renewed), tmp_path, "ua")
            await until(lambda: health(tmp_path)["state"] == "connected", 30)
            assert "certificate" not in health(tmp_path)["message"]
    assert Lake(tmp_path).scan("bronze.readings").collect().filter(tag="m.good")["value"].to_list()[0] == 5.0
