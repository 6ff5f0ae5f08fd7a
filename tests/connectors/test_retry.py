"""Back-off, start policies, and an outage that is told once."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime

import pytest
from dock_plant import in_loop

from connectors.login import LoginRefusedError
from connectors.retry import Backoff, Health, supervise
from plant.errors import SourceDownError, TerminalError

FAST = Backoff(0.01, 1.0, 0.01)


def test_waits_grow_to_the_cap_and_start_over():
    backoff = Backoff(1.0, 2.0, 5.0)
    waits = [backoff.next_s() for _ in range(5)]
    assert [round(w / n, 1) for w, n in zip(waits, (1, 2, 4, 5, 5), strict=True)] == pytest.approx([1] * 5, abs=0.11)
    backoff.reset()
    assert backoff.next_s() < 1.2


@in_loop
async def test_an_outage_is_one_error_and_one_recovery(caplog):
    caplog.set_level(logging.INFO)
    health, tries = Health("press", "modbus"), 0

    async def run():
        nonlocal tries
        tries += 1
        if tries in {2, 3, 4, 5}:
            raise SourceDownError("no answer")
        health.up()
        if tries == 1:
            raise SourceDownError("cable out")

    await asyncio.wait_for(supervise(run, health, backoff=FAST), 60)
    levels = [r.levelname for r in caplog.records if "press" in r.getMessage()]
    assert levels == ["INFO", "ERROR", "WARNING"]
    assert "cable out" in caplog.text
    assert health.state == "connected"


@in_loop
async def test_a_refused_login_is_tried_again_seldom(monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    async def run():
        if len(waits) == 6:
            raise TerminalError("enough")
        raise (LoginRefusedError if len(waits) != 4 else SourceDownError)("no")

    monkeypatch.setattr("connectors.retry.asyncio.sleep", sleep)
    await supervise(run, Health("plc", "opcua"), backoff=FAST)
    assert [round(w / wanted, 1) for w, wanted in zip(waits, (60, 300, 1500, 3600, 0.01, 3600), strict=True)] == (
        pytest.approx([1] * 6, abs=0.11)
    )


@in_loop
async def test_a_terminal_error_ends_only_that_source(caplog):
    async def run():
        raise TerminalError("wrong certificate")

    health = Health("ua", "opcua")
    await asyncio.wait_for(supervise(run, health), 60)
    assert "given up: wrong certificate" in caplog.text
    assert health.message == "wrong certificate"


@in_loop
async def test_a_mistake_of_ours_is_logged_with_its_place_and_tried_again(caplog):
    health, tries = Health("ua", "opcua"), 0

    async def run():
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ZeroDivisionError("oops")
        health.up()

    await asyncio.wait_for(supervise(run, health, backoff=FAST), 60)
    assert caplog.text.count("Traceback") == 1
    assert health.state == "connected"


def test_health_is_ready_for_json():
    health = Health("ua", "opcua")
    health.saw(3, datetime(2026, 11, 22, tzinfo=UTC))
    told = json.loads(json.dumps(health.as_dict()))
    assert told == {
        "source": "ua", "kind": "opcua", "state": "never seen", "last_at": "2026-11-22T00:00:00+00:00", "values": 3,
        "message": "", "since_at": None, "last_value_at": None, "values_per_s": 0.0, "errors": 0, "reconnects": 0,
        "skew_s": None, "gaps": 0, "alive_at": None,
    }  # fmt: skip
