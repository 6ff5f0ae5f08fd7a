"""Is an OPC UA server there, does it offer what is asked, is it believed? Nothing is kept, nobody logged in."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Client
from asyncua.ua.uaerrors import UaError

from connectors.opcua.certs import expiry_words, load, load_file, own_paths, thumbprint
from connectors.opcua.refusals import explained
from connectors.opcua.security import chosen
from connectors.opcua.trust import faults, pin_of
from plant.errors import SourceDownError
from plant.sources.live import OpcUaSource

TIMEOUT_S = 3.0


def probe(source: OpcUaSource, root: Path) -> str:
    """What there is to add when the server answers, e.g. a certificate that expires soon; may be empty.

    Raises:
        PlantError: it does not answer, does not offer the security, or would not be believed.
    """
    return asyncio.run(_probe(source, root))


async def _probe(source: OpcUaSource, root: Path) -> str:
    client = Client(source.endpoint, timeout=TIMEOUT_S)
    try:
        async with asyncio.timeout(2 * TIMEOUT_S):
            endpoints = await client.connect_and_get_server_endpoints()
    except (TimeoutError, UaError, OSError) as error:
        raise explained(error, source, root) from error
    endpoint = chosen(endpoints, source)
    if source.security == "none":
        return ", not encrypted"
    now, shown = datetime.now(UTC), endpoint.ServerCertificate or b""
    chain, wrong = faults(shown, endpoint.Server.ApplicationUri or "", source, root, now)
    if wrong:
        raise SourceDownError(f"source {source.name}: the server's certificate is not trusted: {'; '.join(wrong)}")
    words = [f"its certificate {e}" for e in [expiry_words(chain[0], now)] if e]
    ours = own_paths(root)[1]
    if ours.exists() and (ending := expiry_words(load_file(ours), now)):
        words.append(f"our certificate {ending}: run `shopfloor certs renew`")
    if source.trust == "pin" and not pin_of(root, source.name).exists():
        words.append(f"its certificate {thumbprint(load(shown, source.name))} will be pinned at the first connection")
    return "".join(f", {w}" for w in words)
