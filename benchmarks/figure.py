"""One figure of a benchmark, as a JSON line and as a table row."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """`figure` in `unit`; `versus` names the peer or limit, `ratio` is figure / peer."""

    name: str
    figure: float
    unit: str
    versus: str
    ratio: float | None
    note: str

    def json(self) -> str:
        """One JSON object a line."""
        return json.dumps(asdict(self))

    def row(self) -> str:
        """One row of docs/benchmarks.md."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        figure = f"{self.figure:,.0f}" if abs(self.figure) >= 1000 else f"{self.figure:.4g}"
        return f"| `{self.name}` | {figure} | {self.unit} | {self.versus} | {ratio} | {self.note} |"


def children_cpu_s() -> float:
    """CPU seconds of ended child processes, user and system."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def own_cpu_s() -> float:
    """CPU seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process that a piece of work takes."""
    before = own_cpu_s()
    work()
    return own_cpu_s() - before
