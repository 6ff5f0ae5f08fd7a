"""Decisions of people on forecasts, appended to bronze.decisions: draft -> approved -> exported.

A decision is on one item, period and model version: a newer forecast is a draft again. Withdrawing an
approval makes it a draft; what was exported stays exported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import polars as pl

from plant.errors import TerminalError
from plant.tables import table
from warehouse.lake import Lake

Word = Literal["approved", "withdrawn", "exported"]
Status = Literal["draft", "approved", "exported"]
APP = "decisions"
NEEDS: Mapping[Word, Status] = {"approved": "draft", "withdrawn": "approved", "exported": "approved"}
AFTER: Mapping[str, Status] = {"approved": "approved", "withdrawn": "draft", "exported": "exported"}
KEY = ("item", "period_start", "model_version")


class DecisionError(TerminalError):
    """A decision that does not fit the state of the forecast; nothing was recorded."""


@dataclass(frozen=True)
class Pick:
    """What is decided on; `quantity` None takes the forecast's own (or the approved one when exporting)."""

    item: str
    period_start: date
    model_version: str
    quantity: float | None = None


@dataclass(frozen=True)
class Standing:
    """Where a forecast stands: status, and the last decision on it (None for an untouched draft)."""

    status: Status
    by: str | None = None
    at: datetime | None = None
    quantity: float | None = None
    comment: str | None = None


def decide(
    root: Path | str | Lake,
    item: str,
    period_start: date,
    model_version: str,
    decision: Word,
    by: str,
    quantity: float | None = None,
    comment: str | None = None,
) -> Standing:
    """Record one decision, exactly once: the same decision by the same person again changes nothing.

    Raises:
        DecisionError: no such forecast, no name, a negative quantity, or a step that does not follow.
    """
    pick = Pick(item, period_start, model_version, quantity)
    return decide_all(root, [pick], decision, by, comment)[0]


def decide_all(
    root: Path | str | Lake, picks: Sequence[Pick], decision: Word, by: str, comment: str | None = None
) -> list[Standing]:
    """Record the same decision on several forecasts, all of them or none."""
    lake = root if isinstance(root, Lake) else Lake(root)
    if decision not in NEEDS:
        raise DecisionError(f"decision is {decision!r}; valid are {', '.join(NEEDS)}")
    if not by.strip():
        raise DecisionError("a decision needs a name: say who decides")
    while True:
        past = lake.scan("bronze.decisions").sort("decided_at").collect()
        rows = _rows(lake, past, picks, decision, by.strip(), comment)
        # The number of decisions so far is the transaction: a decision taken meanwhile makes this one look again.
        if not rows or lake.append_once("bronze.decisions", _frame(rows), APP, past.height + len(rows)):
            return [status(lake, p.item, p.period_start, p.model_version) for p in picks]


def status(root: Path | str | Lake, item: str, period_start: date, model_version: str) -> Standing:
    """Where a forecast stands by the decisions so far."""
    lake = root if isinstance(root, Lake) else Lake(root)
    past = lake.scan("bronze.decisions").sort("decided_at").collect()
    return _standing(past, Pick(item, period_start, model_version))


def _standing(past: pl.DataFrame, pick: Pick) -> Standing:
    mine = past.filter(
        (pl.col("item") == pick.item)
        & (pl.col("period_start") == pick.period_start)
        & (pl.col("model_version") == pick.model_version)
    )
    if mine.is_empty():
        return Standing("draft")
    last = mine.row(-1, named=True)
    return Standing(AFTER[last["decision"]], last["decided_by"], last["decided_at"], last["quantity"], last["comment"])


def _rows(
    lake: Lake, past: pl.DataFrame, picks: Sequence[Pick], decision: Word, by: str, comment: str | None
) -> list[tuple[object, ...]]:
    forecast = lake.scan("gold.forecast").collect()
    now, rows = datetime.now(UTC), []
    for pick in picks:
        standing = _standing(past, pick)
        wanted = _quantity(forecast, pick, standing)
        if standing.status == AFTER[decision] and standing.by == by and standing.quantity == wanted:
            continue
        _follows(pick, standing, decision)
        rows.append((*(getattr(pick, k) for k in KEY), decision, by, now, wanted, comment))
    return rows


def _quantity(forecast: pl.DataFrame, pick: Pick, standing: Standing) -> float:
    found = forecast.filter((pl.col("item") == pick.item) & (pl.col("period_start") == pick.period_start))
    versions = found["model_version"].to_list()
    if standing.quantity is None and pick.model_version not in versions:
        raise DecisionError(
            f"no forecast of {pick.item} for {pick.period_start} by model version {pick.model_version}; "
            f"there is {', '.join(versions) or 'none'}. Open the page again to see the present one"
        )
    if pick.quantity is not None and not pick.quantity >= 0:
        raise DecisionError(f"quantity of {pick.item} for {pick.period_start} is {pick.quantity}; valid is 0 or more")
    if pick.quantity is not None:
        return float(pick.quantity)
    if standing.status == "approved" and standing.quantity is not None:
        return standing.quantity
    forecasted = found.filter(pl.col("model_version") == pick.model_version)["quantity"].to_list()
    return float(forecasted[0]) if forecasted else float(standing.quantity or 0.0)


def _follows(pick: Pick, standing: Standing, decision: Word) -> None:
    if standing.status == NEEDS[decision]:
        return
    by = f" by {standing.by}" if standing.by and standing.status != "draft" else ""
    raise DecisionError(
        f"{pick.item} for {pick.period_start} is {standing.status}{by}: "
        f"{decision} needs it to be {NEEDS[decision]} first"
    )


def _frame(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=table("bronze.decisions").schema, orient="row")
