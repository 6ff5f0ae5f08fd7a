"""The naive oracle, a second system that knows only the neutral files, on every conformance case."""

from __future__ import annotations

import kit
import neutral
import pytest
from naive_answers import answers
from naive_world import world_of

CASES = neutral.cases()


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_the_naive_oracle_answers_what_was_worked_out(case):
    told = neutral.about(case)
    for late in (False, True):
        expected = {n: rows for n, rows in kit.expected(case, late=late).items() if n != "energy"}
        if not expected:
            continue
        world = world_of(case, told["first"], told["last"], late=late)
        for name, rows in expected.items():
            assert answers(world, name, rows) == kit.sorted_rows(rows), f"{case.name}: {name}, late: {late}"
