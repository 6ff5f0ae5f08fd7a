"""What a day was built from, in named parts by machine, and what a difference of two such receipts says.

A receipt keeps `Parts`: part -> machine -> hash, with '' for the whole day. Two receipts of the same day differ in
some parts of some machines; each part has the word that is published as the cause of the revision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from warehouse.state import Parts

DAY = ""
"""Key of a part's hash for the whole day; machines have their own."""
CARRIED = "carried"
"""Part: the rows the day opens with. Its cause is that of the change of the day before."""
BOUNDS = "bounds"
"""Part: start and end of the day by site, as text. Not compared: they say which rows the other parts were taken of."""
LATE, ORDERS, RECLASSIFIED = "late rows", "orders", "reclassification"
CALENDAR, TARGET, SETTINGS, DEFINITION = "calendar", "target", "settings", "definition"
WORDS = (LATE, ORDERS, RECLASSIFIED, CALENDAR, TARGET, SETTINGS, DEFINITION)
"""Causes in the order they are joined in."""
CAUSE_OF: Mapping[str, str] = {
    "readings": LATE, "retractions": LATE, "horizon": LATE, "orders": ORDERS, "records": ORDERS,
    "materials": ORDERS,
    "bookings": RECLASSIFIED, "reports": RECLASSIFIED, "edits": RECLASSIFIED, "calendar": CALENDAR,
    "target": TARGET, "tags": SETTINGS, "machine": SETTINGS, "tariff": SETTINGS, "definition": DEFINITION,
}  # fmt: skip
"""The word of each part; `carried` has that of the day before."""
WITHOUT_MACHINE = ("records", "materials", "stock")
"""Parts of the rows of no machine: whole orders, stock. They are joined by the causes of all machines."""
SETTING = "machine"
"""Part every machine of the plant has: a machine that was not in it is new."""
Causes = dict[str, frozenset[str]]
"""Causes by machine; '' for what is of no machine."""


def causes(old: Parts, new: Parts, carried: Mapping[str, Iterable[str]], again: Callable[[Parts], Parts]) -> Causes:
    """What changed between two receipts of a day, by machine.

    Args:
        old: parts of the receipt before.
        new: parts now.
        carried: causes of the last change of the day before's closing rows, by machine.
        again: the parts of rows as they are now, taken inside the bounds of an old receipt; asked when the
            bounds of the day moved, so that a moved day start is no late row.
    """
    if old.get(BOUNDS) != new.get(BOUNDS):
        new = {**new, **_within(old, again(old))}
    known, machines = old.get(SETTING, {}), set(new.get(SETTING, {})) - {DAY}
    found = {m: _of_machine(m, old, new, carried) if m in known else frozenset({SETTINGS}) for m in machines}
    rest = {c for words in found.values() for c in words} | _changed(DAY, old, new, {*CAUSE_OF, *WITHOUT_MACHINE})
    return {m: words for m, words in found.items() if words} | ({DAY: frozenset(rest)} if rest else {})


def _within(old: Parts, now: Parts) -> Parts:
    """Rows inside old bounds, by machine; hashes of the whole day are of other bounds and tell nothing."""
    days = {part: old[part][DAY] for part in {*now, *WITHOUT_MACHINE} if DAY in old.get(part, {})}
    return {part: now.get(part, {}) | ({DAY: days[part]} if part in days else {}) for part in {*now, *days}}


def _of_machine(machine: str, old: Parts, new: Parts, carried: Mapping[str, Iterable[str]]) -> frozenset[str]:
    words = _changed(machine, old, new, CAUSE_OF)
    if old.get(CARRIED, {}).get(machine) != new.get(CARRIED, {}).get(machine):
        words |= set(carried.get(machine, ())) or {LATE}
    return frozenset(words)


def _changed(machine: str, old: Parts, new: Parts, names: Iterable[str]) -> set[str]:
    """Words of the parts that hold another hash for a machine; a part without machines counts as a whole."""
    words = set()
    for name in names:
        before, after = old.get(name, {}), new.get(name, {})
        key = machine if _by_machine(before) or _by_machine(after) else DAY
        if before.get(key) != after.get(key):
            words.add(CAUSE_OF.get(name, ORDERS))
    return words


def _by_machine(part: Mapping[str, str]) -> bool:
    return any(key != DAY for key in part)


def joined(words: Iterable[str]) -> str:
    """Causes as they are published: in the order of `WORDS`, joined by ' + '."""
    given = set(words)
    return " + ".join(w for w in WORDS if w in given)
