"""Approved proposals on their way out, each once: claim, deliver, record; what a killed export left is taken up first.

One export a root at a time (a lock that dies with the process). A claim younger than `settle_s` may still have its
request on the wire: it is waited for, so that a look-up by key sees what it did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from connectors.erp.files import SUFFIX
from connectors.erp.target import Outgoing, Target, compared
from pipelines.lock import alone
from pipelines.place import Place
from plant.config import Plant
from plant.errors import SourceDownError
from plant.proposals.content import ProposalError
from plant.proposals.rights import RightError, granted
from plant.proposals.states import Standing
from warehouse.decisions import KEY, DecisionError, Pick, decide_all, status
from warehouse.lake import Lake
from warehouse.proposals import Book, book, claim, expire_due, exported, failed, reconciled

SETTLE_S = 35.0
"""Longer than a request to a target may take (30 s)."""
LOCK = "proposals"


@dataclass
class Done:
    """What an export did: keys that arrived, key -> why not, keys that wait because the target went away."""

    arrived: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    down: str | None = None


Say = Callable[[str], None]


def export(
    plant: Plant, where: Place, target: Target, by: str, keys: Sequence[str] = (), *,
    settle_s: float = SETTLE_S, say: Say = lambda _: None,
) -> Done:  # fmt: skip
    """Export what is approved, or only `keys`, and what an earlier export to this target left open.

    Raises:
        TamperedError: the audit trail was changed: nothing leaves.
        PlantError: the target cannot be used; nothing was claimed. With `keys`: one of them may not leave.
    """
    lake, done = Lake(where.root), Done()
    (where.root / LOCK).mkdir(exist_ok=True)
    with alone(where.root / LOCK, "an export of proposals", say=say):
        expire_due(lake)
        target.ready()
        _sign_forecasts(lake, by)
        _take_up(plant, lake, target, by, settle_s, done, say)
        fresh = _fresh(plant, lake, by, keys, done)
        if fresh and done.down is None:
            batch = _batch(target, fresh)
            _deliver(
                plant, lake, target, by, [s.key for s in claim(lake, plant, fresh, target.name, by, batch=batch)], done
            )
        _sign_forecasts(lake, by)
    return done


def _take_up(plant: Plant, lake: Lake, target: Target, by: str, settle_s: float, done: Done, say: Say) -> None:
    """Deliver again, by key, what was claimed for this target and not recorded as arrived."""
    open_ = [s for s in book(lake).standings.values() if s.state == "exporting" and s.target == target.name]
    if not open_:
        return
    for s in open_:
        granted(plant.file.role, by, "export", s.kind, s.content.value_cents)
    youngest = max(s.claimed_at or datetime.min.replace(tzinfo=UTC) for s in open_)
    rest = settle_s - (datetime.now(UTC) - youngest).total_seconds()
    if target.answers and rest > 0:
        say(f"{len(open_)} of an export that was cut off: looking for them in {target.name} in {rest:.0f} s")
        time.sleep(min(rest, settle_s))  # a clock set back does not make it longer
    for batch in sorted({s.reference or "" for s in open_}):
        _deliver(plant, lake, target, by, [s.key for s in open_ if (s.reference or "") == batch], done, batch)


def _fresh(plant: Plant, lake: Lake, by: str, keys: Sequence[str], done: Done) -> list[str]:
    """Keys to be claimed: approved, in time, allowed to this person, and a forecast still as its decision says."""
    held = book(lake)
    ready = [s.key for s in held.standings.values() if s.state == "approved"]
    asked = [held.standing(k) for k in dict.fromkeys(keys or ready)]
    fresh = []
    for one in asked:
        if one.key in done.arrived or one.key in done.refused or one.state in ("exporting", "exported", "confirmed"):
            continue
        try:
            _may_leave(plant, lake, held, one, by)
        except (ProposalError, DecisionError) as error:
            done.refused[one.key] = str(error)
            continue
        fresh.append(one.key)
    return fresh


def _may_leave(plant: Plant, lake: Lake, held: Book, one: Standing, by: str) -> None:
    if one.state != "approved" or one.expired(held.now):
        raise ProposalError(f"{one.key} is {one.state}: only approved proposals leave")
    granted(plant.file.role, by, "export", one.kind, one.content.value_cents)
    if one.kind == "forecast":
        for pick, quantity in _picks(one):
            now = status(lake, *(getattr(pick, name) for name in KEY))
            if (now.status, now.quantity) != ("approved", quantity):
                raise DecisionError(
                    f"{one.key}: the forecast of {pick.item} for {pick.period_start} is {now.status} with "
                    f"{now.quantity} by now; reject the proposal and draft anew"
                )


def _deliver(
    plant: Plant, lake: Lake, target: Target, by: str, keys: Sequence[str], done: Done, batch: str | None = None
) -> None:
    held = book(lake)
    name = batch or held.standing(keys[0]).reference or ""
    going = [outgoing(plant, held.standing(k)) for k in keys]
    try:
        for round_ in target.deliver(going, name):
            if round_.arrived:
                exported(lake, dict(round_.arrived), by)
                done.arrived += round_.arrived
            for key, why in round_.refused.items():
                failed(lake, key, by, why)
                done.refused[key] = why
    except SourceDownError as error:
        done.down = str(error)
        done.waiting = [k for k in keys if k not in done.arrived and k not in done.refused]


def outgoing(plant: Plant, one: Standing) -> Outgoing:
    """A proposal as a target is given it."""
    assert one.decided_by is not None
    assert one.decided_at is not None
    return Outgoing(one.key, one.content, one.decided_by, one.decided_at, plant.file.plant.currency)


def _batch(target: Target, keys: Sequence[str]) -> str | None:
    """Name of the file of a batch, of its keys alone; None where proposals go one by one."""
    if target.name not in SUFFIX:
        return None
    digest = sha256(" ".join(sorted(keys)).encode()).hexdigest()[:8]
    return f"proposals-{datetime.now(UTC):%Y%m%dT%H%M%S}-{digest}.{SUFFIX[target.name]}"


def _picks(one: Standing) -> list[tuple[Pick, float]]:
    """The decisions a forecast proposal was made from, with their quantities."""
    version = one.content.origin.get("model_version", "")
    return [(Pick(x.item, x.start_on, version), x.quantity) for x in one.content.lines if x.start_on is not None]


def _sign_forecasts(lake: Lake, by: str) -> None:
    """Mark forecasts exported whose proposals left: `gold.forecast.status` follows, also after a kill in between."""
    gone = [s for s in book(lake).standings.values() if s.kind == "forecast" and s.state in ("exported", "confirmed")]
    for one in gone:
        picks = [p for p, _ in _picks(one) if status(lake, *(getattr(p, n) for n in KEY)).status == "approved"]
        if picks:
            decide_all(lake, picks, "exported", by, one.key)


def reconcile(plant: Plant, where: Place, target: Target, by: str) -> dict[str, tuple[str, str]]:
    """Read back what the target kept of everything exported to it: key -> (result, words).

    Raises:
        RightError: the person may not export.
        SourceDownError: the target cannot be asked.
    """
    lake = Lake(where.root)
    held = [s for s in book(lake).standings.values() if s.state == "exported" and s.target == target.name]
    allowed = [s for s in held if _granted(plant, s, by)]
    if held and not allowed:
        raise RightError(f"{by} may not export, and so not reconcile, any of {len(held)} proposals")
    target.ready()
    going = [outgoing(plant, s) for s in allowed]
    kept = target.kept(going)
    told: dict[str, tuple[str, str]] = {}
    for out in going:
        result, words = compared(out, kept.get(out.key))
        told[out.key] = (result, words)
        if result != "waiting":
            reconciled(lake, out.key, result, words, by)
    return told


def release(plant: Plant, where: Place, target: Target, key: str, by: str, comment: str) -> Standing:
    """Make a claimed proposal approved again, when the target holds nothing of it.

    Raises:
        ProposalError: it is not on its way to this target, nobody says what was looked at, or the target holds it.
        RightError: the person may not export.
    """
    lake = Lake(where.root)
    (where.root / LOCK).mkdir(exist_ok=True)
    with alone(where.root / LOCK, "a release of a proposal"):
        one = book(lake).standing(key)
        granted(plant.file.role, by, "export", one.kind, one.content.value_cents)
        if one.state != "exporting" or one.target != target.name or not comment.strip():
            raise ProposalError(f"{key} is {one.state} (target {one.target}): --to names another, or no --comment")
        target.ready()
        if found := target.kept([outgoing(plant, one)]).get(key):
            raise ProposalError(f"{target.name} holds {key} as {found.reference}: export again to have it recorded")
        return failed(lake, key, by, comment.strip())


def _granted(plant: Plant, one: Standing, by: str) -> bool:
    try:
        granted(plant.file.role, by, "export", one.kind, one.content.value_cents)
    except RightError:
        return False
    return True
