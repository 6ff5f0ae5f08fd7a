"""gold.kpi_by and gold.kpi_reconciliation say what the kernel says, to the bit, with bounds and notes."""

import importlib.util
import random
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.kernels.figures.kpi import evaluate
from assets.kernels.figures.rolling import GRAINS, LEVELS, roll_up
from plant.kpi.catalogue import BY_NAME
from plant.kpi.reconciliation import WALKS
from plant.kpi.terms import Op
from warehouse.connect import opened
from warehouse.kpi_macros import comment_macros, create_macros
from warehouse.marts import details

spec = importlib.util.spec_from_file_location("sums", Path(__file__).with_name("sums.py"))
sums = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sums)
ZONE = "Asia/Kathmandu"
KEY = ["kpi", "scope", "period_start"]
SAID = ["production_day", "shift", "definition_id", "unit", "numerator", "denominator", "value", "value_low",
        "value_high", "note"]  # fmt: skip


def drawn(seed):
    """Rows of two days with some of everything missing, unknown or quarantined."""
    rng = random.Random(seed)
    rows = []
    for day in sums.DAYS:
        for machine in (*sums.LINES, None):
            for h in range(0, 24, 3):
                made = {m: rng.randrange(10**6) if rng.random() < 0.6 else 0 for m in sums.MEASURES}
                made["pbt_us"] += made["apt_us"] + made["aust_us"] + made["adet_us"] + made["unknown_us"]
                made |= {m: 0 for m in ("unrated_pcs", "unvalued_pcs") if rng.random() < 0.97}
                given = {
                    "order_id": rng.choice([None, "wo-1", "wo-2"]),
                    "operator": rng.choice([None, "ann"]),
                    "product": rng.choice(["shaft", None]),
                    "characteristic": rng.choice([None, None, "bore"]),
                }
                if rng.random() < 0.3:
                    made |= {m: 0 for m in sums.MEASURES if "unknown" in m or "quarantined" in m}
                if machine is None or rng.random() < 0.2:
                    given["shift"] = None if machine is None else "off"
                rows.append(sums.row(machine, h, day, **made, **given))
    return sums.rows(*rows)


@pytest.fixture(scope="module")
def shown():
    frame = drawn(3)
    con = opened()
    named = frame.with_columns(
        revision=pl.lit(1), known_from=pl.lit(None), known_to=pl.lit(None), cause=pl.lit("first")
    )
    con.register("given", named.to_arrow())
    con.execute("CREATE TABLE gold.kpi_sums AS SELECT * FROM given")
    con.execute(f"CREATE TABLE silver.machines AS SELECT 'north' AS site, '{ZONE}' AS timezone")
    create_macros(con)
    for statement in comment_macros():
        con.execute(statement)
    yield con, frame
    con.close()


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("level", LEVELS)
def test_sql_and_polars_agree_to_the_bit(shown, level, grain):
    con, frame = shown
    ours = con.sql(f"SELECT * FROM gold.kpi_by('{level}', '{grain}')").pl().sort(KEY)
    theirs = evaluate(roll_up(frame.lazy(), level, grain, {"north": ZONE})).collect().sort(KEY)
    assert ours.height == theirs.height > 0
    for column in (*KEY, *SAID):
        both = pl.DataFrame({"ours": ours[column], "theirs": theirs[column].cast(ours[column].dtype)})
        odd = pl.concat([ours.select(KEY), both], how="horizontal").filter(pl.col("ours").ne_missing(pl.col("theirs")))
        assert odd.is_empty(), (column, odd.head(3).to_dicts())


@pytest.mark.parametrize(("level", "grain"), [("line", "shift"), ("order", "all")])
def test_one_kpi_alone_says_the_same(shown, level, grain):
    con, _ = shown
    whole = con.sql(f"SELECT * FROM gold.kpi_by('{level}', '{grain}')").pl().sort(KEY)
    given = {"level": level, "grain": grain, "first": sums.DAYS[0], "last": sums.DAYS[-1]}
    for name in BY_NAME:
        alone = details.kpi_by(con, kpi=name, **given).sort(KEY)
        mine = whole.filter(pl.col("kpi") == name)
        assert alone.select(mine.columns).equals(mine), name
        told = whole.filter(pl.col("kpi") == "coverage").select("scope", "period_start", "value")
        assert alone.select("scope", "period_start", value="coverage").equals(told), name
    with pytest.raises(ValueError, match="there is no KPI 'oe'"):
        details.kpi_by(con, kpi="oe", **given)


def test_days_outside_are_left_out(shown):
    con, frame = shown
    asked = "gold.kpi_by('site', 'all', last_ := DATE '2026-11-02') WHERE kpi = 'availability'"
    first = con.sql(f"SELECT numerator FROM {asked}")
    day = frame.filter(pl.col("production_day") == sums.DAYS[0])
    assert first.fetchall()[0][0] == float(day["apt_us"].sum())


@pytest.mark.parametrize("walk", WALKS, ids=lambda w: f"{w.start}-{w.end}")
def test_a_walk_ends_where_the_other_kpi_stands(walk):
    words, top, bottom = walk.ratios()[-1]
    end = BY_NAME[walk.end]
    assert str(Op("/", top, bottom)) == str(Op("/", end.numerator, end.denominator))
    assert words and end.factor == BY_NAME[walk.start].factor == 1.0


def test_the_steps_of_a_walk_sum_to_the_difference(shown):
    con, _ = shown
    rows = con.sql("SELECT * FROM gold.kpi_reconciliation('line', 'day')").pl()
    for _, walk in rows.group_by("scope", "period_start", "start_kpi", "end_kpi"):
        steps = walk.sort("step")
        if steps["value"].null_count() == 0:
            ends = [Decimal(repr(v)).quantize(Decimal("1e-12")) for v in (steps["value"][0], steps["value"][-1])]
            assert abs(steps["contribution"].sum() - (ends[1] - ends[0])) <= Decimal("2e-12")
    assert rows["contribution"].drop_nulls().len() > 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [("'lines', 'week'", "level is lines; valid are machine, line"), ("NULL, 'week'", "level is NULL; valid are"),
     ("'line', 'weekly'", "grain is weekly; valid are hour"), ("'line', NULL", "grain is NULL; valid are hour"),
     ("'line', 'day', DATE '2026-11-05', DATE '2026-11-03'", "first_ is 2026-11-05, last_ is 2026-11-03; valid"),
     ("'line', 'day', last_ := NULL", "last_ is NULL; valid are two days")],
)  # fmt: skip
def test_what_cannot_be_asked_is_told_and_never_no_rows(shown, asked, said):
    con, _ = shown
    for macro in ("kpi_by", "kpi_reconciliation"):
        with pytest.raises(duckdb.Error, match=said):
            con.sql(f"FROM gold.{macro}({asked})").fetchall()
