"""Ready-made state mappings: complete, usable by name, as their page says; OPC 40001-1 Annex C as a table."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from plant.checks.names import name_problems
from plant.checks.tags import tag_problems
from plant.config import Plant
from plant.dimensions import states_frame
from plant.model import PlantFile
from plant.state_maps import (
    ITEM_STATES,
    MTCONNECT_EXECUTION,
    OPERATION_MODES,
    PACKML_STATES,
    PLAIN_WORDS,
    READY_MADE,
    UMH_STATES,
    executing_as,
    with_ready_made,
)
from plant.states import STATE_WORDS, State

PLANT = """
schema = 1
plant = { name = "p" }
site = [{ name = "s", timezone = "UTC" }]
area = [{ name = "a", site = "s" }]
line = [{ name = "l", area = "a" }]
source = [{ name = "plc", kind = "opcua", endpoint = "opc.tcp://127.0.0.1:1" }]
machine = [{ name = "m", line = "l", kind = "k", tags = [
  { name = "state", role = "state", source = "plc", address = "i=1", states = "NAME" },
  { name = "mode", role = "mode", source = "plc", address = "i=2", states = "opc-40001-1-mode" },
] }]
"""
ISO: dict[tuple[str, str], str] = {
    ("Executing", "Processing"): "APT",
    ("Executing", "Setup"): "AUST",
    **{(s, m): "ADET or ADOT" for s in ("OutOfService", "NotAvailable", "NotExecuting")
       for m in ("None", "Maintenance", "Setup", "Processing")},
}  # fmt: skip
"""OPC 40001-1 Annex C.2, example interpretation for ISO 22400-2: ADET while an order is registered, else ADOT."""
E10 = {
    ("Executing", "Processing"): "PRD",
    ("NotExecuting", "Processing"): "SBY",
    ("NotExecuting", "Setup"): "ENG",
    ("OutOfService", "Processing"): "UDT",
}
"""OPC 40001-1 Annex C.3, example interpretation for SEMI E10."""


def _together(state: str, mode: str) -> State:
    words, modes = {n: w for _, n, w in ITEM_STATES}, {n: w for _, n, w in OPERATION_MODES}
    return executing_as(words[state], modes[mode])


@pytest.mark.parametrize(("state", "mode"), ISO)
def test_annex_c2_reads_iso_22400(state, mode):
    element = {State.PRODUCING: "APT", State.SETUP: "AUST"}.get(_together(state, mode), "ADET or ADOT")
    assert element == ISO[state, mode]
    assert _together(state, mode) not in (State.PLANNED_STOP, State.UNKNOWN)
    assert READY_MADE["opc-40001-1-combined"][f"{state}+{mode}"] == _together(state, mode)


@pytest.mark.parametrize(("state", "mode"), E10)
def test_annex_c3_reads_semi_e10(state, mode):
    """Standby is not executing and not failed; unscheduled down is failed. ENG has no word of its own here."""
    word = {"PRD": State.PRODUCING, "SBY": State.IDLE, "ENG": State.IDLE, "UDT": State.FAILED}[E10[state, mode]]
    assert _together(state, mode) == word


def test_executing_outside_processing_and_setup_is_never_production():
    assert _together("Executing", "Maintenance") == State.PLANNED_STOP
    assert _together("Executing", "None") == State.UNKNOWN


def test_packml_has_its_seventeen_states_and_only_execute_produces():
    numbers = {number: name for number, name, _ in PACKML_STATES}
    assert sorted(numbers) == list(range(18)), "17 states and Undefined"
    assert len(set(numbers.values())) == 18
    assert [name for _, name, word in PACKML_STATES if word == State.PRODUCING] == ["Execute"]
    assert READY_MADE["packml"]["11"] == "stopped", "Held is internal"
    assert READY_MADE["packml"]["5"] == "starved", "Suspended is external"
    for number, name in numbers.items():
        forms = {READY_MADE["packml-text"][form] for form in (name, name.upper(), name.lower())}
        assert forms == {READY_MADE["packml"][str(number)]}


@pytest.mark.parametrize("name", READY_MADE)
def test_every_ready_made_mapping_can_be_named(name):
    text = PLANT.replace("NAME", name)
    data = tomllib.loads(text)
    assert not [*name_problems("f", data), *tag_problems("f", data)]
    plant = Plant(PlantFile.model_validate(data), Path("plant.toml"))
    rows = states_frame(plant)
    assert set(rows["states"]) == {name, "opc-40001-1-mode"}
    assert set(rows["word"]) <= set(STATE_WORDS)
    assert dict(rows.filter(states=name).select("code", "word").rows()) == READY_MADE[name]


def test_a_mapping_of_the_file_wins_over_the_ready_made_one():
    own = PLANT.replace("NAME", "packml") + '[states.packml]\n5 = "blocked"\n'
    plant = Plant(PlantFile.model_validate(tomllib.loads(own)), Path("plant.toml"))
    assert plant.file.states["packml"] == {"5": "blocked"}


def test_an_unknown_mapping_is_told_with_the_ready_made_ones():
    (problem,) = name_problems("f", tomllib.loads(PLANT.replace("NAME", "packlm")))
    assert problem.key == "machine[0].tags[0].states"
    assert "packml" in problem.valid
    assert "mtconnect-execution" in problem.valid
    assert "packml" in problem.hint


def test_a_mode_needs_a_state_and_there_is_one_of_each():
    alone = PLANT.replace('role = "state"', 'role = "other"')
    assert [p.key for p in tag_problems("f", tomllib.loads(alone))] == ["machine[0].tags[1].role"]
    twice = PLANT.replace('role = "state"', 'role = "mode"')
    assert len(list(tag_problems("f", tomllib.loads(twice)))) == 2


@pytest.mark.parametrize(
    "data", [None, [], {"states": 3}, {"machine": 1}, {"machine": [1, {"tags": [2, {"states": []}]}]}]
)
def test_content_of_a_wrong_shape_is_left_to_the_shape_check(data):
    assert with_ready_made(data) == data


def test_the_docs_page_names_every_mapping_and_every_code():
    page = (Path(__file__).parents[2] / "docs" / "state_maps.md").read_text(encoding="utf8")
    for name in READY_MADE:
        assert f"`{name}`" in page, name
    for number, name, word in (*PACKML_STATES, *ITEM_STATES, *OPERATION_MODES):
        assert f"| {number} | {name} | `{word.value}` |" in page
    for code, word in (*MTCONNECT_EXECUTION, *UMH_STATES):
        assert f"| {code} | `{word.value}` |" in page
    for word, forms in PLAIN_WORDS.items():
        assert f"| `{word.value}` | {', '.join(forms)} |" in page
