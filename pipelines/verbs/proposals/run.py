"""What `shopfloor proposals` does and says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipelines.place import lake_place
from pipelines.verbs.proposals.export import export as export_all
from pipelines.verbs.proposals.export import reconcile as reconcile_all
from pipelines.verbs.proposals.export import release as release_one
from pipelines.verbs.proposals.targets import Wanted, target_of
from plant.config import load
from plant.errors import PlantError
from plant.proposals.chain import Entry
from plant.proposals.content import KINDS, ProposalError, content
from plant.proposals.states import NEEDS, Standing
from warehouse import proposals

console = Console(highlight=False, soft_wrap=True)
STEPS = {"submit": proposals.submit, "approve": proposals.approve, "reject": proposals.reject}
STATES = ("submitted", "approved", "draft", "exporting", "exported", "rejected", "expired", "confirmed")
"""In the order in which somebody has to do something."""


def list_proposals(root: Path | None, state: str | None, kind: str | None) -> int:
    """One line a proposal."""
    for name, found, valid in (("state", state, STATES), ("kind", kind, KINDS)):
        if found is not None and found not in valid:
            raise PlantError(f"--{name} {found!r} is not known; valid: {', '.join(valid)}")
    where = lake_place(root)
    proposals.expire_due(where.root)
    held = proposals.book(where.root).standings.values()
    shown = [s for s in held if state in (None, s.state) and kind in (None, s.kind)]
    for s in sorted(shown, key=lambda s: (STATES.index(s.state), s.seq)):
        console.print(f"{s.key}  {s.state:<9}  {_worth(s):>14}  {s.content.title}{_until(s)}", markup=False)
    console.print(f"{len(shown)} of {len(held)} proposals", markup=False)
    return 0


def _worth(s: Standing) -> str:
    cents = s.content.value_cents
    return "value unknown" if cents is None else f"{cents / 100:,.2f}"


def _until(s: Standing) -> str:
    if s.state in NEEDS["expire"] and s.expires_at is not None:
        return f"  (until {s.expires_at:%Y-%m-%d %H:%M} UTC)"
    return f"  ({s.finding})" if s.finding else ""


def show(root: Path | None, key: str) -> int:
    """Content and history of one, as data on stdout."""
    where = lake_place(root)
    s = proposals.book(where.root).standing(key)
    console.print(f"{s.key}  {s.kind}  {s.state}  {_worth(s)}{_until(s)}", markup=False)
    console.print(
        json.dumps(s.content.model_dump(mode="json", exclude_none=True), indent=1, ensure_ascii=False), markup=False
    )
    for entry in proposals.history(where.root, key):
        console.print(_step(entry), markup=False)
    return 0


def _step(entry: Entry) -> str:
    said = f"  “{entry.comment}”" if entry.comment else ""
    at = f"{entry.acted_at:%Y-%m-%d %H:%M:%S}"
    return f"{entry.seq:>6}  {at}  {entry.event:<9}  {entry.acted_by}  {entry.hash[:8]}{said}"


def draft(root: Path | None, plant_toml: Path, file: Path | None, by: str, comment: str | None, salt: str) -> int:
    """A draft from a file, or what the alerts ask for."""
    plant, where = load(plant_toml), lake_place(root)
    if file is None:
        made = proposals.drafts(where.root, plant, by)
    else:
        made = [proposals.draft(where.root, plant, content(_text(file)), by, comment=comment, salt=salt)]
    for s in made:
        console.print(f"{s.key}  {s.state}  {s.content.title}", markup=False)
    if not made:
        console.print("nothing asks for a proposal that is not there already")
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlantError(f"{file} cannot be read ({error}); it is the JSON of one proposal in UTF-8") from error


def edit(root: Path | None, plant_toml: Path, key: str, file: Path, by: str, comment: str | None) -> int:
    """Replace the content of one."""
    plant, where = load(plant_toml), lake_place(root)
    s = proposals.edit(where.root, plant, key, content(_text(file)), by, comment=comment)
    console.print(f"{s.key}  {s.state}  {s.content.title}", markup=False)
    return 0


def step(root: Path | None, plant_toml: Path, word: str, keys: Sequence[str], by: str, comment: str | None) -> int:
    """Take one step with several; each by itself, exit 1 when one was refused."""
    plant, where = load(plant_toml), lake_place(root)
    refused = 0
    for key in keys:
        try:
            s = STEPS[word](where.root, plant, key, by, comment=comment)
            console.print(f"{s.key}  {s.state}", markup=False)
        except ProposalError as error:
            refused += 1
            console.print(f"{key}  refused: {error}", markup=False)
    return 1 if refused else 0


def confirm(root: Path | None, plant_toml: Path, key: str, by: str, comment: str) -> int:
    """Confirm one by hand."""
    s = proposals.confirmed(lake_place(root).root, load(plant_toml), key, by, comment)
    console.print(f"{s.key}  {s.state}", markup=False)
    return 0


def release(root: Path | None, plant_toml: Path, key: str, wanted: Wanted, by: str, comment: str) -> int:
    """Take one back from an export that was cut off."""
    where = lake_place(root)
    s = release_one(load(plant_toml), where, target_of(wanted, where), key, by, comment)
    console.print(f"{s.key}  {s.state}", markup=False)
    return 0


def export(root: Path | None, plant_toml: Path, wanted: Wanted, by: str, keys: Sequence[str], settle_s: float) -> int:
    """Export and say what arrived, what was refused and what waits."""
    plant, where = load(plant_toml), lake_place(root)
    told = Console(stderr=True, highlight=False, soft_wrap=True)
    target = target_of(wanted, where)
    done = export_all(plant, where, target, by, keys, settle_s=settle_s, say=lambda w: told.print(w, markup=False))
    held = proposals.book(where.root)
    for key in done.arrived:
        console.print(f"{key}  exported  {held.standing(key).reference}", markup=False)
    for key, why in done.refused.items():
        console.print(f"{key}  refused: {why}", markup=False)
    if done.down:
        console.print(f"{len(done.waiting)} wait: {done.down}. Run the same command again", markup=False)
    head = held.entries[-1].hash if held.entries else "-"
    console.print(
        f"{len(done.arrived)} arrived in {wanted.to}, {len(done.refused)} refused; audit head {head}", markup=False
    )
    return 1 if done.refused or done.down else 0


def reconcile(root: Path | None, plant_toml: Path, wanted: Wanted, by: str) -> int:
    """Read back and say what is not as it was approved."""
    plant, where = load(plant_toml), lake_place(root)
    target = target_of(wanted, where)
    if not target.answers:
        raise PlantError(f"a {wanted.to} file does not answer; look in the other system, then `proposals confirm KEY`")
    told = reconcile_all(plant, where, target, by)
    for key, (result, words) in told.items():
        console.print(f"{key}  {result}  {words}", markup=False)
    agreed = sum(result == "confirmed" for result, _ in told.values())
    console.print(f"{agreed} of {len(told)} confirmed", markup=False)
    return 0 if all(result in ("confirmed", "waiting") for result, _ in told.values()) else 1
