"""docs/connectors/onboarding.md, followed literally: its commands in an empty folder, against an encrypting server."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
from asyncua import ua
from dock_plant import free_port
from ua_server import served

HOUSE = Path(__file__).parents[2]
PAGE = HOUSE / "docs" / "connectors" / "onboarding.md"
ADDRESS = "opc.tcp://192.0.2.10:4840"


def commands() -> str:
    """Every block of commands of the page, as one script."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    return "".join(blocks)


async def filler(server):
    """A filling machine with PackML state and counters with units, which fills a bottle every 0.6 s."""
    machine = await server.nodes.objects.add_object(ua.NodeId("Filler", 2), ua.QualifiedName("Filler", 2))

    async def signal(name, value, kind, unit=None):
        node = await machine.add_variable(ua.NodeId(f"Filler.{name}", 2), ua.QualifiedName(name, 2), value, kind)
        if unit:
            number = int.from_bytes(unit.encode(), "big")
            info = ua.EUInformation("http://www.opcfoundation.org/UA/units/un/cefact", number, ua.LocalizedText(unit))
            await node.add_property(0, "EngineeringUnits", info)
        return node

    state = await signal("StateCurrent", 6, ua.VariantType.Int32)
    good = await signal("GoodCount", 0, ua.VariantType.UInt32)
    await signal("RejectCount", 0, ua.VariantType.UInt32)
    await signal("ActivePower", 4.2, ua.VariantType.Float, "KWT")
    server.filling = asyncio.create_task(_fill(state, good))


async def _fill(state, good):
    made = 0
    while True:
        made += 1
        await good.write_value(made, ua.VariantType.UInt32)
        await asyncio.sleep(0.6)


def test_the_page_leads_to_an_oee(tmp_path):
    endpoint = f"opc.tcp://127.0.0.1:{free_port()}/plc"
    script = commands().replace(f"PLC={ADDRESS}", f"PLC={endpoint}")
    assert endpoint in script
    env = {k: v for k, v in os.environ.items() if not k.startswith("SHOPFLOOR_")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    with served(endpoint, build=filler):
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(tmp_path / ".shopfloor" / "published" / "shopfloor.duckdb"), read_only=True) as con:
        rows = con.sql("SELECT machine, oee, good_pcs, coverage FROM gold.oee WHERE oee IS NOT NULL").fetchall()
    assert [r[0] for r in rows] == ["filler-1"], done.stdout + done.stderr
    assert 0 < rows[0][1] <= 1
    assert rows[0][2] > 2
    assert 0 < rows[0][3] < 1
    assert "mes (sql): reached" in done.stdout
    assert "Traceback" not in done.stderr
