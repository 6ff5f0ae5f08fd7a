"""The approvals page: two people, what was seen, and texts that stay texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from plant.config import Plant
from warehouse.lake import Lake
from warehouse.proposals import approve, book, draft, edit, submit

spec = spec_from_file_location("proposal_kit", Path(__file__).parents[1] / "warehouse" / "proposal_kit.py")
assert spec
assert spec.loader
kit = module_from_spec(spec)
spec.loader.exec_module(kit)
Open = Callable[..., AppTest]
NASTY = "Buy **all** <script>alert(1)</script> :red[x] $1+1$ [a](http://x)"


@pytest.fixture
def plant(own_root: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    from dashboards import data

    monkeypatch.setattr(data, "LOOK_AGAIN_S", 0.0)
    monkeypatch.setenv("SHOPFLOOR_PLANT", str(own_root / "plant.toml"))
    return kit.plant_of(own_root)


def waiting(root: Path, plant: Plant, n: int = 0, **more: Any) -> str:
    key = draft(Lake(root), plant, kit.purchase(n, **more), "Ada", now=datetime.now(UTC)).key
    return submit(Lake(root), plant, key, "Ada", comment="the supplier closes on Friday").key


def words(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.success]
    return "\n".join([str(p.value) for p in parts] + [f"{m.label} {m.value}" for m in app.metric])


def state(root: Path, key: str) -> str:
    return book(Lake(root)).standing(key).state


def press(app: AppTest, label: str, name: str, comment: str = "") -> AppTest:
    app.text_input[0].set_value(name)
    app.text_input[1].set_value(comment)
    return next(b for b in app.button if b.label == label).click().run()


def test_a_manager_approves_what_a_planner_asked_for(own_root: Path, plant: Plant, open_page: Open) -> None:
    key = waiting(own_root, plant)
    app = open_page(own_root, "approvals")
    said = words(app)
    for part in ("Buy 100 of part", "Value **125.00 EUR**", "asked for by **Ada**", "the supplier closes", "expires"):
        assert part in said
    app = press(app, "Approve", "Mo", "go")
    assert not app.exception
    assert state(own_root, key) == "approved"
    assert "Nothing waits for approval" in words(app)
    assert "Approved: Buy 100" in words(app)


@pytest.mark.parametrize(
    ("label", "name", "comment", "message"),
    [
        ("Approve", "", "", "Write your name first"),
        ("Approve", "ADA ", "", "needs a second person"),
        ("Approve", "Ben", "", "may not approve a purchase"),
        ("Reject", "Mo", " ", "needs a comment"),
    ],
)
def test_what_is_refused_says_why_and_records_nothing(
    own_root: Path, plant: Plant, open_page: Open, label: str, name: str, comment: str, message: str
) -> None:
    key = waiting(own_root, plant)
    app = press(open_page(own_root, "approvals"), label, name, comment)
    assert not app.exception
    assert message in app.error[0].value.replace("\\", "")
    assert state(own_root, key) == "submitted"


@pytest.mark.parametrize("look_again_s", [0.0, 60.0])
def test_what_changed_since_it_was_seen_is_not_approved(
    own_root: Path, plant: Plant, open_page: Open, monkeypatch: pytest.MonkeyPatch, look_again_s: float
) -> None:
    """Whether the page has heard of the change by the click or not."""
    from dashboards import data

    monkeypatch.setattr(data, "LOOK_AGAIN_S", look_again_s)
    key = waiting(own_root, plant)
    app = open_page(own_root, "approvals")
    edit(Lake(own_root), plant, key, kit.purchase(quantity=9000.0), "Ada")
    submit(Lake(own_root), plant, key, "Ada")
    app = press(app, "Approve", "Mo")
    assert not app.exception
    assert state(own_root, key) == "submitted"
    told = [w.value for w in app.warning] + [e.value for e in app.error]
    assert "hanged since you" in told[0]


def test_texts_of_people_are_shown_as_they_are(own_root: Path, plant: Plant, open_page: Open) -> None:
    waiting(own_root, plant, title=NASTY, reason=NASTY)
    said = words(open_page(own_root, "approvals"))
    assert "\\*\\*all\\*\\* \\<script\\>" in said
    assert "<script" not in said.replace("\\<script", "")


def test_rejecting_and_handing_in_and_what_became_of_others(own_root: Path, plant: Plant, open_page: Open) -> None:
    first = waiting(own_root, plant)
    app = press(open_page(own_root, "approvals"), "Reject", "Mo", "too much")
    assert state(own_root, first) == "rejected"
    assert "“too much”" in words(app)
    made = draft(Lake(own_root), plant, kit.production(), "shopfloor").key
    app = press(open_page(own_root, "approvals"), "Hand in for approval", "Ada")
    assert state(own_root, made) == "submitted"
    approve(Lake(own_root), plant, made, "Mo")


def test_without_a_plant_nobody_has_a_right(
    own_root: Path, plant: Plant, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = waiting(own_root, plant)
    monkeypatch.delenv("SHOPFLOOR_PLANT")
    app = press(open_page(own_root, "approvals"), "Approve", "Mo")
    assert "roles are not known here" in app.error[0].value
    assert state(own_root, key) == "submitted"
