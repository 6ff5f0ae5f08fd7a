"""What `shopfloor verify` compares and says. Exit 1 on differences, 3 when some days only wait for a build."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.days.stages import whole
from pipelines.place import Place, lake_place
from pipelines.verbs.trace.numbers import HASHED, Asked, receipt
from pipelines.verbs.verify.compare import DAY_TABLES, Verified, recomputed, verify
from plant.config import Plant, load
from plant.errors import PlantError
from warehouse.proposals import audit
from warehouse.published import Shown, compare_published

console = Console(highlight=False, soft_wrap=True)
DIFFERS, WAITS = 1, 3
TRAIL = "bronze.proposals"


def verify_command(root: Path | None, plant_toml: Path, wanted: str | None) -> int:
    """The verb: all, `table@day`, `bronze.proposals`, or the file of a receipt of `shopfloor trace --json`."""
    plant, where = load(plant_toml), lake_place(root)
    if wanted == TRAIL:
        return DIFFERS if verify_trail(where) else 0
    if wanted is not None and (wanted.endswith(".json") or Path(wanted).is_file()):
        return verify_receipt(plant, where, Path(wanted))
    names, day = _wanted(wanted)
    found = verify(plant, where, names, day)
    shown = compare_published(where.root) if wanted is None else Shown()
    _say(found, shown)
    broken = verify_trail(where) if wanted is None else 0
    if found.differences or shown.differences or broken or not found.compared:
        return DIFFERS
    return WAITS if found.waiting or shown.behind else 0


def verify_trail(where: Place) -> int:
    """Check the audit trail of proposals and say each entry that was changed, removed, added or moved; how many."""
    found = audit(where.root)
    for words in found.findings:
        console.print(f"[red]tampered[/red] {TRAIL}:", end=" ")
        console.print(words, markup=False)
    for words in found.remarks:
        console.print(f"remark {TRAIL}: {words}", markup=False)
    if found.entries or found.findings:
        whole = f"{len(found.findings)} findings" if found.findings else "the chain is whole"
        console.print(f"{found.entries} steps of proposals, {whole}, head {found.head}", markup=False)
    return len(found.findings)


def verify_receipt(plant: Plant, where: Place, path: Path) -> int:
    """Recompute a number from bronze: 0 when every section of its receipt has the same hash again."""
    told = _read(path)
    asked = Asked(**told["asked"] | {"day": date.fromisoformat(told["asked"]["day"])})
    with recomputed(plant, where, asked.day) as again:
        now = receipt(plant, again, asked)
    wrong = [name for name in HASHED if told["hashes"].get(name) != now["hashes"][name]]
    what = " ".join(f"{k}={v}" for k, v in told["asked"].items())
    for name in wrong:
        console.print(f"[red]differs[/red] {name}")
        if name == "number":
            console.print(f"    receipt {told['number']}, recomputed {now['number']}", markup=False)
    said = f"{len(wrong)} of {len(HASHED)} sections differ" if wrong else f"reproduced, hash {now['hash']}"
    console.print(f"{what}: {said}", markup=False)
    return DIFFERS if wrong else 0


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf8"))
        if {"asked", "hashes", "hash", "number"} <= set(told):
            return dict(told)
    except (OSError, ValueError, TypeError) as error:
        raise PlantError(f"{path} is no receipt ({error}); write one with `shopfloor trace ... --json`") from error
    raise PlantError(f'{path} is no receipt of a number; write one with `shopfloor trace "oee level=..." --json`')


def _wanted(wanted: str | None) -> tuple[tuple[str, ...], date | None]:
    kept_whole = tuple(name for names in whole().values() for name in names)
    if wanted is None:
        return (*kept_whole, *DAY_TABLES), None
    name, _, day = wanted.partition("@")
    try:
        on = date.fromisoformat(day) if day else None
    except ValueError as error:
        raise PlantError(f"receipt {wanted!r}: {day!r} is not a day; write gold.oee@2026-11-15") from error
    if name in kept_whole and on is None:
        return (name,), None
    if name not in DAY_TABLES:
        raise PlantError(f"receipt {wanted!r}: no day table {name!r}; valid: {', '.join(DAY_TABLES)}")
    return (name,), on


def _say(found: Verified, shown: Shown) -> None:
    for d in found.differences:
        where = d.table if d.day is None else f"{d.table}@{d.day}"
        console.print(f"[red]differs[/red] {where}: {d.published} published rows, {d.recomputed} recomputed")
        console.print(f"    {d.example}", markup=False)
    for words in shown.differences:
        console.print(f"[red]differs[/red] {words}")
    days = sorted({str(day) for _, day in found.waiting if day is not None})
    tables = sorted({name for name, day in found.waiting if day is None})
    if found.waiting:
        span = f"{len(days)} days wait for a build" + (f" ({days[0]} to {days[-1]})" if days else "")
        console.print(f"not built yet: {span}" + (f"; {', '.join(tables)}" if tables else ""))
    if shown.behind:
        console.print(f"not published yet: {', '.join(sorted(shown.behind))}")
    file = f", {shown.compared} tables of the published file" if shown.compared else ""
    differ = len(found.differences) + len(shown.differences)
    console.print(f"{found.compared} table days recomputed from bronze{file}; {differ} differ")
