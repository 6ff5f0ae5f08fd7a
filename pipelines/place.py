"""Where things are: the folders under --root. One declaration for every room that gets a path."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from plant.errors import PlantError


@dataclass(frozen=True)
class Place:
    """All state of one plant lies under `root`."""

    root: Path

    @property
    def dagster(self) -> Path:
        """Dagster's own state."""
        return self.root / "dagster"

    @property
    def spool(self) -> Path:
        """Segments the collector has not yet committed, and the health of the sources."""
        return self.root / "spool"

    @property
    def exports(self) -> Path:
        """Files for people and other systems."""
        return self.root / "exports"

    @property
    def published(self) -> Path:
        """The analysts' file."""
        return self.root / "published" / "shopfloor.duckdb"

    @property
    def truth(self) -> Path:
        """Ground truth of a simulated plant; read by the verification only."""
        return self.root / "truth"


def root_of(root: Path | str | None = None) -> Path:
    """The folder given, else SHOPFLOOR_ROOT, else ./.shopfloor; it may not exist."""
    return Path(root or os.environ.get("SHOPFLOOR_ROOT") or ".shopfloor").resolve()


def place(root: Path | str | None = None) -> Place:
    """`root_of`, created when missing, for verbs that write.

    Raises:
        OSError: it cannot be written.
    """
    found = root_of(root)
    found.mkdir(parents=True, exist_ok=True)
    if not os.access(found, os.W_OK):
        code = errno.EROFS if os.statvfs(found).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(code, os.strerror(code), str(found))
    return Place(found)


def lake_place(root: Path | str | None = None) -> Place:
    """`root_of` for verbs that only read: a root without a lake is a mistake, not an empty plant.

    Raises:
        PlantError: there is no lake.
    """
    found = root_of(root)
    if not (found / "lake").is_dir():
        raise PlantError(f"no lake under {found}; run `shopfloor build` or `demo` with this --root first")
    return Place(found)
