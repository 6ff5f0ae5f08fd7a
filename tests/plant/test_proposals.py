"""The state machine, the chain and the rights, without a lake."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from plant.proposals.chain import EVENTS, Entry, breaks, sealed
from plant.proposals.content import KINDS, MAX_CENTS, NEEDS, ProposalError, body, content, key_of
from plant.proposals.rights import SYSTEM, RightError, Role, granted
from plant.proposals.states import AFTER, PERISHABLE, after, replayed
from plant.proposals.states import NEEDS as STEPS

AT = datetime(2026, 11, 22, 6, tzinfo=UTC)
LINE = {"item": "bar-20", "quantity": 10.0, "unit": "m", "price_cents": 250, "due_on": "2026-12-01"}
GIVEN = {"kind": "purchase", "title": "Buy 10 m of bar-20", "subject": "reorder bar-20", "lines": [LINE]}
TOLD = {"claim": '{"target":"sql"}', "export": '{"reference":"1"}', "reconcile": '{"finding":"differs"}',
        "confirm": '{"finding":"confirmed"}'}  # fmt: skip


def bought(**line):
    return GIVEN | {"lines": [LINE | line]}


def entry(event, by="Ada", *, key="PU-1", at=AT, last=None):
    text = body(content(GIVEN | {"lines": [LINE]})) if event in ("draft", "edit") else TOLD.get(event, "{}")
    until = AT + timedelta(days=3) if event in ("draft", "edit", "submit") else None
    return sealed(Entry(0, key, "purchase", event, by, at, None, text, until), last)


def trail(*steps):
    made = []
    for event, by in steps:
        made.append(entry(event, by, last=made[-1] if made else None))
    return made


WHOLE = (
    ("draft", "Ada"),
    ("submit", "Ada"),
    ("approve", "Mo"),
    ("claim", "Ada"),
    ("export", "Ada"),
    ("confirm", "Ada"),
)
PATHS = {
    "draft": 1, "submitted": 2, "approved": 3, "exporting": 4, "exported": 5, "confirmed": 6,
}  # fmt: skip


def standing_in(state):
    if state in ("rejected", "expired"):
        held = replayed(trail(*WHOLE[:2]))[0]["PU-1"]
        last = entry("reject", "Mo") if state == "rejected" else entry("expire", SYSTEM, at=AT + timedelta(days=4))
        return after(held, last)
    return replayed(trail(*WHOLE[: PATHS[state]]))[0]["PU-1"]


@pytest.mark.parametrize("state", [*PATHS, "rejected", "expired"])
def test_every_step_from_every_state_follows_the_table_or_is_refused(state):
    """The whole machine: 8 states by 11 steps, 14 of them lead somewhere."""
    standing = standing_in(state)
    assert standing.state == state
    for event in EVENTS:
        at = AT + timedelta(days=4) if event == "expire" else AT
        step = entry(event, "Zoe", at=at)
        if event != "draft" and state in STEPS[event]:
            assert after(standing, step).state == AFTER[event]
        else:
            with pytest.raises(ProposalError, match=rf"PU-1 is .*{state}"):
                after(standing, step)


@pytest.mark.parametrize("state", PERISHABLE)
def test_after_its_time_nothing_but_editing_follows(state):
    standing, late = standing_in(state), AT + timedelta(days=3)
    for event in ("submit", "approve", "claim"):
        if state in STEPS[event]:
            with pytest.raises(ProposalError, match="expired at 2026-11-25 06:00 UTC"):
                after(standing, entry(event, "Zoe", at=late))
    with pytest.raises(ProposalError, match="has not run out"):
        after(standing, entry("expire", SYSTEM, at=late - timedelta(seconds=1)))


@pytest.mark.parametrize("name", ["Ada", " ada ", "ＡＤＡ", "ada\t"])
def test_who_submitted_or_last_edited_may_not_approve_however_it_is_written(name):
    with pytest.raises(RightError, match="may not approve it"):
        after(standing_in("submitted"), entry("approve", name))
    edited = replayed(trail(("draft", "Eve"), ("edit", "Ada"), ("submit", "Eve")))[0]["PU-1"]
    for who in (name, "Eve"):
        with pytest.raises(RightError, match="needs a second person"):
            after(edited, entry("approve", who))
    with pytest.raises(RightError, match="needs a person"):
        after(edited, entry("approve", SYSTEM))
    assert after(edited, entry("approve", "Mo")).decided_by == "Mo"


def test_editing_takes_submission_and_approval_back():
    edited = after(standing_in("submitted"), entry("edit", "Eve"))
    assert (edited.state, edited.submitted_by, edited.edited_by) == ("draft", None, "Eve")


def test_every_single_change_of_every_entry_is_named():
    whole = trail(*WHOLE)
    assert list(breaks(whole, 6)) == []
    changes = {"acted_by": "Eve", "comment": "x", "body": '{"reference":"2"}', "key": "PU-2", "event": "edit",
               "kind": "forecast", "acted_at": AT + timedelta(microseconds=1), "expires_at": AT,
               "previous": "f" * 64, "hash": "e" * 64}  # fmt: skip
    for n, one in enumerate(whole):
        for name, value in changes.items():
            if getattr(one, name) == value:
                continue
            found = list(breaks([*whole[:n], replace(one, **{name: value}), *whole[n + 1 :]], 6))
            assert found, name
            assert f"entry {n} (" in found[0] or f"entry {n + 1} (" in found[0]


def test_removed_reordered_doubled_and_added_entries_are_named():
    whole = trail(*WHOLE)
    assert next(breaks([*whole[:2], *whole[3:]], 6)) == "entry 2 removed before entry 3 (claim of PU-1)"
    assert next(breaks([*whole[:1], *whole[4:]], 6)) == "entries 1 to 3 removed before entry 4 (export of PU-1)"
    assert list(breaks(whole[:5], 6)) == ["entry 5 removed from the end: 6 were written, 5 are left"]
    assert list(breaks([], 2)) == ["entries 0 to 1 removed from the end: 2 were written, 0 are left"]
    swapped = [*whole[:2], replace(whole[3], seq=2), replace(whole[2], seq=3), *whole[4:]]
    assert "entry 2 (claim of PU-1) was changed, or put in another place" in next(breaks(swapped, 6))
    assert "entry 2 (approve of PU-1) stands twice" in next(breaks([*whole[:3], whole[2], *whole[3:]], 6))
    forged = sealed(Entry(0, "PU-9", "purchase", "draft", "Eve", AT), whole[-1])
    assert list(breaks([*whole, forged], 6)) == ["1 entries added past the house: 6 were written, 7 found"]


def test_a_well_hashed_step_nobody_may_take_is_found_by_replaying():
    _, wrong = replayed(trail(("draft", "Ada"), ("submit", "Ada"), ("approve", "Ada"), ("claim", "Ada")))
    assert wrong[0].startswith("entry 2 (approve of PU-1 by Ada) cannot be: Ada submitted PU-1")
    assert "entry 3 (claim of PU-1 by Ada) cannot be: PU-1 is submitted" in wrong[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (bought(price_cents=MAX_CENTS), r"the value is 100,000,000,000,000.00; valid is up to"),
        (bought(price_cents=2**63), "lines.0.price_cents"),
        (bought(price_cents=-1), "lines.0.price_cents"),
        (bought(price_cents=float("nan")), "lines.0.price_cents"),
        (bought(quantity=0), "lines.0.quantity"),
        (bought(quantity=float("nan")), "lines.0.quantity"),
        (bought(quantity=float("inf")), "lines.0.quantity"),
        (bought(due_on=None), "line 1 of a purchase proposal has no due_on"),
        (bought(start_on="2026-12-02"), "before it starts on 2026-12-02"),
        (bought(item="bar\x00"), "lines.0.item"),
        (GIVEN | {"lines": []}, "lines"),
        (GIVEN | {"kind": "wish"}, "kind"),
        (GIVEN | {"approved_by": "Mo"}, "approved_by: Extra inputs are not permitted"),
        (GIVEN | {"title": "\ud800"}, "title"),
        ("{", "Invalid JSON"),
    ],
)
def test_what_is_no_proposal_is_told_with_its_place(given, message):
    with pytest.raises(ProposalError, match=message):
        content(given)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_needs(kind):
    with pytest.raises(ProposalError, match=f"line 1 of a {kind} proposal has no .*{NEEDS[kind][-1]}"):
        content(GIVEN | {"kind": kind, "lines": [LINE | {"due_on": None}]})


def test_the_value_is_computed_never_claimed_and_unknown_without_a_price():
    assert content(GIVEN | {"lines": [LINE, LINE | {"quantity": 0.5}]}).value_cents == 2625
    assert content(GIVEN | {"lines": [LINE, LINE | {"price_cents": None}]}).value_cents is None


def test_the_key_is_of_the_content_alone():
    assert key_of(content(GIVEN)) == key_of(content(dict(reversed(GIVEN.items())))) != key_of(content(GIVEN), "again")
    assert key_of(content(bought(quantity=11.0))) != key_of(content(GIVEN))


ROLES = (
    Role(name="planner", people=("Ada",), may=("submit",), kinds=("purchase",)),
    Role(name="lead", people=("Cem",), may=("approve",), value_limit=500.0),
    Role(name="manager", people=("Mo", "Cem"), may=("approve", "export"), kinds=("forecast",)),
)


@pytest.mark.parametrize(
    ("who", "right", "kind", "cents", "message"),
    [
        ("Ada", "approve", "purchase", 1, "Ada may not approve a purchase proposal"),
        ("Ada", "submit", "forecast", 1, "Ada may not submit a forecast proposal"),
        ("Cem", "approve", "purchase", 50_001, "up to 500.00; its value is 500.01"),
        ("Cem", "approve", "purchase", None, "up to 500.00; its value is not known"),
        ("Eve", "approve", "purchase", 1, "Eve has no role and so no right"),
        ("  ", "approve", "purchase", 1, "needs a name"),
        (SYSTEM, "approve", "purchase", 1, "shopfloor has no role"),
    ],
)
def test_without_a_role_that_says_so_there_is_no_right(who, right, kind, cents, message):
    with pytest.raises(RightError, match=message):
        granted(ROLES, who, right, kind, cents)


def test_rights_that_are_there():
    assert granted(ROLES, "ada", "submit", "purchase", None).name == "planner"
    assert granted(ROLES, "Cem", "approve", "purchase", 50_000).name == "lead"
    assert granted(ROLES, "Cem", "approve", "forecast", None).name == "manager"
    with pytest.raises(RightError, match=r"nobody may approve: the plant has no \[\[role\]\]"):
        granted((), "Mo", "approve", "purchase", 1)
    with pytest.raises(ValueError, match="none 'shopfloor'"):
        Role(name="x", people=("Shopfloor",), may=("approve",))


def test_a_price_keeps_its_fraction_and_a_whole_one_its_text():
    fine = content(bought(price_cents=5.17, quantity=1000))
    assert (fine.lines[0].price_cents, fine.value_cents) == (5.17, 5170)
    assert '"price_cents":5.17,' in body(fine)
    assert '"price_cents":250,' in body(content(bought(price_cents=250.0))) == body(content(bought(price_cents=250)))
