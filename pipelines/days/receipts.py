"""Receipts: what each built day was built from and what came out. Kept beside the lake, written by the door."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from assets.kernels.readings import closing
from connectors.base import Landing
from pipelines.days.details import again, machines_of, of_ledgers, of_readings, of_sums
from pipelines.days.fingerprints import content_hash, digest, fingerprints, frame_hash
from pipelines.days.inputs import Inputs
from pipelines.days.parts import CARRIED, DAY, Causes, causes, joined
from pipelines.days.stages import LEDGERS, READINGS, STAGES, SUMS
from pipelines.whole.inputs import Wholes
from plant.config import Plant
from plant.tables import table
from warehouse.lake import Lake
from warehouse.state import Parts, Receipt, State

CLOSING = "closing"
"""Pseudo table under which the hash of a day's closing rows is kept: the next day opens with them."""
WHY = "why"
"""Part of a closing receipt: the causes of its last change, by machine, joined."""
CAUSE_SCHEMA: dict[str, pl.DataType] = {"machine": pl.String(), "production_day": pl.Date(), "cause": pl.String()}
ONE_DAY = timedelta(days=1)


class Receipts:
    """Receipts of one run. The inputs are taken once, before anything is read: later data make days stale again."""

    def __init__(self, plant: Plant, lake: Lake, state: State) -> None:
        self.plant, self.lake, self.state = plant, lake, state
        self._inputs: Inputs | None = None
        self._wholes: Wholes | None = None

    def begin(self) -> Inputs:
        """The inputs this run works on, taken at the first call."""
        if self._inputs is None:
            self._inputs = Inputs(self.plant, self.lake, self.state)
        return self._inputs

    def begin_whole(self) -> Wholes:
        """What tables kept whole are built from, taken at the first call: before anything of bronze is read."""
        if self._wholes is None:
            self._wholes = Wholes(self.plant, self.lake)
        return self._wholes

    def kept(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a day table on days it has; the ledgers of a site begin with its first state or report."""
        inputs = self.begin()
        stage = next((s for s, names in STAGES.items() if name in names), None)
        days = [] if stage is None else inputs.days_of(stage)
        wanted = frame.filter(pl.col("production_day").is_in(days))
        if name not in LEDGERS:
            return wanted
        first = pl.col("site").replace_strict(inputs.starts, default=None, return_dtype=pl.Date)
        return wanted.filter(pl.col("production_day") >= first)

    def causes(self, name: str, days: Sequence[date]) -> pl.DataFrame | None:
        """Why rows of these days may differ from what is published: machine (null: the rest), day, cause."""
        if name != SUMS:
            return None
        rows = []
        for day in days:
            receipt = self.state.built(name, day)
            if receipt is not None and receipt.parts:
                found = self._compared(day, receipt.parts, self._parts(name, day))
                rows += [(machine or None, day, joined(words)) for machine, words in found.items()]
        return pl.DataFrame(rows, schema=CAUSE_SCHEMA, orient="row")

    def days_written(self, name: str, frame: pl.DataFrame, days: Sequence[date]) -> None:
        """Record the days of a day table: inputs and their parts, fingerprint of the files, rows."""
        prints = fingerprints(self.lake.snapshot(name), days)
        by_day = frame.partition_by("production_day", as_dict=True)
        for day in sorted(days):
            rows, parts = by_day.get((day,), frame.clear()), self._parts(name, day)
            if name == READINGS:
                self._close(day, rows, parts)
            marks = {part: told[DAY] for part, told in parts.items() if DAY in told}
            output = prints.get(str(day), "")
            self.state.record_built(receipt_of(name, day, digest_of(marks), output, rows, parts))

    def table_written(self, name: str) -> None:
        """Record a table that is kept whole."""
        silver, output = table(name).layer == "silver", self.lake.fingerprint(name)
        look = self.begin_whole() if silver else None
        made, parts = ("", {}) if look is None else (look.of(name), look.parts(name))
        self.state.record_built(receipt_of(name, None, made, output, parts=parts))

    def landed(self, landing: Landing) -> None:
        """Remember a file once its rows are in the lake."""
        if landing.ingested is not None:
            taken = landing.ingested
            self.state.record_ingested(taken.identity, taken.source, taken.origin, taken.rows)

    def _parts(self, name: str, day: date) -> Parts:
        """Hashes of the parts of a day; by machine as well in the tables that lead to a published sum."""
        marks = self.begin().marks(name, day, self._carried(day))
        found: Parts = {part: {DAY: hashed} for part, hashed in marks.items()}
        for part, by in self._details(name, day).items():
            found[part] = {**by, **found.get(part, {})}
        return found

    def _details(self, name: str, day: date) -> Parts:
        inputs = self.begin()
        if name == READINGS:
            return of_readings(inputs, day) | {CARRIED: self._closed(day - ONE_DAY).get(CLOSING, {})}
        if name == LEDGERS[0]:
            return self._upstream(READINGS, day) | of_ledgers(inputs, day)
        return self._upstream(LEDGERS[0], day) | of_sums(inputs, day) if name == SUMS else {}

    def _upstream(self, name: str, day: date) -> Parts:
        """Parts by machine in the receipt of a table this one is made of."""
        receipt = self.state.built(name, day)
        parts = {} if receipt is None else receipt.parts
        return {part: kept for part, by in parts.items() if (kept := {k: h for k, h in by.items() if k != DAY})}

    def _closed(self, day: date) -> Parts:
        receipt = self.state.built(CLOSING, day)
        return {} if receipt is None else receipt.parts

    def _carried(self, day: date) -> str:
        before = self.state.built(CLOSING, day - ONE_DAY)
        return before.inputs_hash if before else ""

    def _compared(self, day: date, old: Parts, new: Parts) -> Causes:
        why = {m: text.split(" + ") for m, text in self._closed(day - ONE_DAY).get(WHY, {}).items()}
        return causes(old, new, why, lambda before: again(self.begin(), day, before))

    def _close(self, day: date, rows: pl.DataFrame, parts: Parts) -> None:
        """Record what the next day opens with, by machine, and why it changed."""
        useful = rows.drop("source")
        last = closing(useful.lazy()).collect(engine="in-memory")
        now = {machine: frame_hash(part) for machine, part in machines_of(last).items()}
        before = self._closed(day)
        receipt, after = self.state.built(READINGS, day), self.state.built(READINGS, day + ONE_DAY)
        changed: Causes = {} if receipt is None else self._compared(day, receipt.parts, parts)
        held, opened = before.get(CLOSING, {}), {} if after is None else after.parts.get(CARRIED, {})
        why = dict(before.get(WHY, {}))
        for machine in {m for m in {*now, *held} if now.get(m) != held.get(m)}:
            words = set(changed.get(machine, ())) or {"late rows"}
            # The next day has not seen the change before this one: it will see both at once.
            words |= set(why.get(machine, "").split(" + ")) if opened.get(machine) != held.get(machine) else set()
            why[machine] = joined(words)
        hashed = "" if rows.is_empty() else digest(*sorted(now.items()))
        self.state.record_built(receipt_of(CLOSING, day, hashed, parts={CLOSING: now, WHY: why}))


def digest_of(marks: dict[str, str]) -> str:
    """The inputs hash a receipt must carry to be up to date."""
    return digest(*(f"{part}={hashed}" for part, hashed in sorted(marks.items())))


def receipt_of(
    name: str, day: date | None, built_from: str, output: str = "", rows: pl.DataFrame | None = None,
    parts: Parts | None = None,
) -> Receipt:  # fmt: skip
    """A receipt of now. The content hash is of the rows as built, in their order."""
    content = "" if rows is None else content_hash(rows)
    height = 0 if rows is None else rows.height
    return Receipt(name, day, built_from, content, output, height, datetime.now(UTC), parts or {})


def changed_parts(old: Parts, marks: dict[str, str]) -> Iterable[str]:
    """Names of the parts whose whole-day hash is not the one in a receipt."""
    return sorted(part for part, hashed in marks.items() if old.get(part, {}).get(DAY) != hashed)
