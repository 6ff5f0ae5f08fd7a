"""Connect, walk, read, guess, write: `shopfloor browse` from end to end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Client, ua
from asyncua.ua.uaerrors import UaError

from connectors.opcua.browse.details import type_names, variables
from connectors.opcua.browse.fragment import fragment
from connectors.opcua.browse.machines import Found, describe, machines
from connectors.opcua.browse.walk import Limits, Walk, limits_of, read, walk
from connectors.opcua.refusals import explained
from connectors.opcua.security import log_in, secure
from plant.errors import TerminalError
from plant.sources.live import OpcUaSource

TIMEOUT_S = 10.0


async def browse(
    source: OpcUaSource, root: Path, *, line: str, kind: str, machine: str | None = None, start: str = "i=85",
    limits: Limits | None = None, progress: Callable[[int], None] = lambda count: None,
) -> str:  # fmt: skip
    """The plant.toml fragment of what a server has.

    Args:
        source: how it is reached; the server's certificate is pinned under its name as the collector does.
        root: --root, where certificates lie.
        line: line the machines stand in.
        kind: kind of the machines.
        machine: only the machine of that name, or, where there is one, its name in plant.toml.
        start: node id to begin at; the Objects folder.
        limits: of nodes, depth and calls.
        progress: called with the count of nodes seen so far.

    Raises:
        PlantError: no such server, not believed, login refused, no such node or machine; the message says what to do.
    """
    client = Client(source.endpoint, timeout=TIMEOUT_S)
    try:
        begin = _node(start)
        await secure(client, source, root)
        log_in(client, source)
        await client.connect()
        return await _proposed(client, source, begin, line, kind, machine, limits or Limits(), progress)
    except (TimeoutError, UaError, OSError) as error:
        raise explained(error, source, root) from error
    finally:
        with contextlib.suppress(TimeoutError, UaError, OSError):
            await client.disconnect()


async def _proposed(
    client: Client, source: OpcUaSource, start: ua.NodeId, line: str, kind: str, machine: str | None, wanted: Limits,
    progress: Callable[[int], None],
) -> str:  # fmt: skip
    limits = await limits_of(client, wanted)
    (name,) = await read(client, [(start, ua.AttributeIds.BrowseName)], 1)
    if not name.StatusCode.is_good():
        raise TerminalError(f"{source.endpoint} has no node {start.to_string()} ({name.StatusCode.name}): see --start")
    found = await walk(client, start, limits, progress)
    listed = await variables(client, found, limits)
    made = _only(machines(found, listed, await type_names(client, found, limits)), machine, source)
    texts = await _identifications(client, found, limits)
    for one in made:
        one.description = describe(found, one, texts)
    return fragment(found, made, source, line, kind, datetime.now(UTC))


def _only(made: list[Found], machine: str | None, source: OpcUaSource) -> list[Found]:
    if not any(m.signals for m in made):
        raise TerminalError(
            f"{source.endpoint} was walked, but there is no variable this user may read: log in with --user-env and "
            "--password-env, or begin elsewhere with --start"
        )
    if machine is None:
        return made
    same = [m for m in made if m.name == machine]
    if not same and len(made) > 1:
        names = ", ".join(m.name for m in made[:50])
        raise TerminalError(f"there are {len(made)} machines at {source.endpoint}, none called {machine!r}: {names}")
    only = same[0] if same else made[0]
    only.name = machine
    return [only]


async def _identifications(client: Client, found: Walk, limits: Limits) -> dict[int, str]:
    """Texts of the properties of Identification objects, by place."""
    wanted = {"Manufacturer", "Model", "SerialNumber"}
    places = [i for i, s in enumerate(found.spots) if s.property and s.name in wanted]
    answers = await read(client, [(found.spots[i].nodeid, ua.AttributeIds.Value) for i in places], limits.per_read)
    texts = {}
    for at, answer in zip(places, answers, strict=True):
        value = answer.Value.Value if answer.StatusCode.is_good() and answer.Value is not None else None
        text = getattr(value, "Text", value)
        if isinstance(text, str) and text:
            texts[at] = text
    return texts


def _node(text: str) -> ua.NodeId:
    try:
        return ua.NodeId.from_string(text)
    except (UaError, ValueError) as error:
        raise TerminalError(f"--start {text!r} is no node id such as 'ns=2;s=Line1' ({error})") from error
