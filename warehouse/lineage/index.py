"""The lot index: arrays of all lot links in memory-mapped files, made anew when its tables have a new version.

It lies under `<root>/lineage/<versions>/`. It is only a copy: when it is deleted, the next trace makes it again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from plant.errors import MissingTableError, PlantError
from warehouse.lake import Lake
from warehouse.lineage.arrays import ARRAYS, Array, Arrays, arrays

MADE_OF = ("silver.lot_links", "silver.lots", "silver.materials")
LAYOUT = "1"
"""Goes into the folder's name: raise it when the arrays mean something else."""
AROUND, NEAREST, FEW = 40, 3, 5_000


class UnknownLotError(PlantError):
    """No lot or link has that name; the message names the nearest ones."""


@dataclass(frozen=True)
class LotIndex:
    """All lot links as memory-mapped arrays (`Arrays`), with the Delta versions they were made of.

    Opening costs nothing; a walk reads only the pages it touches. Stays readable when a newer one takes its place.
    """

    arrays: Arrays
    versions: dict[str, int]

    @property
    def lots(self) -> int:
        """Number of lots."""
        return len(self.arrays.made)

    @property
    def links(self) -> int:
        """Number of links."""
        return len(self.arrays.out_to)

    def name(self, number: int) -> str:
        """Name of a lot."""
        begin, end = self.arrays.name_start[number : number + 2]
        return bytes(self.arrays.name_bytes[begin:end]).decode()

    def names(self, numbers: Iterable[int]) -> list[str]:
        """Names of some lots."""
        return [self.name(int(n)) for n in numbers]

    def number(self, lot: str) -> int:
        """Number of a lot.

        Raises:
            UnknownLotError: there is none; says which are nearest.
        """
        at = self._before(lot)
        if at < self.lots and self.name(at) == lot:
            return at
        near = self.nearest(lot)
        raise UnknownLotError(
            f"no lot {lot!r} among {self.lots:,} lots in silver.lots and silver.lot_links; "
            + (f"nearest: {', '.join(near)}" if near else "there are none with a name like it")
        )

    def numbers(self, lots: Sequence[str]) -> Array:
        """Numbers of some lots. Raises UnknownLotError like `number`."""
        return np.array([self.number(lot) for lot in lots], dtype=np.int64)

    def nearest(self, lot: str) -> list[str]:
        """At most three names like this one, whatever their case.

        Of many lots only the neighbours in the alphabet are looked at, those of every shorter beginning as well.
        """
        around: dict[str, None] = dict.fromkeys(self.names(range(self.lots)) if self.lots <= FEW else ())
        for cut in range(len(lot) if self.lots > FEW else 0, 0, -1):
            for beginning in (lot[:cut], lot[:cut].lower(), lot[:cut].upper()):
                at = self._before(beginning)
                around |= dict.fromkeys(self.names(range(max(0, at - AROUND), min(self.lots, at + AROUND))))
        alike = {name.casefold(): name for name in around}
        return [alike[word] for word in get_close_matches(lot.casefold(), alike, NEAREST, cutoff=0.5)]

    def _before(self, lot: str) -> int:
        """How many names come before this one."""
        low, high, word = 0, self.lots, lot.encode()
        while low < high:
            middle = (low + high) // 2
            begin, end = self.arrays.name_start[middle : middle + 2]
            if bytes(self.arrays.name_bytes[begin:end]) < word:
                low = middle + 1
            else:
                high = middle
        return low


def lot_index(lake: Lake) -> LotIndex:
    """The index of the lake's latest lot links; made first when there is none of these versions.

    One process makes it while others wait. Cost to make: 3 to 4 CPU s a million links (docs/decisions/013).

    Raises:
        MissingTableError: there are no lot links.
    """
    above = lake.root / "lineage"
    while True:
        versions = _versions(lake)
        folder = above / "-".join([LAYOUT, *(str(versions.get(name, "none")) for name in MADE_OF)])
        if not folder.is_dir():
            above.mkdir(parents=True, exist_ok=True)
            with (above / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                _put_once(lake, folder, versions)
        try:
            return LotIndex(opened(folder), versions)
        except FileNotFoundError:  # a table was written to meanwhile, or another process made a newer index
            continue


def _put_once(lake: Lake, folder: Path, versions: dict[str, int]) -> None:
    """Make the index of those versions unless it is there; nothing when a table was written to meanwhile."""
    if not folder.is_dir():
        made = arrays(*(lake.scan(name) for name in MADE_OF))
        if _versions(lake) == versions:
            _put(made, folder)


def _versions(lake: Lake) -> dict[str, int]:
    versions = {name: version for name in MADE_OF if (version := lake.version(name)) is not None}
    if MADE_OF[0] not in versions:
        raise MissingTableError(f"no {MADE_OF[0]} under {lake.root}: no source delivers lot links, or nothing is built")
    return versions


def _put(made: Arrays, folder: Path) -> None:
    """Write the arrays beside, put them in place in one step, and remove those of older versions."""
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    save(made, aside)
    os.replace(aside, folder)  # noqa: PTH105
    for other in folder.parent.iterdir():
        if other.is_dir() and other != folder:
            shutil.rmtree(other, ignore_errors=True)


def save(made: Arrays, folder: Path) -> None:
    """Write the arrays of an index into a folder, one .npy file each."""
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(made, name), allow_pickle=False)


def opened(folder: Path) -> Arrays:
    """The arrays of a folder, memory-mapped and read only."""
    return Arrays(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS})
