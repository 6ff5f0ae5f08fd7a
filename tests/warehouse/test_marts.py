"""The marts on a real lake: the OEE roll-up is held to gold.kpi and gold.oee, the rest to sums written out by hand."""

import importlib.util
import inspect
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.kernels.figures.kpi import kpis
from assets.kernels.figures.oee import oee as oee_kernel
from plant.kpi.catalogue import BY_NAME
from plant.tables import tables
from warehouse import marts
from warehouse.connect import connect
from warehouse.decisions import decide
from warehouse.lake import Lake
from warehouse.marts.ratios import SHOWN

spec = importlib.util.spec_from_file_location("sums", Path(__file__).with_name("sums.py"))
sums = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sums)
DAYS = sums.DAYS
WEEK = date(2026, 11, 23)
QUESTIONS = {
    n: f for n, f in inspect.getmembers(marts, inspect.isfunction) if n not in {"run", "text", "cache", "filled"}
}


def _at(day, hour=0):
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC) + timedelta(hours=hour)


def drawn(seed):
    """gold.kpi_sums of two days: unknown and quarantined, gaps, machines without a counter, pieces without a cycle."""
    rng, out = random.Random(seed), []
    for day in DAYS:
        out.append(sums.row(None, 6, day, line=None, shift=None, rmi_cent_s=9, stock_us=9))  # of no machine
        for machine in sums.LINES:
            clear, counts = rng.random() < 0.3, rng.random() < 0.8
            for h in range(2, 23, 3):
                off = h > 18
                time = {} if off else _time(rng, clear, counts)
                made = _pieces(rng, clear, off) if counts and rng.random() < 0.9 else {}
                given = {"order_id": rng.choice([None, "wo-1"]), **({"shift": "off"} if off else {})}
                out.append(sums.row(machine, h, day, **time, **made, **given))
    return sums.rows(*out)


def _time(rng, clear, counts):
    kinds = ("apt", "aust", "adet", "adot", "unknown")
    us = {f"{k}_us": 0 if clear and k == "unknown" else rng.choice([0, rng.randrange(10**9)]) for k in kinds}
    us["pbt_us"] = sum(us.values())
    us["pot_us"] = us["pbt_us"] + rng.randrange(10**8)
    counting = {f"{k}_counting_us": us[f"{k}_us"] * counts for k in ("apt", "pbt", "unknown", "pot")}
    return {**us, **counting, "reference_counting_us": us["pot_us"] * counts}


def _pieces(rng, clear, off):
    pcs = {f"{k}_pcs": rng.randrange(40) for k in ("good", "scrap", "rework")}
    pcs["produced_pcs"] = sum(pcs.values())
    more = {"quarantined_pcs": 0 if clear or rng.random() < 0.7 else rng.randrange(20),
            "unrated_pcs": rng.random() < 0.01, "ideal_us": rng.randrange(9 * 10**8),
            "gap_pcs": rng.randrange(pcs["produced_pcs"] + 1) if rng.random() < 0.3 else 0}  # fmt: skip
    more["gap_ideal_us"] = more["ideal_us"] * more["gap_pcs"] // max(1, pcs["produced_pcs"])
    inside = ("ideal_us", "gap_pcs", "gap_ideal_us", "good_pcs", "produced_pcs", "quarantined_pcs")
    planned = {} if off else {f"planned_{k}": {**pcs, **more}[k] for k in inside}
    return {**pcs, **more, **planned, "overtime_us": off * rng.randrange(10**9)}


def filled(root, seed):
    """A lake with the sums and gold.oee, and gold.kpi of what the mart shows."""
    base = drawn(seed)
    spans = [(d, ln, s, _at(d, n), _at(d, n + 8)) for d in DAYS for ln in ("front", "back")
             for n, s in ((0, "early"), (8, "late"))]  # fmt: skip
    shifts = pl.DataFrame(spans, ["production_day", "line", "shift", "start_at", "end_at"], orient="row")
    shifts = shifts.with_columns(pl.col("start_at", "end_at").cast(pl.Datetime("us", "UTC")))
    cells = oee_kernel(base.lazy(), shifts.lazy()).collect()
    Lake(root).replace_days("gold.kpi_sums", base, DAYS)
    Lake(root).replace_days("gold.oee", cells, DAYS)
    return cells, kpis(base.lazy(), [BY_NAME[name] for name in SHOWN.values()]).collect()


def close(mine, theirs):
    if mine is None or theirs is None:
        return mine is theirs
    return mine == pytest.approx(theirs, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_oee_rolls_up_to_what_gold_kpi_says(tmp_path, seed):
    """Every ratio of every level, and the bounds."""
    _, kpi = filled(tmp_path, seed)
    con, compared, open_ended = connect(tmp_path), 0, 0
    columns = {name: column for column, name in SHOWN.items()}
    for level in ("machine", "line", "area", "site"):
        found = marts.oee(con, first=DAYS[0], last=DAYS[1], level=level, grain="day")
        held = {(r["production_day"], r["scope"]): r for r in found.iter_rows(named=True)}
        rows = kpi.filter((pl.col("grain") == "day") & (pl.col("level") == level))
        for row in rows.iter_rows(named=True):
            mine = held[row["production_day"], row["scope"]]
            assert close(mine[columns[row["kpi"]]], row["value"]), (level, row)
            if row["kpi"] == "oee":
                assert close(mine["oee_low"], row["value_low"]), (level, row)
                assert close(mine["oee_high"], row["value_high"]), (level, row)
                open_ended += row["value_low"] != row["value_high"]
            compared += 1
    assert compared == 2 * (3 + 2 + 1 + 1) * 5
    assert open_ended


@pytest.mark.parametrize("seed", range(4))
def test_oee_of_a_shift_is_its_cell_in_gold_oee(tmp_path, seed):
    """Times, pieces, ratios and bounds of every machine and shift."""
    cells, _ = filled(tmp_path, seed)
    found = marts.oee(connect(tmp_path), first=DAYS[0], last=DAYS[1], level="machine", grain="shift")
    assert found.height == cells.height
    held = {(r["production_day"], r["scope"], r["shift"]): r for r in found.iter_rows(named=True)}
    same = [c for c in found.columns if c in cells.columns and c not in {"revision", "known_from"}]
    for cell in cells.iter_rows(named=True):
        mine = held[cell["production_day"], cell["machine"], cell["shift"]]
        odd = {c: (mine[c], cell[c]) for c in same if mine[c] != cell[c] and not close(mine[c], cell[c])}
        assert not odd, (cell["machine"], cell["shift"], odd)


def test_the_plant_is_all_rows_and_a_filter_some(tmp_path):
    cells, _ = filled(tmp_path, 1)
    con, asked = connect(tmp_path), {"first": DAYS[0], "last": DAYS[1], "grain": "period"}
    plant = marts.oee(con, level="plant", **asked).row(0, named=True)
    assert plant["apt_s"] == pytest.approx(cells["apt_s"].sum(), rel=1e-12)
    front = marts.oee(con, level="plant", line="front", **asked).row(0, named=True)
    alone = marts.oee(con, level="line", **asked).row(by_predicate=pl.col("scope") == "front", named=True)
    assert {k: v for k, v in front.items() if k not in {"level", "scope"}} == {k: alone[k] for k in front if k not in
                                                                              {"level", "scope"}}  # fmt: skip


def test_a_roll_up_is_no_mean_of_ratios(tmp_path, frame):
    whole = {"reference_counting_us": 1, "produced_pcs": 1, "planned_produced_pcs": 1, "good_pcs": 1,
             "planned_good_pcs": 1}  # fmt: skip
    big = sums.row("saw", 6, apt_us=9000, pbt_us=9000, pbt_counting_us=9000, planned_ideal_us=9000, **whole)
    small = sums.row("press", 6, pbt_us=1000, pbt_counting_us=1000, **whole)
    lake = Lake(tmp_path)
    lake.replace_days("gold.kpi_sums", sums.rows(big, small), [DAYS[0]])
    lake.replace_days("gold.oee", frame("gold.oee", {"machine": "saw"}, {"machine": "press"}), [DAYS[0]])
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
    made = [sums.row("saw", 6, day, reference_counting_us=1, produced_pcs=1, planned_produced_pcs=1, good_pcs=1,
                     planned_good_pcs=1, pbt_us=100, pbt_counting_us=100, apt_us=a, planned_ideal_us=a)
            for day, a in ((DAYS[0], 50), (later, 80))]  # fmt: skip
    lake.replace_days("gold.kpi_sums", sums.rows(*made), [DAYS[0], later])
    cells = frame("gold.oee", *({"machine": "saw", "production_day": day} for day in (DAYS[0], later)))
    lake.replace_days("gold.oee", cells, [DAYS[0], later])
    con = connect(tmp_path)
    tile = marts.tiles(con, day=later).row(0, named=True)
    assert (tile["oee"], tile["oee_before"]) == (pytest.approx(0.8), pytest.approx(0.5))
    assert marts.tiles(con, day=DAYS[0]).row(0, named=True)["oee_before"] is None
    assert marts.tiles(con, day=date(2026, 11, 4)).row(0, named=True)["oee"] is None
