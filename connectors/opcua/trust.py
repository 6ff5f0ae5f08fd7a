"""Which servers are believed: pinned certificates, a trust list with revocations, and what was rejected.

    root/pki/servers/<source>.der    pinned: the one certificate a source may show
    root/pki/trusted/                trust list: certificates of servers and of authorities
    root/pki/crl/                    revocation lists of those authorities
    root/pki/rejected/<source>.der   the last certificate that was refused

`trust = "pin"` believes a flawless certificate at the first connection (decision 007); `trust = "list"`
believes what is in the trust list or issued by an authority in it. Nothing here talks to a server.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from connectors.opcua.certs import chain_of, der_of, expiry_words, hosts_of, load, load_file, thumbprint, uris_of
from plant.errors import SourceDownError, TerminalError
from plant.sources.live import OpcUaSource

logger = logging.getLogger(__name__)

SUFFIXES = {".der", ".pem", ".crt", ".cer"}
MAX_CHAIN = 5


class UntrustedError(SourceDownError):
    """The server's certificate is not believed. Tried again: it goes away once a person trusts it."""


def pin_of(root: Path, source: str) -> Path:
    """Where the pinned certificate of a source lies."""
    return root / "pki" / "servers" / f"{source}.der"


def check_server(shown: bytes, application_uri: str, source: OpcUaSource, root: Path, now: datetime) -> str:
    """Believe the certificate a server shows, or not; the first one of a source is pinned.

    Args:
        shown: DER, the server's own certificate first, authorities behind it.
        application_uri: what the server calls itself.
        source: its section of plant.toml.
        root: --root.
        now: aware, UTC.

    Returns:
        A warning for the health message, e.g. that it expires soon; empty when there is none.

    Raises:
        UntrustedError: not believed; the certificate is kept under root/pki/rejected and the message says
            what is wrong and the command that trusts it.
    """
    chain, wrong = faults(shown, application_uri, source, root, now)
    if wrong:
        _refuse(chain[0], "; ".join(wrong), source, root)
    pin, ending = pin_of(root, source.name), expiry_words(chain[0], now)
    if source.trust == "pin" and not pin.exists():
        keep(chain[0], pin)
        logger.warning(
            "source %s: the server's certificate %s is trusted from now on and pinned in %s; any other is refused",
            source.name, thumbprint(chain[0]), pin,
        )  # fmt: skip
    return f"the server's certificate {ending}: have it renewed" if ending else ""


def faults(
    shown: bytes, application_uri: str, source: OpcUaSource, root: Path, now: datetime
) -> tuple[list[x509.Certificate], list[str]]:
    """What a server shows, as certificates, and what is wrong with it; arguments as `check_server`, nothing is kept.

    Raises:
        UntrustedError: it shows none.
        TerminalError: what it shows is no certificate.
    """
    chain = [load(der, f"source {source.name}: what the server at {source.endpoint} shows") for der in chain_of(shown)]
    if not chain:
        raise UntrustedError(
            f"source {source.name}: the server at {source.endpoint} shows no certificate, so nothing can be "
            "encrypted; give it one, or set security = 'none' if its network is trusted"
        )
    if source.trust == "list":
        return chain, [*_in_list(chain, root), *_flaws(chain[0], application_uri, source, now)]
    return chain, list(_pinned(chain[0], application_uri, source, root, now))


def _pinned(
    shown: x509.Certificate, application_uri: str, source: OpcUaSource, root: Path, now: datetime
) -> Iterator[str]:
    """A pinned certificate is believed as it is; a first one has to be flawless."""
    pin = pin_of(root, source.name)
    if not pin.exists():
        yield from _flaws(shown, application_uri, source, now)
    elif der_of(load_file(pin)) != der_of(shown):
        yield (
            f"it is another certificate than the one pinned in {pin} ({thumbprint(load_file(pin))}): was the server "
            "renewed on purpose, or does something else answer at its address?"
        )


def _flaws(shown: x509.Certificate, application_uri: str, source: OpcUaSource, now: datetime) -> Iterator[str]:
    if shown.not_valid_after_utc < now:
        yield f"it expired on {shown.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; have the server's certificate renewed"
    if shown.not_valid_before_utc > now:
        yield f"it is valid only from {shown.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on; check the clocks of both"
    hosts, host = hosts_of(shown), urlsplit(source.endpoint).hostname or ""
    if host.lower() not in {h.lower() for h in hosts}:
        yield f"it is for host {', '.join(hosts) or '(none)'}, not for {host}, which plant.toml names"
    if application_uri not in uris_of(shown):
        named = ", ".join(uris_of(shown)) or "(none)"
        yield f"it is for application URI {named}, but the server calls itself {application_uri or '(nothing)'}"


def _in_list(chain: list[x509.Certificate], root: Path) -> Iterator[str]:
    """Why the trust list does not vouch for the first of the chain."""
    folder = root / "pki" / "trusted"
    trusted = {der_of(c): c for _, c in certificates(folder)}
    known, at, seen = [*trusted.values(), *chain[1:]], chain[0], 0
    while seen < MAX_CHAIN:
        issuer = next((c for c in known if c.subject == at.issuer and _issued(at, c)), None)
        if issuer is not None and (crl := _revoked(at, issuer, root)):
            yield f"certificate {thumbprint(at)} was revoked by {crl}"
            return
        if der_of(at) in trusted:
            return
        if issuer is None or der_of(issuer) == der_of(at):
            break
        at, seen = issuer, seen + 1
    count = f"{len(trusted)} certificate{'' if len(trusted) == 1 else 's'}"
    yield f"neither it nor who issued it ({at.issuer.rfc4514_string()}) is in the trust list {folder} ({count})"


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        if not by.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(by)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    return True


def _revoked(certificate: x509.Certificate, issuer: x509.Certificate, root: Path) -> Path | None:
    """The revocation list of `issuer` that names the certificate."""
    for path in sorted((root / "pki" / "crl").glob("*")):
        content = path.read_bytes()
        try:
            pem = content.lstrip().startswith(b"-----BEGIN")
            crl = x509.load_pem_x509_crl(content) if pem else x509.load_der_x509_crl(content)
        except ValueError as error:
            raise TerminalError(
                f"{path} is no revocation list ({error}): remove it, or put a CRL as DER or PEM"
            ) from error
        if crl.issuer != issuer.subject or not crl.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
            continue
        if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            return path
    return None


def _refuse(shown: x509.Certificate, why: str, source: OpcUaSource, root: Path) -> None:
    path = root / "pki" / "rejected" / f"{source.name}.der"
    keep(shown, path)
    to = f" --source {source.name}" if source.trust == "pin" else ""
    raise UntrustedError(
        f"source {source.name}: the certificate of the server at {source.endpoint} is not trusted: {why}; "
        f"it is kept in {path} (thumbprint {thumbprint(shown)}); compare that with the server's and, if it is the "
        f"right one, run `shopfloor certs trust {thumbprint(shown)}{to} --root {root}`; tried again meanwhile"
    )


def certificates(folder: Path) -> list[tuple[Path, x509.Certificate]]:
    """The certificates of a folder by file name; empty when it is missing.

    Raises:
        TerminalError: a file is no certificate.
    """
    files = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    return [(path, load_file(path)) for path in files if not _is_key(path)]


def _is_key(path: Path) -> bool:
    return path.parent.name == "own" and path.stem.startswith("key")


def keep(certificate: x509.Certificate, path: Path) -> None:
    """Write a certificate as DER, replacing the file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.new")
    aside.write_bytes(der_of(certificate))
    aside.replace(path)


def trust(what: str, root: Path, source: str | None = None) -> tuple[x509.Certificate, Path]:
    """Believe a certificate from now on: pinned for `source`, else put into the trust list.

    Args:
        what: a file, or the thumbprint (its beginning) of a rejected certificate.
        root: --root.
        source: name of the source whose one certificate it is.

    Returns:
        The certificate and where it was put.

    Raises:
        TerminalError: no such file, no or several rejected certificates with that thumbprint.
    """
    found, path = find(what, root, ("rejected",))
    to = pin_of(root, source) if source else root / "pki" / "trusted" / f"{thumbprint(found)}.der"
    keep(found, to)
    if path.parent == root / "pki" / "rejected":
        path.unlink()
    return found, to


def reject(what: str, root: Path) -> tuple[x509.Certificate, list[Path]]:
    """Believe a certificate no longer: its pins and its place in the trust list are removed.

    Returns:
        The certificate and the files removed; the certificate itself is kept under root/pki/rejected.

    Raises:
        TerminalError: nothing trusted is meant by `what` (file or beginning of a thumbprint).
    """
    found, _ = find(what, root, ("trusted", "servers"))
    paths = [
        path
        for folder in ("trusted", "servers")
        for path, certificate in certificates(root / "pki" / folder)
        if der_of(certificate) == der_of(found)
    ]
    if not paths:
        raise TerminalError(f"{what}: this certificate is not trusted here; `shopfloor certs show` lists what is")
    keep(found, root / "pki" / "rejected" / f"{thumbprint(found)}.der")
    for path in paths:
        path.unlink()
    return found, paths


def find(what: str, root: Path, folders: tuple[str, ...]) -> tuple[x509.Certificate, Path]:
    """A certificate by its file, or by the beginning of its thumbprint in folders of root/pki.

    Raises:
        TerminalError: none, or several.
    """
    path = Path(what)
    if path.is_file():
        return load_file(path), path
    known = [(c, p) for folder in folders for p, c in certificates(root / "pki" / folder)]
    text = what.lower().replace(":", "").replace(" ", "")
    meant = [(c, p) for c, p in known if text and thumbprint(c).startswith(text)]
    if len({der_of(c) for c, _ in meant}) != 1:
        among = ", ".join(f"{thumbprint(c)} ({p})" for c, p in known) or "none yet"
        found = f"{len(meant)} certificates begin with it" if meant else "no file and no thumbprint"
        raise TerminalError(f"{what}: {found} under {root / 'pki'}; there are: {among}")
    return meant[0]
