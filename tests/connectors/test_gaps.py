"""Gaps: rows that make time unknown from the last good moment to the next good sample."""

from __future__ import annotations

import polars as pl
import pytest

from connectors.gaps import Gap, confirmed, gap_rows, open_tags
from connectors.intake import ROWS, Seen, as_instant
from plant.states import BAD_NO_COMMUNICATION, GAP_STATUS

T0 = 1_790_000_000_000_000
MINUTE = 60_000_000


def gap(end_us: int | None = None, reason: str = "disconnected") -> Gap:
    return Gap("plc", ("m.state", "m.good"), T0, end_us, reason)


def samples(*rows: tuple[int, str, float | None, int]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["ts", "tag", "value", "status"], orient="row")
    at = as_instant(frame["ts"])
    return frame.with_columns(
        ts=at, text=pl.lit(None, pl.String), server_at=at, received_at=at, source=pl.lit("plc")
    ).select(pl.col(k).cast(v) for k, v in ROWS.items())


def test_a_gap_opens_just_after_the_last_good_moment_with_a_row_per_tag():
    rows = gap_rows(gap(), received_us=T0 + MINUTE)
    assert rows.schema == pl.Schema(ROWS)
    assert rows["tag"].to_list() == ["m.state", "m.good"]
    assert set(rows["ts"].to_physical()) == {T0 + 1} and set(rows["received_at"].to_physical()) == {T0 + MINUTE}
    assert set(rows["status"]) == {BAD_NO_COMMUNICATION} and rows["value"].null_count() == 2


@pytest.mark.parametrize("reason", GAP_STATUS)
def test_every_reason_has_a_bad_status_of_its_own(reason):
    (status,) = set(gap_rows(gap(reason=reason))["status"])
    assert status >> 30 == 2
    assert len(set(GAP_STATUS.values())) == len(GAP_STATUS)


def test_a_gap_told_twice_is_one():
    seen = Seen()
    seen.remember(gap_rows(gap(), received_us=T0 + 5))
    assert seen.fresh(gap_rows(gap(T0 + MINUTE), received_us=T0 + 9)).is_empty()


def test_a_gap_needs_a_known_reason_and_an_end_after_its_beginning():
    with pytest.raises(ValueError, match="valid are disconnected, stale"):
        gap(reason="lunch")
    with pytest.raises(ValueError, match=r"ends .* no later than it begins"):
        gap(end_us=T0)
    assert gap_rows(gap(end_us=T0 + 1)).is_empty()


def test_only_old_good_values_are_confirmed_at_the_end_of_a_gap():
    rows = samples(
        (T0 - MINUTE, "m.state", 3.0, 0), (T0, "m.state", 4.0, 0),  # unchanged since before the gap: the latest holds
        (T0 + 2 * MINUTE, "m.good", 7.0, 0),  # changed since: ends the gap itself
        (T0 - 5, "m.power", None, 0x80000000),
    )  # fmt: skip
    again = confirmed(rows, T0 + MINUTE)
    assert again.select("tag", "value", "status").rows() == [("m.state", 4.0, 0)]
    assert again["ts"].to_physical().to_list() == [T0 + MINUTE] and again["server_at"].to_physical().to_list() == [T0]
    assert again.schema == pl.Schema(ROWS)


def test_only_tags_whose_last_row_is_not_bad_can_have_a_gap():
    rows = samples((T0, "a", 1.0, 0), (T0, "b", 1.0, 0), (T0 + 1, "b", None, BAD_NO_COMMUNICATION))
    assert open_tags(rows, ["b", "a", "never"]) == ["a"]
