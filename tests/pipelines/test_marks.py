"""What marks what: every kind of late data makes exactly the touched days stale, and says why."""

import shutil
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from deltalake import DeltaTable
from late_plant import FIRST, START, Floor, builder, content, plant_of, rebuilt, stages, toml

from pipelines.days.plan import Planner, plan
from pipelines.days.stages import STAGES
from warehouse import edits
from warehouse.lake import Lake
from warehouse.state import State

DAYS = 4
HOUR = timedelta(hours=1)


def day(n):
    return FIRST + timedelta(days=n)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Four days at two sites, an order on each machine, everything up to date."""
    folder = tmp_path_factory.mktemp("built")
    floor = Floor(folder / "root")
    floor.usual_days(DAYS)
    for machine in ("m-1", "m-2", "m-3"):
        floor.order(f"wo-{machine}", machine, START, None)
    plant = plant_of(folder)
    builder(plant, folder / "root").recompute()
    assert plan(plant, Lake(folder / "root"), State(folder / "root")) is None
    return folder


@pytest.fixture
def root(built, tmp_path):
    shutil.copytree(built / "root", tmp_path / "root")
    return tmp_path / "root"


def stale(root, plant):
    """Stale days of each stage, as if the stages before it had changed nothing."""
    look = Planner(plant, Lake(root), State(root))
    return {stage: sorted(look.stale(stage)) for stage in STAGES}


def reasons(root, plant, stage, on):
    return Planner(plant, Lake(root), State(root)).reasons(stage, [on])[on]


def changed(tmp_path, old, new):
    text = toml()
    assert old in text
    return plant_of(tmp_path / "changed", text.replace(old, new))


def causes(root):
    """Machine and day of every revision after the first, with its cause."""
    rows = Lake(root).scan("gold.kpi_sums", history=True).filter(pl.col("revision") > 1).collect()
    return set(rows.select("machine", "production_day", "cause").rows())


def test_a_late_row_touches_the_day_of_its_own_site(root, built):
    plant = plant_of(built)
    # 10:00 UTC: 11:00 in Berlin, and still the day before at the site in New York, which has no such row.
    Floor(root).rows([("m-1.state", START + timedelta(days=1, hours=5), 9)])
    found = stale(root, plant)
    assert found["readings"] == [day(1)]
    assert reasons(root, plant, "readings", day(1)) == ["readings"]
    assert [found[s] for s in ("ledgers", "numbers", "inventory")] == [[], [], []]


def test_a_late_row_rebuilds_its_day_and_the_next_only_while_the_carried_state_differs(root, built):
    plant = plant_of(built)
    floor, late = Floor(root), START + timedelta(days=1, hours=5)
    floor.rows([("m-1.state", late, 9), ("m-1.state", late + HOUR, 1)])
    first = stages(plant, root)
    assert [s for s in first if s.startswith(("readings", "ledgers"))] == [
        "readings 2026-03-03..2026-03-03", "ledgers 2026-03-03..2026-03-03",
    ]  # fmt: skip
    # After the day's last state: the next day opens with it.
    floor.rows([("m-1.state", START + timedelta(days=1, hours=15), 9)])
    second = stages(plant, root)
    assert [s for s in second if s.startswith("readings")] == [
        "readings 2026-03-03..2026-03-03", "readings 2026-03-04..2026-03-04",
    ]  # fmt: skip
    assert ("m-1", day(1), "late rows") in causes(root)
    assert {machine for machine, _, _ in causes(root)} <= {"m-1", None}


def test_exact_duplicates_change_nothing(root, built):
    plant = plant_of(built)
    before = {n: Lake(root).version(n) for names in STAGES.values() for n in names}
    Floor(root).rows([("m-1.state", START, 1)])
    assert [s.split()[0] for s in stages(plant, root)] == ["readings"]
    assert {n: Lake(root).version(n) for n in before} == before


def test_an_edit_and_its_revert_touch_their_day_and_leave_it_as_it_was(root, built):
    plant, at = plant_of(built), START + timedelta(days=2, hours=4)
    before = content(root)
    made = edits.edit_state(root, plant, "m-1", at, at + HOUR, "setup", "anna", comment="was a set-up")
    ran = stages(plant, root)
    assert ran[0] == "edits"
    assert [s for s in ran if s.startswith("ledgers")] == ["ledgers 2026-03-04..2026-03-04"]
    row = Lake(root).scan("silver.time_ledger").filter(pl.col("edit_id") == made).collect()
    assert row["account"].unique().to_list() == ["setup"]
    assert row["duration_us"].sum() == 3_600_000_000
    edits.revert(root, made, "anna")
    stages(plant, root)
    after = content(root)
    assert not [n for n in before if not before[n].equals(after[n])]
    assert Lake(root).scan("bronze.edits").collect().height == 2
    assert ("m-1", day(2), "reclassification") in causes(root)
    assert causes(root) <= {(m, day(2), "reclassification") for m in ("m-1", None)}


def test_a_deletion_in_bronze_makes_its_day_stale_and_a_deleted_day_is_rebuilt_to_nothing(root, built, tmp_path):
    plant, lake = plant_of(built), Lake(root)
    at = START + timedelta(days=1, hours=4)
    DeltaTable(lake.path("bronze.readings")).delete(f"ts = '{at.isoformat()}' AND tag = 'm-1.state'")
    assert day(1) in stale(root, plant)["readings"]
    stages(plant, root)
    DeltaTable(lake.path("bronze.readings")).delete(f"ts < '{(START + timedelta(days=1)).isoformat()}'")
    stages(plant, root)
    assert day(-1) not in Lake(root).days("silver.time_ledger")
    first = Lake(root).scan("silver.time_ledger", days=(day(0), day(0))).collect()
    assert first["site"].unique().to_list() == ["there"]
    ours, theirs = content(root), rebuilt(plant, root, tmp_path / "fresh")
    assert not [n for n in ours if not ours[n].equals(theirs[n])]


def test_a_tariff_from_a_day_on_touches_energy_from_that_day_on(root, built, tmp_path):
    one = "price_per_kwh = 0.2\n"
    more = f'{one}[[tariff]]\nsite = "here"\nprice_per_kwh = 0.3\nvalid_from = {day(3)}\n'
    found = stale(root, changed(tmp_path, one, more))
    assert found == {
        "readings": [], "ledgers": [], "numbers": [], "costs": [day(3)], "energy": [day(3)], "inventory": [],
    }  # fmt: skip


def test_a_moved_day_start_is_a_calendar_change_and_no_late_row(root, built, tmp_path):
    one = 'timezone = "Europe/Berlin"\nday_start = "06:00"'
    moved = changed(tmp_path, one, one.replace("06:00", "05:00"))
    stages(moved, root)
    assert {c for m, _, c in causes(root) if m in ("m-1", "m-2")} == {"calendar"}
    assert not [m for m, _, _ in causes(root) if m == "m-3"]


def test_what_only_the_collector_reads_touches_nothing(root, built, tmp_path):
    found = stale(root, changed(tmp_path, 'address = "holding:0"', 'address = "holding:900"'))
    assert not any(found.values())


def test_a_change_that_lasts_is_carried_on_in_ever_longer_ranges(tmp_path):
    root, plant, floor = tmp_path / "root", plant_of(tmp_path), Floor(tmp_path / "root")
    floor.rows([("m-1.state", START + HOUR, 1), ("m-1.good", START + timedelta(days=9), 5)])
    stages(plant, root)
    floor.rows([("m-1.state", START + 2 * HOUR, 6)])
    ran = [s for s in stages(plant, root) if s.startswith("readings")]
    spans = [tuple(int(d[-2:]) for d in s.split()[1].split("..")) for s in ran]
    assert spans == [(2, 2), (3, 3), (4, 5), (6, 9), (10, 11)]
    ours, theirs = content(root), rebuilt(plant, root, tmp_path / "fresh")
    assert not [n for n in ours if not ours[n].equals(theirs[n])]


def test_a_lost_bronze_table_is_not_taken_for_a_deletion(root, built):
    from plant.errors import TerminalError

    shutil.move(Lake(root).path("bronze.readings"), root / "elsewhere")
    with pytest.raises(TerminalError, match="bring lake/bronze/readings back"):
        plan(plant_of(built), Lake(root), State(root))


def test_a_run_records_what_it_began_with(root, built):
    """Rows that arrive while a day is built make it stale again."""
    from pipelines.days.receipts import Receipts

    plant, lake, state = plant_of(built), Lake(root), State(root)
    run = Receipts(plant, lake, state)
    run.begin()
    Floor(root).rows([("m-1.state", START + timedelta(days=1, hours=5), 9)])
    frame = lake.scan("silver.readings", days=(day(1), day(1))).collect()
    run.days_written("silver.readings", frame, [day(1)])
    assert day(1) in Planner(plant, lake, state).stale("readings")


def test_receipts_of_an_older_root_are_read(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "state.sqlite") as db:
        db.execute(
            "CREATE TABLE builds(table_name TEXT, production_day TEXT, inputs_hash TEXT NOT NULL, content_hash TEXT"
            " NOT NULL, output_fingerprint TEXT NOT NULL, rows INTEGER NOT NULL, built_at TEXT NOT NULL,"
            " PRIMARY KEY (table_name, production_day)) WITHOUT ROWID"
        )
        row = ("gold.oee", "2026-03-02", "a", "b", "c", 1, datetime.now(UTC).isoformat())
        db.execute("INSERT INTO builds VALUES (?,?,?,?,?,?,?)", row)
    db.close()
    receipt = State(tmp_path).built("gold.oee", date(2026, 3, 2))
    assert receipt is not None
    assert receipt.parts == {}


def test_orders_bookings_and_retractions_touch_the_days_they_lie_in(root, built):
    plant, floor = plant_of(built), Floor(root)
    floor.order("wo-m-1", "m-1", START, START + timedelta(days=2, hours=3))  # it was open, and touches all days
    builder(plant, root).only("enterprise")
    assert stale(root, plant)["ledgers"] == [day(2), day(3)]
    assert reasons(root, plant, "ledgers", day(2)) == ["orders"]
    assert set(stale(root, plant)["numbers"]) == {day(2), day(3)}
    floor.booking("b-1", "m-2", START + HOUR, START + 2 * HOUR, "jam", "breakdown")
    builder(plant, root).only("enterprise")
    assert stale(root, plant)["ledgers"] == [day(0), day(2), day(3)]
    assert reasons(root, plant, "ledgers", day(0)) == ["bookings"]
    edits.retract(
        root, plant, "m-3.good", START + timedelta(days=1, hours=10), START + timedelta(days=1, hours=12), "a"
    )
    builder(plant, root).only("edits")
    assert stale(root, plant)["readings"] == [day(1)]
    assert reasons(root, plant, "readings", day(1)) == ["retractions"]


def test_settings_touch_the_days_they_are_in_force_on(root, built, tmp_path):
    one = '{ machine = "m-1", seconds = 60.0 },'
    later = changed(tmp_path, one, one + f'\n  {{ machine = "m-1", seconds = 50.0, valid_from = {day(2)} }},')
    assert stale(root, later)["ledgers"] == [day(2), day(3)]
    assert reasons(root, later, "ledgers", day(2)) == ["target"]
    zone = 'timezone = "Europe/Berlin"\n'
    holiday = changed(tmp_path, zone, f"{zone}holidays = [{day(2)}]\n")
    # A day's stops may have begun the day before, so its calendar is that of two days.
    assert stale(root, holiday)["ledgers"] == [day(2), day(3)]
    assert reasons(root, holiday, "ledgers", day(3)) == ["calendar"]
    minor = plant_of(tmp_path / "minor", toml().replace("minor_stop_s = 120.0", "minor_stop_s = 3000.0", 1))
    assert set(stale(root, minor)["ledgers"]) == {day(n) for n in range(-1, DAYS)}
    assert reasons(root, minor, "ledgers", day(0)) == ["machine"]


def test_every_revision_has_the_causes_of_its_machine_and_day(root, built, tmp_path):
    """One build after edits of every kind: each machine's day says what changed on it, and nothing else."""
    plant, floor, stop = plant_of(built), Floor(root), timedelta(hours=4)
    second, third = START + timedelta(days=1), START + timedelta(days=2)
    floor.rows([("m-1.state", second + 7 * HOUR, 9), ("m-1.state", second + 8 * HOUR, 1)])
    floor.booking("b-1", "m-1", second + stop, second + stop + HOUR / 3, "jam", "breakdown")
    floor.booking("b-2", "m-2", START + stop + 2 * HOUR, START + stop + 3 * HOUR, "jam", "breakdown")
    edits.retract(root, plant, "m-2.state", third + 6 * HOUR, third + 7 * HOUR, "anna")
    raw = Lake(root).scan("bronze.readings").collect().height
    one = '{ machine = "m-3", seconds = 60.0 },'
    text = toml().replace(one, one + f'\n  {{ machine = "m-3", seconds = 50.0, valid_from = {day(2)} }},')
    stages(plant_of(tmp_path / "changed", text), root)
    found = {(machine, on): cause for machine, on, cause in causes(root) if machine is not None}
    assert found[("m-1", day(1))] == "late rows + reclassification"
    assert found[("m-2", day(0))] == "reclassification"
    assert found[("m-2", day(2))] == "late rows"
    assert found[("m-3", day(2))] == "target"
    assert set(found) <= {
        ("m-1", day(1)),
        ("m-2", day(0)),
        ("m-2", day(2)),
        ("m-2", day(3)),
        *(("m-3", day(n)) for n in (2, 3)),
    }
    assert Lake(root).scan("bronze.readings").collect().height == raw
    kept = Lake(root).scan("silver.readings", days=(day(2), day(2))).filter(pl.col("tag") == "m-2.state").collect()
    assert not kept.filter(pl.col("at") == third + 6 * HOUR).height


def test_silent_days_lie_inside_the_history_and_a_site_begins_with_its_own_first_state(tmp_path):
    """Over a silent weekend the state and the counters are carried on."""
    floor, plant = Floor(tmp_path / "root"), plant_of(tmp_path)
    floor.rows([("m-1.state", START + HOUR, 1), ("m-1.good", START + HOUR, 100), ("m-3.energy", START + 8 * HOUR, 5)])
    floor.rows([("m-1.good", START + timedelta(days=4, hours=1), 140)])
    floor.rows([("m-3.state", START + timedelta(days=2, hours=8), 1)])
    stages(plant, tmp_path / "root")
    lake = Lake(tmp_path / "root")
    ledger = lake.scan("silver.time_ledger")
    first = ledger.group_by("site").agg(pl.col("production_day").min()).collect()
    assert dict(first.rows()) == {"here": day(0), "there": day(2)}
    assert lake.days("silver.time_ledger") == [day(n) for n in range(5)]
    silent = ledger.filter(pl.col("machine") == "m-1", pl.col("production_day") == day(2)).collect()
    assert "production" in set(silent["account"])
    assert lake.scan("silver.count_ledger").collect()["good_pcs"].sum() == 40
