"""`shopfloor edit`: correct states and reasons, retract samples, take it back; numbers follow with the next build."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from pipelines.place import lake_place
from plant.config import Plant, load, tag_id
from warehouse import edits as door
from warehouse.edits import EditError

console = Console(highlight=False, soft_wrap=True)
NEXT = "the numbers follow with the next `shopfloor build` (or Dagster's next tick)"


def state(
    root: Path | None, plant_toml: Path, machine: str, span: tuple[str, str], word: str,
    why: tuple[str | None, str | None], by: str, comment: str | None,
) -> int:  # fmt: skip
    """The verb `state`: which state a machine was in, with reason and class if they are known."""
    plant, where = load(plant_toml), lake_place(root)
    start_at, end_at = (instant(plant, machine, text) for text in span)
    reason, reason_class = why
    made = door.edit_state(
        where.root, plant, machine, start_at, end_at, word, by,
        reason=reason, reason_class=reason_class, comment=comment,
    )  # fmt: skip
    return _done(made)


def reason(
    root: Path | None, plant_toml: Path, machine: str, span: tuple[str, str], why: tuple[str, str], by: str,
    comment: str | None,
) -> int:  # fmt: skip
    """The verb `reason`: why a machine did not produce."""
    plant, where = load(plant_toml), lake_place(root)
    start_at, end_at = (instant(plant, machine, text) for text in span)
    return _done(door.edit_reason(where.root, plant, machine, start_at, end_at, *why, by, comment=comment))


def split(
    root: Path | None, plant_toml: Path, machine: str, span: tuple[str, str, str], first: tuple[str, str],
    second: tuple[str, str], by: str, comment: str | None,
) -> int:  # fmt: skip
    """The verb `split`: one stop, two reasons."""
    plant, where = load(plant_toml), lake_place(root)
    start_at, at, end_at = (instant(plant, machine, text) for text in span)
    ids = door.split(where.root, plant, machine, start_at, at, end_at, first, second, by, comment=comment)
    return _done(*ids)


def retract(root: Path | None, plant_toml: Path, tag: str, span: tuple[str, str], by: str, comment: str | None) -> int:
    """The verb `retract`: raw samples that do not count."""
    plant, where = load(plant_toml), lake_place(root)
    machines = {tag_id(m, t): m.name for m, t in plant.tags()}
    start_at, end_at = (instant(plant, machines.get(tag, ""), text) for text in span)
    return _done(door.retract(where.root, plant, tag, start_at, end_at, by, comment=comment))


def revert(root: Path | None, edit_id: str, by: str, comment: str | None) -> int:
    """The verb `revert`: take an edit back."""
    return _done(door.revert(lake_place(root).root, edit_id, by, comment=comment))


def list_edits(root: Path | None, *, everything: bool) -> int:
    """The verb `list`: edits in force, or all of them."""
    rows = door.edits(lake_place(root).root)
    shown = [r for r in rows.iter_rows(named=True) if everything or (r["holds"] and r["kind"] != "revert")]
    for row in shown:
        console.print(_line(row), markup=False)
    console.print(f"{len(shown)} of {rows.height} edits" + ("" if everything else "; --all shows the reverted ones"))
    return 0


def instant(plant: Plant, machine: str, text: str) -> datetime:
    """An ISO 8601 instant; without an offset the wall clock of the machine's site, its first pass in autumn.

    Raises:
        EditError: not an instant, or one the site's clock skips.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise EditError(f"{text!r} is not an instant; write 2026-11-15T10:30 or 2026-11-15T10:30:00+01:00") from error
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    zone = plant.zone(plant.site_of(machine).name) if machine in plant.machines else ZoneInfo("UTC")
    here = at.replace(tzinfo=zone)
    if here.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise EditError(f"{text!r} does not exist in {zone.key}: the clock is set forward; give an offset (+01:00)")
    return here.astimezone(UTC)


def _line(row: dict[str, object]) -> str:
    holds = " " if row["holds"] else "x"
    what = row["reverts"] if row["kind"] == "revert" else row["tag"] or row["machine"]
    said = " ".join(str(row[c]) for c in ("state", "reason", "reason_class") if row[c] is not None)
    span = "" if row["start_at"] is None else f" {row['start_at']} .. {row['end_at']}"
    note = f"  ({row['comment']})" if row["comment"] else ""
    return f"{holds} {row['edit_id']}  {row['kind']:<7} {what}{span}  {said}  by {row['edited_by']}{note}"


def _done(*ids: str) -> int:
    console.print(f"{' '.join(ids)}  {NEXT}")
    return 0
