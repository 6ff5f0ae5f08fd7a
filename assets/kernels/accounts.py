"""Which leaf account a stretch of time falls in, and why: the precedence of the layers, as one small table.

What is decided depends on the state that is signalled and on few other things (calendar, edit, report, whether
an order is on, reasons). Their combinations that occur, each with every state, are decided once, here; the
ledger then only looks up.

The columns that decide (`CASE`): kind (calendar: shift, break, off), pause (reason of a planned event of the calendar,
null in a break), runs_through_breaks (of breaks; a planned event stops every machine), edited (state of an
operator's edit, null without), told (state of a covering report, null without), ordered (an order is registered),
reason_edited and class_edited (reason of an operator's edit), reason_booked and class_booked (booking), edit ids,
evidence (what the machine has: signal, report, none).

State:  off-shift edits change nothing; else edit, report, signal.
Account: off > edit > break > report > signal.
Reason: not_scheduled, break or the planned event's; else that of an edit, of a booking, the state's word; null
while producing. A break whose state an edit changed is no break any more; the reason of a break is not edited.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.signals.states import NONE, SIGNAL, UNSEEN
from plant.states import OFF_SHIFT, REASON_CLASS, STATE_WORDS, Account, LossClass, State

NO_REPORT = "no report"
CLASSES = [c.value for c in LossClass]
CASE = (
    "kind", "pause", "runs_through_breaks", "edited", "told", "ordered", "reason_edited", "class_edited",
    "reason_booked", "class_booked", "edit_id_state", "edit_id_reason", "evidence",
)  # fmt: skip
"""Columns that, with the state signalled, decide everything."""
DECIDED = ("account", "state", "reason", "reason_class", "source", "edit_id")
CODES = UNSEEN + 1
"""State codes a verdict is given for: the words, and unseen."""
STOPS = (Account.DELAY.value, Account.DOWN_NO_ORDER.value)


def with_case(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number the combinations of CASE that occur.

    Returns the rows with `case` instead of CASE and turn: the row of `verdicts` for state code 0; and the cases.
    """
    cases = rows.select(CASE).unique(maintain_order=True).with_row_index("case")
    numbered = rows.join(cases, on=list(CASE), how="left", nulls_equal=True, maintain_order="left")
    place = (pl.col("case") * 2 + pl.col("turn")) * CODES
    return numbered.drop(CASE).with_columns(case=place), cases


def verdicts(cases: pl.DataFrame) -> pl.DataFrame:
    """What holds in each case with each state: row `(number of the case * 2 + turn) * CODES + code`.

    Columns DECIDED, `stop` (part of a stop), `delay` (of one with an order) and `look` (equal where turn and
    all that is decided are equal).
    """
    names = pl.DataFrame({"code": range(CODES), "signalled": (*STATE_WORDS, State.UNKNOWN.value)})
    every = cases
    for options in (pl.DataFrame({"turn": (0, 1)}), names):
        every = every.join(options, how="cross", maintain_order="left_right")
    in_shift = every.with_columns(
        pl.when(pl.col("kind") != OFF_SHIFT).then(pl.col(c)).alias(c) for c in ("edited", "edit_id_state")
    )
    told = in_shift.with_columns(state=pl.coalesce("edited", "told", "signalled"))
    placed = told.with_columns(account=_account(), source=_source())
    decided = placed.with_columns(reason=_reason(), reason_class=_reason_class(), edit_id=_edit_id())
    numbered = decided.with_row_index("row").with_columns(look=pl.col("row").first().over("turn", *DECIDED))
    stop, delay = pl.col("account").is_in(STOPS), pl.col("account") == Account.DELAY.value
    return numbered.select(*DECIDED, "look", stop=stop, delay=delay)


def _break() -> pl.Expr:
    through = pl.col("runs_through_breaks") & pl.col("pause").is_null()
    return (pl.col("kind") == "break") & ~through & pl.col("edited").is_null()


def _account() -> pl.Expr:
    """Leaf account; ISO 22400-2 ADET where an order is registered, ADOT where none is."""
    word = pl.col("state")
    return (
        pl.when(pl.col("kind") == OFF_SHIFT).then(pl.lit(Account.NOT_SCHEDULED.value))
        .when(_break() | (word == State.PLANNED_STOP.value)).then(pl.lit(Account.PLANNED_DOWN.value))
        .when(word == State.PRODUCING.value).then(pl.lit(Account.PRODUCTION.value))
        .when(word == State.SETUP.value).then(pl.lit(Account.SETUP.value))
        .when(word == State.UNKNOWN.value).then(pl.lit(Account.UNKNOWN.value))
        .when("ordered").then(pl.lit(Account.DELAY.value))
        .otherwise(pl.lit(Account.DOWN_NO_ORDER.value))
    )  # fmt: skip


def _source() -> pl.Expr:
    """Layer that decided: calendar, edit, report, signal, or none where nothing trustworthy was said."""
    return (
        pl.when((pl.col("kind") == OFF_SHIFT) | _break()).then(pl.lit("calendar"))
        .when(pl.col("edited").is_not_null()).then(pl.lit("edit"))
        .when(pl.col("told").is_not_null()).then(pl.lit("report"))
        .when(pl.col("code") == UNSEEN).then(pl.lit(NONE))
        .otherwise(pl.lit(SIGNAL))
    )  # fmt: skip


def _by_calendar() -> pl.Expr:
    return pl.col("source") == "calendar"


def _producing() -> pl.Expr:
    return pl.col("account") == Account.PRODUCTION.value


def _reason() -> pl.Expr:
    """Why it did not produce: calendar, then the operator's edit and booking, then the state; null while producing."""
    unsaid = pl.col("told").is_null() & pl.col("edited").is_null()
    silent = (pl.col("account") == Account.UNKNOWN.value) & (pl.col("evidence") == "report") & unsaid
    return (
        pl.when(_producing()).then(pl.lit(None, pl.String))
        .when(_by_calendar() & (pl.col("kind") == OFF_SHIFT)).then(pl.lit(Account.NOT_SCHEDULED.value))
        .when(_by_calendar()).then(pl.coalesce("pause", pl.lit("break")))
        .when(pl.col("reason_edited").is_not_null()).then(pl.col("reason_edited"))
        .when(pl.col("reason_booked").is_not_null()).then(pl.col("reason_booked"))
        .when(silent).then(pl.lit(NO_REPORT))
        .otherwise(pl.col("state"))
    )  # fmt: skip


def _reason_class() -> pl.Expr:
    """Class of the loss: of what gave the reason if it names a known one, else of the state; null while producing."""
    classes = {str(word): loss.value for word, loss in REASON_CLASS.items()}
    own = pl.col("state").replace_strict(classes, default=None, return_dtype=pl.String)
    given = pl.when(pl.col("reason_edited").is_not_null()).then("class_edited").otherwise("class_booked")
    return (
        pl.when(_producing()).then(pl.lit(None, pl.String))
        .when(_by_calendar()).then(pl.lit(LossClass.PLANNED.value))
        .when(given.is_in(CLASSES)).then(given)
        .otherwise(own)
    )  # fmt: skip


def _edit_id() -> pl.Expr:
    """Edit that decided the state, else the one whose reason holds; null where no edit changed anything."""
    explained = ~_producing() & ~_by_calendar()
    return pl.coalesce("edit_id_state", pl.when(explained).then("edit_id_reason"))
