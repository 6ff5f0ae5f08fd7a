"""OPC UA security against real servers: policies, whom we believe, whom the server believes, user and password."""

from __future__ import annotations

import asyncio
import re
import socket
from datetime import UTC, datetime

import pytest
from asyncua import Client, ua
from dock_plant import MemoryIntake, free_port, in_loop, make_plant, until
from ua_server import URI, Users, certificate, der, revocation_list, served, serving

from connectors.intake import Seen
from connectors.opcua.certs import create, load_file, own, renew, thumbprint
from connectors.opcua.probe import probe
from connectors.opcua.reader import OpcUaReader
from connectors.opcua.security import log_in
from connectors.opcua.trust import UntrustedError, faults, find, keep, pin_of, reject, trust
from connectors.retry import Health
from plant.errors import ConfigError, SourceDownError, TerminalError
from plant.sources.live import OpcUaSource
from plant.sources.tags import Tag
from simulator.servers.delivered import Delivered
from simulator.servers.opcua import opcua_plant

LOGIN = {"user_env": "UA_USER", "password_env": "UA_PASSWORD"}
POLICIES = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
GOOD = [("m1.good", Tag(name="good", role="good_count", source="ua", address="ns=2;s=m1.good", unit="pcs"))]


def source_of(endpoint="opc.tcp://127.0.0.1:4840/x", **settings):
    return OpcUaSource.model_validate(
        {"kind": "opcua", "name": "ua", "endpoint": endpoint, "publish": "50ms", **settings}
    )


async def attempt(source, root):
    """Read until the counter came; what the reader raised is raised. Returns values and health."""
    intake, health = MemoryIntake(), Health("ua", "opcua")
    task = asyncio.create_task(OpcUaReader(source, GOOD, intake, health, Seen(), root).run())
    try:
        await until(lambda: task.done() or intake.rows("m1.good").height, 30)
        if task.done():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return intake.rows("m1.good")["value"].to_list(), health


def read(source, root):
    """`attempt`, for tests whose server runs elsewhere."""
    return asyncio.run(attempt(source, root))[0]


@pytest.fixture
def password(monkeypatch):
    monkeypatch.setenv("UA_USER", "dock")
    monkeypatch.setenv("UA_PASSWORD", "right")
    return lambda value: monkeypatch.setenv("UA_PASSWORD", value)


@pytest.fixture(scope="module")
def strict():
    """A server that encrypts with Basic256Sha256 only and lets no anonymous user in."""
    endpoint = f"opc.tcp://127.0.0.1:{free_port()}/x"
    with served(endpoint, cert=certificate(days=(-1, 10)), users=Users()):
        yield endpoint


@pytest.fixture(scope="module")
def willing():
    """A server that offers everything to everyone."""
    endpoint = f"opc.tcp://127.0.0.1:{free_port()}/x"
    kinds = [ua.SecurityPolicyType[f"{n}_{m}"] for n in POLICIES for m in ("Sign", "SignAndEncrypt")]
    with served(endpoint, policies=[ua.SecurityPolicyType.NoSecurity, *kinds], users=Users(closed=False)):
        yield endpoint


def test_encrypted_pinned_and_logged_in(strict, tmp_path, password, monkeypatch):
    source = source_of(strict, **LOGIN)
    assert read(source, tmp_path) == [5.0]
    password("wrong")
    with pytest.raises(SourceDownError, match=r"login was refused.*variables UA_USER and UA_PASSWORD"):
        read(source, tmp_path)
    with pytest.raises(SourceDownError, match=r"login was refused.*user_env"):
        read(source_of(strict), tmp_path)
    monkeypatch.delenv("UA_PASSWORD")
    with pytest.raises(TerminalError, match="UA_PASSWORD, which is not set"):
        read(source, tmp_path)
    assert (tmp_path / "pki" / "own" / "key.pem").stat().st_mode & 0o077 == 0


def test_what_a_server_does_not_offer_is_said_with_what_it_does(strict, tmp_path):
    said = r"does not offer.*'Aes128Sha256RsaOaep'; it offers sign_and_encrypt with Basic256Sha256: choose"
    with pytest.raises(SourceDownError, match=said):
        read(source_of(strict, security_policy="Aes128Sha256RsaOaep"), tmp_path)
    with pytest.raises(SourceDownError, match=r"no endpoint with security = 'none'.*'sign_and_encrypt'"):
        read(source_of(strict, security="none"), tmp_path)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("security", ["sign", "sign_and_encrypt"])
def test_every_policy_and_mode_reads(willing, tmp_path, policy, security):
    assert read(source_of(willing, security=security, security_policy=policy), tmp_path) == [5.0]


def test_another_certificate_is_refused_until_a_person_trusts_it(willing, tmp_path):
    source, rejected = source_of(willing), tmp_path / "pki" / "rejected" / "ua.der"
    keep(certificate(key="other"), pin_of(tmp_path, "ua"))
    with pytest.raises(UntrustedError, match="another certificate than the one pinned") as refused:
        read(source, tmp_path)
    command = re.search(r"`shopfloor certs trust (\w+) --source (\w+) --root (\S+)`", str(refused.value))
    assert str(rejected) in str(refused.value)
    assert thumbprint(load_file(rejected)) == command[1]
    trust(command[1], tmp_path, command[2])
    assert not rejected.exists()
    assert read(source, tmp_path) == [5.0]
    reject(command[1][:10], tmp_path)
    assert not pin_of(tmp_path, "ua").exists()
    assert trust(command[1], tmp_path)[1].parent.name == "trusted"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"days": (-30, -2)}, r"it expired on \d{4}-\d\d-\d\d \d\d:\d\d UTC"),
        ({"days": (2, 30)}, "it is valid only from"),
        ({"hosts": ("press-7", "10.1.1.7")}, r"it is for host press-7, 10\.1\.1\.7, not for 127\.0\.0\.1"),
        ({"uri": "urn:other"}, "for application URI urn:other, but the server calls itself urn:test:server"),
        ({}, None),
    ],
    ids=["expired", "not yet", "host", "application uri", "flawless"],
)
@pytest.mark.parametrize("trusted_by", ["pin", "list"])
def test_a_certificate_nobody_vouched_for_has_to_be_flawless(tmp_path, wrong, said, trusted_by):
    source = source_of(trust=trusted_by)
    shown = certificate(**wrong)
    trust(str(_file(tmp_path / "c.der", shown)), tmp_path)
    _, found = faults(der(shown), URI, source, tmp_path, datetime.now(UTC))
    assert [bool(re.search(said, f)) for f in found] == [True] if said else found == []


@in_loop
async def test_trust_lists_on_both_sides(tmp_path):
    """Ours vouches for servers and authorities until they revoke; the server's has to hold our certificate."""
    clients = tmp_path / "clients"
    clients.mkdir()
    ours, source = create(tmp_path), source_of(f"opc.tcp://127.0.0.1:{free_port()}/x", trust="list")
    authority = certificate("urn:authority", (), key="authority", name="authority")
    issued = certificate(issuer=(authority, "authority"))
    async with serving(source.endpoint, cert=issued, clients=clients) as server:
        with pytest.raises(UntrustedError, match=r"neither it nor who issued it \(CN=authority\) is in the trust list"):
            await attempt(source, tmp_path)
        trust(str(_file(tmp_path / "authority.der", authority)), tmp_path)
        with pytest.raises(SourceDownError, match=rf"refuses our certificate.*{thumbprint(ours.certificate)}"):
            await attempt(source, tmp_path)
        (clients / "ours.der").write_bytes(ours.path.read_bytes())
        await server.trusted.load()
        assert (await attempt(source, tmp_path))[0] == [5.0]
        crl = tmp_path / "pki" / "crl" / "authority.crl"
        crl.parent.mkdir()
        crl.write_bytes(revocation_list(authority, "authority", issued))
        with pytest.raises(UntrustedError, match=rf"{thumbprint(issued)} was revoked by .*authority\.crl"):
            await attempt(source, tmp_path)
        crl.write_bytes(b"no list")
        with pytest.raises(TerminalError, match=r"authority\.crl is no revocation list"):
            await attempt(source, tmp_path)


def test_a_forged_authority_does_not_vouch(tmp_path):
    source = source_of(trust="list")
    authority = certificate("urn:authority", (), key="authority", name="authority")
    trust(str(_file(tmp_path / "a.der", authority)), tmp_path)
    forged = certificate("urn:authority", (), key="forger", name="authority")
    for chain in (b"", der(forged), der(authority)):
        shown = der(certificate(issuer=(forged, "forger"))) + chain
        assert "neither it nor who issued it" in faults(shown, URI, source, tmp_path, datetime.now(UTC))[1][0]
    between = certificate("urn:between", (), key="between", name="between", issuer=(authority, "authority"), ca=True)
    shown = der(certificate(issuer=(between, "between")))
    assert faults(shown, URI, source, tmp_path, datetime.now(UTC))[1]
    assert faults(shown + der(between), URI, source, tmp_path, datetime.now(UTC))[1] == []


def _file(path, cert):
    path.write_bytes(der(cert))
    return path


def test_a_password_in_clear_is_refused_unless_it_is_wished(willing, tmp_path, password):
    login = 'user_env = "UA_USER"\npassword_env = "UA_PASSWORD"\n'
    with pytest.raises(ConfigError, match=r"user_env with security 'none'[\s\S]*allow_plain_password"):
        make_plant(tmp_path, lambda t: t.replace('security = "none"\n', f'security = "none"\n{login}'))
    with pytest.raises(ConfigError, match=r"found: a password in"):
        make_plant(tmp_path, lambda t: t.replace("tcp://127", "tcp://dock:right@127"))
    assert read(source_of(willing, security="none", allow_plain_password=True, **LOGIN), tmp_path) == [5.0]
    for security in ("none", "sign"):
        with pytest.raises(TerminalError, match="would travel in clear"):
            log_in(Client(willing), source_of(willing, security=security, **LOGIN))


def test_our_certificate_is_made_once_and_renewed_under_the_same_names(tmp_path):
    first = create(tmp_path, ["dock-pc", "10.0.0.5"], days=10)
    assert own(tmp_path).certificate == first.certificate
    assert first.uri == "urn:dock-pc:shopfloor:collector"
    with pytest.raises(TerminalError, match="holds a key pair already"):
        create(tmp_path)
    key = first.key.read_bytes()
    second = renew(tmp_path)
    assert (second.uri, first.key.read_bytes()) == (first.uri, key)
    assert load_file(tmp_path / "pki" / "own" / f"certificate-{thumbprint(first.certificate)[:8]}.der")
    renew(tmp_path, new_key=True)
    assert first.key.read_bytes() != key
    assert first.key.stat().st_mode & 0o777 == 0o600
    first.key.unlink()
    with pytest.raises(TerminalError, match=r"key\.pem is missing beside its pair"):
        own(tmp_path)
    with pytest.raises(TerminalError, match="no file and no thumbprint"):
        find("abc", tmp_path, ("rejected",))


def test_the_probe_says_who_answers_and_keeps_nothing(strict, tmp_path):
    root = tmp_path / "root"
    with pytest.raises(SourceDownError, match="nothing listens at 127"):
        probe(source_of(f"opc.tcp://127.0.0.1:{free_port()}"), root)
    assert re.search(r"expires in 9 days .* will be pinned at the first connection", probe(source_of(strict), root))
    with pytest.raises(SourceDownError, match="neither it nor who issued it"):
        probe(source_of(strict, trust="list"), root)
    assert not root.exists()
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(SourceDownError, match="no answer from"):
        probe(source_of(f"opc.tcp://127.0.0.1:{mute.getsockname()[1]}"), root)


@in_loop
async def test_the_plant_in_a_box_is_encrypted_under_a_key_that_stays(tmp_path):
    plant = make_plant(tmp_path, lambda t: t.replace('security = "none"\n', ""))
    for _ in range(2):
        async with opcua_plant(plant, "ua", Delivered(), keys=tmp_path / "plant-keys") as server:
            await server._nodes["m1.good"].write_value(ua.Variant(7, ua.VariantType.UInt32))
            assert (await attempt(plant.sources["ua"], tmp_path))[0] == [7.0]
    assert plant.sources["ua"].security == "sign_and_encrypt"
