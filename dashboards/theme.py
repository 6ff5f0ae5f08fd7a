"""Colours and words of the pages: one meaning, one colour, everywhere. Nothing is drawn here.

The hues are those of Okabe and Ito (2008), which colour-blind people can tell apart; each is readable
on a light and on a dark page. A colour never carries a meaning alone: a word or an icon stands beside it.
"""

from __future__ import annotations

from plant.states import Account, LossClass

GREEN, SKY, BLUE = "#009E73", "#56B4E9", "#0072B2"
ORANGE, VERMILION, PINK = "#E69F00", "#D55E00", "#CC79A7"
GREY, PALE = "#8A8F98", "#B8BCC4"

ACCOUNT_WORDS: dict[str, str] = {
    Account.PRODUCTION: "Producing",
    Account.SETUP: "Set-up",
    Account.DELAY: "Stopped",
    Account.DOWN_NO_ORDER: "No order",
    Account.PLANNED_DOWN: "Planned stop",
    Account.NOT_SCHEDULED: "Not scheduled",
    Account.UNKNOWN: "No signal",
}
"""The seven leaf accounts as people say them, in the order they are stacked."""

ACCOUNT_COLOURS: dict[str, str] = {
    Account.PRODUCTION: GREEN,
    Account.SETUP: SKY,
    Account.DELAY: VERMILION,
    Account.DOWN_NO_ORDER: ORANGE,
    Account.PLANNED_DOWN: GREY,
    Account.NOT_SCHEDULED: PALE,
    Account.UNKNOWN: PINK,
}

CLASS_WORDS: dict[str, str] = {
    LossClass.BREAKDOWN: "Breakdown",
    LossClass.SETUP: "Set-up",
    LossClass.MINOR_STOP: "Short stop",
    LossClass.REDUCED_SPEED: "Reduced speed",
    LossClass.SCRAP: "Scrap",
    LossClass.REWORK: "Rework",
    LossClass.LOGISTIC: "Waiting",
    LossClass.PLANNED: "Planned",
    LossClass.UNKNOWN: "No signal",
}

CLASS_COLOURS: dict[str, str] = {
    LossClass.BREAKDOWN: VERMILION,
    LossClass.SETUP: SKY,
    LossClass.MINOR_STOP: ORANGE,
    LossClass.REDUCED_SPEED: BLUE,
    LossClass.SCRAP: "#7A4FBF",
    LossClass.REWORK: "#A98BD8",
    LossClass.LOGISTIC: "#B59A00",
    LossClass.PLANNED: GREY,
    LossClass.UNKNOWN: PINK,
}

STATUS_COLOURS: dict[str, str] = {"draft": ORANGE, "approved": GREEN, "exported": BLUE}

ALERT_WORDS: dict[str, str] = {
    "below_reorder_point": "below its reorder point",
    "negative_stock": "negative stock",
    "no_movement": "no movement",
    "stock_out": "running out of stock",
}

SIGNAL_UNITS: dict[str, str] = {"vibration": "mm/s", "temperature": "°C", "power": "kW"}


def spoken(code: str | None) -> str:
    """A code as words: `spindle_bearing` reads "spindle bearing"; null reads as a dash.

    >>> spoken("below_reorder_point")
    'below its reorder point'
    >>> spoken(None)
    '–'
    """
    if not code:
        return "–"
    return {**ALERT_WORDS, "unknown": "no signal", "setup": "set-up"}.get(code, code.replace("_", " "))
