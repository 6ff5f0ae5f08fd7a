"""In which measures of time a stretch of the time ledger counts, by its account, class and marks.

Accounts follow ISO 22400-2. SEMI E10 states and VDI 3423 down times are read off the class of the reason: waiting
(class logistic) is standby, planned classes and set-up are scheduled down, every other stop is unscheduled down;
breakdowns and minor stops are technical, waiting under an order is logistic, the rest organisational.
"""

from __future__ import annotations

from itertools import product

import polars as pl

from plant.states import Account, LossClass, State

ENGINEERING = "engineering"
"""Reasons that begin so are SEMI E10 engineering time."""
MINOR_STOPS = "minor_stops_us"
"""Delay and down time of class minor_stop or shorter than minor_stop_s: a step on the way to minor_counting_us."""
_ACCOUNTS, _CLASSES = [a.value for a in Account], [c.value for c in LossClass]
_MARKS = ("minor", "engineering", "calendar", "ran")
_KIND = pl.UInt16()


def kind() -> pl.Expr:
    """The kind of a ledger row as a small integer: account, class and the four marks of `measures_of`."""
    account = pl.col("account").cast(pl.Enum(_ACCOUNTS)).to_physical().cast(_KIND)
    loss = pl.col("reason_class").cast(pl.Enum(_CLASSES)).to_physical().cast(_KIND) + 1
    ran = (pl.col("state") == State.PRODUCING.value) | (pl.col("state") == State.SETUP.value)
    engineering = pl.col("reason").str.starts_with(ENGINEERING).fill_null(value=False)
    marks = (pl.col("minor"), engineering, pl.col("source") == "calendar", ran)
    bits = [mark.cast(_KIND) * (1 << n) for n, mark in enumerate(marks)]
    return (account * (len(_CLASSES) + 1) + loss.fill_null(0)) * (1 << len(_MARKS)) + sum(bits[1:], bits[0])


def measures_of(account: str, loss: str | None, marks: frozenset[str]) -> frozenset[str]:
    """Measures a stretch counts in with its whole duration.

    Marks: 'minor', shorter than the machine's minor_stop_s; 'engineering', its reason says so; 'calendar', which
    decided the account; 'ran', the machine produced or was set up, whatever the account.
    """
    if account == Account.NOT_SCHEDULED:
        return frozenset({"reference_us", "overtime_us"} if "ran" in marks else {"reference_us"})
    if account == Account.PLANNED_DOWN:
        e10 = "eng_us" if "engineering" in marks else "sby_us" if "calendar" in marks else "sdt_us"
        return frozenset({"reference_us", "pot_us", "planned_down_us", e10})
    base = {"reference_us", "pot_us", "pbt_us"}
    if account == Account.PRODUCTION:
        return frozenset(base | {"apt_us"})
    if account == Account.UNKNOWN:
        return frozenset(base | {"unknown_us"})
    if account == Account.SETUP:
        return frozenset(base | {"aust_us", "vdi_organisational_us", "eng_us" if "engineering" in marks else "sdt_us"})
    return frozenset(base | _stop(account, loss, marks) | {_e10(loss, marks), _vdi(account, loss)})


def _stop(account: str, loss: str | None, marks: frozenset[str]) -> set[str]:
    ordered = account == Account.DELAY
    out = {"adet_us" if ordered else "adot_us"}
    if loss == LossClass.BREAKDOWN and "minor" not in marks:
        return out | {"breakdown_us"} | ({"breakdown_delay_us"} if ordered else set())
    if "minor" in marks and ordered:
        return out | {"minor_us", MINOR_STOPS}
    return out | ({MINOR_STOPS} if loss == LossClass.MINOR_STOP else set())


def _e10(loss: str | None, marks: frozenset[str]) -> str:
    if "engineering" in marks:
        return "eng_us"
    if loss == LossClass.LOGISTIC:
        return "sby_us"
    return "sdt_us" if loss in {LossClass.PLANNED, LossClass.SETUP} else "udt_us"


def _vdi(account: str, loss: str | None) -> str:
    if loss in {LossClass.BREAKDOWN, LossClass.MINOR_STOP}:
        return "vdi_technical_us"
    waits = loss == LossClass.LOGISTIC and account == Account.DELAY
    return "vdi_logistic_us" if waits else "vdi_organisational_us"


_MARKED = [frozenset(m for n, m in enumerate(_MARKS) if bits >> n & 1) for bits in range(1 << len(_MARKS))]
_OF_KIND = [measures_of(*of) for of in product(_ACCOUNTS, (None, *_CLASSES), _MARKED)]
PATTERNS: tuple[frozenset[str], ...] = tuple(dict.fromkeys(_OF_KIND))
"""The sets of measures that occur; rows of one pattern are summed together."""
PATTERN_OF_KIND = pl.Series([PATTERNS.index(found) for found in _OF_KIND], dtype=pl.UInt8)
"""Number of the pattern of each kind."""
