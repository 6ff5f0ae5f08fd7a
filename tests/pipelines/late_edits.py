"""Random late edits of every kind, seeded: what people, machines and the office do to data of the past."""

import json
import random
from datetime import timedelta

import polars as pl
from deltalake import DeltaTable
from late_plant import FIRST, MACHINES, START, Floor, toml

from plant.states import LossClass, State
from warehouse import edits

MINUTE = timedelta(minutes=1)
REASONS = tuple(c.value for c in LossClass)
STATES = tuple(s.value for s in State)


class Late:
    """One plant that is edited again and again; `text` is its plant.toml as it stands."""

    def __init__(self, floor: Floor, days: int, seed: int) -> None:
        self.floor, self.days, self.random = floor, days, random.Random(seed)
        self.text, self.made, self.holidays, self.ideals, self.breaks = toml(), [], {}, [], 30
        self.orders, self.bookings, self.done = {}, set(), []
        self.kinds = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("late_")]

    def one(self, plant) -> None:
        """One random edit."""
        kind = self.random.choice(self.kinds)
        kind(plant)
        self.done.append(kind.__name__)

    def at(self):
        return (
            START
            + MINUTE * self.random.randrange(self.days * 24 * 60)
            + timedelta(microseconds=self.random.choice((0, 1)))
        )

    def stretch(self):
        start = self.at()
        return start, start + MINUTE * self.random.randrange(1, 300)

    def machine(self):
        return self.random.choice(list(MACHINES))

    def rows_there(self):
        return self.floor.lake.scan("bronze.readings").select("tag", "ts", "value").collect().rows()

    def late_rows(self, plant):
        """Rows that come after later ones."""
        tag, values = self.random.choice(
            (("state", (1, 2, 6, 9, 7)), ("good", range(0, 3000, 7)), ("energy", range(0, 9000, 30)))
        )
        machine = self.machine()
        self.floor.rows(
            [(f"{machine}.{tag}", self.at(), self.random.choice(values)) for _ in range(self.random.randrange(1, 4))]
        )

    def late_bad_rows(self, plant):
        """A signal that was lost."""
        self.floor.rows([(f"{self.machine()}.state", self.at(), 1)], status=0x80000000)

    def late_duplicates(self, plant):
        """The same rows delivered again."""
        self.floor.rows(self.random.sample(self.rows_there(), 3))

    def late_corrections(self, plant):
        """Another value for the same instant."""
        tag, ts, value = self.random.choice(self.rows_there())
        self.floor.rows([(tag, ts, 6 if tag.endswith("state") else value + 3)])

    def late_deletions(self, plant):
        """Rows deleted from bronze."""
        start, end = self.stretch()
        tag = f"{self.machine()}.{self.random.choice(('state', 'good', 'energy'))}"
        where = f"tag = '{tag}' AND ts >= '{start.isoformat()}' AND ts < '{end.isoformat()}'"
        DeltaTable(self.floor.lake.path("bronze.readings")).delete(where)

    def late_retractions(self, plant):
        tag = f"{self.machine()}.{self.random.choice(('state', 'good', 'energy'))}"
        self.made.append(edits.retract(self.floor.lake, plant, tag, *self.stretch(), "test"))

    def late_bookings(self, plant):
        """A stop reason that is new, booked otherwise, or withdrawn."""
        name, (start, end) = f"b-{self.random.randrange(5)}", self.stretch()
        if name in self.bookings and self.random.random() < 0.3:
            self.bookings.discard(name)
            self.floor.record("downtimes", deleted=True, id=name)
        else:
            self.bookings.add(name)
            self.floor.booking(
                name, self.machine(), start, end, f"reason {self.random.randrange(3)}", self.random.choice(REASONS)
            )

    def late_orders(self, plant):
        """An order that is new, moved, ended, or of another product."""
        name, (start, end) = f"late-{self.random.randrange(4)}", self.stretch()
        product = self.random.choice(("part", "unknown part"))
        machine = self.orders.setdefault(name, self.machine())
        self.floor.order(name, machine, start, self.random.choice((end, None)), product=product)

    def late_log_ins(self, plant):
        start, end = self.stretch()
        self.floor.record("attendance", id=f"a-{self.random.randrange(4)}", operator=self.random.choice(("anna", "bo")),
                          machine=self.machine(), start_at=start, end_at=self.random.choice((end, None)))  # fmt: skip

    def late_states(self, plant):
        state = self.random.choice(STATES)
        self.made.append(edits.edit_state(self.floor.lake, plant, self.machine(), *self.stretch(), state, "test"))

    def late_reasons(self, plant):
        why = (f"edited {self.random.randrange(3)}", self.random.choice(REASONS))
        self.made.append(edits.edit_reason(self.floor.lake, plant, self.machine(), *self.stretch(), *why, "test"))

    def late_splits(self, plant):
        start, end = self.stretch()
        parts = (("first", "breakdown"), ("second", "logistic"))
        self.made += edits.split(
            self.floor.lake, plant, self.machine(), start, start + (end - start) / 2, end, *parts, "test"
        )

    def late_reverts(self, plant):
        """An edit taken back, or a revert."""
        holds = edits.edits(self.floor.lake).filter(pl.col("holds"))["edit_id"].to_list()
        if holds:
            edits.revert(self.floor.lake, self.random.choice(holds), "test")

    def late_holidays(self, plant):
        """A day that was no working day after all, or was one."""
        site, day = self.random.choice(("here", "there")), FIRST + timedelta(days=self.random.randrange(self.days))
        days = self.holidays.setdefault(site, set())
        days.symmetric_difference_update({str(day)})

    def late_breaks(self, plant):
        self.breaks = self.random.choice((10, 20, 30, 40))

    def late_targets(self, plant):
        """Another ideal cycle from a day on."""
        day = FIRST + timedelta(days=self.random.randrange(self.days))
        ideal = {"machine": self.machine(), "seconds": self.random.choice((30.0, 45.0, 90.0)), "valid_from": str(day)}
        same = [i for i in self.ideals if (i["machine"], i["valid_from"]) == (ideal["machine"], ideal["valid_from"])]
        self.ideals = [i for i in self.ideals if i not in same] + [ideal]

    def plant_text(self) -> str:
        """plant.toml with the edits of calendar and targets."""
        text = toml().replace('"13:30"', f'"13:{self.breaks:02}"')
        for site, days in self.holidays.items():
            zone = {"here": "Europe/Berlin", "there": "America/New_York"}[site]
            text = text.replace(
                f'timezone = "{zone}"\n', f'timezone = "{zone}"\nholidays = [{", ".join(sorted(days))}]\n'
            )
        more = "".join(
            f"  {{ machine = {json.dumps(i['machine'])}, seconds = {i['seconds']}, valid_from = {i['valid_from']} }},\n"
            for i in self.ideals
        )
        return text.replace(
            '  { machine = "m-3", seconds = 60.0 },\n', '  { machine = "m-3", seconds = 60.0 },\n' + more
        )
