"""Unchanged values said again while their source is alive."""

from datetime import timedelta

import polars as pl
from dock_plant import utc

from connectors.intake import ROWS, Seen
from connectors.repeats import MARGIN_US, REPEAT_US, Repeats

START = utc().replace(microsecond=0)
MINUTE = timedelta(minutes=1)
STALE = {"m.state": 600_000_000, "m.mode": 20_000_000}


def rows(*given):
    """(tag, minutes after START, value, status) as rows on their way in."""
    full = [dict.fromkeys(ROWS) | {"tag": t, "ts": START + m * MINUTE, "value": v, "status": s, "source": "plc",
                                   "received_at": START + m * MINUTE} for t, m, v, s in given]  # fmt: skip
    return pl.DataFrame(full, schema=ROWS)


def us(minutes):
    return int((START + minutes * MINUTE).timestamp() * 1e6)


def last(*given):
    seen = Seen()
    seen.remember(rows(*given))
    return seen.last


def test_a_quiet_tag_is_said_again_a_little_before_the_last_sign_of_life():
    found = Repeats("plc", STALE).due(last(("m.state", 0, 1.0, 0), ("m.good", 0, 5.0, 0)), us(3))
    assert found.schema == ROWS
    assert found.select("tag", "value", "source").rows() == [("m.state", 1.0, "plc")]
    assert found["ts"].dt.epoch("us").to_list() == [us(3) - MARGIN_US]


def test_it_waits_for_a_minute_or_half_of_stale_after():
    quiet = last(("m.state", 0, 1.0, 0), ("m.mode", 0, 2.0, 0))
    early = Repeats("plc", STALE).due(quiet, us(0) + MARGIN_US + 10_000_000)
    assert early["tag"].to_list() == ["m.mode"]
    assert Repeats("plc", STALE).due(quiet, us(0) + MARGIN_US + REPEAT_US).height == 2


def test_bad_values_and_tags_nobody_knows_a_value_of_are_not_said_again():
    assert Repeats("plc", STALE).due(last(("m.state", 0, None, 0x80310000)), us(9)).is_empty()
    assert Repeats("plc", STALE).due(Seen().last, us(9)).is_empty()
    assert Repeats("plc", {}).due(last(("m.state", 0, 1.0, 0)), us(9)).is_empty()


def test_a_sample_that_was_long_on_its_way_holds_behind_what_was_said_again():
    repeats = Repeats("plc", STALE)
    said = repeats.due(last(("m.state", 0, 1.0, 0)), us(3))["ts"][0]
    came = repeats.mended(rows(("m.state", 2.5, 4.0, 0), ("m.good", 2.5, 7.0, 0)))
    assert came.sort("ts").filter(pl.col("tag") == "m.state").select("ts", "value").rows() == [
        (START + 2.5 * MINUTE, 4.0), (said + timedelta(microseconds=1), 4.0),
    ]  # fmt: skip
    assert repeats.mended(rows(("m.state", 4, 4.0, 0))).height == 1
