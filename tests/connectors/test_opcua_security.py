"""An encrypted OPC UA server with users: our own certificate, the pinned one of the server, the password."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from cryptography.x509.oid import ExtendedKeyUsageOID
from dock_plant import MemoryIntake, in_loop, make_plant, until

from connectors.intake import Seen
from connectors.opcua.reader import OpcUaReader
from connectors.retry import Health
from plant.errors import SourceDownError, TerminalError
from simulator.servers.delivered import tags_of

SECURE = 'security = "sign_and_encrypt"\nuser_env = "UA_USER"\npassword_env = "UA_PASSWORD"\n'


class Users:
    def get_user(self, iserver, username=None, password=None, certificate=None):
        return User(UserRole.User) if (username, password) == ("dock", "right") else None


@contextlib.asynccontextmanager
async def secured(endpoint, folder):
    uri = "urn:test:server"
    server = Server(user_manager=Users())
    await server.init()
    server.set_endpoint(endpoint)
    await server.set_application_uri(uri)
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    key, cert = folder / "server.pem", folder / "server.der"
    await setup_self_signed_certificate(key, cert, uri, socket.gethostname(), [ExtendedKeyUsageOID.SERVER_AUTH], {})
    await server.load_certificate(cert)
    await server.load_private_key(key)
    await server.register_namespace("urn:test")
    node = await server.nodes.objects.add_variable(
        ua.NodeId.from_string("ns=2;s=m1.good"), "good", 5, ua.VariantType.UInt32
    )
    async with server:
        yield node


@in_loop
async def test_encrypted_pinned_and_logged_in(tmp_path, monkeypatch):
    monkeypatch.setenv("UA_USER", "dock")
    monkeypatch.setenv("UA_PASSWORD", "right")
    plant = make_plant(tmp_path, lambda t: t.replace('publish = "100ms"\n', 'publish = "100ms"\n' + SECURE))
    source, tags = plant.sources["ua"], list(tags_of(plant, "ua").items())

    def reader(intake):
        return OpcUaReader(source, tags, intake, Health("ua", "opcua"), Seen(), tmp_path)

    intake = MemoryIntake()
    async with secured(source.endpoint, tmp_path):
        task = asyncio.create_task(reader(intake).run())
        await until(lambda: intake.rows("m1.good").height == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        monkeypatch.setenv("UA_PASSWORD", "wrong")
        with pytest.raises(SourceDownError, match=r"BadUserAccessDenied|BadIdentityTokenRejected"):
            await reader(intake).run()
        pin = tmp_path / "pki" / "servers" / "ua.der"
        pin.write_bytes(pin.read_bytes()[:-1] + b"x")
        with pytest.raises(TerminalError, match="another certificate than the one pinned"):
            await reader(intake).run()
        monkeypatch.delenv("UA_PASSWORD")
        pin.unlink()
        with pytest.raises(TerminalError, match="UA_PASSWORD, which is not set"):
            await reader(intake).run()
    assert intake.rows("m1.good")["value"].to_list() == [5.0]
    assert (tmp_path / "pki" / "own" / "key.pem").stat().st_mode & 0o077 == 0
