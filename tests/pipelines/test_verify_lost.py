"""A data file that is gone from disk: verify names its table and what to do; a build mends silver and gold."""

from pathlib import Path

import pytest
from late_plant import FIRST, Floor, builder, plant_of

from pipelines.place import Place
from pipelines.verbs.verify.compare import verify
from plant.errors import PlantError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lost")
    floor, plant = Floor(folder / "root"), plant_of(folder)
    floor.usual_days(1)
    builder(plant, floor.root).recompute()
    return floor, plant


def lose(floor, name):
    """One data file of a table is deleted by hand."""
    path = Path(floor.lake.snapshot(name).paths()[0])
    path.unlink()
    return path


def test_verify_names_the_lost_file_and_a_build_makes_it_again(made):
    floor, plant = made
    names, day = ("silver.time_ledger",), FIRST
    path = lose(floor, names[0])
    with pytest.raises(PlantError, match="1 data files are missing on disk") as told:
        verify(plant, Place(floor.root), names, day)
    assert f"silver.time_ledger: {path}" in str(told.value)
    builder(plant, floor.root).recompute()
    found = verify(plant, Place(floor.root), names, day)
    assert (found.compared, found.differences, found.waiting) == (1, [], [])


def test_without_its_bronze_nothing_is_compared(made):
    floor, plant = made
    path = lose(floor, "bronze.readings")
    assert not path.exists()
    with pytest.raises(PlantError, match=r"bronze\.readings: .* come back only from a backup"):
        verify(plant, Place(floor.root), ("gold.oee",), FIRST)
