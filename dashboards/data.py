"""What the pages read: every mart, cached until a table it reads has a new Delta version.

The only module here that imports `warehouse`, besides `lot_data` for batches. Nothing is drawn here, and no SQL is
written here: questions are in `warehouse/marts`. The root comes from SHOPFLOOR_ROOT, else ./.shopfloor.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache, wraps
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec

import polars as pl
import streamlit as st

from plant.config import Plant, load
from plant.errors import ConfigError, MissingTableError, TerminalError
from plant.tables import table
from warehouse import Shelf, SignoffError, Window, as_of, marts, sign_off, why
from warehouse.decisions import DecisionError, Pick, Word, decide_all
from warehouse.marts import details
from warehouse.proposals import acts
from warehouse.revisions.cells import Grain, Level

__all__ = ["DecisionError", "Pick", "SignoffError", "TerminalError"]  # the pages take them from here

P = ParamSpec("P")
PLANT_ENV = "SHOPFLOOR_PLANT"
LOOK_AGAIN_S = 2.0  # versions are looked up once a page run, not once a question
META_S = 15.0  # checks and source health change without a new table version
NOTHING_KWH = 1e-6
_NAMED = re.compile(r'\b(bronze|silver|gold|meta)\."?([a-z_]+)"?')


def root() -> Path:
    """The state folder of the plant shown."""
    return Path(os.environ.get("SHOPFLOOR_ROOT") or ".shopfloor").resolve()


@cache
def _plant(path: str | None) -> Plant | None:
    """The plant named by SHOPFLOOR_PLANT; None when it is not named or has problems (`shopfloor check` lists them)."""
    try:
        return load(Path(path)) if path else None
    except (ConfigError, OSError):
        return None


def _configured() -> list[tuple[str, str]]:
    """Sources of the plant as (name, kind), so that one that was never seen is listed as well."""
    plant = _plant(os.environ.get(PLANT_ENV))
    return [(s.name, s.kind) for s in plant.sources.values()] if plant else []


class _Live:
    """One connection a root, its views brought up to date when a question comes after a while."""

    def __init__(self, at: Path) -> None:
        self.window = Window(at, _configured())
        self._looked = self._filled = time.monotonic()
        self._round = 0

    def versions(self, names: tuple[str, ...]) -> tuple[object, ...]:
        """Delta versions of those tables; a running number stands for meta, which has none."""
        now = time.monotonic()
        if now - self._looked > LOOK_AGAIN_S:
            self._looked = now
            self._round += bool(self.window.refresh())
        if now - self._filled > META_S:
            self._filled = now
            self.window.refill_meta()
            self._round += 1
        held = self.window.versions
        return tuple(self._round if n.startswith("meta.") else held.get(n) for n in names)

    def forget(self) -> None:
        """Look again at the next question: this process has just written."""
        self._looked = self._filled = float("-inf")


@st.cache_resource(show_spinner=False)
def _live(at: str) -> _Live:
    return _Live(Path(at))


def connection() -> marts.Con:
    """The live connection, for a question that is asked once and on another thread (a download)."""
    return _live(str(root())).window.con


@cache
def _reads(name: str) -> tuple[str, ...]:
    """Tables a mart reads, from its SQL without comments."""
    rows = (row.split("--")[0] for row in marts.text(name).splitlines())
    return tuple(sorted({f"{layer}.{name}" for layer, name in _NAMED.findall("\n".join(rows))}))


@st.cache_data(max_entries=400, show_spinner=False)
def _answer(
    at: str, name: str, _mart: Callable[..., pl.DataFrame], given: tuple[Any, ...], versions: object
) -> pl.DataFrame:
    return _mart(_live(at).window.con, **dict(given))


def cached(mart: Callable[Concatenate[marts.Con, P], pl.DataFrame]) -> Callable[P, pl.DataFrame]:
    """A mart without its connection, answered from the cache while its tables stand still."""

    @wraps(mart)
    def ask(*args: P.args, **given: P.kwargs) -> pl.DataFrame:
        if args:
            raise TypeError(f"{mart.__name__}: name the arguments")
        name, at = mart.__name__, str(root())
        return _answer(at, name, mart, tuple(sorted(given.items())), _live(at).versions(_reads(name)))

    return ask


sites = cached(details.sites)
machines = cached(marts.machines)
days_open = cached(details.days_open)
tiles = cached(marts.tiles)
alerts = cached(marts.alerts)
_oee = cached(marts.oee)
_notes = cached(details.oee_notes)
timeline = cached(marts.timeline)
_losses = cached(marts.losses)
accounts = cached(details.accounts)
yields = cached(marts.yields)
scrap_trend = cached(marts.scrap_trend)
inventory = cached(marts.inventory)
inventory_trend = cached(marts.inventory_trend)
_energy = cached(marts.energy)
failure_risk = cached(marts.failure_risk)
risk_history = cached(marts.risk_history)
maintenance = cached(marts.maintenance)
signals = cached(details.signals)
forecast = cached(marts.forecast)
demand_history = cached(marts.demand_history)
tables = cached(marts.tables)
coverage = cached(marts.coverage)
quarantine = cached(marts.quarantine)
checks = cached(marts.checks)
sources = cached(marts.sources)
kpi_definitions = cached(details.kpi_definitions)
signoffs = cached(details.signoffs)
notifications = cached(details.notifications)


def _known(ask: Callable[Concatenate[Any, P], pl.DataFrame]) -> Callable[P, pl.DataFrame]:
    """A question about revisions without its connection, answered from the cache while nothing was written."""
    tables_read = ("gold.kpi_sums", "gold.kpi_definitions", "silver.machines")

    @wraps(ask)
    def answer(*_: P.args, **given: P.kwargs) -> pl.DataFrame:
        at = str(root())
        return _answer(at, ask.__name__, ask, tuple(sorted(given.items())), _live(at).versions(tables_read))

    return answer


numbers = _known(as_of)
change = _known(why)
kpi_by = _known(details.kpi_by)
kpi_reconciliation = _known(details.kpi_reconciliation)


def oee(
    *,
    first: date,
    last: date,
    level: marts.Level,
    grain: marts.Grain,
    site: str | None = None,
    line: str | None = None,
) -> pl.DataFrame:
    """`marts.oee` with a `note`: why a ratio is null or doubtful; null where there is nothing to say."""
    given: dict[str, Any] = {
        "first": first, "last": last, "level": level, "grain": grain, "site": site, "line": line, "machine": None,
    }  # fmt: skip
    return _oee(**given).join(_notes(**given), on=["scope", "production_day"], how="left", nulls_equal=True)


def losses(*, first: date, last: date, site: str | None = None, line: str | None = None) -> pl.DataFrame:
    """`marts.losses` without planned stops: they are no loss; shares are of what is left."""
    rows = _losses(first=first, last=last, site=site, line=line, machine=None)
    lost = rows.filter(pl.col("account") != "planned_down")
    share = pl.col("duration_s") / pl.col("duration_s").sum()
    return lost.with_columns(share=share, cumulative_share=share.cum_sum())


def energy(
    *,
    first: date,
    last: date,
    level: marts.Level,
    grain: Literal["hour", "day", "period"],
    site: str | None = None,
    line: str | None = None,
    machine: str | None = None,
) -> pl.DataFrame:
    """`marts.energy`; expected_kwh is null where a part has none; `against_kwh`: energy of the parts that have one.

    The expectation of some machines beside the energy of all of them would look like waste.
    """
    rows = _energy(first=first, last=last, level=level, grain=grain, site=site, line=line, machine=machine)
    against = pl.col("expected_kwh") + pl.col("deviation_kwh")
    whole = (pl.col("energy_kwh") - against).abs() < NOTHING_KWH
    return rows.with_columns(expected_kwh=pl.when(whole).then("expected_kwh"), against_kwh=against)


def demand(*, item: str, period: str, periods: int, before: date) -> pl.DataFrame:
    """Ordered quantity of the last periods (day, week, month) that begin before a day: day, quantity."""
    every = {"day": "1d", "week": "1w", "month": "1mo"}[period]
    rows = demand_history(item=item, first=None).filter(pl.col("ordered_day") < before)
    summed = rows.group_by(day=pl.col("ordered_day").dt.truncate(every)).agg(
        quantity=pl.col("qty").sum(), since=pl.col("ordered_day").min()
    )  # fmt: skip
    # The records may begin in the middle of a period: that first one would look like a fall in demand.
    whole = (pl.col("day") > pl.col("day").min()) | (pl.col("since") == pl.col("day"))
    return summed.filter(whole).select("day", "quantity").sort("day").tail(periods)


def configured() -> Plant | None:
    """The plant's configuration; None when it is not known here."""
    return _plant(os.environ.get(PLANT_ENV))


def currency() -> str:
    """Code of the plant's currency; empty when the plant's configuration is not known here."""
    plant = configured()
    return plant.file.plant.currency if plant else ""


def meaning(table_name: str, column: str) -> str:
    """What a column means, from the table's contract: the words of the help texts."""
    return table(table_name).column(column).doc


# Decisions and sign-offs: the only things a page writes


def approve(picks: list[Pick], by: str, comment: str | None) -> None:
    """Approve forecasts, all of them or none; the next question sees it.

    Raises:
        DecisionError: no name, or a forecast that is no draft any more; nothing was recorded.
    """
    _decide(picks, "approved", by, comment)


def mark_exported(picks: list[Pick], by: str) -> None:
    """Record that approved forecasts were handed over. Raises DecisionError like `approve`."""
    _decide(picks, "exported", by, None)


def _decide(picks: list[Pick], word: Word, by: str, comment: str | None) -> None:
    decide_all(root(), picks, word, by, comment)
    _live(str(root())).forget()


def proposals() -> pl.DataFrame:
    """gold.proposals, those that wait first; looked up anew each minute, because they expire by the clock."""
    as_of_now = (*_live(str(root())).versions(("bronze.proposals",)), int(time.time() // 60))
    return _answer(str(root()), "proposals", details.proposals, (), as_of_now)


def decide_proposal(word: Literal["submit", "approve", "reject"], key: str, by: str, comment: str, seen: int) -> None:
    """Take a step with a proposal as it was seen. Raises TerminalError when refused; nothing was recorded then."""
    plant = _plant.__wrapped__(os.environ.get(PLANT_ENV))  # a right may have been taken away since the start
    if plant is None:
        raise TerminalError("the plant's roles are not known here: start with `shopfloor serve --plant plant.toml`")
    getattr(acts, word)(root(), plant, key, by, comment=comment.strip() or None, seen=seen)
    _live(str(root())).forget()


def sign(*, kpi: str, level: Level, scope: str, grain: Grain, period_start: datetime, by: str, comment: str) -> None:
    """Sign a number off as it stands now. Raises SignoffError: no name, no such number, or one still running."""
    sign_off(root(), kpi, level, scope, grain, period_start, by, comment.strip() or None)
    _live(str(root())).forget()


# Model cards


def model_card(name: str, version: str) -> Mapping[str, Any] | None:
    """The card of a model version as it lies on the shelf; None when it is not there (any more)."""
    return _card(str(root()), name, version)


@st.cache_data(max_entries=20, ttl=60, show_spinner=False)
def _card(at: str, name: str, version: str) -> Mapping[str, Any] | None:
    try:
        return dict(Shelf(at).get(name, version).card)
    except MissingTableError:
        return None
