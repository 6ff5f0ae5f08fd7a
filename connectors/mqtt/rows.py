"""Rows on their way to a frame, as columns: five lists are cheaper by far than a tuple a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Row = tuple[int, str, float | None, str | None, int]
"""Source time (us since 1970), tag id, number, text, status."""


class Rows:
    """Readings of one or more messages, column by column. Iterates over `Row`s."""

    __slots__ = ("statuses", "tags", "texts", "us", "values")

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.us: list[int] = []
        self.tags: list[str] = []
        self.values: list[float | None] = []
        self.texts: list[str | None] = []
        self.statuses: list[int] = []
        for row in rows:
            self.add(*row)

    def __len__(self) -> int:
        return len(self.us)

    def __iter__(self) -> Iterator[Row]:
        return zip(self.us, self.tags, self.values, self.texts, self.statuses, strict=True)

    def add(self, us: int, tag: str, value: float | None, text: str | None, status: int) -> None:
        """One reading."""
        self.us.append(us)
        self.tags.append(tag)
        self.values.append(value)
        self.texts.append(text)
        self.statuses.append(status)

    def extend(self, other: Rows) -> None:
        """The readings of another one behind these."""
        self.us += other.us
        self.tags += other.tags
        self.values += other.values
        self.texts += other.texts
        self.statuses += other.statuses
