import importlib.util
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from plant.errors import TerminalError
from plant.kpi.terms import Sum
from warehouse import SignoffError, refresh_changes, sign_off
from warehouse.lake import Lake
from warehouse.revisions import definitions as defining
from warehouse.revisions.changes import rounded
from warehouse.revisions.notifications import notifications

spec = importlib.util.spec_from_file_location("sums", Path(__file__).with_name("sums.py"))
sums = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sums)
DAY = sums.DAYS[0]
CELL = ("availability", "line", "front", "day", sums.hour(DAY, 6))


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.setattr(defining, "catalogue", lambda: sums.KPIS)
    lake = Lake(tmp_path)
    write(lake, saw=1, press=2)
    refresh_changes(lake)
    return lake


def write(lake, cause="late rows", **apt):
    rows = [sums.row(m, 6, apt_us=n, pbt_us=10) for m, n in apt.items()]
    lake.replace_days("gold.kpi_sums", sums.rows(*rows), [DAY], cause=cause)


def told(lake):
    return lake.scan("gold.notifications").sort("known_from").collect()


def test_a_sign_off_is_recorded_once_with_the_number_as_it_stands(lake):
    row = sign_off(lake, *CELL, by=" Ada ", comment="month end")
    assert (row["value"], row["signed_by"], row["definition_id"]) == (0.15, "Ada", "availability/shopfloor-1/1")
    assert sign_off(lake, *CELL, by="Ada") == row
    sign_off(lake, *CELL, by="Bo")
    assert sorted(lake.scan("bronze.signoffs").collect()["signed_by"]) == ["Ada", "Bo"]


def test_what_cannot_be_signed_is_refused(lake):
    with pytest.raises(SignoffError, match="say who signs"):
        sign_off(lake, *CELL, by=" ")
    with pytest.raises(SignoffError, match=r"there is no availability of nowhere.*periods near it: none"):
        sign_off(lake, "availability", "line", "nowhere", "day", sums.hour(DAY, 6), by="Ada")
    with pytest.raises(SignoffError, match=r"periods near it: 2026-11-02 06:00"):
        sign_off(lake, *CELL[:4], sums.hour(DAY, 7), by="Ada")
    with pytest.raises(TerminalError, match="no KPI 'oe'"):
        sign_off(lake, "oe", *CELL[1:], by="Ada")
    with pytest.raises(TerminalError, match="period_start 2026-11-02T06:00:00 has no zone"):
        sign_off(lake, *CELL[:4], datetime.fromisoformat("2026-11-02T06:00"), by="Ada")
    assert not lake.exists("bronze.signoffs")


def test_a_period_that_still_runs_is_not_signed(lake):
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    row = sums.row("saw", 6, apt_us=1, pbt_us=2) | {"production_day": now.date(), "hour_at": now}
    lake.replace_days("gold.kpi_sums", sums.rows(row), [now.date()])
    with pytest.raises(SignoffError, match="still running; it can be signed from"):
        sign_off(lake, *CELL[:4], now, by="Ada")


def test_a_number_that_changes_twice_is_told_twice_with_parts_that_sum(lake):
    signed = sign_off(lake, *CELL, by="Ada")
    assert refresh_changes(lake) == []
    causes = pl.DataFrame({"machine": ["saw", "press"], "production_day": [DAY] * 2, "cause": ["late rows", "orders"]})
    write(lake, causes, saw=4, press=7)
    assert refresh_changes(lake) == ["gold.notifications"]
    write(lake, "calendar", saw=4, press=8)
    assert refresh_changes(lake) == ["gold.notifications"]
    assert refresh_changes(lake) == []
    found = told(lake)
    assert found["value"].to_list() == [0.55, 0.6]
    assert found["recipient"].to_list() == ["Ada", "Ada"]
    first, second = (json.loads(text, parse_float=Decimal) for text in found["parts"])
    assert first == {"late rows": Decimal("0.15"), "orders": Decimal("0.25")}
    assert list(second) == ["late rows", "orders", "calendar"]
    assert sum(second.values()) == rounded(0.6) - rounded(signed["value"])
    assert "Ada signed 15.00 %" in found["message"][1]
    assert (
        "it reads 60.00 % (late rows +15.00 points, orders +25.00 points, calendar +5.00 points)" in found["message"][1]
    )


def test_both_changes_are_told_when_nobody_looked_in_between(lake):
    sign_off(lake, *CELL, by="Ada")
    for n in (4, 5, 5):
        write(lake, saw=n, press=2)
    refresh_changes(lake)
    assert told(lake)["value"].to_list() == [0.3, 0.35]


def test_a_number_that_went_is_told_in_words(lake):
    sign_off(lake, *CELL, by="Ada")
    write(lake, "orders", oven=3)
    refresh_changes(lake)
    row = told(lake).row(0, named=True)
    assert (row["value"], json.loads(row["parts"])) == (None, {"orders": None})
    assert "it reads no number (orders let the number come or go)" in row["message"]


def test_signing_again_ends_the_old_sign_off(lake):
    sign_off(lake, *CELL, by="Ada")
    write(lake, saw=4, press=2)
    sign_off(lake, *CELL, by="Ada")
    write(lake, saw=5, press=2)
    refresh_changes(lake)
    assert told(lake).select("signed_value", "value").rows() == [(0.15, 0.3), (0.3, 0.35)]


def test_changes_elsewhere_are_nobodys_news(lake):
    sign_off(lake, *CELL, by="Ada")
    write(lake, saw=1, press=2, oven=9)
    assert refresh_changes(lake) == []
    assert told(lake).is_empty()


def test_a_new_definition_is_told_to_who_signed_the_old_one(lake, monkeypatch):
    sign_off(lake, *CELL, by="Ada")
    newer = sums.kpi("availability", Sum("apt_us"), Sum("pbt_us") + Sum("adot_us"), version=2)
    monkeypatch.setattr(defining, "catalogue", lambda: (newer, *sums.KPIS[1:]))
    assert refresh_changes(lake) == ["gold.kpi_definitions"]
    twice = sums.kpi("availability", Sum("apt_us") + Sum("apt_us"), Sum("pbt_us"), version=3)
    monkeypatch.setattr(defining, "catalogue", lambda: (twice, *sums.KPIS[1:]))
    assert refresh_changes(lake) == ["gold.kpi_definitions", "gold.notifications"]
    assert json.loads(told(lake)["parts"][0], parse_float=Decimal) == {"definition": Decimal("0.15")}


def test_what_was_told_stays_when_the_history_behind_it_is_gone(lake):
    sign_off(lake, *CELL, by="Ada")
    write(lake, saw=4, press=2)
    refresh_changes(lake)
    before = told(lake)
    write(lake, saw=9, press=2)
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert notifications(lake, now).filter(pl.col("value") == 0.3).equals(before)
    assert notifications(lake, now, days=[]).equals(before)
