"""A real asyncua server with users, certificates as wanted and nodes as wanted: what the OPC UA tests share."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

ENCRYPTED = ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt
URI = "urn:test:server"


class Users:
    """One user: dock / right; anonymous sessions are let in unless `closed`."""

    def __init__(self, *, closed=True):
        self.closed = closed

    def get_user(self, iserver, username=None, password=None, certificate=None):
        right = (username, password) == ("dock", "right") or (username is None and not self.closed)
        return User(UserRole.User) if right else None


@functools.cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(uri=URI, hosts=("127.0.0.1",), days=(-1, 300), key="server", name="server", issuer=None, ca=False):
    """A certificate from `days[0]` to `days[1]` from now; signed by itself or by `issuer` (certificate, key name)."""
    from connectors.opcua.certs import _san

    own, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    by, signer = (issuer[0].subject, rsa_key(issuer[1])) if issuer else (own, rsa_key(key))
    names = [x509.UniformResourceIdentifier(uri), *(_san(h) for h in hosts)]
    builder = x509.CertificateBuilder(by, own, rsa_key(key).public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now + timedelta(days=days[0])).not_valid_after(now + timedelta(days=days[1]))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca or issuer is None, path_length=None), critical=False)
    return builder.sign(signer, hashes.SHA256())


def revocation_list(issuer, issuer_key, revoked):
    now = datetime.now(UTC)
    entry = x509.RevokedCertificateBuilder(revoked.serial_number, now - timedelta(hours=1)).build()
    builder = x509.CertificateRevocationListBuilder(
        issuer.subject, now, now + timedelta(days=1), revoked_certificates=[entry]
    )
    return builder.sign(rsa_key(issuer_key), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def der(cert) -> bytes:
    return cert.public_bytes(serialization.Encoding.DER)


@contextlib.asynccontextmanager
async def serving(endpoint, *, cert=None, policies=(ENCRYPTED,), users=None, clients: Path | None = None, build=None):
    """Serve while open; `clients` is a folder of client certificates to trust, `build(server)` adds nodes."""
    server = Server(user_manager=users)
    await server.init()
    server.set_endpoint(endpoint)
    await server.set_application_uri(URI)
    server.set_security_policy(list(policies))
    if any(p != ua.SecurityPolicyType.NoSecurity for p in policies):
        key = rsa_key("server").private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        await server.load_certificate(der(cert or certificate()))
        await server.load_private_key(key)
    if clients is not None:
        (clients / "nobody.der").write_bytes(der(certificate("urn:nobody", key="nobody")))  # asyncua wants one
        store = TrustStore([clients], [])
        await store.load()
        wanted = CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_CLIENT
        server.set_certificate_validator(CertificateValidator(wanted, store))
        server.trusted = store
    await server.register_namespace("urn:test")
    made = await (build or one_counter)(server)
    async with server:
        yield made


async def one_counter(server):
    """A counter at 5: ns=2;s=m1.good; returns the server."""
    nodeid = ua.NodeId.from_string("ns=2;s=m1.good")
    await server.nodes.objects.add_variable(nodeid, "good", 5, ua.VariantType.UInt32)
    return server


@contextlib.contextmanager
def served(endpoint, **how):
    """`serving` in a thread of its own, for code that runs its own loop."""
    ready, over, failed = threading.Event(), threading.Event(), []

    async def work():
        async with serving(endpoint, **how):
            ready.set()
            while not over.is_set():  # noqa: ASYNC110  set by another thread
                await asyncio.sleep(0.05)

    def run():
        try:
            asyncio.run(work())
        except Exception as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    if failed:
        raise failed[0]
    try:
        yield
    finally:
        over.set()
        thread.join(20)
        if failed:
            raise failed[0]
