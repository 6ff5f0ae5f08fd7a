"""The running plant: simulator, collectors, and the demo that ties them together."""

from __future__ import annotations

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines.build import Builder, BuildError
from pipelines.place import Place, place
from pipelines.verbs.children import Children
from pipelines.verbs.history import database_url, make_history
from pipelines.verbs.progress import Progress
from plant.config import Plant, load
from plant.errors import PlantError
from plant.units import duration

AHEAD = timedelta(hours=24)
"""How far the live plant is simulated ahead; it is extended when it gets there."""
REBUILD_S = 60.0


def simulate(plant_toml: Path, root: Path | None, *, seed: int, days: int) -> int:
    """The verb: servers and database of the plant in a box until SIGINT or SIGTERM."""
    plant, where, progress = load(plant_toml), place(root), Progress()
    if days:
        make_history(plant, where, progress, days=days, seed=seed, live=True)
    asyncio.run(_until_signal(_serve_plant(plant, where, progress, seed)))
    return 0


async def _serve_plant(plant: Plant, where: Place, progress: Progress, seed: int) -> None:
    """Serve the plant for ever: simulate a day ahead, catch the historian up to now, serve, extend."""
    from simulator import catch_up, plant_run
    from simulator.serve import serve

    while True:
        now = datetime.now(UTC)
        began = _history_start(where, now)
        with progress.step("Simulating the coming day"):
            run = plant_run(plant, seed, began, now + AHEAD)
        catch_up(run, where.root, now, database_url(plant))
        progress.say("serving OPC UA, Modbus TCP and MQTT Sparkplug B")
        await serve(run, plant, where.root, database_url(plant), until=now + AHEAD, since=now)


def _history_start(where: Place, now: datetime) -> datetime:
    noted = where.truth / "run.json"
    if not noted.exists():
        return now - timedelta(hours=1)
    return datetime.fromisoformat(json.loads(noted.read_text())["start_at"])


def collect(plant_toml: Path, root: Path | None, length: str | None) -> int:
    """The verb: run the collectors until stopped, or for a duration."""
    from pipelines.collect import run

    plant, where = load(plant_toml), place(root)
    try:
        seconds = None if length is None else duration(length).total_seconds()
    except ValueError as error:
        raise PlantError(f"--for: {error}") from error
    return run(plant, where.root, seconds)


def run_all(plant_toml: Path, plant: Plant, where: Place, progress: Progress, *, seed: int, live: bool) -> None:
    """Serve the demo; with `live` the plant runs, values arrive over the protocols, tables follow each minute."""
    from pipelines.verbs.serve import start_servers, watch

    with Children(where.root / "logs", progress) as children:
        ports = {"port": 8501, "dagster_port": 3000}
        for line in start_servers(children, plant_toml, where, host="127.0.0.1", **ports):
            progress.say(line)
        if live:
            common = ("--plant", str(plant_toml), "--root", str(where.root))
            children.start("plant", "pipelines.cli", "simulate", *common, "--seed", str(seed), "--days", "0")
            children.start("collector", "pipelines.cli", "collect", *common)
            if rest := _rest(plant):
                progress.say(rest)
        progress.say("Ctrl-C ends everything")
        if live:
            _follow(plant, where, progress, children)
        else:
            watch(children)


def _rest(plant: Plant) -> str | None:
    """Says that the plant stands still, where it does: outside shifts little more than meters and sensors arrive."""
    from simulator import idle_until

    resumes = idle_until(plant, datetime.now(UTC))
    if resumes is None:
        return None
    local = resumes.astimezone(plant.zone(plant.file.site[0].name))
    return f"no shift is worked now: machines are off until {local:%A %H:%M}, meters and sensors speak once a minute"


def _follow(plant: Plant, where: Place, progress: Progress, children: Children) -> None:
    """Bring the tables up to date each minute until Ctrl-C."""
    import time

    builder = Builder(plant, where, Progress(quiet=True))
    try:
        while True:
            time.sleep(REBUILD_S)
            children.fallen()
            try:
                built = builder.run()
            except BuildError as error:
                progress.say(f"[red]build failed[/red] {error}")
                continue
            readings = builder.lake.snapshot("bronze.readings")
            progress.say(f"up to date, {readings.rows if readings else 0:,} readings, {len(built.stages)} jobs run")
            built.stages.clear()
    except KeyboardInterrupt:
        progress.say("stopping")


async def _until_signal(work: object) -> None:
    """Run a coroutine until it ends or SIGINT or SIGTERM comes; then cancel it and wait."""
    task = asyncio.ensure_future(work)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
