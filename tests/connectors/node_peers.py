"""Servers and edge nodes of tests/peers that run on Node; tests skip, by name, where Node or a package is absent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def node_modules() -> Path | None:
    """The folder SHOPFLOOR_NODE_MODULES names, else node_modules of the repository."""
    named = os.environ.get("SHOPFLOOR_NODE_MODULES")
    for folder in (Path(named) if named else None, ROOT / "node_modules"):
        if folder and folder.is_dir():
            return folder.resolve()
    return None


@contextlib.asynccontextmanager
async def node_peer(folder: Path, script: str, package: str, port: int):
    """A script of tests/peers that has said READY."""
    modules = node_modules()
    if shutil.which("node") is None or modules is None or not (modules / package).is_dir():
        pytest.skip(f"needs Node and its package {package}: npm install it, then set SHOPFLOOR_NODE_MODULES")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(modules)
    copy = shutil.copy(ROOT / "tests" / "peers" / script, folder)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", copy, str(port), stdout=pipe)
    try:
        assert b"READY" in await asyncio.wait_for(process.stdout.readline(), 30)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
