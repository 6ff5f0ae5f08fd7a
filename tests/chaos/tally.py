"""What a chaos suite did and what came of it: every value a source produced is compared with what Delta holds."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

KEY = ("tag", "ts", "value", "status")


@dataclass
class Tally:
    """One suite. `lost` and `doubled` must be 0 at its end; `excused` are values a recorded gap accounts for,
    `confirmed` rows repeat a value at a later time.

    `faults` is how often the world was broken on purpose; `notes` are printed behind the line.
    """

    suite: str
    faults: int = 0
    produced: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    excused: int = 0
    confirmed: int = 0
    notes: list[str] = field(default_factory=list)

    def compare(self, produced: pl.DataFrame, stored: pl.DataFrame, key: tuple[str, ...] = KEY) -> None:
        """Add one run: rows the source produced and rows found in Delta, each with the columns of `key`.

        Lost is what was produced and is not stored; doubled is every surplus row of the same identity. A row that
        was not produced may repeat, at a later time, a value that was: a source says it again after a gap
        (connectors.gaps.confirmed). Any other is made up, and counts as doubled; without a `ts` in `key` all are.
        """
        sent, got = produced.select(key), stored.select(key)
        once = sent.unique()
        self.produced += once.height
        self.stored += got.unique().join(once, on=key, how="semi", nulls_equal=True).height
        self.lost += once.join(got, on=key, how="anti", nulls_equal=True).height
        self.doubled += got.height - got.unique().height
        again = got.unique().join(once, on=key, how="anti", nulls_equal=True)
        said = _said_again(again, once)
        self.confirmed += said
        self.doubled += again.height - said

    @property
    def bad(self) -> bool:
        """True when a value was lost or doubled, or when nothing was put to the test."""
        return bool(self.lost or self.doubled or not self.produced or not self.faults)

    def __str__(self) -> str:
        """The line of the summary."""
        line = f"{self.suite}: faults {self.faults}, produced {self.produced}, stored {self.stored}"
        line += f", lost {self.lost}, doubled {self.doubled}"
        more = [f"{self.excused} in recorded gaps"] if self.excused else []
        more += [f"{self.confirmed} said again after a gap"] if self.confirmed else []
        return "; ".join([line, *more, *self.notes])


def _said_again(again: pl.DataFrame, once: pl.DataFrame) -> int:
    """Rows of `again` that repeat, later, a value of `once`."""
    if "ts" not in once.columns:
        return 0
    first = once.group_by("tag", "value").agg(pl.col("ts").min().alias("first_at"))
    return again.join(first, on=["tag", "value"]).filter(pl.col("ts") > pl.col("first_at")).height
