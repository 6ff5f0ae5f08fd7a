"""The chaos suites: `make chaos`. At the end one line a suite; a lost or doubled value fails the run.

A test takes the fixture `tally`, breaks the world, counts `faults` and calls `tally.compare(produced, stored)`.
Tests of one module share its tally, named by the module's SUITE (else by the file).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "connectors"))

from tally import Tally  # noqa: E402  found by the path above

TALLIES: dict[str, Tally] = {}


@pytest.fixture
def tally(request) -> Tally:
    """The tally of the suite; the test fails when it has lost or doubled something by the end of the test."""
    name = getattr(request.module, "SUITE", Path(request.module.__file__).stem.removeprefix("test_"))
    told = TALLIES.setdefault(name, Tally(name))
    yield told
    assert (told.lost, told.doubled) == (0, 0), str(told)


def pytest_terminal_summary(terminalreporter) -> None:
    if TALLIES:
        terminalreporter.section("chaos")
    for told in TALLIES.values():
        terminalreporter.write_line(str(told))


def pytest_sessionfinish(session) -> None:
    if any(told.bad for told in TALLIES.values()) and session.exitstatus == 0:
        session.exitstatus = 1
