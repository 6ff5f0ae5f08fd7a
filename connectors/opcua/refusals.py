"""Why an OPC UA server cannot be read, in words that say what to do: one place for status codes and socket errors."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from asyncua import ua

from connectors.login import SELDOM, LoginRefusedError
from connectors.opcua.certs import expiry_words, load_file, own_paths, thumbprint
from plant.errors import PlantError, SourceDownError
from plant.sources.live import OpcUaSource

_S = ua.StatusCodes
OURS = {
    _S.BadCertificateUntrusted, _S.BadCertificateInvalid, _S.BadSecurityChecksFailed, _S.BadCertificateUseNotAllowed,
    _S.BadCertificateUriInvalid, _S.BadCertificateTimeInvalid, _S.BadCertificateRevoked,
    _S.BadCertificateChainIncomplete, _S.BadCertificateIssuerTimeInvalid, _S.BadCertificatePolicyCheckFailed,
}  # fmt: skip
LOGIN = {
    _S.BadUserAccessDenied, _S.BadIdentityTokenRejected, _S.BadIdentityTokenInvalid, _S.BadIdentityChangeNotSupported,
}  # fmt: skip
FULL = {_S.BadTooManySessions, _S.BadTooManySubscriptions, _S.BadTcpNotEnoughResources, _S.BadTcpServerTooBusy}
ADDRESS = {_S.BadTcpEndpointUrlInvalid, _S.BadServerUriInvalid, _S.BadServerNameMissing}


def explained(error: Exception, source: OpcUaSource, root: Path) -> PlantError:
    """The error as one of the house: what was found, where, and what to do. Ours are returned as they are."""
    if isinstance(error, PlantError):
        return error
    said = str(error) or type(error).__name__
    why = _status(error, source, root) if isinstance(error, ua.UaError) else _transport(error, source)
    if why is None:
        why = f"{said}; check it is running"
    kind = LoginRefusedError if getattr(error, "code", None) in LOGIN else SourceDownError
    return kind(f"OPC UA server {source.endpoint}: {why}")


def _status(error: ua.UaError, source: OpcUaSource, root: Path) -> str | None:
    code = getattr(error, "code", None)
    name = type(error).__name__
    if code in LOGIN:
        return f"the login was refused ({name}): {_login(source)}; {SELDOM}"
    if code in OURS and source.security != "none":
        return f"it refuses our certificate ({name}): {_our_certificate(root)}"
    if code in FULL:
        return f"it has no room for us ({name}): close other clients, or raise its limit of sessions"
    if code in ADDRESS:
        return f"it has no endpoint of that address ({name}): check the path behind the port"
    if code in {_S.BadSecurityPolicyRejected, _S.BadSecurityModeRejected}:
        asked = f"security = {source.security!r} with security_policy = {source.security_policy!r}"
        return f"it refuses {asked} ({name}): choose what it offers, as its manual says"
    if "No matching endpoints" in str(error):
        return (
            f"it offers no endpoint with security = {source.security!r}: an encrypting server wants "
            "security = 'sign_and_encrypt' (the default), one that cannot encrypt wants 'none'"
        )
    return None


def _login(source: OpcUaSource) -> str:
    if source.user_env is None:
        return "it wants a user: name variables that hold user and password with user_env and password_env"
    return f"check what the variables {source.user_env} and {source.password_env or '(no password_env)'} hold"


def _our_certificate(root: Path) -> str:
    path = own_paths(root)[1]
    if not path.exists():
        return "run `shopfloor certs create`"
    certificate = load_file(path)
    ending = expiry_words(certificate, datetime.now(UTC))
    renew = f"it {ending}: run `shopfloor certs renew`; " if ending else ""
    return (
        f"{renew}move {path} (thumbprint {thumbprint(certificate)}) into the server's trust list; most servers have it "
        "among their rejected certificates by now. Tried again meanwhile"
    )


def _transport(error: Exception, source: OpcUaSource) -> str | None:
    url = urlsplit(source.endpoint)
    where = f"{url.hostname}:{url.port or 4840}"
    if isinstance(error, socket.gaierror):
        return f"there is no host {url.hostname!r} ({error.strerror}); check the name, or give its IP address"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {where}; check that it is running, and the port"
    if isinstance(error, TimeoutError):
        return f"no answer from {where}; check address and firewall, and that an OPC UA server listens there"
    if isinstance(error, ConnectionError):
        return f"it closed the connection ({error}); check that an OPC UA server listens at {where}, and security"
    return None
