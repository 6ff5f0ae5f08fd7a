"""Progress for people: one line a step on stderr, with time and what came out. Data never go here."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

from rich.console import Console


class Progress:
    """Prints steps as they begin and end; a quiet one prints nothing."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream or sys.stderr, quiet=quiet, highlight=False, soft_wrap=True)
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """One line with the seconds since the start."""
        self._console.print(f"[dim]{time.monotonic() - self._began:7.1f}s[/dim]  {text}")

    def step(self, title: str) -> Step:
        """A step: `with progress.step("Building") as step: step.note = "7 days"`."""
        return Step(self, title)


class Step:
    """One step; its note is shown when it ends."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress, self.title, self.note = progress, title, ""

    def __enter__(self) -> Step:
        self._began = time.monotonic()
        self._progress.say(f"{self.title} ...")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        took = time.monotonic() - self._began
        word = "[green]done[/green]" if error is None else "[red]failed[/red]"
        self._progress.say(f"{self.title} {word} in {took:.1f} s {self.note}")
