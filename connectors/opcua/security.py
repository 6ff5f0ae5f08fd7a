"""Security of an OPC UA connection: policy, certificates, user and password, and what a refusal means.

Our key pair is made under root/pki/own when first needed (`certs`); whether the server is believed is
decided in `trust`, before anything but the list of its endpoints was asked over an open channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto.security_policies import (
    SecurityPolicy,
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
    SecurityPolicyNone,
)
from asyncua.crypto.uacrypto import CertProperties

from connectors.login import from_environment, needs_user
from connectors.opcua.certs import chain_of, own
from connectors.opcua.trust import check_server
from plant.errors import PlantError, SourceDownError, TerminalError
from plant.sources.live import OpcUaSource

ASKING_S = 5.0
APPLICATION_URI = "urn:shopfloor:collector"
"""What we call ourselves where there is no certificate to say so."""
POLICIES: dict[str, type[SecurityPolicy]] = {
    "Basic256Sha256": SecurityPolicyBasic256Sha256,
    "Aes128Sha256RsaOaep": SecurityPolicyAes128Sha256RsaOaep,
    "Aes256Sha256RsaPss": SecurityPolicyAes256Sha256RsaPss,
}
MODES = {
    "none": ua.MessageSecurityMode.None_,
    "sign": ua.MessageSecurityMode.Sign,
    "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt,
}


async def secure(client: Client, source: OpcUaSource, root: Path) -> str:
    """Set the security policy of `source` on a client that is not yet connected.

    Returns:
        A warning for the health message (a certificate that expires soon); empty when there is none.

    Raises:
        UntrustedError: the server's certificate is not believed.
        SourceDownError: the server does not offer the policy and mode; the message lists what it offers.
        TerminalError: our own key pair cannot be used.
        ua.UaError, OSError: the server does not answer.
    """
    client.name = client.description = "Shopfloor collector"
    client.application_uri = APPLICATION_URI
    if source.security == "none":
        return ""
    return await _set(client, chosen(await client.connect_and_get_server_endpoints(), source), source, root)


async def believe_again(
    client: Client, source: OpcUaSource, root: Path, warning: str, tell: Callable[[str], None]
) -> str:
    """Before a reconnect: judge the certificate the server shows now, which may have been renewed meanwhile.

    Returns:
        The warning of the new certificate; `warning` where it is the one already believed.

    Raises:
        UntrustedError, SourceDownError, TerminalError: as `secure`, after `tell` was called with the message.
        ua.UaError, OSError: the server does not answer.
    """
    if source.security == "none":
        return warning
    asking = Client(source.endpoint, timeout=ASKING_S)  # the other one is in the middle of its reconnect
    endpoints = await asking.connect_and_get_server_endpoints()
    try:
        endpoint = chosen(endpoints, source)
        if chain_of(endpoint.ServerCertificate or b"")[:1] == [client.security_policy.peer_certificate]:
            return warning
        return await _set(client, endpoint, source, root)
    except PlantError as error:
        tell(str(error))
        raise


async def _set(client: Client, endpoint: ua.EndpointDescription, source: OpcUaSource, root: Path) -> str:
    ours = await asyncio.to_thread(own, root)
    client.application_uri = ours.uri
    shown, uri = endpoint.ServerCertificate or b"", endpoint.Server.ApplicationUri or ""
    warning = await asyncio.to_thread(check_server, shown, uri, source, root, datetime.now(UTC))
    await client.set_security(
        POLICIES[source.security_policy],
        str(ours.path),
        str(ours.key),
        server_certificate=CertProperties(chain_of(shown)[0], "der"),
        mode=MODES[source.security],
    )
    return warning


def chosen(endpoints: Sequence[ua.EndpointDescription], source: OpcUaSource) -> ua.EndpointDescription:
    """The endpoint with the policy and mode of the source.

    Raises:
        SourceDownError: there is none; the message lists what is offered.
    """
    mode = MODES[source.security]
    policy = SecurityPolicyNone.URI if source.security == "none" else POLICIES[source.security_policy].URI
    for endpoint in endpoints:
        if endpoint.SecurityPolicyUri == policy and endpoint.SecurityMode == mode:
            return endpoint
    raise SourceDownError(
        f"source {source.name}: the server at {source.endpoint} does not offer security = {source.security!r} with "
        f"security_policy = {source.security_policy!r}; it offers {offered(endpoints)}: choose one of these "
        "(plant.toml: security, security_policy; browse: --security, --security-policy), or switch the other on at "
        "the server"
    )


def offered(endpoints: Sequence[ua.EndpointDescription]) -> str:
    """Modes and policies of a server in the words of plant.toml."""
    names = {policy.URI: name for name, policy in POLICIES.items()}
    modes = {mode: name for name, mode in MODES.items()}
    found = []
    for endpoint in endpoints:
        uri = endpoint.SecurityPolicyUri or ""
        policy = (
            f" with {names.get(uri, uri.rpartition('#')[2])}"
            if endpoint.SecurityMode != MODES["none"]
            else " (no encryption)"
        )
        found.append(modes.get(endpoint.SecurityMode, "?") + policy)
    return ", ".join(dict.fromkeys(found)) or "nothing over opc.tcp"


def log_in(client: Client, source: OpcUaSource) -> None:
    """Set user and password from the environment variables the source names.

    Raises:
        TerminalError: a variable is not set, a password without a user, or the channel is not encrypted.
    """
    if source.user_env is None:
        needs_user(source.name, source.password_env)
        return
    if source.security != "sign_and_encrypt" and not source.allow_plain_password:
        raise TerminalError(
            f"source {source.name}: a user and password would travel in clear over security = {source.security!r}; "
            "set security = 'sign_and_encrypt', or remove user_env and password_env; if the network between is "
            "trusted, allow_plain_password = true sends them all the same"
        )
    client.set_user(from_environment(source.name, "user_env", source.user_env))
    if source.password_env is not None:
        client.set_password(from_environment(source.name, "password_env", source.password_env))
