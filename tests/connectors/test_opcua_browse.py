"""`shopfloor browse` against real servers: companion specifications, guesses, limits, refusals, a valid plant.toml."""

from __future__ import annotations

import asyncio
import tomllib
from types import SimpleNamespace

import pytest
from asyncua import ua
from asyncua.client.ua_client import UaClient
from dock_plant import free_port, in_loop
from node_peers import node_peer
from typer.testing import CliRunner
from ua_server import ENCRYPTED, Users, served

from connectors.opcua.browse import walk
from connectors.opcua.browse.roles import guess, word_for, words_of
from connectors.opcua.browse.run import browse
from connectors.opcua.browse.units import CODES, unit_of
from connectors.opcua.browse.walk import Limits
from pipelines.cli import app
from plant.config import load
from plant.sources.live import OpcUaSource
from plant.units import UNITS

PLANT = """schema = 1
[plant]
name = "mill"
[[site]]
name = "mill"
timezone = "Europe/Berlin"
[[area]]
name = "hall"
site = "mill"
[[line]]
name = "line-1"
area = "hall"

"""
NONE = ua.SecurityPolicyType.NoSecurity


def unit(code: str, sign: str) -> ua.EUInformation:
    number = int.from_bytes(code.encode(), "big")
    return ua.EUInformation("http://www.opcfoundation.org/UA/units/un/cefact", number, ua.LocalizedText(sign))


async def variable(server, parent, name, value, kind, **properties):
    index = 2
    node = await parent.add_variable(ua.NodeId(f"{(await parent.read_browse_name()).Name}.{name}", index),
                                     ua.QualifiedName(name, index), value, kind)  # fmt: skip
    for key, (content, of) in properties.items():
        await node.add_property(
            ua.NodeId(f"{node.nodeid.Identifier}.{key}", index), ua.QualifiedName(key, 0), content, of
        )
    return node


async def machinery(server):
    """A Machines folder (OPC 40001-1) with one machine: identification, item state, operation mode, components."""
    objects, text_type = server.nodes.objects, ua.VariantType.String
    folder = await objects.add_folder(ua.NodeId("Machines", 2), ua.QualifiedName("Machines", 2))
    machine = await folder.add_object(ua.NodeId("Press", 2), ua.QualifiedName("Press 7", 2))
    identity = await machine.add_folder(ua.NodeId("Press.id", 2), ua.QualifiedName("Identification", 2))
    for key, text in (("Manufacturer", "Hubert"), ("Model", "HP-400"), ("SerialNumber", "4711")):
        await identity.add_property(ua.NodeId(f"Press.{key}", 2), ua.QualifiedName(key, 2), text, text_type)
    for key, text, number in (("MachineryItemState", "Ausführend", 3), ("MachineryOperationMode", "Rüsten", 2)):
        states = await machine.add_object(ua.NodeId(f"Press.{key}", 2), ua.QualifiedName(key, 2))
        label = ua.LocalizedText(text, "de")
        nodeid, name = ua.NodeId(f"Press.{key}.CurrentState", 2), ua.QualifiedName("CurrentState", 0)
        current = await states.add_variable(nodeid, name, label, ua.VariantType.LocalizedText)
        await current.add_property(ua.NodeId(f"Press.{key}.Number", 2), ua.QualifiedName("Number", 0), number,
                                   ua.VariantType.UInt32)  # fmt: skip
        await states.add_variable(ua.NodeId(f"Press.{key}.Inner", 2), ua.QualifiedName("Inner", 2), 1)
    energy = {"EngineeringUnits": (unit("KWH", "kW·h"), ua.VariantType.ExtensionObject)}
    await variable(server, machine, "GoodParts", 5, ua.VariantType.UInt32)
    await variable(server, machine, "RejectedParts", 1, ua.VariantType.UInt32)
    await variable(server, machine, "Meter", 1.5, ua.VariantType.Double, **energy)
    heat = {"EngineeringUnits": (unit("CEL", "°C"), ua.VariantType.ExtensionObject),
            "EURange": (ua.Range(-20.0, 400.0), ua.VariantType.ExtensionObject)}  # fmt: skip
    await variable(server, machine, "Oil", 61.5, ua.VariantType.Float, **heat)
    await variable(server, machine, "Torque", 1.0, ua.VariantType.Double,
                   EngineeringUnits=(unit("4H", "µm"), ua.VariantType.ExtensionObject))  # fmt: skip
    await variable(server, machine, "Curve", [1.0, 2.0], ua.VariantType.Double)
    return machine


async def packml_and_words(server):
    """A PackML object by its type, a machine whose state codes have words, and a hidden variable."""
    objects, base = server.nodes.objects, server.nodes.base_object_type
    kind = await base.add_object_type(ua.NodeId("PackMLBaseObjectType", 2), ua.QualifiedName("PackMLBaseObjectType", 2))
    sub = await kind.add_object_type(ua.NodeId("FillerType", 2), ua.QualifiedName("FillerType", 2))
    filler = await objects.add_object(ua.NodeId("Filler", 2), ua.QualifiedName("Filler", 2), objecttype=sub.nodeid)
    status = await filler.add_object(ua.NodeId("Filler.Status", 2), ua.QualifiedName("Status", 2))
    await variable(server, status, "StateCurrent", 6, ua.VariantType.Int32)
    await variable(server, status, "UnitModeCurrent", 1, ua.VariantType.Int32)
    await variable(server, status, "ProdProcessedCount", 100, ua.VariantType.UInt32)
    await variable(server, status, "ProdDefectiveCount", 3, ua.VariantType.UInt32)
    saw = await objects.add_object(ua.NodeId("Saw", 2), ua.QualifiedName("Saw", 2))
    words = [ua.LocalizedText(t) for t in ("Off", "Running", "Blade change")]
    await variable(server, saw, "State", 1, ua.VariantType.UInt32, EnumStrings=(words, ua.VariantType.LocalizedText))
    await variable(server, saw, "good", 7, ua.VariantType.UInt32)
    hidden = await variable(server, saw, "Secret", 7, ua.VariantType.UInt32)
    await hidden.unset_attr_bit(ua.AttributeIds.UserAccessLevel, ua.AccessLevel.CurrentRead)
    await hidden.unset_attr_bit(ua.AttributeIds.AccessLevel, ua.AccessLevel.CurrentRead)
    await filler.add_reference(saw, ua.ObjectIds.Organizes)  # a second way to it
    loop = await saw.add_folder(ua.NodeId("Loop", 2), ua.QualifiedName("Loop", 2))
    await loop.add_reference(filler, ua.ObjectIds.Organizes)  # and a circle


async def both(server):
    await machinery(server)
    await packml_and_words(server)


async def flat(server):
    """Names with dots in one folder, more than one continuation's worth, one code without words."""
    folder = await server.nodes.objects.add_folder(ua.NodeId("machines", 2), ua.QualifiedName("machines", 2))
    for m in range(30):
        for tag, value in (("state", 1), ("good", 2)):
            await folder.add_variable(ua.NodeId(f"m{m}.{tag}", 2), ua.QualifiedName(f"m{m}.{tag}", 2), value)


def run(endpoint, *more, plain=True):
    """The verb as a user calls it: exit code, stdout, what went wrong."""
    arguments = ["browse", endpoint, *(("--security", "none") if plain else ()), *more]
    result = CliRunner().invoke(app, arguments, catch_exceptions=True)
    wrong = "" if isinstance(result.exception, SystemExit | None) else str(result.exception)
    return SimpleNamespace(code=result.exit_code, out=result.stdout, wrong=wrong)


def checked(tmp_path, text):
    """The proposal behind a small plant, as `shopfloor check` takes it."""
    assert "[[machine]]" in text, text
    path = tmp_path / "plant.toml"
    path.write_text(PLANT + text)
    return load(path)


def tags_of(plant, machine):
    return {t.name: t for m, t in plant.tags("plc") if m.name == machine}


@pytest.fixture(scope="module")
def companions():
    endpoint = f"opc.tcp://127.0.0.1:{free_port()}/x"
    with served(endpoint, policies=(NONE,), build=both):
        yield endpoint


def test_companion_specifications_are_recognised(companions, tmp_path):
    said = run(companions)
    assert said.code == 0, said.wrong
    plant = checked(tmp_path, said.out)
    assert {m.name for m in plant.machines.values()} == {"Press_7", "Filler", "Saw"}
    press = tags_of(plant, "Press_7")
    assert plant.machines["Press_7"].description == "Hubert, HP-400, serial 4711"
    assert (press["state"].states, press["state"].address) == ("opc-40001-1", "ns=2;s=Press.MachineryItemState.Number")
    assert (press["mode"].states, press["mode"].role) == ("opc-40001-1-mode", "mode")
    assert (press["Meter"].role, press["Meter"].unit) == ("energy", "kWh")
    assert (press["Oil"].role, press["Oil"].unit, press["Oil"].range) == ("temperature", "degC", (-20.0, 400.0))
    assert (press["GoodParts"].role, press["GoodParts"].unit) == ("good_count", "pcs")
    assert press["RejectedParts"].role == "scrap_count"
    assert press["Torque"].unit == "1"
    assert "unit µm (4H) is none of ours: convert it" in said.out
    assert "left out: Machines/Press 7/Curve: it is an array: a tag is one value" in said.out
    assert set(press) == {"state", "mode", "GoodParts", "RejectedParts", "Meter", "Oil", "Torque"}


def test_packml_and_words_of_codes(companions, tmp_path):
    plant = checked(tmp_path, (said := run(companions)).out)
    filler, saw = tags_of(plant, "Filler"), tags_of(plant, "Saw")
    assert (filler["StateCurrent"].role, filler["StateCurrent"].states) == ("state", "packml")
    assert filler["ProdDefectiveCount"].role == "scrap_count"
    assert filler["ProdProcessedCount"].role == "other"
    assert "PackML counts all pieces here" in said.out
    assert saw["State"].states == "plc-codes"
    assert plant.file.states["plc-codes"] == {"0": "off", "1": "producing", "2": "unknown"}
    assert '2 = "unknown"  # Blade change: FILL IN' in said.out
    assert "left out: Saw/Secret: " in said.out
    assert "No good_count was recognised" in said.out


def test_one_machine_is_chosen_or_all_are_named(companions, tmp_path):
    said = run(companions, "--machine", "Saw", "--kind", "saw", "--source", "plc")
    assert said.code == 0, said.wrong
    plant = checked(tmp_path, said.out)
    assert [(m.name, m.kind) for m in plant.machines.values()] == [("Saw", "saw")]
    lathe = run(companions, "--machine", "Lathe").wrong
    assert "there are 3 machines" in lathe
    assert all(name in lathe for name in ("none called 'Lathe'", "Press_7", "Filler", "Saw"))
    began = checked(tmp_path, run(companions, "--start", "ns=2;s=Filler.Status", "--machine", "filler-9").out)
    assert list(began.machines) == ["filler-9"]
    assert "has no node ns=2;s=Nowhere" in run(companions, "--start", "ns=2;s=Nowhere").wrong
    assert "'nonsense' is no node id" in run(companions, "--start", "nonsense").wrong


def test_limits_are_kept_and_said(companions, tmp_path):
    few = run(companions, "--max-nodes", "12")
    assert "stopped at the limit of 12 nodes" in few.out
    assert "of 12 nodes looked at" in few.out
    assert "stopped at depth 3" in run(companions, "--max-depth", "3").out
    out = tmp_path / "found.toml"
    assert run(companions, "--out", str(out)).code == 0
    assert checked(tmp_path, out.read_text()).machines
    assert "is there already" in run(companions, "--out", str(out)).wrong


def test_flat_names_small_calls_and_progress(tmp_path):
    endpoint, seen = f"opc.tcp://127.0.0.1:{free_port()}/x", []
    source = OpcUaSource(kind="opcua", name="plc", endpoint=endpoint, security="none")
    with served(endpoint, policies=(NONE,), build=flat):
        limits = Limits(per_browse=7, per_read=11)
        text = asyncio.run(browse(source, tmp_path, line="line-1", kind="cnc", limits=limits, progress=seen.append))
    plant = checked(tmp_path, text)
    assert len(plant.machines) == 30
    assert {t.states for m, t in plant.tags("plc") if t.role == "state"} == {"plc-codes"}
    assert tomllib.loads(text)["states"]["plc-codes"] == {"1": "unknown"}
    assert "FILL IN. Until then the machine's state is unknown" in text
    assert seen == sorted(seen)
    assert seen[-1] >= 61


@in_loop
async def test_another_server_is_walked_by_continuation_points(tmp_path, monkeypatch):
    """node-opcua; asyncua's server sends all references at once whatever it is asked for."""
    port, continued, browse_next = free_port(), [], UaClient.browse_next
    monkeypatch.setattr(walk, "REFERENCES", 2)
    monkeypatch.setattr(UaClient, "browse_next", lambda self, p: continued.append(p) or browse_next(self, p))
    source = OpcUaSource(kind="opcua", name="plc", endpoint=f"opc.tcp://127.0.0.1:{port}/x", security="none")
    async with node_peer(tmp_path, "opcua_server.js", "node-opcua", port):
        text = await browse(source, tmp_path, line="line-1", kind="cnc", machine="m")
    plant = checked(tmp_path, text)
    assert {t.address for _, t in plant.tags("plc")} == {f"ns=1;s=t{n}" for n in range(4)}
    assert {t.type for _, t in plant.tags("plc")} == {"float64"}
    assert len(continued) >= 2


def test_a_secure_server_is_walked_encrypted_and_logged_in(tmp_path, monkeypatch):
    endpoint, root = f"opc.tcp://127.0.0.1:{free_port()}/x", str(tmp_path)
    monkeypatch.setenv("OPCUA_PASSWORD", "right")
    with served(endpoint, policies=(ENCRYPTED,), users=Users()):
        refused = run(endpoint, "--root", root)
        assert "no endpoint with security = 'none'" in refused.wrong
        assert "login was refused" in run(endpoint, "--root", root, plain=False).wrong
        said = run(endpoint, "--user", "dock", "--root", root, "--machine", "m1", plain=False)
        monkeypatch.setenv("OPCUA_PASSWORD", "wrong")
        assert (
            "variables OPCUA_USER and OPCUA_PASSWORD"
            in run(endpoint, "--user", "dock", "--root", root, plain=False).wrong
        )
    assert said.code == 0, said.wrong
    source = checked(tmp_path, said.out).sources["plc"]
    assert (source.security, source.user_env, source.password_env) == (
        "sign_and_encrypt",
        "OPCUA_USER",
        "OPCUA_PASSWORD",
    )
    assert (tmp_path / "pki" / "servers" / "plc.der").exists()
    monkeypatch.delenv("OPCUA_USER")


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("opc.tcp://no-such-host.invalid:4840", "there is no host 'no-such-host.invalid'"),
        ("opc.tcp://127.0.0.1:1", "nothing listens at 127.0.0.1:1"),
        ("http://127.0.0.1", "no address of an OPC UA server; valid is opc.tcp://host:port/path"),
        ("opc.tcp://dock:right@127.0.0.1", "without a user in it"),
    ],
)
def test_wrong_addresses_are_told(endpoint, said):
    found = run(endpoint)
    assert said in found.wrong
    assert isinstance(found.code, int)
    assert found.code != 0


def test_names_units_and_words():
    assert words_of("ProdDefectiveCount") == ["prod", "defective", "count"]
    assert set(CODES.values()) <= UNITS
    assert unit_of(unit("KWH", "kWh")) == ("kWh", "kWh (KWH)")
    assert unit_of(unit("ZZZ", "°C"))[0] == "degC"
    assert unit_of(None) == (None, "")
    assert guess("Ausschuss", "uint32", None, {}).role == "scrap_count"
    assert guess("DoorState", "uint16", None, {}).role == "other"
    assert guess("ActivePower", "float32", "kW", {}).role == "power"
    assert guess("EnergyTotal", "float64", None, {}).role == "other"
    assert (word_for("Execute"), word_for("Running"), word_for("Blade change")) == ("producing", "producing", None)
