"""What the demo costs: `shopfloor demo --no-serve --days 7` from empty, in CPU seconds of its own process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, children_cpu_s

AIM_CPU_S = 90.0


def figures(data: Path) -> Iterator[Figure]:
    """The demo from empty, and a build with nothing to do."""
    with tempfile.TemporaryDirectory(prefix="shopfloor-bench-") as root:
        first = _cpu("demo", "--no-serve", "--days", "7", "--root", root)
        yield Figure("demo.cpu_s", first, "CPU s", f"aim {AIM_CPU_S:.0f} CPU s", first / AIM_CPU_S, "7 days from empty")
        idle = _cpu("build", "--root", root)
        yield Figure("demo.idle_build_cpu_s", idle, "CPU s", "demo.cpu_s", idle / first, "nothing is stale")


def _cpu(*args: str) -> float:
    before = children_cpu_s()
    done = subprocess.run([sys.executable, "-m", "pipelines.cli", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"shopfloor {' '.join(args)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return children_cpu_s() - before
