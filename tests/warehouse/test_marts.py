"""The marts on a real lake: the OEE roll-up is held to gold.kpi, the rest to sums written out by hand."""

import inspect
import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from assets.kernels.figures.kpi import kpis
from assets.kernels.figures.oee import oee as oee_kernel
from assets.kernels.figures.sums import sums
from plant.states import Account
from plant.tables import table, tables
from warehouse import marts
from warehouse.connect import connect
from warehouse.decisions import decide
from warehouse.lake import Lake

DAYS = [date(2026, 11, 2), date(2026, 11, 3)]
WEEK = date(2026, 11, 23)
MACHINES = {"m1": ("l1", True), "m2": ("l1", True), "m3": ("l2", True), "fan": ("l2", False)}
SHIFTS = ("early", "late", "off")
QUESTIONS = {n: f for n, f in inspect.getmembers(marts, inspect.isfunction) if n not in {"run", "text", "cache"}}


def _at(day, hour=0):
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC) + timedelta(hours=hour)


def random_ledgers(seed):
    """Accounts and pieces of two days, a machine that cannot count, quarantined counts, pieces without a cycle."""
    rng, time, count = random.Random(seed), [], []
    for day in DAYS:
        for machine, (line, counts) in MACHINES.items():
            place = {"production_day": day, "site": "s", "area": "a", "line": line, "machine": machine}
            for n, shift in enumerate(SHIFTS):
                base = {**place, "shift": shift, "minor": False, "state": "producing", "source": "signal"}
                accounts = ["not_scheduled"] if shift == "off" else [a.value for a in Account][1:]
                for k, account in enumerate(accounts):
                    us = rng.choice([0, rng.randrange(1, 3600 * 10**6)]) + 1
                    start = _at(day, 8 * n + k)
                    spell = {"start_at": start, "end_at": start + timedelta(microseconds=us), "duration_us": us}
                    time.append({**base, **spell, "account": account})
                if counts and rng.random() < 0.8:
                    pieces = {f"{p}_pcs": rng.randrange(0, 40) for p in ("good", "scrap", "rework", "quarantined")}
                    pieces["quarantined_pcs"] *= rng.random() < 0.2
                    ideal = None if rng.random() < 0.05 else rng.randrange(0, 9000 * 10**6)
                    count.append({**place, "shift": shift, "hour_at": _at(day, 8 * n), "ideal_us": ideal, **pieces})
    return _frame("silver.time_ledger", time), _frame("silver.count_ledger", count)


def _frame(name, rows):
    schema = table(name).schema
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=schema, orient="row")


def gold_of(seed):
    time, count = random_ledgers(seed)
    spans = ((d, ln, s, n) for d in DAYS for ln in ("l1", "l2") for n, s in enumerate(SHIFTS[:2]))
    bounds = pl.DataFrame(
        [(d, ln, s, _at(d, 8 * n), _at(d, 8 * n + 8)) for d, ln, s, n in spans],
        ["production_day", "line", "shift", "start_at", "end_at"], orient="row",
    ).with_columns(pl.col("start_at", "end_at").cast(pl.Datetime("us", "UTC")))  # fmt: skip
    can_count = [m for m, (_, counts) in MACHINES.items() if counts]
    base = sums(time.lazy(), count.lazy(), bounds.lazy(), can_count, None)
    return oee_kernel(base).collect(), kpis(base).collect()


def close(mine, theirs):
    if mine is None or theirs is None:
        return mine is theirs
    return mine == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_oee_rolls_up_to_what_gold_kpi_says(tmp_path, seed):
    """Same numbers by another road: SQL over the cells of gold.oee, against the kernel over the ledgers."""
    lake = Lake(tmp_path)
    cells, kpi = gold_of(seed)
    lake.replace_days("gold.oee", cells, DAYS)
    con = connect(tmp_path)
    names = {"availability": "availability", "effectiveness": "effectiveness", "quality_ratio": "quality", "oee": "oee"}
    compared = 0
    for level in ("machine", "line", "area", "site"):
        found = marts.oee(con, first=DAYS[0], last=DAYS[1], level=level, grain="day")
        held = {(r["production_day"], r["scope"]): r for r in found.iter_rows(named=True)}
        rows = kpi.filter((pl.col("grain") == "day") & (pl.col("level") == level) & pl.col("kpi").is_in(list(names)))
        for row in rows.iter_rows(named=True):
            mine = held[row["production_day"], row["scope"]]
            assert close(mine[names[row["kpi"]]], row["value"]), (level, row)
            if row["kpi"] == "oee":
                assert close(mine["oee_low"], row["value_low"]), (level, row)
                assert close(mine["oee_high"], row["value_high"]), (level, row)
            compared += 1
    assert compared == 2 * (4 + 2 + 1 + 1) * 4


def test_a_roll_up_is_no_mean_of_ratios(tmp_path, frame):
    lake = Lake(tmp_path)
    big = {"machine": "big", "pbt_s": 9000.0, "apt_s": 9000.0, "ideal_s": 9000.0, "oee": 1.0}
    small = {"machine": "small", "pbt_s": 1000.0, "apt_s": 0.0, "ideal_s": 0.0, "oee": 0.0}
    none = dict.fromkeys(("scrap_pcs", "rework_pcs", "unknown_s"), 0)
    lake.replace_days("gold.oee", frame("gold.oee", {**big, **none}, {**small, **none}), [DAYS[0]])
    row = marts.oee(connect(tmp_path), first=DAYS[0], last=DAYS[0], level="plant", grain="period").row(0, named=True)
    assert row["availability"] == row["oee"] == pytest.approx(0.9)
    assert row["production_day"] is None


def test_every_mart_answers_on_an_empty_lake(tmp_path):
    con = connect(tmp_path)
    required = {"first": DAYS[0], "last": DAYS[1], "day": DAYS[0], "machine": "m1"}
    for name, question in QUESTIONS.items():
        asked = inspect.signature(question).parameters.values()
        given = {p.name: required[p.name] for p in asked if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
        found = question(con, **given)
        assert isinstance(found, pl.DataFrame)
        assert found.height == {"tiles": 1, "tables": len(found)}.get(name, 0), name
        said = inspect.getdoc(question) + marts.text(name)
        assert all(c in said or c in str(table_columns()) for c in found.columns), name
        assert marts.text(name).startswith("-- "), f"{name}.sql says what it is"
        assert "Grain:" in marts.text(name)


def table_columns():
    return {c for t in tables().values() for c in t.schema}


def test_filters_are_bound_not_pasted(tmp_path, frame):
    Lake(tmp_path).replace("silver.machines", frame("silver.machines", {"machine": "m1", "site": "it's"}))
    con = connect(tmp_path)
    assert marts.machines(con, site="it's").height == 1
    assert marts.machines(con, site="' OR 1=1 --").height == 0


def test_the_timeline_joins_what_reads_the_same(tmp_path, frame):
    def spell(a, b, **more):
        start = _at(DAYS[0])
        return {"start_at": start + timedelta(minutes=a), "end_at": start + timedelta(minutes=b),
                "duration_us": (b - a) * 60_000_000, "production_day": DAYS[0], **more}  # fmt: skip

    rows = [spell(0, 10), spell(10, 20), spell(20, 25, reason="jam"), spell(25, 40)]
    Lake(tmp_path).replace_days("silver.time_ledger", frame("silver.time_ledger", *rows), [DAYS[0]])
    bars = marts.timeline(connect(tmp_path), day=DAYS[0])
    assert bars.select("duration_s", "reason").rows() == [(1200.0, "x"), (300.0, "jam"), (900.0, "x")]


def test_losses_are_a_pareto(tmp_path, frame):
    rows = [
        {"machine": m, "reason": r, "duration_s": s, "stops": n, "production_day": DAYS[0]}
        for m, r, s, n in (("a", "jam", 60.0, 2), ("b", "jam", 40.0, 0), ("a", "setup", 300.0, 1))
    ]
    Lake(tmp_path).replace_days("gold.losses", frame("gold.losses", *rows), [DAYS[0]])
    found = marts.losses(connect(tmp_path), first=DAYS[0], last=DAYS[0])
    assert found.select("reason", "duration_s", "stops", "share", "cumulative_share", "mean_stop_s").rows() == [
        ("setup", 300.0, 1, 0.75, 0.75, 300.0),
        ("jam", 100.0, 2, 0.25, 1.0, 50.0),
    ]
    assert found["worst_machine"].to_list() == ["a", "a"]


def test_yield_rolls_over_operations(tmp_path, frame):
    rows = [
        {"operation": o, "production_day": d, "good_pcs": g, "scrap_pcs": s, "rework_pcs": 0}
        for d, o, g, s in ((DAYS[0], "turn", 90, 10), (DAYS[1], "turn", 0, 100), (DAYS[0], "grind", 50, 50))
    ]
    Lake(tmp_path).replace_days("gold.yield", frame("gold.yield", *rows), DAYS)
    con = connect(tmp_path)
    found = marts.yields(con, first=DAYS[0], last=DAYS[1])
    assert found.select("operation", "first_pass_yield", "scrap_ratio").rows() == [
        ("grind", 0.5, 0.5),
        ("turn", 0.45, 0.55),
    ]
    assert found["rolled_throughput_yield"].to_list() == pytest.approx([0.225, 0.225])
    assert marts.scrap_trend(con, first=DAYS[0], last=DAYS[1])["scrap_ratio"].to_list() == [0.3, 1.0]


def test_energy_is_a_ratio_of_sums_with_a_running_deviation(tmp_path, frame):
    rows = [
        {"production_day": DAYS[0], "machine": m, "hour_at": _at(DAYS[0], h), "energy_kwh": kwh, "expected_kwh": e,
         "good_pcs": n}
        for m, h, kwh, e, n in (("a", 0, 3.0, 2.0, 1), ("b", 0, 1.0, None, 3), ("a", 1, 4.0, 5.0, 0))
    ]  # fmt: skip
    Lake(tmp_path).replace_days("gold.energy", frame("gold.energy", *rows), [DAYS[0]])
    con = connect(tmp_path)
    hours = marts.energy(con, first=DAYS[0], last=DAYS[0], level="plant", grain="hour")
    assert hours.select("energy_kwh", "kwh_per_good_pc", "deviation_kwh", "cusum_kwh").rows() == [
        (4.0, 1.0, 1.0, 1.0),
        (4.0, None, -1.0, 0.0),
    ]
    day = marts.energy(con, first=DAYS[0], last=DAYS[0], level="plant", grain="period").row(0, named=True)
    assert (day["energy_kwh"], day["kwh_per_good_pc"], day["production_day"]) == (8.0, 2.0, None)


def test_a_forecast_shows_the_decision_on_this_very_version(tmp_path, frame):
    lake = Lake(tmp_path)
    row = {"item": "i", "period_start": WEEK, "model_version": "v1", "quantity": 80.0, "status": "draft",
           "approved_by": None, "approved_at": None}  # fmt: skip
    lake.replace("gold.forecast", frame("gold.forecast", row))
    decide(lake, "i", WEEK, "v1", "approved", "Ada", quantity=90)
    shown = marts.forecast(connect(tmp_path)).row(0, named=True)
    assert (shown["status"], shown["approved_by"], shown["decided_quantity"]) == ("approved", "Ada", 90.0)
    decide(lake, "i", WEEK, "v1", "withdrawn", "Ada")
    shown = marts.forecast(connect(tmp_path)).row(0, named=True)
    assert (shown["status"], shown["approved_by"], shown["decision"]) == ("draft", None, "withdrawn")
    decide(lake, "i", WEEK, "v1", "approved", "Ada")
    lake.replace("gold.forecast", frame("gold.forecast", {**row, "model_version": "v2"}))
    assert marts.forecast(connect(tmp_path)).row(0, named=True)["status"] == "draft"


def test_risks_show_the_latest_score(tmp_path, frame):
    rows = [
        {"machine": m, "scored_at": _at(DAYS[0], h), "probability": p, "alert": p > 0.5}
        for m, h, p in (("a", 0, 0.2), ("a", 1, 0.9), ("b", 0, 0.8), ("b", 1, 0.1))
    ]
    Lake(tmp_path).replace("gold.failure_risk", frame("gold.failure_risk", *rows))
    con = connect(tmp_path)
    shown = marts.failure_risk(con).select("machine", "probability", "previous_probability").rows()
    assert shown == [("a", 0.9, 0.2), ("b", 0.1, 0.8)]
    assert marts.risk_history(con, machine="a")["probability"].to_list() == [0.2, 0.9]
    (alert,) = marts.alerts(con).filter(pl.col("kind") == "failure_risk").iter_rows(named=True)
    assert (alert["severity"], alert["subject"]) == ("high", "a x")
    assert alert["message"].startswith("90 % within")


def test_tiles_hold_a_day_against_the_last_one_with_data(tmp_path, frame):
    lake, later = Lake(tmp_path), date(2026, 11, 5)
    zero = dict.fromkeys(("scrap_pcs", "rework_pcs", "unknown_s"), 0)
    rows = [
        {**zero, "production_day": d, "pbt_s": 100.0, "apt_s": a, "ideal_s": a, "oee": a / 100}
        for d, a in ((DAYS[0], 50.0), (later, 80.0))
    ]
    lake.replace_days("gold.oee", frame("gold.oee", *rows), [DAYS[0], later])
    con = connect(tmp_path)
    tile = marts.tiles(con, day=later).row(0, named=True)
    assert (tile["oee"], tile["oee_before"]) == (pytest.approx(0.8), pytest.approx(0.5))
    assert marts.tiles(con, day=DAYS[0]).row(0, named=True)["oee_before"] is None
    assert marts.tiles(con, day=date(2026, 11, 4)).row(0, named=True)["oee"] is None
