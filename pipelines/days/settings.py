"""Hashes of what plant.toml says about a production day: only what is in force on it, machine by machine.

A value with `valid_from` a later day does not touch the days before it, and moving `valid_from` touches only the
days between. What only the collector reads (addresses, deadbands) touches no day.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from pipelines.days.fingerprints import digest
from pipelines.days.spans import LONGEST_GAP_D
from plant.config import Plant

COLLECTED = {"address", "type", "word_order", "byte_order", "scale", "offset", "deadband"}
"""Settings of a tag that say how it is read, not what it means."""
SHOWN = {"description", "tags"}
"""Settings of a machine no number depends on, and its tags, which are a part of their own."""
MOMENT = "at"
"""Field of a setting that happened at an instant (a counter replaced)."""
_DATED = ("machine", "product", "tariff")
ByName = dict[str, str]


class Settings:
    """Hashes by machine (tariff: by site) of one plant.toml on a day."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self._edges = sorted({d for part in _DATED for value in getattr(plant.file, part) for d in _edges(value)})
        self._held: dict[tuple[str, int], ByName] = {}
        self._marks: dict[tuple[str, int], str] = {}

    def tags(self, day: date) -> ByName:
        """Meaning of the tags of each machine, with the state words their codes stand for."""
        return self._of("tags", day, self._tags)

    def machine(self, day: date) -> ByName:
        """Place, kind and limits of each machine, and whether reports are booked in this plant at all."""
        return self._of("machine", day, self._machine)

    def target(self, day: date) -> ByName:
        """Ideal cycles in force on each machine."""
        return self._of("target", day, self._target)

    def tariff(self, day: date) -> ByName:
        """Energy prices and emission factors in force at each site."""
        return self._of("tariff", day, self._tariff)

    def mark(self, name: str, day: date) -> str:
        """One hash of a part ('tags', 'machine', 'target', 'tariff') over all machines or sites."""
        key = (name, bisect_right(self._edges, day))
        if key not in self._marks:
            of: Callable[[date], ByName] = getattr(self, name)
            self._marks[key] = digest(*sorted(of(day).items()))
        return self._marks[key]

    def _of(self, name: str, day: date, make: Callable[[date], ByName]) -> ByName:
        key = (name, bisect_right(self._edges, day))
        if key not in self._held:
            self._held[key] = make(day)
        return self._held[key]

    def _tags(self, day: date) -> ByName:
        words = self.plant.file.states
        return {
            m.name: digest(*((in_force(t, day, COLLECTED), words.get(t.states or "")) for t in m.tags))
            for m in self.plant.file.machine
        }

    def _machine(self, day: date) -> ByName:
        reported = any(s.kind == "files" and s.content == "reports" for s in self.plant.file.source)
        place = {name: (self.plant.area_of(name), self.plant.site_of(name).name) for name in self.plant.machines}
        return {m.name: digest(in_force(m, day, SHOWN), place[m.name], reported) for m in self.plant.file.machine}

    def _target(self, day: date) -> ByName:
        of: dict[str, list[object]] = {name: [] for name in self.plant.machines}
        for product in self.plant.file.product:
            for machine, cycles in _grouped(product.ideal, "machine").items():
                now = latest(cycles, day)
                if machine in of and now is not None:
                    of[machine].append((product.name, plain(now)))
        return {machine: digest(*cycles) for machine, cycles in of.items()}

    def _tariff(self, day: date) -> ByName:
        by_site = _grouped(self.plant.file.tariff, "site")
        now = {site: latest(by_site.get(site, []), day) for site in self.plant.sites}
        return {site: digest(plain(tariff) if tariff else None) for site, tariff in now.items()}


def latest(values: Sequence[Any], day: date) -> Any | None:
    """Of values with `valid_from` the one in force on a day: the last begun; of equal dates the last named."""
    begun = [v for v in values if v.valid_from <= day]
    return max(enumerate(begun), key=lambda item: (item[1].valid_from, item[0]))[1] if begun else None


def in_force(model: BaseModel, day: date, without: set[str]) -> dict[str, Any]:
    """The fields of a setting as they stand on a day: of a list of dated values only the one in force."""
    fields = {name: getattr(model, name) for name in type(model).model_fields if name not in without}
    return {name: _now(value, day) for name, value in fields.items()}


def plain(value: BaseModel) -> dict[str, Any]:
    """The value itself, whenever it began."""
    return value.model_dump(mode="json", exclude={"valid_from"})


def _now(value: Any, day: date) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if not isinstance(value, tuple | list):
        return value
    if _dated(value):
        held = latest(value, day)
        return plain(held) if held else None
    return [_now(v, day) for v in value if not hasattr(v, MOMENT) or _near(v, day)]


def _dated(values: Sequence[Any]) -> bool:
    return bool(values) and all(hasattr(v, "valid_from") for v in values)


def _grouped(values: Sequence[Any], by: str) -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for value in values:
        found.setdefault(getattr(value, by), []).append(value)
    return found


def _edges(value: Any) -> Iterator[date]:
    """Every day from which something in a section of plant.toml is another: between two of them nothing changes."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            inner = getattr(value, name)
            if name == "valid_from" and inner is not None:
                yield inner
            elif name == MOMENT and isinstance(inner, datetime):
                yield from _reach(inner)
            else:
                yield from _edges(inner)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _edges(item)


def _reach(at: datetime) -> tuple[date, date]:
    """First day that something which happened at an instant can touch, and the first it no longer can.

    A counter that was replaced while its machine was silent shows at the next sample, days later.
    """
    return at.date() - timedelta(days=1), at.date() + timedelta(days=LONGEST_GAP_D + 1)


def _near(value: Any, day: date) -> bool:
    first, until = _reach(getattr(value, MOMENT))
    return first <= day < until
