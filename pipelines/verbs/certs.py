"""`shopfloor certs`: our certificate as an OPC UA client, and which servers are believed.

stdout carries what was asked for; nothing here connects to a server.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.place import root_of
from pipelines.verbs.options import Root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

app = typer.Typer(no_args_is_help=True, help="Certificates of OPC UA: ours, and those of servers we believe.")

Days = Annotated[int, typer.Option(min=1, max=36500, help="Days the certificate is valid.")]
What = Annotated[str, typer.Argument(help="A certificate file, or (the beginning of) a thumbprint.")]


@app.command()
def create(
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address of this machine; again for more. Default: its name.")
    ] = None,
    uri: Annotated[str | None, typer.Option(help="Application URI; default urn:HOST:shopfloor:collector.")] = None,
    name: Annotated[str, typer.Option(help="Common name.")] = "Shopfloor collector",
    days: Days = 1095,
    root: Root = None,
) -> None:
    """Make our key (mode 0600) and certificate; the collector does it by itself when there is none."""
    from connectors.opcua import certs

    made = certs.create(root_of(root), host or (), uri, days, name)
    _lines(described(made.certificate, made.path))
    typer.echo(f"key: {made.key} (mode 0600, never leaves this machine)")
    typer.echo("Put the certificate into the trust list of every server, or accept it there after the first attempt.")


@app.command()
def show(root: Root = None) -> None:
    """List every certificate: ours, pinned, trusted, rejected; with fingerprints and when they end."""
    from connectors.opcua.trust import certificates

    folder, count = root_of(root) / "pki", 0
    for kind, words in _KINDS.items():
        for path, certificate in certificates(folder / kind):
            count += 1
            typer.echo(f"[{words}]")
            _lines(described(certificate, path))
    if not count:
        typer.echo(f"no certificates under {folder}; `shopfloor certs create` makes ours")


@app.command()
def trust(
    what: What,
    source: Annotated[str | None, typer.Option(help="Pin it for this source; default: put it in the list.")] = None,
    root: Root = None,
) -> None:
    """Believe a server's certificate (or an authority's) from now on; a running collector takes it up by itself."""
    from connectors.opcua.trust import trust as run

    certificate, path = run(what, root_of(root), source)
    _lines(described(certificate, path))
    typer.echo(f"pinned for source {source}" if source else 'in the trust list, for sources with trust = "list"')


@app.command()
def reject(what: What, root: Root = None) -> None:
    """Believe a certificate no longer: remove it from pins and trust list, keep it among the rejected."""
    from connectors.opcua.trust import reject as run

    certificate, paths = run(what, root_of(root))
    _lines(described(certificate, paths[0]))
    typer.echo(f"removed: {', '.join(map(str, paths))}; connections that are open stay open until they end")


@app.command()
def renew(
    days: Days = 1095,
    *,
    new_key: Annotated[bool, typer.Option("--new-key", help="Also make a new key.")] = False,
    root: Root = None,
) -> None:
    """Make a new certificate with the names of the old one; the old one is kept beside it."""
    from connectors.opcua import certs

    made = certs.renew(root_of(root), days, new_key=new_key)
    _lines(described(made.certificate, made.path))
    typer.echo("Servers that trusted the old one have to trust this one: put it into their trust lists, then restart")
    typer.echo("the collector; what they queue and record meanwhile is read then.")


_KINDS = {"own": "ours", "servers": "pinned", "trusted": "trust list", "rejected": "rejected"}


def described(certificate: x509.Certificate, path: Path) -> Iterator[str]:
    """Lines about a certificate: who, which, until when, where."""
    from cryptography.hazmat.primitives import hashes

    from connectors.opcua.certs import expiry_words, hosts_of, thumbprint, uris_of

    now = datetime.now(UTC)
    yield f"subject: {certificate.subject.rfc4514_string()}"
    if certificate.issuer != certificate.subject:
        yield f"issuer: {certificate.issuer.rfc4514_string()}"
    yield f"application URI: {', '.join(uris_of(certificate)) or 'none'}"
    yield f"hosts: {', '.join(hosts_of(certificate)) or 'none'}"
    yield f"thumbprint (SHA-1): {thumbprint(certificate)}"
    yield f"fingerprint (SHA-256): {certificate.fingerprint(hashes.SHA256()).hex()}"
    ends = f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
    yield f"valid: {ends}" + (f", {words}" if (words := expiry_words(certificate, now)) else "")
    yield f"file: {path}"


def _lines(lines: Iterator[str]) -> None:
    for line in lines:
        typer.echo(line)
