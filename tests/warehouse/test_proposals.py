import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from plant.proposals.chain import sealed
from plant.proposals.content import ProposalError
from plant.proposals.rights import SYSTEM, RightError
from warehouse import connect
from warehouse.decisions import decide
from warehouse.lake import Lake
from warehouse.large.tidy import tidy
from warehouse.proposals import (
    TamperedError,
    approve,
    audit,
    book,
    claim,
    confirmed,
    draft,
    drafts,
    edit,
    expire_due,
    exported,
    failed,
    history,
    reconciled,
    reject,
    submit,
)

spec = spec_from_file_location("proposal_kit", Path(__file__).with_name("proposal_kit.py"))
kit = module_from_spec(spec)
spec.loader.exec_module(kit)
NOW, HOUR = kit.NOW, kit.HOUR
NAME = "bronze.proposals"


@pytest.fixture
def plant(tmp_path):
    return kit.plant_of(tmp_path)


@pytest.fixture
def submitted(lake, plant):
    key = draft(lake, plant, kit.purchase(), "Ada", now=NOW).key
    return submit(lake, plant, key, "Ada", comment="needed", now=NOW).key


def events(lake, key=None):
    return [e.event for e in book(lake, NOW).entries if key in (None, e.key)]


def test_two_keys_from_draft_to_confirmed(lake, plant, submitted):
    assert approve(lake, plant, submitted, "Mo", comment="ok", now=NOW).decided_by == "Mo"
    assert claim(lake, plant, [submitted], "erp", "Ada", now=NOW)[0].state == "exporting"
    assert exported(lake, {submitted: "4711"}, "Ada", now=NOW)[0].reference == "4711"
    assert reconciled(lake, submitted, "partial", "3 of 4 kept", "Ada", now=NOW).finding == "partial"
    assert reconciled(lake, submitted, "confirmed", "all kept", "Ada", now=NOW).state == "confirmed"
    steps = history(lake, submitted)
    assert [e.comment for e in steps] == [None, "needed", "ok", None, None, "3 of 4 kept", "all kept"]
    assert audit(lake).findings == ()


def test_every_step_twice_is_recorded_once(lake, plant, submitted):
    draft(lake, plant, kit.purchase(), "Ada", now=NOW)
    submit(lake, plant, submitted, "ada", now=NOW)
    for _ in range(2):
        approve(lake, plant, submitted, "Mo", now=NOW)
    for _ in range(2):
        claim(lake, plant, [submitted], "erp", "Ada", now=NOW)
    for _ in range(2):
        exported(lake, {submitted: "1"}, "Ada", now=NOW)
    for _ in range(2):
        reconciled(lake, submitted, "missing", "gone", "Ada", now=NOW)
    for _ in range(2):
        confirmed(lake, plant, submitted, "Mo", "seen in the ERP", now=NOW)
    assert events(lake) == ["draft", "submit", "approve", "claim", "export", "reconcile", "confirm"]


def test_rights_eyes_and_limits(lake, plant, submitted):
    for who, message in (("Ada", "may not approve"), ("Ben", "Ben may not approve"), ("Eve", "no role")):
        with pytest.raises(RightError, match=message):
            approve(lake, plant, submitted, who, now=NOW)
    dear = draft(lake, plant, kit.purchase(1, quantity=401.0), "Ben", now=NOW).key
    submit(lake, plant, dear, "Ben", now=NOW)
    with pytest.raises(RightError, match=r"up to 500.00; its value is 501.25"):
        approve(lake, plant, dear, "Cem", now=NOW)
    assert approve(lake, plant, submitted, "Cem", now=NOW).state == "approved"
    with pytest.raises(RightError, match="Eve has no role"):
        draft(lake, plant, kit.purchase(2), "Eve", now=NOW)
    assert draft(lake, plant, kit.purchase(2), SYSTEM, now=NOW).state == "draft"
    with pytest.raises(RightError, match="shopfloor has no role"):
        submit(lake, plant, draft(lake, plant, kit.purchase(2), SYSTEM, now=NOW).key, SYSTEM, now=NOW)


def test_who_edits_after_the_submission_may_not_approve_and_it_is_handed_in_anew(lake, plant, submitted):
    assert edit(lake, plant, submitted, kit.purchase(quantity=90.0), "Mo", now=NOW).state == "draft"
    with pytest.raises(ProposalError, match="is draft: to approve it has to be submitted"):
        approve(lake, plant, submitted, "Cem", now=NOW)
    submit(lake, plant, submitted, "Ada", now=NOW)
    with pytest.raises(RightError, match="Mo edited"):
        approve(lake, plant, submitted, "Mo", now=NOW)
    assert approve(lake, plant, submitted, "Cem", now=NOW).content.lines[0].quantity == 90.0
    with pytest.raises(ProposalError, match="stays one"):
        edit(lake, plant, submitted, kit.production(), "Ada", now=NOW)


def test_an_approval_is_of_what_was_seen(lake, plant, submitted):
    seen = book(lake, NOW).standing(submitted).seq
    edit(lake, plant, submitted, kit.purchase(quantity=9000.0), "Ada", now=NOW)
    submit(lake, plant, submitted, "Ada", now=NOW)
    with pytest.raises(ProposalError, match="has changed since you looked"):
        approve(lake, plant, submitted, "Mo", seen=seen, now=NOW)


def test_rejecting_needs_a_reason_and_reworking_is_possible(lake, plant, submitted):
    with pytest.raises(ProposalError, match="needs a comment"):
        reject(lake, plant, submitted, "Mo", comment=" ", now=NOW)
    approve(lake, plant, submitted, "Mo", now=NOW)
    assert reject(lake, plant, submitted, "Cem", comment="too early", now=NOW).state == "rejected"
    assert edit(lake, plant, submitted, kit.purchase(quantity=5.0), "Ada", now=NOW).state == "draft"


def test_what_ran_out_is_refused_and_recorded(lake, plant, submitted):
    late = NOW + timedelta(days=3)
    with pytest.raises(ProposalError, match="expired at 2026-11-25 06:00 UTC"):
        approve(lake, plant, submitted, "Mo", now=late)
    assert expire_due(lake, NOW + 71 * HOUR) == []
    assert expire_due(lake, late) == [submitted]
    assert expire_due(lake, late) == []
    assert events(lake)[-1] == "expire"


def test_a_clock_set_back_neither_reorders_nor_revives(lake, plant, submitted):
    expire_due(lake, NOW + timedelta(days=4))
    back = NOW - timedelta(days=1)
    with pytest.raises(ProposalError, match="is expired"):
        approve(lake, plant, submitted, "Mo", now=back)
    again = draft(lake, plant, kit.purchase(7), "Ada", now=NOW)
    submit(lake, plant, again.key, "Ada", now=back)
    held = book(lake, back)
    assert [e.acted_at for e in held.entries] == sorted(e.acted_at for e in held.entries)
    assert held.now == NOW + timedelta(days=4)
    told = audit(lake)
    assert told.findings == ()
    assert any("the clock stood at 2026-11-21T06:00:00+00:00" in remark for remark in told.remarks)


def test_only_approved_proposals_leave_and_a_refused_one_is_approved_again(lake, plant, submitted):
    with pytest.raises(ProposalError, match="is submitted: to claim it has to be approved"):
        claim(lake, plant, [submitted], "erp", "Ada", now=NOW)
    approve(lake, plant, submitted, "Mo", now=NOW)
    with pytest.raises(RightError, match="Cem may not export"):
        claim(lake, plant, [submitted], "erp", "Cem", now=NOW)
    with pytest.raises(ProposalError, match="there is no proposal 'PU-0'"):
        claim(lake, plant, [submitted, "PU-0"], "erp", "Ada", now=NOW)
    assert events(lake)[-1] == "approve"
    claim(lake, plant, [submitted], "erp", "Ada", now=NOW)
    with pytest.raises(ProposalError, match="on its way to erp"):
        claim(lake, plant, [submitted], "sql", "Ada", now=NOW)
    with pytest.raises(ProposalError, match="is exporting"):
        reject(lake, plant, submitted, "Mo", comment="stop", now=NOW)
    assert expire_due(lake, NOW + timedelta(days=9)) == []
    held = failed(lake, submitted, "Ada", "unknown product", now=NOW)
    assert (held.state, held.target, held.finding) == ("approved", None, "unknown product")


def test_two_approvers_at_once_one_wins(lake, plant, submitted, tmp_path):
    """Three processes wait for the same file and approve the same proposal: one entry, two are told."""
    roles = kit.ROLES.replace('"Mo"', '"Mo", "Ida", "Kim"')
    kit.plant_of(tmp_path, roles)
    start, names = tmp_path / "start", ("Mo", "Ida", "Kim")
    command = [sys.executable, str(Path(__file__).with_name("race_approvals.py")), str(lake.root),
               str(tmp_path / "plant.toml"), submitted]  # fmt: skip
    running = [subprocess.Popen([*command, n, str(start)], stdout=subprocess.PIPE, text=True) for n in names]
    while not all((tmp_path / f"ready-{n}").exists() for n in names):
        assert all(p.poll() is None for p in running)
        time.sleep(0.01)
    start.touch()
    told = [p.communicate(timeout=60)[0].strip() for p in running]
    assert [p.returncode for p in running] == [0] * 3
    won = [t for t in told if t.startswith("won")]
    assert len(won) == 1
    assert all("is approved by" in t for t in told if t not in won)
    assert events(lake) == ["draft", "submit", "approve"]
    assert audit(lake).findings == ()


def overwrite(lake, rows):
    """Rows put into the table past the door, as somebody with the files would."""
    write_deltalake(DeltaTable(lake.path(NAME)), rows.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="overwrite")


TAMPERED = {
    "changed": (lambda r: r.with_columns(acted_by=pl.when(pl.col("seq") == 2).then(pl.lit("Mo")).otherwise("acted_by")),
                "entry 2 (draft of PU"),
    "removed": (lambda r: r.filter(pl.col("seq") != 1), "entry 1 removed before entry 2 (draft of PU"),
    "cut off": (lambda r: r.filter(pl.col("seq") < 4), "entry 4 removed from the end: 5 were written, 4 are left"),
    "emptied": (lambda r: r.clear(), "entries 0 to 4 removed from the end"),
    "reordered": (lambda r: r.with_columns(seq=pl.col("seq").replace({2: 3, 3: 2})), "put in another place"),
    "doubled": (lambda r: pl.concat([r, r.tail(1)]), "stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERED)
def test_a_trail_changed_from_outside_is_named_and_stops_everything(lake, plant, submitted, how):
    approve(lake, plant, kit.approved(lake, plant, kit.purchase(3)), "Mo", now=NOW)
    change, message = TAMPERED[how]
    overwrite(lake, change(lake.scan(NAME).sort("seq").collect()))
    assert any(message in found for found in audit(Lake(lake.root)).findings)
    for act in (
        lambda: approve(Lake(lake.root), plant, submitted, "Mo", now=NOW),
        lambda: claim(Lake(lake.root), plant, [submitted], "erp", "Ada", now=NOW),
    ):
        with pytest.raises(TamperedError, match="was changed from outside"):
            act()


def test_an_approval_forged_with_a_valid_hash_is_found(lake, plant, submitted):
    """Somebody who knows the hash writes a self-approval, and even the number of entries fits."""
    held = book(lake, NOW)
    forged = sealed(
        replace(held.entries[-1], event="approve", acted_by="Ada", body="{}", expires_at=None), held.entries[-1]
    )
    rows = pl.DataFrame([asdict(forged) | {"date": NOW.date()}], schema=lake.scan(NAME).collect_schema(), orient="row")
    lake.append_once(NAME, rows, "proposals", 3)
    assert "Ada submitted" in audit(lake).findings[0]
    with pytest.raises(TamperedError, match="holds what cannot be"):
        claim(lake, plant, [submitted], "erp", "Ada", now=NOW)


NASTY = "'; DROP TABLE bronze.proposals; -- \"} $$ {batch} {{7*7}} \u202e =cmd|'/c calc'!A1"


def test_sql_in_a_text_is_a_text(lake, plant):
    given = kit.purchase(title=NASTY, subject=NASTY, partner=NASTY, reason=NASTY)
    key = draft(lake, plant, given, "Ada", comment=NASTY, now=datetime.now(UTC)).key
    rows = (
        connect(lake.root).sql("SELECT title, subject, partner, reason, comment, state FROM gold.proposals").fetchall()
    )
    assert rows == [(NASTY,) * 5 + ("draft",)]
    assert history(lake, key)[0].comment == NASTY
    with pytest.raises(ProposalError, match="valid are 2000"):
        submit(lake, plant, key, "Ada", comment="x" * 2001)


def test_the_view_says_what_the_machine_says(lake, plant):
    """Proposals in every state, some through detours; SQL and Python agree on every one."""
    now = datetime.now(UTC)
    keys = [draft(lake, plant, kit.purchase(n, price=None if n == 3 else 125), "Ada", now=now).key for n in range(9)]
    for key in keys[1:]:
        submit(lake, plant, key, "Ada", comment="please", now=now)
    for key in keys[3:]:
        approve(lake, plant, key, "Mo", now=now)
    edit(lake, plant, keys[1], kit.purchase(1, quantity=4.0), "Ben", now=now)
    reject(lake, plant, keys[2], "Mo", comment="no", now=now)
    claim(lake, plant, keys[4:], "erp", "Ada", batch="b1", now=now)
    failed(lake, keys[4], "Ada", "refused", now=now)
    failed(lake, keys[5], "Ada", "refused", now=now)
    claim(lake, plant, [keys[5]], "sql", "Ada", now=now)
    exported(lake, {k: f"r{k}" for k in keys[5:8]}, "Ada", now=now)
    reconciled(lake, keys[6], "differs", "2 of 3", "Ada", now=now)
    reconciled(lake, keys[7], "confirmed", "kept", "Ada", now=now)
    con = connect(lake.root)
    shown = con.sql("SELECT * FROM gold.proposals").pl()
    for row in shown.iter_rows(named=True):
        held = book(lake, now).standing(row["key"])
        names = ("state", "edited_by", "submitted_by", "decided_by", "decided_at", "target", "reference", "finding",
                 "comment", "seq")  # fmt: skip
        assert {n: row[n] for n in names} == {n: getattr(held, n) for n in names}
        assert row["value_cents"] == held.content.value_cents
    assert shown.height == 9
    steps = con.sql("SELECT count(*), count(role) FROM gold.proposal_steps").fetchall()[0]
    assert steps == (len(book(lake, now).entries), 8 + 6 + 1 + 6)


def test_the_view_expires_by_the_clock_alone(lake, plant):
    key = draft(lake, plant, kit.purchase(), "Ada", now=datetime.now(UTC) - timedelta(days=3)).key
    assert connect(lake.root).sql("SELECT key, state FROM gold.proposals").fetchall() == [(key, "expired")]


def needs(lake, frame):
    """One reorder alert, one failure risk above its threshold, one approved forecast."""
    day = date(2026, 11, 21)
    stock = {"production_day": day, "site": "northmill", "unit": "kg", "location": "stores", "price": 1.5,
             "reason": "40 kg on hand", "action_qty": 160.0, "action_day": day + timedelta(days=5),
             "supplier": "acme"}  # fmt: skip
    asked = {"bar-20": "buy", "shaft-20": "make", "tin": "sell_off", "oil": None}
    rows = [stock | {"material": m, "action": action} for m, action in asked.items()]
    lake.replace("gold.replenishment", frame("gold.replenishment", *rows))
    lies = {"production_day": day, "site": "northmill", "unit": "kg", "from_location": "stores", "qty": 30.0,
            "now_m_week": 900.0, "saved_m_week": 700.0, "move_m": 100.0, "payback_weeks": 1 / 7}  # fmt: skip
    places = ("near", "bar-20"), ("stores", "oil")
    moves = (lies | {"to_location": t, "material": m} for t, m in places)
    lake.replace("gold.slotting", frame("gold.slotting", *moves))
    risk = {"machine": "press-1", "failure_mode": "bearing", "scored_at": NOW, "probability": 0.6}
    older = risk | {"machine": "cnc-1", "alert": True, "scored_at": NOW - HOUR}
    risks = [risk | {"alert": True}, older, older | {"alert": False, "scored_at": NOW}]
    lake.replace("gold.failure_risk", frame("gold.failure_risk", *risks))
    week = {"item": "shaft-20", "period_start": date(2026, 11, 23), "period": "week", "model_version": "v1"}
    lake.replace("gold.forecast", frame("gold.forecast", week, week | {"item": "bracket-s"}))
    decide(lake, "shaft-20", date(2026, 11, 23), "v1", "approved", "Ada", quantity=95.0)


def test_drafts_come_from_alerts_and_approved_forecasts_once_each(lake, plant, frame):
    needs(lake, frame)
    made = {s.kind: s for s in drafts(lake, plant, now=NOW)}
    assert {k: s.state for k, s in made.items()} == dict.fromkeys(
        ("purchase", "production", "stock_move", "maintenance", "forecast"), "draft"
    )
    bought = made["purchase"].content
    assert (bought.lines[0].quantity, bought.value_cents, bought.partner) == (160.0, 160 * 150, "acme")
    assert bought.reason == "40 kg on hand; 1.50 EUR per kg"
    assert made["production"].content.lines[0].start_on == date(2026, 11, 22)
    moved = made["stock_move"].content
    lines = [(x.item, x.from_location, x.to_location, x.quantity) for x in moved.lines]
    assert lines == [("bar-20", "stores", "near", 30.0)]
    assert "1,400 of 1,800 m a week less; moving takes 100 m, paid back in 0.1 weeks" in moved.reason
    assert made["maintenance"].content.lines[0].item == "press-1"
    asked = made["forecast"].content.lines[0]
    assert (asked.quantity, asked.start_on, asked.due_on) == (95.0, date(2026, 11, 23), date(2026, 11, 29))
    assert all(s.edited_by == SYSTEM and s.submitted_by is None for s in made.values())
    assert drafts(lake, plant, now=NOW) == []
    later = NOW + timedelta(days=8)
    expire_due(lake, later)
    assert drafts(lake, plant, now=later) == []  # the same alert of the same day: its proposal ran out


def test_an_empty_lake_makes_no_drafts(lake, plant):
    assert drafts(lake, plant, now=NOW) == []
    assert audit(lake).entries == 0


def test_going_back_to_the_version_before_the_change_heals_the_trail(lake, plant, submitted):
    """What docs/proposals.md says to do."""
    version = lake.version(NAME)
    overwrite(lake, lake.scan(NAME).collect().filter(pl.col("seq") != 0))
    assert audit(Lake(lake.root)).findings
    DeltaTable(lake.path(NAME)).restore(version)
    assert audit(Lake(lake.root)).findings == ()
    assert approve(Lake(lake.root), plant, submitted, "Mo", now=NOW).state == "approved"
    assert events(Lake(lake.root)) == ["draft", "submit", "approve"]


def test_upkeep_merges_the_trail_and_changes_nothing(lake, plant, submitted):
    approve(lake, plant, submitted, "Mo", now=NOW)
    before = lake.scan(NAME).sort("seq").collect()
    tidied = tidy(lake, NAME, today=NOW.date() + timedelta(days=1))
    assert (tidied.files_before, tidied.files_after) == (3, 1)
    assert lake.scan(NAME).sort("seq").collect().equals(before)
    assert audit(Lake(lake.root)).findings == ()
    claim(Lake(lake.root), plant, [submitted], "erp", "Ada", now=NOW)
    assert events(lake)[-1] == "claim"


def test_what_was_checked_before_is_noticed_when_it_changes(lake, plant, submitted):
    """A process that has read the trail before still compares every row of it."""
    book(lake, NOW)
    rows = lake.scan(NAME).sort("seq").collect()
    overwrite(lake, rows.with_columns(comment=pl.lit("another reason")))
    with pytest.raises(TamperedError, match=r"entry 0 .* was changed"):
        book(lake, NOW)
    overwrite(lake, rows)
    assert book(lake, NOW).standing(submitted).state == "submitted"
