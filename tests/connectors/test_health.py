"""Health of a source: rate, gaps and clock, learnt from the rows it hands in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from connectors.gaps import Gap, gap_rows
from connectors.health import Health
from connectors.intake import ROWS
from connectors.skew import Skew

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def arrivals(*stamps: tuple[float, float], server: bool = True) -> pl.DataFrame:
    """Rows by (receive time, stamp), s after NOW; the stamp is the server's, or the source's without `server`."""
    rows = [
        {"ts": NOW + timedelta(seconds=at), "tag": "m.x", "value": 1.0, "status": 0, "source": "s",
         "server_at": NOW + timedelta(seconds=at) if server else None, "received_at": NOW + timedelta(seconds=got)}
        for got, at in stamps
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=ROWS)


@pytest.mark.parametrize("server", [True, False])
def test_the_least_delay_is_the_difference_of_the_clocks(server):
    skew = Skew()
    skew.saw(arrivals((0, 30.9), (1, 30.25), (2, 32.0), server=server))
    assert skew.seconds == -30.9, "its clock is 30.9 s ahead; what was longer on its way shows less of it"


def test_late_values_and_one_odd_stamp_move_nothing():
    skew = Skew()
    for minute in range(9):
        skew.saw(arrivals(*((60 * minute + s, 60 * minute + s - 2.1) for s in range(5))))
    skew.saw(arrivals((560, -90_000)))  # history read back
    assert skew.seconds == 2.1
    skew.saw(arrivals((600, 4000)))  # one stamp from the future
    assert skew.seconds == 2.1
    for minute in range(11, 17):  # the clock is set right
        skew.saw(arrivals((60 * minute, 60 * minute - 0.1)))
    assert skew.seconds == pytest.approx(0.1)


def test_a_source_without_a_clock_of_its_own_has_no_skew():
    health = Health("mb", "modbus")
    health.took(arrivals((0, 0), (1, 1), server=False))
    health.tick(NOW)
    assert health.skew_s is None
    assert health.last_value_at == NOW + timedelta(seconds=1)


def test_a_wrong_clock_is_said_once_and_when_it_is_right_again(caplog):
    health = Health("ua", "opcua", skew_limit_s=5.0)
    for minute in range(3):
        health.took(arrivals((60 * minute, 60 * minute + 12.0)))
        health.tick(NOW + timedelta(minutes=minute))
    assert "its clock is 12.0 s ahead of ours" in str(health.as_dict()["message"])
    for minute in range(3, 13):
        health.took(
            arrivals((60 * minute, 60 * minute)),
        )
        health.took(arrivals((60 * minute, 60 * minute - 0.2)))
        health.tick(NOW + timedelta(minutes=minute))
    told = [r.getMessage() for r in caplog.records]
    assert [("ahead" in t, "right again" in t) for t in told] == [(True, False), (False, True)]
    assert health.as_dict()["message"] == ""


def test_gaps_are_counted_and_have_no_clock():
    health = Health("ua", "opcua")
    gap = Gap("ua", ("m.a", "m.b"), int(NOW.timestamp() * 1e6), None, "disconnected")
    health.took(gap_rows(gap, received_us=int(NOW.timestamp() * 1e6) + 90_000_000))
    health.tick(NOW)
    assert (health.gaps, health.skew_s) == (2, None)


def test_rate_and_last_sign_of_life():
    health = Health("ua", "opcua")
    health.up()
    health.took(arrivals((0, 30.0)))
    for second in range(60):
        health.saw(500, NOW)
        health.tick(NOW + timedelta(seconds=second))
    assert health.values_per_s == pytest.approx(500, rel=0.01)
    assert health.alive_at == NOW + timedelta(seconds=59 + 30), "on the clock of the source"
    health.down("gone")
    health.tick(NOW + timedelta(seconds=90))
    assert health.alive_at == NOW + timedelta(seconds=89)
    health.up()
    assert (health.errors, health.reconnects) == (1, 1)
