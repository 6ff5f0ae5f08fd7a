"""Five kills of the hundred of `make chaos`, so that every change meets them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "chaos"))
sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))
import test_kill
from mosquitto import MOSQUITTO
from tally import Tally


@pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto: apt-get install mosquitto")
def test_killed_five_times_under_load_nothing_is_lost_or_doubled(tmp_path, monkeypatch):
    monkeypatch.setattr(test_kill, "KILLS", 5)
    monkeypatch.setenv("CHAOS_SEED", "7")
    told = Tally("kill -9")
    test_kill.test_every_value_the_broker_took_is_stored_once(tmp_path, told)
    assert (told.faults, told.lost, told.doubled) == (5, 0, 0), str(told)
    assert told.produced > 1000
