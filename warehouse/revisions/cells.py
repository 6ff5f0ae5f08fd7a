"""Cells of KPIs over the history of gold.kpi_sums as SQL: which rows belong to which scope and period.

A period is told by what its rows say of themselves (production day, shift, hour), its start by the rows known at
an instant: a calendar edit moves the start of a shift and leaves it the same shift.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args

from plant.errors import TerminalError
from plant.kpi.measures import DIMENSIONS
from plant.states import OFF_SHIFT
from plant.tables import table

Level = Literal["machine", "line", "area", "site", "order", "product", "operator", "characteristic"]
Grain = Literal["hour", "shift", "day", "week", "month", "all"]
MEASURES = tuple(c.name for c in table("gold.kpi_sums").columns if c.kind == "i64" and c.name != "revision")
SHIFTS_OFF = f"shift IS NOT NULL AND shift <> '{OFF_SHIFT}'"

# A period's own key and, over all rows of the days, the group whose first hour is its start.
_GROUPS: dict[str, tuple[str, ...]] = {
    "shift": ("production_day", "line", "shift"),
    "day": ("production_day", "site"),
}
_STARTS: dict[str, str] = {
    "week": "date_trunc('week', production_day)::DATE",
    "month": "date_trunc('month', production_day)::DATE",
    "all": "$first",
}
_HOUR = (
    "(date_trunc('hour', hour_at AT TIME ZONE zone) - (hour_at AT TIME ZONE zone) + (hour_at AT TIME ZONE 'UTC'))"
    " AT TIME ZONE 'UTC'"
)


def instant(at: datetime, what: str) -> datetime:
    """An instant in UTC.

    Raises:
        TerminalError: it has no zone, so nobody can tell which instant is meant.
    """
    if at.tzinfo is None:
        raise TerminalError(
            f"{what} {at.isoformat()} has no zone; give an aware datetime, as in datetime(2026, 5, 4, 6, tzinfo=UTC)"
        )
    return at.astimezone(UTC)


@dataclass(frozen=True)
class Cells:
    """Cells of one level and grain; `measures` are the sums wanted. SQL parameters: $first, $last, $scope, $at, $now.

    $at is the instant by whose rows periods are dated; rows of periods unknown then are dated by those known at $now.
    """

    level: Level
    grain: Grain
    measures: tuple[str, ...]

    @property
    def scope(self) -> str:
        """Column of the scope."""
        return "order_id" if self.level == "order" else self.level

    def rows(self) -> str:
        """CTEs `days`, `starts` and `cells`: the rows of the scopes asked for, superseded ones too, with their period.

        `valid` is true for those known at $at; `ended_by` is the cause of the revision that followed.
        """
        return f"""
zones AS (SELECT site, any_value(timezone) AS zone FROM silver.machines GROUP BY site),
days AS (
    SELECT h.*, coalesce(zone, 'UTC') AS zone, {_known("$at")} AS valid, {_known("$now")} AS valid_now
    FROM gold.kpi_sums_history h LEFT JOIN zones USING (site)
    WHERE production_day BETWEEN $first AND $last{f" AND {SHIFTS_OFF}" if self.grain == "shift" else ""}
), hours AS (SELECT *, {_HOUR if self.grain == "hour" else "hour_at"} AS hour FROM days),
{self._starts()}
taken AS (
    SELECT {", ".join(f"h.{name}" for name in self._columns())},
        h.{self.scope} AS scope, {self._period()} AS period_start,
        lead(cause) OVER (PARTITION BY {", ".join(f"h.{k}" for k in DIMENSIONS)} ORDER BY revision) AS ended_by
    FROM hours h {self._joined()}
    WHERE h.{self.scope} IS NOT NULL AND ($scope::VARCHAR IS NULL OR h.{self.scope} = $scope)
), cells AS (SELECT * FROM taken WHERE period_start IS NOT NULL)"""

    def _columns(self) -> Sequence[str]:
        given = ("production_day", "shift", "hour_at", "characteristic", "revision", "known_from", "known_to", "cause",
                 "valid", "valid_now")  # fmt: skip
        return (*given, *self.measures)

    def _starts(self) -> str:
        if self.grain not in _GROUPS:
            return ""
        group = ", ".join(_GROUPS[self.grain])
        first = "coalesce(min(hour_at) FILTER (valid), min(hour_at) FILTER (valid_now))"
        return f"starts AS (SELECT {group}, {first} AS period_start FROM hours GROUP BY {group}),"

    def _joined(self) -> str:
        if self.grain not in _GROUPS:
            return ""
        same = " AND ".join(f"h.{k} IS NOT DISTINCT FROM s.{k}" for k in _GROUPS[self.grain])
        return f"LEFT JOIN starts s ON {same}"

    def _period(self) -> str:
        if self.grain in _GROUPS:
            return "s.period_start"
        if self.grain == "hour":
            return "h.hour"
        return f"({_STARTS[self.grain]})::TIMESTAMP AT TIME ZONE 'UTC'"


def summed(measures: Iterable[str], valid: str) -> str:
    """Columns of the sums of measures over the rows where `valid`; null where some of those rows lack the measure."""
    return ", ".join(
        f"CASE WHEN count({m}) FILTER ({valid}) = count(*) FILTER ({valid}) "
        f"THEN coalesce(sum({m}) FILTER ({valid}), 0)::DOUBLE END AS {m}"
        for m in measures
    )


def _known(at: str) -> str:
    return f"(known_from <= {at} AND (known_to IS NULL OR known_to > {at}))"


def checked(level: str, grain: str, grains: Sequence[str] = get_args(Grain)) -> None:
    """Raise TerminalError naming the valid ones when there is no such level or grain."""
    for what, given, valid in (("level", level, get_args(Level)), ("grain", grain, grains)):
        if given not in valid:
            raise TerminalError(f"{what} is {given!r}; valid are {', '.join(valid)}")


def days_around(grain: Grain, period_start: datetime) -> tuple[date, date]:
    """First and last production day whose rows may lie in the period that starts at an instant."""
    start = period_start.astimezone(UTC).date()
    if grain == "week":
        return start, start + timedelta(days=6)
    if grain == "month":
        after = (start.replace(day=28) + timedelta(days=4)).replace(day=1)
        return start, after - timedelta(days=1)
    # A production day may begin the evening before its date and end on the next; zones reach from -12 to +14 h.
    return start - timedelta(days=2), start + timedelta(days=2)
