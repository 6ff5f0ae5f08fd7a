"""`shopfloor browse`: a server's address space as a fragment of plant.toml.

The fragment goes to stdout or --out, everything else to stderr.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from pipelines.place import root_of
from pipelines.verbs.options import Root
from plant.errors import TerminalError
from plant.sources.live import OpcUaSource

err = Console(stderr=True, highlight=False, soft_wrap=True)
TOLD_EVERY = 1_000
USER, PASSWORD = "OPCUA_USER", "OPCUA_PASSWORD"


def browse(
    endpoint: Annotated[str, typer.Argument(metavar="opc.tcp://HOST:PORT", help="Address of an OPC UA server.")],
    *,
    security: Annotated[str, typer.Option(help="none, sign or sign_and_encrypt.")] = "sign_and_encrypt",
    security_policy: Annotated[str, typer.Option(help="As in plant.toml.")] = "Basic256Sha256",
    user: Annotated[str | None, typer.Option(help="User; the password is asked for, or is in OPCUA_PASSWORD.")] = None,
    user_env: Annotated[str | None, typer.Option(help="Variable that holds the user.")] = None,
    password_env: Annotated[str | None, typer.Option(help="Variable that holds the password.")] = None,
    allow_plain_password: Annotated[
        bool, typer.Option("--allow-plain-password", help="Send the password unencrypted.")
    ] = False,
    source: Annotated[str, typer.Option(help="Name of the source.")] = "plc",
    machine: Annotated[str | None, typer.Option(help="Only this machine, or the name of the only one.")] = None,
    line: Annotated[str, typer.Option(help="Line the machines stand in.")] = "line-1",
    kind: Annotated[str, typer.Option(help="Kind of the machines, in your words.")] = "machine",
    start: Annotated[str, typer.Option(help="Node id to begin at; default the Objects folder.")] = "i=85",
    max_nodes: Annotated[int, typer.Option(min=1, help="Stop after so many nodes.")] = 50_000,
    max_depth: Annotated[int, typer.Option(min=1, help="Look no deeper.")] = 20,
    out: Annotated[Path | None, typer.Option(help="File to write; default: stdout.", dir_okay=False)] = None,
    root: Root = None,
) -> None:
    """Look through an OPC UA server and propose sources, machines and tags for plant.toml."""
    settings = {
        "endpoint": endpoint, "name": source, "security": security, "security_policy": security_policy,
        "user_env": user_env, "password_env": password_env, "allow_plain_password": allow_plain_password,
    }  # fmt: skip
    given = _source(settings | (_login(user) if user else {}))
    from connectors.opcua.browse.run import browse as run
    from connectors.opcua.browse.walk import Limits

    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what matters is raised, and said once
    limits = Limits(max_nodes, max_depth)
    how = {"line": line, "kind": kind, "machine": machine, "start": start, "limits": limits, "progress": _Progress()}
    _write(asyncio.run(run(given, root_of(root), **how)), out)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    if out.exists():
        raise TerminalError(f"{out} is there already: give another --out, or remove it")
    out.write_text(text)
    err.print(f"written to {out}: look through it, append it to plant.toml, then run `shopfloor check`")


def _source(settings: dict[str, object]) -> OpcUaSource:
    from plant.checks.tags import ENDPOINT

    if not ENDPOINT.match(str(settings["endpoint"])):
        raise TerminalError(
            f"{settings['endpoint']!r}: no address of an OPC UA server; valid is opc.tcp://host:port/path, "
            "without a user in it"
        )
    try:
        return OpcUaSource.model_validate({"kind": "opcua", **{k: v for k, v in settings.items() if v is not None}})
    except ValidationError as error:
        first = error.errors()[0]
        valid = first["msg"].removeprefix("Input should be ")
        option = str(first["loc"][-1]).replace("_", "-")
        raise TerminalError(f"--{option}: found {first['input']!r}; valid: {valid}") from error


def _login(user: str) -> dict[str, object]:
    """Variables of this process for a user given by hand; its password is asked for unless one holds it."""
    os.environ[USER] = user
    if PASSWORD not in os.environ:
        if not sys.stdin.isatty():
            raise TerminalError(f"no password for user {user}: put it into the variable {PASSWORD}")
        os.environ[PASSWORD] = getpass.getpass(f"password of {user}: ")
    return {"user_env": USER, "password_env": PASSWORD}


class _Progress:
    """Says how far a long walk is."""

    def __init__(self) -> None:
        self.told = 0

    def __call__(self, count: int) -> None:
        if count - self.told >= TOLD_EVERY:
            self.told = count
            err.print(f"{count:,} nodes so far")
