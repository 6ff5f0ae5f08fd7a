"""The errors of the house. Each says what was found, where, what is valid and what to do.

Retry is decided by type: `TransientError` may go away by itself, `TerminalError` will not.
"""

from __future__ import annotations

from dataclasses import dataclass


class PlantError(Exception):
    """Root of every error Shopfloor raises on purpose."""


class TransientError(PlantError):
    """May go away by itself: retry with back-off."""


class TerminalError(PlantError):
    """Will not go away by itself: stop this part, report, go on with the rest."""


@dataclass(frozen=True)
class Problem:
    """One problem of the configuration: where it is, what was found, what is valid, what to do."""

    file: str
    key: str
    found: str
    valid: str
    hint: str = ""

    def __str__(self) -> str:
        tail = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{self.file}: {self.key}\n    found: {self.found}\n    valid: {self.valid}{tail}"


class ConfigError(TerminalError):
    """plant.toml has problems; `problems` holds every one of them."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        lines = "\n".join(str(p) for p in problems)
        super().__init__(f"{len(problems)} problem(s) in the configuration\n{lines}")


class SourceDownError(TransientError):
    """A source cannot be reached."""


class ContractError(TerminalError):
    """A frame breaks the contract of the table it is written to; nothing was written."""


class MissingTableError(TerminalError):
    """A table that is read does not exist in the lake yet."""
