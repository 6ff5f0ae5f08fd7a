"""Security of the plant in a box over OPC UA: the policy its source asks for, and a key pair that stays."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from urllib.parse import urlparse

from asyncua import Server, ua
from asyncua.crypto.cert_gen import (
    dump_private_key_as_pem,
    generate_private_key,
    generate_self_signed_app_certificate,
)
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from plant.sources.live import OpcUaSource

VALID_DAYS = 3650


async def secured(server: Server, source: OpcUaSource, keys: Path | None) -> None:
    """Offer what the source asks for and nothing else; with security, under the key pair in `keys`.

    Raises:
        ValueError: the source wants security and there is no folder for the key pair.
    """
    if source.security == "none":
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        return
    if keys is None:
        raise ValueError(f"source {source.name}: security = {source.security!r} needs a folder for the key pair")
    uri = f"urn:{socket.gethostname()}:shopfloor:plant-in-a-box:{source.name}"
    await server.set_application_uri(uri)
    suffix = "Sign" if source.security == "sign" else "SignAndEncrypt"
    server.set_security_policy([ua.SecurityPolicyType[f"{source.security_policy}_{suffix}"]])
    key, certificate = keys / f"{source.name}.pem", keys / f"{source.name}.der"
    if not (key.exists() and certificate.exists()):
        _make(key, certificate, urlparse(source.endpoint).hostname or "127.0.0.1", uri)
    await server.load_certificate(certificate)
    await server.load_private_key(key)


def _make(key_path: Path, path: Path, host: str, uri: str) -> None:
    key = generate_private_key()
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri), x509.DNSName(socket.gethostname())]
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    except ValueError:
        names.append(x509.DNSName(host))
    usage = [ExtendedKeyUsageOID.SERVER_AUTH]
    made = generate_self_signed_app_certificate(key, "Plant in a box", {}, names, usage, VALID_DAYS)
    key_path.parent.mkdir(parents=True, exist_ok=True)
    key_path.unlink(missing_ok=True)
    with os.fdopen(os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(dump_private_key_as_pem(key))
    path.write_bytes(made.public_bytes(Encoding.DER))
