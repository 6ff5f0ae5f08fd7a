"""Edits by people: every mistake is said in words, and what is in force follows from what was appended."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from late_plant import START, plant_of
from typer.testing import CliRunner

from assets.kernels import edits as kernel
from pipelines.cli import app
from plant.edits import reverted
from plant.tables import table
from warehouse import edits
from warehouse.edits import EditError
from warehouse.lake import Lake

HOUR = timedelta(hours=1)


@pytest.fixture
def plant(tmp_path):
    return plant_of(tmp_path)


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "lake").mkdir()
    return Lake(tmp_path)


def in_force(lake):
    return kernel.edits(lake.scan("bronze.edits").collect())


def test_every_mistake_is_said_in_words(lake, plant):
    def state(machine="m-1", start=START, end=START + HOUR, word="setup", by="anna", **more):
        return edits.edit_state(lake, plant, machine, start, end, word, by, **more)

    wrong = (
        (lambda: state(machine="m-9"), "machine 'm-9' is not in .*valid: m-"),
        (lambda: state(word="resting"), "state 'resting' is not known; valid: producing"),
        (lambda: state(end=START), "is empty"),
        (lambda: state(end=START - HOUR), "ends before it starts"),
        (lambda: state(start=START.replace(tzinfo=None)), "has no time zone"),
        (lambda: state(reason_class="bad luck"), "class 'bad luck' is not known; valid: breakdown"),
        (lambda: state(by=" "), "name of who edits is empty"),
        (lambda: edits.edit_reason(lake, plant, "m-1", START, START + HOUR, "", "setup", "anna"), "reason is empty"),
        (lambda: edits.retract(lake, plant, "m-1.nothing", START, START + HOUR, "anna"), "tag 'm-1.nothing' is not in"),
        (lambda: edits.revert(lake, "nothing", "anna"), "there is no edit 'nothing'"),
        (
            lambda: edits.split(lake, plant, "m-1", START, START, START + HOUR, ("a", "setup"), ("b", "setup"), "anna"),
            "valid is an instant between",
        ),
    )
    for attempt, words in wrong:
        with pytest.raises(EditError, match=words):
            attempt()
    assert not lake.exists("bronze.edits")


def test_an_edit_is_reverted_once_and_a_revert_brings_it_back(lake, plant):
    made = edits.edit_reason(lake, plant, "m-1", START, START + HOUR, "jam", "breakdown", "anna")
    back = edits.revert(lake, made, "bo", comment="wrong machine")
    assert in_force(lake).is_empty()
    with pytest.raises(EditError, match=f"was reverted by bo .*revert '{back}' to bring it back"):
        edits.revert(lake, made, "anna")
    edits.revert(lake, back, "anna")
    assert in_force(lake)["edit_id"].to_list() == [made]
    assert edits.edits(lake)["holds"].to_list() == [True, False, True]


def test_a_split_gives_both_parts_of_a_stop_their_reason(lake, plant):
    at = START + HOUR / 3
    ids = edits.split(
        lake, plant, "m-1", START, at, START + HOUR, ("jam", "breakdown"), ("no parts", "logistic"), "anna"
    )
    rows = in_force(lake).select("edit_id", "start_at", "end_at", "reason", "reason_class").rows()
    assert rows == [(ids[0], START, at, "jam", "breakdown"), (ids[1], at, START + HOUR, "no parts", "logistic")]
    assert lake.version("bronze.edits") == 1  # one commit after the table was made


def test_the_same_edit_twice_is_two_edits(lake, plant):
    """Said at two instants it is said twice; the same call is appended once."""
    now = datetime(2026, 3, 5, tzinfo=UTC)
    for at in (now, now, now + HOUR):
        edits.edit_state(lake, plant, "m-1", START, START + HOUR, "setup", "anna", now=at)
    assert lake.scan("bronze.edits").collect().height == 2


@given(st.lists(st.integers(0, 12), max_size=12))
def test_of_a_chain_of_reverts_every_second_one_holds(targets):
    """Reverts name an earlier row; a row holds unless a revert that holds names it."""
    at = datetime(2026, 3, 5, tzinfo=UTC)
    rows = [(at + HOUR * n, f"r{n}", f"r{t % n}" if n else "edit") for n, t in enumerate(targets)]
    gone = reverted(rows)
    for _, edit_id, _ in rows:
        assert (edit_id in gone) == any(taken == edit_id and by not in gone for _, by, taken in rows)


def test_empty_bronze_gives_empty_tables():
    nothing = table("bronze.edits").empty()
    for made, name in ((kernel.edits(nothing), "silver.edits"), (kernel.retractions(nothing), "silver.retractions")):
        assert made.is_empty()
        assert dict(made.schema) == table(name).schema


def test_the_verbs_of_edit(tmp_path, plant):
    (tmp_path / "lake").mkdir()
    where = ["--root", str(tmp_path), "--plant", str(plant.path)]

    def run(*words, root_only=False):
        return CliRunner().invoke(app, ["edit", *words, *(where[:2] if root_only else where)])

    # Without an offset the wall clock of the machine's site counts: m-3 stands in New York.
    done = run("state", "m-3", "2026-03-03T07:00", "2026-03-03T08:00:00-05:00", "setup", "--by", "anna")
    assert done.exit_code == 0, done.output
    row = Lake(tmp_path).scan("bronze.edits").collect().row(0, named=True)
    assert (row["start_at"].hour, row["end_at"].hour) == (12, 13)
    for words in (
        ("reason", "m-1", "2026-03-03T10:00", "2026-03-03T10:20", "jam", "breakdown", "--by", "anna"),
        ("split", "m-1", "2026-03-03T11:00", "2026-03-03T11:10", "2026-03-03T11:20", "jam", "breakdown", "wait",
         "logistic", "--by", "bo"),
        ("retract", "m-1.good", "2026-03-03T10:00", "2026-03-03T10:20", "--by", "anna", "--comment", "test run"),
    ):  # fmt: skip
        assert run(*words).exit_code == 0
    assert run("revert", row["edit_id"], "--by", "anna", root_only=True).exit_code == 0
    listed = run("list", root_only=True).output
    assert "4 of 6 edits" in listed
    assert "test run" in listed
    assert "6 of 6 edits" in run("list", "--all", root_only=True).output
    skipped = run("state", "m-1", "2026-03-29T02:30", "2026-03-29T04:00", "setup", "--by", "anna")
    assert isinstance(skipped.exception, EditError)
    assert "does not exist in Europe/Berlin" in str(skipped.exception)
    assert isinstance(run("reason", "m-1", "soon", "later", "jam", "setup", "--by", "x").exception, EditError)
    assert pl.DataFrame(in_force(Lake(tmp_path))).height == 3
