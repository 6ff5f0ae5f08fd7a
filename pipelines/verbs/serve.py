"""`shopfloor serve`: dashboards and Dagster's web server, on loopback unless told."""

from __future__ import annotations

import time
from pathlib import Path

from pipelines.instance import prepare
from pipelines.place import Place, place
from pipelines.verbs.children import Children, refuse_taken_port
from pipelines.verbs.progress import Progress
from plant.config import load

APP = Path(__file__).parents[2] / "dashboards" / "app.py"


def start_servers(
    children: Children, plant_toml: Path, where: Place, *, host: str, port: int, dagster_port: int
) -> list[str]:
    """Start both servers; returns their addresses."""
    refuse_taken_port(host, port, "--port")
    refuse_taken_port(host, dagster_port, "--dagster-port")
    env = {
        "SHOPFLOOR_ROOT": str(where.root),
        "SHOPFLOOR_PLANT": str(plant_toml.resolve()),
        "DAGSTER_HOME": str(prepare(where)),
    }
    children.start(
        "dashboards", "streamlit", "run", str(APP), "--server.headless=true", f"--server.address={host}",
        f"--server.port={port}", "--browser.gatherUsageStats=false", env=env,
    )  # fmt: skip
    children.start(
        "dagster", "dagster", "dev", "-m", "pipelines.definitions", "-h", host, "-p", str(dagster_port), env=env
    )
    return [f"Dashboards  http://{host}:{port}", f"Dagster     http://{host}:{dagster_port}"]


def serve(plant_toml: Path, root: Path | None, *, host: str, port: int, dagster_port: int) -> int:
    """The verb: serve until Ctrl-C."""
    load(plant_toml)
    where, progress = place(root), Progress()
    with Children(where.root / "logs", progress) as children:
        ports = {"port": port, "dagster_port": dagster_port}
        for line in start_servers(children, plant_toml, where, host=host, **ports):
            progress.say(line)
        progress.say("Ctrl-C ends both")
        return watch(children)


def watch(children: Children) -> int:
    """Wait until Ctrl-C (0) or until every child has ended (1)."""
    try:
        while children.alive():
            children.fallen()
            time.sleep(1)
    except KeyboardInterrupt:
        return 0
    children.fallen()
    return 1
