"""A posting booked later for an earlier instant repairs exactly the days it touches; the result is a rebuild."""

import random
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
from late_plant import plant_of

from assets.kernels.stock.daily import COLUMNS, first_needed, inventory
from assets.kernels.stock.ledger import EXTERNAL, ledger
from assets.kernels.stock.sites import Sites
from assets.kernels.stock.space import space_use
from pipelines.days.memory import Memory
from pipelines.days.spans import Spans, run
from pipelines.days.stock import hashes, spaces
from plant.calendar import bounds
from plant.tables import table

FIRST, LAST = date(2026, 1, 1), date(2026, 2, 12)
SITES = {"here": ("UTC", time(6))}
PLACES = {"location": ["store", "bin"], "zone": ["raw", "raw"], "capacity": [50.0, 20.0]}
KINDS = (
    ("receipt", EXTERNAL, "store"),
    ("transfer", "store", "bin"),
    ("issue", "bin", EXTERNAL),
    ("scrap", "bin", EXTERNAL),
)


def frame(name, rows):
    return pl.DataFrame([dict.fromkeys(table(name).schema) | r for r in rows], schema=table(name).schema, orient="row")


LOCATIONS = frame("silver.locations", pl.DataFrame(PLACES).rows(named=True)).lazy()
MATERIALS = frame("silver.materials", [{"material": "steel", "unit": "kg", "space_per_unit": 1.5}]).lazy()


def move(n, day, booked, pick):
    kind, source, target = pick.choice(KINDS)
    at = datetime.combine(day, time(pick.randrange(7, 23)), tzinfo=UTC)
    return {"move_id": f"m{n:04d}", "at": at, "booked_at": datetime.combine(booked, time(23, 30), tzinfo=UTC), "qty":
            pick.randrange(1, 90) / 7, "material": pick.choice(("steel", "bolts")), "unit_cost_cents": 130.0,
            "kind": kind, "from_location": source, "to_location": target}  # fmt: skip


def postings(moves, known):
    """silver.stock_ledger as it reads at the end of the day `known`: what is entered later is not there yet."""
    seen = [m for m in moves if m["booked_at"].date() <= known]
    return ledger(frame("silver.stock_moves", seen).lazy(), LOCATIONS, SITES, Sites(tuple(SITES))).collect()


def built(plant, rows, day):
    """Rows of gold.inventory and gold.space_use of one day, built alone as the pipeline does."""
    others = (table(f"silver.{n}").empty().lazy() for n in ("purchase_orders", "partners"))
    days = bounds(plant, first_needed(day), day).lazy()
    stock = inventory(rows.lazy(), MATERIALS, *others, days, day, Sites(tuple(SITES))).collect(engine="in-memory")
    space = space_use(pl.concat([pl.DataFrame(schema=table("gold.inventory").schema), stock], how="diagonal").lazy(),
                      MATERIALS, LOCATIONS, Sites(("here",))).collect()  # fmt: skip
    return stock.select(COLUMNS).sort(pl.all()), space


def marks(plant, rows):
    supply = tuple(table(f"silver.{n}").empty().lazy() for n in ("purchase_orders", "partners"))
    return hashes(rows.lazy(), supply, MATERIALS, Spans(plant, Memory()).frame(run(FIRST, LAST)), LAST)


def test_incremental_equals_rebuild_however_late_moves_are_booked(tmp_path):
    plant, pick = plant_of(tmp_path), random.Random(9)
    moves = []
    for n in range(60):
        day = FIRST + timedelta(days=pick.randrange(36))
        late = pick.choice((0, 0, 0, 1, 4, 30))
        moves.append(move(n, day, min(day + timedelta(days=late), LAST), pick))
    held, before = {}, {}
    for known in [FIRST + timedelta(days=n) for n in (20, 27, 34, 42)]:
        rows = postings(moves, known)
        now = marks(plant, rows)
        stale = [d for d, mark in now.items() if before.get(d) != mark]
        held |= {d: built(plant, rows, d) for d in stale}
        before = now
    rows = postings(moves, LAST)
    for day in list(now)[::3]:
        whole = built(plant, rows, day)
        assert held[day][0].equals(whole[0]), day
        assert held[day][1].equals(whole[1]), day


def test_a_back_dated_move_leaves_the_days_before_it_alone(tmp_path):
    plant, pick = plant_of(tmp_path), random.Random(2)
    moves = [move(n, FIRST + timedelta(days=n // 2), FIRST + timedelta(days=n // 2), pick) for n in range(100)]
    late = move(999, FIRST + timedelta(days=20), LAST, pick)
    one, two = (marks(plant, postings(m, LAST)) for m in (moves, [*moves, late]))
    changed = [d for d in two if one[d] != two[d]]
    assert min(changed) == late["at"].date() == FIRST + timedelta(days=20)
    assert changed == run(min(changed), max(changed)), "from its day on, without a gap"


def test_space_hangs_on_the_masters_it_reads_and_on_no_others(tmp_path):
    plant = plant_of(tmp_path)
    known = {"silver.materials": MATERIALS, "silver.locations": LOCATIONS}
    asked = spaces(known.__getitem__, plant)
    wider = known | {"silver.locations": LOCATIONS.with_columns(capacity=pl.col("capacity") + 1)}
    dearer = known | {"silver.materials": MATERIALS.with_columns(standard_cost_cents=pl.lit(7, pl.Int64))}
    assert spaces(wider.__getitem__, plant) != asked
    assert spaces(dearer.__getitem__, plant) == asked
