"""A machine that is renamed leaves its old readings without a place: the build says which."""

from datetime import timedelta

import pytest
from late_plant import FIRST, START, Floor, builder, plant_of, toml

from pipelines.build import strayed
from pipelines.days.raw import strays

STRAYS = {("m-1.good", FIRST): 1, ("m-1.state", FIRST): 1}


@pytest.fixture
def root(tmp_path):
    Floor(tmp_path / "root").rows([("m-1.state", START, 1), ("m-1.good", START, 0), ("m-2.state", START, 1)])
    return tmp_path / "root"


def test_readings_of_a_renamed_machine_are_counted_by_their_tag(root, tmp_path):
    lake = Floor(root).lake
    renamed = plant_of(tmp_path, toml().replace('"m-1"', '"m-9"'))
    assert strays(plant_of(tmp_path / "old"), lake, FIRST, FIRST) == {}
    assert strays(renamed, lake, FIRST, FIRST) == STRAYS
    assert strays(renamed, lake, FIRST + timedelta(days=5), FIRST + timedelta(days=9)) == {}


def test_a_lake_without_readings_has_none(tmp_path):
    assert strays(plant_of(tmp_path), Floor(tmp_path / "root").lake, FIRST, FIRST) == {}


def test_the_build_after_a_renaming_finds_them_and_an_ordinary_one_finds_none(root, tmp_path):
    assert builder(plant_of(tmp_path), root).recompute().strays == {}
    assert builder(plant_of(tmp_path, toml().replace('"m-1"', '"m-9"')), root).recompute().strays == STRAYS


def test_the_finding_names_the_tags_and_what_to_do():
    said = strayed(STRAYS | {("m-1.good", FIRST + timedelta(days=1)): 1500})
    assert said.startswith("1,502 readings of tags that plant.toml does not name are in no number: ")
    assert "m-1.good (1,501), m-1.state (1)" in said
    assert "give the machine or tag its old name back" in said
    assert strayed({(f"m-{n}.good", FIRST): 1 for n in range(11)}).count(" and 3 more;") == 1
