"""A state and a mode tag together."""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import INSTANT
from assets.kernels.signals.modes import with_modes

EVENT = {"machine": pl.String, "at": INSTANT, "state": pl.String, "source": pl.String, "since_at": INSTANT}
TAGS = pl.DataFrame({"machine": ["a", "a", "b"], "role": ["state", "mode", "state"]})


def events(*rows: tuple[str, int, str, str]) -> pl.LazyFrame:
    told = [(m, at * 1_000_000, state, source, 0) for m, at, state, source in rows]
    return pl.LazyFrame(told, schema={**EVENT, "at": pl.Int64, "since_at": pl.Int64}, orient="row").cast(EVENT)


def combined(states: pl.LazyFrame, modes: pl.LazyFrame) -> list[tuple[str, int, str, str]]:
    made = with_modes(states, modes, TAGS).sort("machine", "at").collect(engine="in-memory")
    assert dict(made.schema) == EVENT
    return made.select("machine", pl.col("at").dt.epoch("s"), "state", "source").rows()


def test_executing_counts_as_the_mode_says_and_nothing_else_does():
    states = events(("a", 1, "producing", "signal"), ("a", 5, "idle", "signal"), ("a", 9, "producing", "signal"))
    modes = events(("a", 0, "producing", "signal"), ("a", 3, "setup", "signal"), ("a", 6, "planned_stop", "signal"))
    assert combined(states, modes) == [
        ("a", 1, "producing", "signal"), ("a", 3, "setup", "signal"), ("a", 5, "idle", "signal"),
        ("a", 6, "idle", "signal"), ("a", 9, "planned_stop", "signal"),
    ]  # fmt: skip


def test_without_a_trusted_mode_executing_is_unknown():
    states = events(("a", 1, "producing", "signal"), ("a", 4, "failed", "signal"))
    modes = events(("a", 2, "producing", "signal"), ("a", 3, "unknown", "none"))
    assert combined(states, modes) == [
        ("a", 1, "unknown", "none"), ("a", 2, "producing", "signal"), ("a", 3, "unknown", "none"),
        ("a", 4, "failed", "signal"),
    ]  # fmt: skip


def test_machines_without_a_mode_tag_pass_unchanged():
    states = events(("b", 1, "producing", "signal"), ("b", 2, "stopped", "signal"))
    assert (
        combined(states, events())
        == states.select("machine", pl.col("at").dt.epoch("s"), "state", "source").collect().rows()
    )
    only = TAGS.filter(pl.col("role") == "state")
    assert with_modes(states, events(), only) is states


def test_of_equal_instants_the_last_row_holds():
    states = events(("a", 1, "idle", "signal"), ("a", 1, "producing", "signal"))
    assert combined(states, events(("a", 1, "setup", "signal"))) == [("a", 1, "setup", "signal")]
