"""Every problem of a plant.toml at once, each with key, found, valid and what to do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from plant.checks.problems import problems_of
from plant.config import load
from plant.errors import ConfigError

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "plant.toml"
MISTAKES = tomllib.loads((HERE / "mistakes.toml").read_text(encoding="utf8"))["mistake"]


def told(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "plant.toml"
    path.write_text(text, encoding="utf8")
    return {p.key: str(p) for p in problems_of(path)[0]}


def changed(tmp_path: Path, old: str, new: str) -> dict[str, str]:
    text = EXAMPLE.read_text(encoding="utf8")
    assert old in text, f"the example no longer holds {old!r}"
    return told(tmp_path, text.replace(old, new, 1))


def test_the_example_has_no_problem():
    assert problems_of(EXAMPLE)[0] == []


def test_ten_planted_mistakes_are_ten_problems():
    path = HERE / "ten_mistakes.toml"
    found = {p.key: p for p in problems_of(path)[0]}
    expected = {
        "site[0].timezone": "Europe/Berlim", "line[2].area": "utility", "shift[1]": "overlaps",
        "shift[1].breaks[0]": "22:30 to 23:00", "states.codes.5": "hungry", "source[1].hots": "hots",
        "source[6].url": "password", "product[2].ideal[2].machine": "pack-3", "machine[0].tags[4].range": "[60, 0]",
        "machine[4].tags[2].address": "holding:2",
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for key, word in expected.items():
        assert word in found[key].found
        assert found[key].valid
        assert found[key].hint
        assert found[key].file == str(path)
    assert "host" in found["source[1].hots"].hint
    assert not any("hunter2" in str(p) for p in found.values()), "a secret is never repeated"
    with pytest.raises(ConfigError, match="10 problem"):
        load(path)


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{m['key']}:{n}" for n, m in enumerate(MISTAKES)])
def test_one_mistake_is_one_problem(tmp_path, mistake):
    found = changed(tmp_path, mistake["old"], mistake["new"])
    key = mistake["key"]
    assert key in found, f"told instead: {found}"
    assert mistake["words"] in found[key]
    assert "secret" not in found[key].replace("secrets", "")


def test_a_misspelt_required_column_is_one_problem(tmp_path):
    assert changed(tmp_path, 'ts = "Timestamp"', 'tss = "Timestamp"').keys() == {"source[4].columns.tss"}


def test_each_missing_column_is_a_problem_of_its_own(tmp_path):
    found = changed(
        tmp_path, 'content = "readings"\n[source.columns]\ntag = "Tag"', 'content = "reports"\n[source.columns]'
    )
    missing = {f"source[4].columns.{c}" for c in ("machine", "start_at", "end_at", "report")}
    assert missing | {f"source[4].columns.{c}" for c in ("ts", "value", "status")} == found.keys()


def test_a_renamed_source_is_told_once_a_tag(tmp_path):
    found = changed(tmp_path, 'name = "edge-mqtt"', 'name = "edge"')
    assert len(found) == 16
    assert all(re.fullmatch(r"machine\[[36]\]\.tags\[\d\]\.source", key) for key in found)


def test_missing_file(tmp_path):
    (problem,), data = problems_of(tmp_path / "none.toml")
    assert data == {}
    assert "no such file" in problem.found


def test_syntax_error_names_the_line(tmp_path):
    found = told(tmp_path, 'schema = 1\n[plant]\nname = "x\n')
    assert list(found) == ["line 3, column 10"]


def test_not_utf8(tmp_path):
    path = tmp_path / "plant.toml"
    path.write_bytes(b'schema = 1\nname = "\xff"')
    assert problems_of(path)[0][0].key == "byte 19"


def test_empty_file_names_every_missing_section(tmp_path):
    assert told(tmp_path, "").keys() == {"schema", "plant", "site", "area", "line", "machine"}


SHAPES = [
    "site = 3",
    "machine = [1, 2]",
    "states = 4",
    "shift = [{ breaks = 3 }]",
    "source = [3]",
    'shift = [{ lines = 5, site = "s" }]',
    "machine = [{ tags = [{ range = [1] }] }]",
    'shift = [{ rrule = 5, starts_on = "x" }]',
    'area = [{ name = ["x"], site = { a = 1 } }]',
    'shift = [{ name = "a", site = ["s"], start = "06:00", end = "07:00" }]',
    'source = [{ name = "x", kind = ["sql"], machines = { a = [1] } }]',
    'source = [{ name = "x", kind = "files", columns = 3, separator = 4, encoding = 5, timezone = 6 }]',
    'source = [{ name = "x", kind = "files", content = ["y"], columns = { ts = 3 }, encoding = "\\u0000" }]',
]


@pytest.mark.parametrize("text", SHAPES)
def test_wrong_shapes_are_told_not_raised(tmp_path, text):
    assert told(tmp_path, text)
