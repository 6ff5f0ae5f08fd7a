"""`shopfloor build`: ingest what is new, then bring stage after stage up to date. Headless, same jobs as Dagster.

Nothing stale means nothing is run. A day is rebuilt only when its inputs changed (see `pipelines.days.plan`).
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.days.fingerprints import code_hash, digest
from pipelines.days.plan import Step, plan
from pipelines.days.raw import strays
from pipelines.days.receipts import receipt_of
from pipelines.days.stages import STANDING
from pipelines.instance import instance
from pipelines.lock import alone
from pipelines.place import Place, place
from pipelines.verbs.progress import Progress
from plant.config import Plant, load
from plant.errors import PlantError, TerminalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

MOST_ROUNDS = 400
"""A chain of days converges in as many rounds as there are days; more is a defect and is said so."""


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's event log keeps every event; the terminal gets our progress and, on failure, the first cause."""


class BuildError(TerminalError):
    """A job of the build failed; the message names the step and its first error."""


@dataclass
class Built:
    """What a build did: stages and days, failed data checks, and readings no number holds (rows by tag and date)."""

    stages: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    strays: dict[tuple[str, date], int] = field(default_factory=dict)

    @property
    def blocked(self) -> list[str]:
        """Failed checks that are errors; the others are findings about the plant."""
        return [name for name in self.failed_checks if name.endswith("(error)")]


class Builder:
    """Runs the jobs of one plant in this process. `overrides` go to `definitions.build`."""

    def __init__(self, plant: Plant, where: Place, progress: Progress, **overrides: Any) -> None:
        from pipelines.definitions import build as definitions

        self.plant, self.where, self.progress = plant, where, progress
        self.instance = instance(where)
        self.defs = definitions(plant, where, **overrides)
        self.lake, self.state = self.defs.resources["lake"], self.defs.resources["state"]
        self.built = Built()
        for name in ("dagster", "great_expectations", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)

    def run(self, first: date | None = None, last: date | None = None) -> Built:
        """Everything from ingestion to publication."""
        with self._alone():
            self._job("ingest")
            self._days(first, last)
            self._standing()
            self._models()
            self.publish()
            self._upkeep()
        return self.built

    def publish(self) -> None:
        """What changed about signed numbers, then the analysts' file and approved exports."""
        self._job("exports")

    def recompute(self, last: date | None = None) -> Built:
        """Silver and the gold day tables, up to a day, from the bronze that is there; no models, no publication."""
        with self._alone():
            self._days(None, last)
        return self.built

    def only(self, stage: str) -> None:
        """One stage of tables kept whole: `edits` or `enterprise`."""
        with self._alone():
            self._job(stage)

    def ingest_and_recompute(self) -> Built:
        """What is new, through silver and the gold day tables; no models, no publication."""
        with self._alone():
            self._job("ingest")
            self._days(None, None)
        return self.built

    def _alone(self) -> AbstractContextManager[None]:
        return alone(self.where.root, "shopfloor build", say=self.progress.say)

    def _models(self) -> None:
        """Train once per production day; score once per hour of data; lay decisions over forecasts as they come."""
        last = [self.lake.days(name)[-1:] for name in ("silver.readings", "silver.time_ledger")]
        trained = digest(last, code_hash("assets", "models", "plant"), self.plant.file.alerts)
        wanted = {
            "scores": f"{trained}|{self._hour()}",
            "decisions": f"{trained}|{self.lake.fingerprint('bronze.decisions')}",
        }
        if self._once("models", trained):
            self._settle(wanted)
        for job, reason in wanted.items():
            self._once(job, reason)

    def _standing(self) -> None:
        """Gold tables kept whole, each group once a state of the tables it reads, of plant.toml and of the code."""
        from dagster import AssetKey

        graph = self.defs.resolve_asset_graph()
        said = self.plant.file.model_dump_json(exclude={"source", "collector"})
        settings = digest(said, code_hash("assets", "models", "plant"))
        for job, names in STANDING.items():
            read = {".".join(p.path) for n in names for p in graph.get(AssetKey(n.split("."))).parent_keys}
            now = (f"{n}:{self.lake.fingerprint(n)}" for n in sorted(read - set(names)))
            self._once(job, digest(settings, *now))

    def _upkeep(self) -> None:
        """Tidy the large tables at the first build of a UTC day, but not at the first build of a root."""
        job, today = "upkeep", datetime.now(UTC).date().isoformat()
        told = self.state.built(f"job:{job}", None)
        if told is None:
            self._settle({job: today})
        else:
            self._once(job, today)

    def _hour(self) -> str:
        """The hour the newest readings reach; empty without readings."""
        days = self.lake.days("silver.readings")[-1:]
        if not days:
            return ""
        latest = self.lake.scan("silver.readings", days=(days[0], days[0])).select("at").max().collect().item()
        return f"{latest:%Y-%m-%dT%H}"

    def _once(self, job: str, wanted: str) -> bool:
        """Run a job unless it ran on exactly this; true when it ran."""
        receipt = self.state.built(f"job:{job}", None)
        if receipt is not None and receipt.inputs_hash == wanted:
            return False
        self._job(job)
        self._settle({job: wanted})
        return True

    def _settle(self, jobs: dict[str, str]) -> None:
        self.state.record_built(*(receipt_of(f"job:{job}", None, wanted) for job, wanted in jobs.items()))

    def _days(self, first: date | None, last: date | None) -> None:
        carried: list[tuple[date, date]] = []
        for _ in range(MOST_ROUNDS):
            step = plan(self.plant, self.lake, self.state, first, last)
            if step is None:
                return
            found = further(step, carried, last)
            for days in found or (None,):
                self._job(step.stage, days, step.tables)
            carried = [*carried[-1:], found[-1]] if found and step.stage == "readings" else []
        raise BuildError(
            f"the days did not settle after {MOST_ROUNDS} rounds; last stale stage {step.stage} {step.ranges}"
        )

    def _job(self, name: str, days: tuple[date, date] | None = None, tables: Sequence[str] = ()) -> None:
        """Run a job; of a stage of tables kept whole those named only, else all."""
        title = name if days is None else f"{name} {days[0]}..{days[1]}"
        with self.progress.step(title) as step:
            result = self._execute(name, days, tables)
            failed = failed_checks(result)
            if name == "readings" and days is not None:
                self.built.strays.update(strays(self.plant, self.lake, *days))
            self.built.stages.append(title)
            self.built.failed_checks.extend(failed)
            step.note = f"[yellow]{len(failed)} checks with findings[/yellow]" if failed else ""

    def _execute(self, name: str, days: tuple[date, date] | None, tables: Sequence[str]) -> dg.ExecuteInProcessResult:
        from dagster import AssetKey

        from pipelines.sensors import RANGE_END, RANGE_START

        tags = {} if days is None else {RANGE_START: days[0].isoformat(), RANGE_END: days[1].isoformat()}
        job = self.defs.resolve_job_def(name)
        some = [AssetKey(n.split(".")) for n in tables] or None
        result = job.execute_in_process(
            instance=self.instance, tags=tags, run_config=QUIET, raise_on_error=False, asset_selection=some
        )
        if not result.success:
            raise BuildError(_first_failure(name, result))
        return result


def further(step: Step, before: Sequence[tuple[date, date]], last: date | None = None) -> tuple[tuple[date, date], ...]:
    """The ranges of a step; from the second on that goes on where the one before ended, each is made twice as long.

    A changed value that is carried on makes day after day stale, each only once the day before it is built.
    `before` are the last two ranges of readings in a row.

    >>> from datetime import date, timedelta
    >>> day = [date(2026, 1, n) for n in range(1, 10)]
    >>> further(Step("readings", ((day[3], day[3]),), "", day[5]), [(day[1], day[1]), (day[2], day[2])])
    ((datetime.date(2026, 1, 4), datetime.date(2026, 1, 5)),)
    """
    if len(before) < 2 or step.stage != "readings" or len(step.ranges) != 1 or step.last is None:
        return step.ranges
    (start, end), one = step.ranges[0], timedelta(days=1)
    if start != before[1][1] + one or before[1][0] != before[0][1] + one:
        return step.ranges
    wanted = start + 2 * (before[1][1] - before[1][0] + one) - one
    return ((start, max(end, min(wanted, step.last, last or step.last))),)


def failed_checks(result: dg.ExecuteInProcessResult) -> list[str]:
    """Names of the asset checks that did not pass."""
    return [
        f"{'.'.join(e.asset_key.path)}: {e.check_name} ({e.severity.value.lower()})"
        for e in result.get_asset_check_evaluations()
        if not e.passed
    ]


def _first_failure(name: str, result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            cause = error.cause or error
            return f"job {name}, step {event.step_key}: {cause.message.strip()}"
    for event in result.all_events:  # before any step: a resource, e.g. another process holds the lock
        if event.is_job_failure and (broken := event.job_failure_data.error) is not None:
            return f"job {name}: {(broken.cause or broken).message.strip()}"
    failed = failed_checks(result)
    return f"job {name} failed" + (f"; blocking checks: {', '.join(failed)}" if failed else "")


def build_command(plant_toml: Path, root: Path | None, first: str | None, last: str | None, data: Path | None) -> int:
    """The verb: exit 0 when everything is up to date, 1 when a blocking check or a job failed."""
    if data is not None:
        os.environ["SHOPFLOOR_DATA"] = str(data.resolve())
    start, end = _day(first), _day(last)
    if start and end and end < start:
        raise PlantError(f"--to {end} is before --from {start}; give the earlier day first")
    plant, progress = load(plant_toml), Progress()
    built = Builder(plant, place(root), progress).run(start, end)
    for failed in built.failed_checks:
        progress.say(f"[yellow]finding[/yellow] {failed}")
    if built.strays:
        progress.say(f"[yellow]finding[/yellow] bronze.readings: {strayed(built.strays)}")
    progress.say(f"up to date ({len(built.stages)} jobs run)")
    return 1 if built.blocked else 0


def strayed(found: Mapping[tuple[str, date], int], shown: int = 8) -> str:
    """Readings without a place, in words: which, and what to do."""
    rows: Counter[str] = Counter()
    for (tag, _), n in found.items():
        rows[tag] += n
    tags = ", ".join(f"{tag} ({n:,})" for tag, n in sorted(rows.items())[:shown])
    more = f" and {len(rows) - shown} more" if len(rows) > shown else ""
    return (
        f"{rows.total():,} readings of tags that plant.toml does not name are in no number: {tags}{more}; give the "
        "machine or tag its old name back (the description may change), or leave it so if they shall not count"
    )


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise PlantError(f"{text!r} is not a day; write it as 2026-11-15") from error
