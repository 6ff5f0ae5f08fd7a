"""Read plant.toml into a `Plant`, or say every problem of it at once.

Holds reading and look-ups; the shape is in `plant.model`, the cross-checks in `plant.checks.problems`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from plant.adapters.model import Adapter
from plant.adapters.read import adapters_of
from plant.checks.problems import problems_of
from plant.errors import ConfigError
from plant.model import Area, Line, Machine, PlantFile, Site, Source
from plant.sources.tags import Tag


class Plant:
    """A checked plant.toml with look-ups. Immutable."""

    def __init__(self, file: PlantFile, path: Path) -> None:
        self.file = file
        self.path = path

    @property
    def name(self) -> str:
        """Name of the plant."""
        return self.file.plant.name

    @cached_property
    def machines(self) -> dict[str, Machine]:
        """Machines by name."""
        return {m.name: m for m in self.file.machine}

    @cached_property
    def lines(self) -> dict[str, Line]:
        """Lines by name."""
        return {x.name: x for x in self.file.line}

    @cached_property
    def areas(self) -> dict[str, Area]:
        """Areas by name."""
        return {x.name: x for x in self.file.area}

    @cached_property
    def sites(self) -> dict[str, Site]:
        """Sites by name."""
        return {x.name: x for x in self.file.site}

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Sources by name."""
        return {x.name: x for x in self.file.source}

    @cached_property
    def adapters(self) -> dict[str, Adapter]:
        """How the tables of each SQL source become the canonical ones, by source; as they were first asked for."""
        return adapters_of(self.sources, self.path.parent)

    def area_of(self, machine: str) -> str:
        """Area a machine stands in."""
        return self.lines[self.machines[machine].line].area

    def site_of(self, machine: str) -> Site:
        """Site a machine stands in."""
        return self.sites[self.areas[self.area_of(machine)].site]

    def zone(self, site: str) -> ZoneInfo:
        """Time zone of a site."""
        return ZoneInfo(self.sites[site].timezone)

    def tags(self, source: str | None = None) -> Iterator[tuple[Machine, Tag]]:
        """Every tag with its machine, or those of one source."""
        for machine in self.file.machine:
            for tag in machine.tags:
                if source is None or tag.source == source:
                    yield machine, tag


def tag_id(machine: Machine | str, tag: Tag | str) -> str:
    """The name of a tag in the lake: machine.tag."""
    return f"{machine if isinstance(machine, str) else machine.name}.{tag if isinstance(tag, str) else tag.name}"


def load(path: Path | str = "plant.toml") -> Plant:
    """Read and check a plant.toml.

    Raises:
        ConfigError: with every problem found, each with file, dotted key, what was found, what is valid.
    """
    path = Path(path)
    found, data = problems_of(path)
    if found:
        raise ConfigError(found)
    plant = Plant(PlantFile.model_validate(data), path)
    plant.adapters  # noqa: B018 - read now: what was checked is what is used, whatever becomes of the files
    return plant


def read_toml(path: Path) -> dict[str, object]:
    """The raw content of a TOML file."""
    return tomllib.loads(path.read_text(encoding="utf8"))
