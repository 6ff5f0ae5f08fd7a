"""Which leaf account a stretch of time falls in, and why: the precedence of the layers as expressions.

They read the columns of a described stretch: kind (calendar), runs_through_breaks, told (state of a covering
report, null without), word (state that holds), state (code of the signal), order_id, reason, reason_class
(the operator's booking), evidence (what the machine has: signal, report, none).
"""

from __future__ import annotations

import polars as pl

from assets.kernels.states import NONE, SIGNAL, UNSEEN
from plant.states import REASON_CLASS, Account, LossClass, State

NO_REPORT = "no report"
CLASSES = [c.value for c in LossClass]


def _break() -> pl.Expr:
    return (pl.col("kind") == "break") & ~pl.col("runs_through_breaks")


def account() -> pl.Expr:
    """Leaf account; ISO 22400-2 ADET where an order is registered, ADOT where none is."""
    word = pl.col("word")
    return (
        pl.when(pl.col("kind") == "off").then(pl.lit(Account.NOT_SCHEDULED.value))
        .when(_break() | (word == State.PLANNED_STOP.value)).then(pl.lit(Account.PLANNED_DOWN.value))
        .when(word == State.PRODUCING.value).then(pl.lit(Account.PRODUCTION.value))
        .when(word == State.SETUP.value).then(pl.lit(Account.SETUP.value))
        .when(word == State.UNKNOWN.value).then(pl.lit(Account.UNKNOWN.value))
        .when(pl.col("order_id").is_not_null()).then(pl.lit(Account.DELAY.value))
        .otherwise(pl.lit(Account.DOWN_NO_ORDER.value))
    )  # fmt: skip


def source() -> pl.Expr:
    """Layer that decided: calendar, report, signal, or none where nothing trustworthy was said."""
    return (
        pl.when((pl.col("kind") == "off") | _break()).then(pl.lit("calendar"))
        .when(pl.col("told").is_not_null()).then(pl.lit("report"))
        .when(pl.col("state") == UNSEEN).then(pl.lit(NONE))
        .otherwise(pl.lit(SIGNAL))
    )  # fmt: skip


def _by_calendar() -> pl.Expr:
    return pl.col("source") == "calendar"


def reason() -> pl.Expr:
    """Why it did not produce: calendar, then the operator's booking, then the state; null while producing."""
    silent = (pl.col("account") == Account.UNKNOWN.value) & (pl.col("evidence") == "report") & pl.col("told").is_null()
    return (
        pl.when(pl.col("account") == Account.PRODUCTION.value).then(pl.lit(None, pl.String))
        .when(_by_calendar() & (pl.col("kind") == "off")).then(pl.lit(Account.NOT_SCHEDULED.value))
        .when(_by_calendar()).then(pl.lit("break"))
        .when(pl.col("reason").is_not_null()).then(pl.col("reason"))
        .when(silent).then(pl.lit(NO_REPORT))
        .otherwise(pl.col("word"))
    )  # fmt: skip


def reason_class() -> pl.Expr:
    """Class of the loss: of the booking where it names a known one, else of the state; null while producing."""
    classes = {str(word): loss.value for word, loss in REASON_CLASS.items()}
    own = pl.col("word").replace_strict(classes, default=None, return_dtype=pl.String)
    return (
        pl.when(pl.col("account") == Account.PRODUCTION.value).then(pl.lit(None, pl.String))
        .when(_by_calendar()).then(pl.lit(LossClass.PLANNED.value))
        .when(pl.col("reason_class").is_in(CLASSES)).then(pl.col("reason_class"))
        .otherwise(own)
    )  # fmt: skip
