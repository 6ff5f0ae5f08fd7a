"""Runs every case of tests/cases/oee on the kernels: inputs and results as CSV files, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kit
import neutral
import polars as pl
import pytest
from ledger_run import run

CASES = neutral.cases()


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_the_kernels_answer_what_was_worked_out(case):
    compared = [name for late in (False, True) for name in _compare(case, late=late)]
    assert compared, "a case that compares nothing"


def _compare(case: Path, *, late: bool) -> list[str]:
    expected = kit.expected(case, late=late)
    if not expected:
        return []
    told = neutral.about(case)
    plant = neutral.plant_of(case)
    made = run(plant, kit.inputs(case, late=late), told["first"], told["last"])
    for name, rows in expected.items():
        got = kit.kpi_answer(plant, made, told, rows) if name == "kpi" else kit.answer(made, name, rows)
        assert got == kit.sorted_rows(rows), f"{case.name}: {told['title']}: {'after_' * late}{name}.csv"
    return list(expected)


def test_the_neutral_files_are_what_plant_toml_says():
    stale = [str(path) for path, text in neutral.files() if not path.exists() or path.read_text() != text]
    assert not stale, "run python tests/cases/neutral.py"


def test_every_file_of_a_case_is_one_the_format_knows():
    known = {*neutral.NEUTRAL, *kit.INPUTS, *kit.OUTPUTS, *(f"late_{n}" for n in kit.INPUTS)}
    known |= {f"after_{n}" for n in kit.OUTPUTS}
    for case in CASES:
        names = {p.stem for p in case.glob("*.csv")}
        assert names <= known, f"{case.name}: {names - known}"
        assert {"first", "last", "title", "working"} == set(neutral.about(case)), case.name
        late = {n for n in names if n.startswith("late_")}
        assert bool(late) == any(n.startswith("after_") for n in names), case.name


def test_there_are_cases():
    assert len(CASES) >= 20


@pytest.mark.parametrize("path", sorted(neutral.KIT.glob("*/*kpi.csv")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_worked_kpis_divide(path):
    """Value = numerator / denominator to 12 decimals; nothing over nothing is null."""
    for row in kit.read(path):
        parts: list[Any] = [row["numerator"], row["denominator"]]
        if parts[1] in {"", "0"}:
            assert row["value"] == ""
        else:
            assert abs(float(parts[0]) / float(parts[1]) - float(row["value"])) < 1e-12


def test_shuffled_inputs_change_nothing():
    """The order of rows in an input file says nothing."""
    case = neutral.KIT / "late_data"
    told, plant = neutral.about(case), neutral.plant_of(case)
    data = kit.inputs(case, late=True)
    turned = kit.Inputs(**{n: getattr(data, n).reverse() for n in data.__dataclass_fields__})
    one, two = (run(plant, d, told["first"], told["last"]) for d in (data, turned))
    assert one.time.equals(two.time)
    assert one.count.equals(two.count)
    assert pl.DataFrame(one.readings).equals(two.readings)


def test_the_page_lists_every_case_file_and_column():
    page = (neutral.KIT.parents[2] / "docs" / "conformance.md").read_text(encoding="utf8")
    for case in CASES:
        assert f"| `{case.name}` | {neutral.about(case)['title']} |" in page
    for name in {p.stem for case in CASES for p in case.glob("*.csv")}:
        assert f"`{name.removeprefix('late_').removeprefix('after_')}" in page, name
    columns = {c for case in CASES for p in case.glob("*.csv") for c in p.read_text().splitlines()[0].split(",")}
    assert not sorted(c for c in columns if f"`{c}`" not in page)
