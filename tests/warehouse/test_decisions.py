import threading
from datetime import date

import pytest

from warehouse.decisions import DecisionError, Pick, Standing, decide, decide_all, status

WEEK = date(2026, 11, 23)
KEY = ("shaft-20", WEEK, "v1")


@pytest.fixture
def root(lake, frame):
    rows = [
        {"item": i, "period_start": WEEK, "model_version": "v1", "quantity": 80.0, "status": "draft"}
        for i in ("shaft-20", "bracket-s")
    ]
    lake.replace("gold.forecast", frame("gold.forecast", *rows))
    return lake.root


def decisions(lake):
    return lake.scan("bronze.decisions").sort("decided_at").collect()


def test_draft_approved_exported(root, lake):
    assert status(root, *KEY) == Standing("draft")
    approved = decide(root, *KEY, "approved", "Ada", comment="ok")
    assert (approved.status, approved.by, approved.quantity, approved.comment) == ("approved", "Ada", 80.0, "ok")
    exported = decide(root, *KEY, "exported", "Ben")
    assert (exported.status, exported.quantity) == ("exported", 80.0)
    assert decisions(lake)["decision"].to_list() == ["approved", "exported"]
    assert status(root, "shaft-20", WEEK, "v2") == Standing("draft")


def test_the_quantity_may_be_changed_and_is_what_is_exported(root):
    decide(root, *KEY, "approved", "Ada", quantity=95)
    assert decide(root, *KEY, "exported", "Ada").quantity == 95.0


def test_withdrawing_makes_a_draft_again(root):
    decide(root, *KEY, "approved", "Ada")
    assert decide(root, *KEY, "withdrawn", "Ada", comment="wrong week").status == "draft"
    assert decide(root, *KEY, "approved", "Ben", quantity=1).by == "Ben"


def test_the_same_decision_twice_is_recorded_once(root, lake):
    decide(root, *KEY, "approved", "Ada")
    assert decide(root, *KEY, "approved", "Ada").status == "approved"
    assert decisions(lake).height == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": " "}, "needs a name"),
        ({"decision": "exported"}, r"is draft: exported needs it to be approved first"),
        ({"decision": "withdrawn"}, r"withdrawn needs it to be approved first"),
        ({"decision": "adored"}, r"valid are approved, withdrawn, exported"),
        ({"model_version": "v0"}, r"no forecast of shaft-20 for 2026-11-23 by model version v0; there is v1"),
        ({"item": "sofa"}, r"no forecast of sofa.*there is none"),
        ({"quantity": -1.0}, r"quantity of shaft-20.*is -1.0; valid is 0 or more"),
        ({"quantity": float("nan")}, r"is nan; valid is 0 or more"),
    ],
)
def test_what_does_not_follow_is_refused(root, lake, change, message):
    given = {"item": KEY[0], "period_start": WEEK, "model_version": "v1", "decision": "approved", "by": "Ada"} | change
    with pytest.raises(DecisionError, match=message):
        decide(root, **given)
    assert decisions(lake).height == 0


def test_approving_what_another_approved_says_who(root):
    decide(root, *KEY, "approved", "Ada")
    with pytest.raises(DecisionError, match=r"is approved by Ada: approved needs it to be draft first"):
        decide(root, *KEY, "approved", "Ben")


def test_many_at_once_or_none(root, lake):
    picks = [Pick(i, WEEK, "v1") for i in ("shaft-20", "bracket-s")]
    assert [s.status for s in decide_all(root, picks, "approved", "Ada")] == ["approved"] * 2
    assert decisions(lake).height == 2
    assert lake.version("bronze.decisions") == 1
    with pytest.raises(DecisionError):
        decide_all(root, [*picks, Pick("sofa", WEEK, "v1")], "exported", "Ada")
    assert decisions(lake).height == 2


def test_two_people_at_once_cannot_both_approve(root, lake):
    told = []

    def approve(name):
        try:
            told.append(decide(root, *KEY, "approved", name).by)
        except DecisionError as error:
            told.append(str(error))

    threads = [threading.Thread(target=approve, args=(n,)) for n in ("Ada", "Ben", "Cem")]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert decisions(lake).height == 1
    assert sum("needs it to be draft" in t for t in told) == 2
