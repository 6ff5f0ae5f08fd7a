"""Our own certificate as an OPC UA client: made, read, renewed; and what every certificate is told by.

Key and certificate lie under root/pki/own. The certificate signs itself: servers of machines have to
trust it once. Nothing here talks to a server.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from plant.errors import TerminalError

VALID_DAYS = 1095
WARN = timedelta(days=30)
"""How long before its end a certificate is talked about."""
BACKDATED = timedelta(days=1)
"""A new certificate is valid from yesterday: the clock of a PLC may be behind ours."""


@dataclass(frozen=True)
class Own:
    """Our key pair: where it lies, and the certificate."""

    key: Path
    path: Path
    certificate: x509.Certificate

    @property
    def uri(self) -> str:
        """Our application URI, as the certificate has it."""
        return next(iter(uris_of(self.certificate)), "")


def own_paths(root: Path) -> tuple[Path, Path]:
    """Key and certificate under --root; they may not exist."""
    return root / "pki" / "own" / "key.pem", root / "pki" / "own" / "certificate.der"


def own(root: Path) -> Own:
    """Our key pair, made when there is none.

    Raises:
        TerminalError: one of the two files is missing or cannot be read.
    """
    key, path = own_paths(root)
    if not key.exists() and not path.exists():
        return create(root)
    if not (key.exists() and path.exists()):
        missing = path if key.exists() else key
        raise TerminalError(f"{missing} is missing beside its pair: put it back, or run `shopfloor certs renew`")
    return Own(key, path, load_file(path))


def create(
    root: Path,
    hosts: Sequence[str] = (),
    uri: str | None = None,
    days: int = VALID_DAYS,
    name: str = "Shopfloor collector",
) -> Own:
    """A new key (mode 0600) and a certificate for it.

    Args:
        root: --root.
        hosts: names and addresses of this machine; its host name when empty.
        uri: application URI; `urn:<host>:shopfloor:collector` when None.
        days: how long it is valid.
        name: common name.

    Raises:
        TerminalError: there is a key pair already.
    """
    key_path, path = own_paths(root)
    if key_path.exists() or path.exists():
        raise TerminalError(f"{path.parent} holds a key pair already: `shopfloor certs renew` makes a new certificate")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_key(key_path, key)
    hosts = tuple(hosts) or (socket.gethostname(),)
    made = signed(key, hosts, uri or f"urn:{hosts[0]}:shopfloor:collector", days, name)
    path.write_bytes(der_of(made))
    return Own(key_path, path, made)


def renew(root: Path, days: int = VALID_DAYS, *, new_key: bool = False) -> Own:
    """A new certificate with the name, hosts and application URI of the old one, which is kept beside it.

    Without `new_key` the key stays. A pair of which one file is missing is made anew.

    Raises:
        TerminalError: there is no certificate to renew, or its key cannot be read.
    """
    key_path, path = own_paths(root)
    if not path.exists():
        if not key_path.exists():
            raise TerminalError(f"there is no certificate at {path}: run `shopfloor certs create`")
        key_path.rename(key_path.with_name(f"key-{datetime.now(UTC):%Y%m%dT%H%M%S}.pem"))
        return create(root)
    old = load_file(path)
    if new_key or not key_path.exists():
        if key_path.exists():
            key_path.rename(key_path.with_name(f"key-{thumbprint(old)[:8]}.pem"))
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write_key(key_path, key)
    else:
        key = _read_key(key_path)
    hosts = hosts_of(old) or [socket.gethostname()]
    names = old.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    uri = next(iter(uris_of(old)), f"urn:{hosts[0]}:shopfloor:collector")
    made = signed(key, hosts, uri, days, str(names[0].value) if names else "Shopfloor collector")
    path.rename(path.with_name(f"certificate-{thumbprint(old)[:8]}.der"))
    path.write_bytes(der_of(made))
    return Own(key_path, path, made)


def signed(key: rsa.RSAPrivateKey, hosts: Sequence[str], uri: str, days: int, name: str) -> x509.Certificate:
    """A certificate of an OPC UA application that signs itself (OPC 10000-6, 6.2.2), for client and server."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, public = datetime.now(UTC), key.public_key()
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri), *(_san(h) for h in hosts)]
    usage = dict.fromkeys(("key_agreement", "crl_sign", "encipher_only", "decipher_only"), False) | dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_cert_sign"), True
    )
    return (
        x509.CertificateBuilder(subject, subject, public, x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=False)  # trust lists ask it of an issuer
        .add_extension(x509.KeyUsage(**usage), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_key(path: Path, key: rsa.RSAPrivateKey) -> None:
    """Written with mode 0600 from the first byte."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(encoded)


def _read_key(path: Path) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise TerminalError(f"{path} is no PEM key without password ({error}): use `certs renew --new-key`") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TerminalError(f"{path} is no RSA key, the only kind OPC UA takes: use `certs renew --new-key`")
    return key


def load_file(path: Path) -> x509.Certificate:
    """The certificate in a DER or PEM file.

    Raises:
        TerminalError: it is none.
        OSError: the file cannot be read.
    """
    return load(path.read_bytes(), str(path))


def load(content: bytes, where: str) -> x509.Certificate:
    """The first certificate of DER or PEM bytes; `where` is named when it is none.

    Raises:
        TerminalError: it is none.
    """
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(chain_of(content)[0])
    except (ValueError, IndexError) as error:
        raise TerminalError(f"{where} is no certificate ({error}); valid is X.509 as DER or PEM") from error


def chain_of(blob: bytes) -> list[bytes]:
    """The DER certificates of a blob in which a server may send its chain: its own first."""
    found, at = [], 0
    while at + 4 <= len(blob) and blob[at] == 0x30:  # a DER SEQUENCE
        first = blob[at + 1]
        size = first & 0x7F if first & 0x80 else 0
        length = int.from_bytes(blob[at + 2 : at + 2 + size], "big") if size else first
        found.append(blob[at : at + 2 + size + length])
        at += 2 + size + length
    return found


def der_of(certificate: x509.Certificate) -> bytes:
    """The certificate as DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def thumbprint(certificate: x509.Certificate) -> str:
    """SHA-1 of the DER in hex, what OPC UA names certificates by."""
    return hashlib.sha1(der_of(certificate), usedforsecurity=False).hexdigest()


def uris_of(certificate: x509.Certificate) -> list[str]:
    """Application URIs in the subject's alternative names."""
    names = _names(certificate)
    return names.get_values_for_type(x509.UniformResourceIdentifier) if names else []


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Host names and addresses in the subject's alternative names."""
    names = _names(certificate)
    if names is None:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def expiry_words(certificate: x509.Certificate, now: datetime) -> str:
    """Empty while it is valid for longer than `WARN`; else how long, as in `expires in 3 days (2026-11-25)`."""
    end = certificate.not_valid_after_utc
    if end < now:
        return f"expired on {end:%Y-%m-%d}"
    return f"expires in {(end - now).days} days ({end:%Y-%m-%d})" if end - now < WARN else ""
