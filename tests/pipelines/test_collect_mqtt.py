"""Plain MQTT and a register map, from a broker and a device to the lake, through the collector as a whole."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))
from brokers import mosquitto, publishing
from dock_plant import in_loop, until
from fieldbus import Device, modbus_device

from pipelines.collect import collect
from plant.config import load
from warehouse.lake import Lake

TOML = """
schema = 1
[plant]
name = "p"
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
name = "uns"
kind = "mqtt"
host = "127.0.0.1"
port = {broker}
timestamp = "$.at"
[[source]]
name = "plc"
kind = "modbus"
host = "127.0.0.1"
port = {device}
poll = "100ms"
map = "press.csv"
[[machine]]
name = "m"
line = "l"
kind = "press"
tags = [{{ name = "temp", role = "temperature", source = "uns", address = "p/m#$.temp", unit = "degC" }}]
"""
MAP = "machine,tag,table,address,type,order,scale,unit\nm,power,holding,10,float32,CDAB,0.001,kW\n"


@in_loop
async def test_values_of_both_reach_the_lake(tmp_path):
    device = Device()
    device.put(1, 10, struct.pack(">f", 2500.0)[2:] + struct.pack(">f", 2500.0)[:2])
    async with modbus_device(device), mosquitto(tmp_path) as served, publishing(served.port) as publisher:
        (tmp_path / "press.csv").write_text(MAP)
        (tmp_path / "plant.toml").write_text(TOML.format(broker=served.port, device=device.port))
        stop, lake = asyncio.Event(), Lake(tmp_path)
        task = asyncio.create_task(collect(load(tmp_path / "plant.toml"), tmp_path, stop))
        health = tmp_path / "spool" / "health" / "uns.json"
        await until(lambda: health.exists() and json.loads(health.read_text())["state"] == "connected", 60)
        at = datetime.now(UTC).replace(microsecond=0)
        await asyncio.to_thread(publisher.say, "p/m", json.dumps({"at": at.isoformat(), "temp": 21.5}))
        await until(lambda: json.loads(health.read_text())["values"] == 1, 30)
        stop.set()
        await task
    rows = lake.scan("bronze.readings").collect()
    assert rows.filter(tag="m.temp").select("ts", "value", "source").rows() == [(at, 21.5, "uns")]
    assert rows.filter(tag="m.power")["value"].to_list() == [2.5]
