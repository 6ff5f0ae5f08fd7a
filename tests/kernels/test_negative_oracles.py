"""What published formulas answer on the conformance cases: pinned, wrong, and told in docs/conformance.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from published import Answer, answers, shown, table

FOUND = answers()
FIGURES = {
    ("mean of A, P, Q", "vorne_example"): "90.9 %",
    ("06:00 to 14:00", "perfect_10min"): "95.8 %",
    ("1 us earlier", "perfect_10min"): "97.9 %",
    ("hour by hour", "perfect_10min"): "66.7 %",
    ("06:00 to 14:00", "perfect_1min"): "99.6 %",
    ("1 us earlier", "perfect_1min"): "99.8 %",
    ("hour by hour", "perfect_1min"): "96.7 %",
    ("max - min", "reset_midshift"): "50.0 %",
    ("planned stops", "breaks"): "93.8 %",
    ("planned stops", "planned_event"): "81.2 %",
    ("nothing planned", "nothing_planned"): "100.0 %",
    ("least of its stations", "two_stations"): "50.0 %",
    ("mean of the days", "night_shift"): "77.1 %",
    ("one UTC offset", "spring_night"): "66.7 %",
    ("one UTC offset", "night_shift"): "81.2 %",
    ("capped", "breaks"): "100.0 %",
}
"""Worked by hand from the rule and the case."""


@pytest.mark.parametrize(("rule", "case"), FIGURES)
def test_the_published_rule_answers_this(rule, case):
    (found,) = [a for a in FOUND if rule in a.rule and a.case == case]
    assert shown(found.theirs) == FIGURES[rule, case]


@pytest.mark.parametrize("answer", FOUND, ids=lambda a: f"{a.case}-{a.rule}")
def test_our_number_differs(answer: Answer):
    assert answer.ours is None or abs(float(answer.theirs) - float(answer.ours)) > 0.001


def test_a_mixed_day_compares_only_by_ideal_time():
    mixed = [a for a in FOUND if a.case == "mixed_products"]
    assert [shown(a.theirs) for a in mixed] == ["243.8 %", "131.2 %"]
    assert {shown(a.ours) for a in mixed} == {"75.0 %"}


def test_the_page_shows_the_table():
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf8")
    assert table() in page
