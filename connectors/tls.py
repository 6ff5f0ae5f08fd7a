"""TLS of TCP sources: authorities, our certificate, and errors that say which file is wrong."""

from __future__ import annotations

import ssl
from pathlib import Path

from plant.errors import TerminalError
from plant.sources.secured import Secured


class _Closing(ssl.SSLSocket):
    """Closes itself when the handshake fails: who wraps it may not, and every try would leave one open."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  the signature of SSLSocket
        """Shake hands, or close and raise."""
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.close()
            raise


def context_of(source: Secured, root: Path) -> ssl.SSLContext | None:
    """What a source's tls, ca, client_cert and client_key ask for; None without TLS.

    The server's certificate and name are always checked. Paths are relative to `root`.

    Raises:
        TerminalError: a file that is missing or is no PEM certificate or key.
    """
    if not source.tls:
        return None
    ca = None if source.ca is None else _there(source, "ca", source.ca, root)
    try:
        made = ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, OSError) as error:
        raise _wrong(source, "ca", source.ca, error) from error
    made.sslsocket_class = _Closing
    if source.client_cert:
        cert = _there(source, "client_cert", source.client_cert, root)
        key = None if source.client_key is None else _there(source, "client_key", source.client_key, root)
        try:
            made.load_cert_chain(cert, key, password=lambda: "")  # an encrypted key must not ask at a terminal
        except (ssl.SSLError, OSError) as error:
            raise _wrong(source, "client_cert", source.client_cert, error) from error
    return made


def _there(source: Secured, key: str, name: str, root: Path) -> Path:
    path = root / name
    if not path.is_file():
        raise TerminalError(f"source {source.name}: {key} = {name!r}: no such file under {root}: put it there")
    return path


def _wrong(source: Secured, key: str, name: str | None, error: Exception) -> TerminalError:
    return TerminalError(
        f"source {source.name}: {key} = {name!r} cannot be used ({error}): valid is a PEM file, its key beside it "
        "(client_key) or in it, without a pass phrase"
    )
