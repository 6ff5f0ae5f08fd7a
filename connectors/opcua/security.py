"""Security of an OPC UA connection: our certificate, the server's pinned one, user and password.

Our key pair is made under root/pki/own when first needed. A server's certificate is pinned on the
first connection (root/pki/servers/<source>.der): a different one later is refused until a person
removes the pin.
"""

from __future__ import annotations

from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from connectors.login import from_environment, needs_user
from plant.errors import TerminalError
from plant.sources.live import OpcUaSource

APPLICATION_URI = "urn:shopfloor:collector"
_MODES = {"sign": ua.MessageSecurityMode.Sign, "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt}


async def secure(client: Client, source: OpcUaSource, root: Path) -> None:
    """Set the security policy of `source`; nothing for `none`.

    Raises:
        TerminalError: the server shows another certificate than the pinned one.
        ua.UaError, OSError: the server has no such endpoint or does not answer.
    """
    client.application_uri = APPLICATION_URI
    if source.security == "none":
        return
    own = root / "pki" / "own"
    cert, key = await client.setup_self_signed_certificate(own / "key.pem", own / "certificate.der")
    key.chmod(0o600)
    await client.set_security(SecurityPolicyBasic256Sha256, cert, key, mode=_MODES[source.security])
    _pin(client.security_policy.peer_certificate, root / "pki" / "servers" / f"{source.name}.der", source)


def _pin(shown: bytes | None, path: Path, source: OpcUaSource) -> None:
    if shown is None:
        raise TerminalError(f"source {source.name}: the server shows no certificate; use security = 'none' or fix it")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shown)
    elif path.read_bytes() != shown:
        raise TerminalError(
            f"source {source.name}: the server at {source.endpoint} shows another certificate than the one pinned in "
            f"{path}; if the server was renewed on purpose, delete that file and start again"
        )


def log_in(client: Client, source: OpcUaSource) -> None:
    """Set user and password from the environment variables the source names.

    Raises:
        TerminalError: a variable is not set, a password without a user, or the channel is not encrypted.
    """
    if source.user_env is None:
        needs_user(source.name, source.password_env)
        return
    if source.security != "sign_and_encrypt":
        raise TerminalError(
            f"source {source.name}: a user and password would travel in clear over security = {source.security!r}; "
            "set security = 'sign_and_encrypt', or remove user_env and password_env"
        )
    client.set_user(from_environment(source.name, "user_env", source.user_env))
    if source.password_env is not None:
        client.set_password(from_environment(source.name, "password_env", source.password_env))
