"""The words of the time tree: machine states, the seven leaf accounts, loss classes.

The leaves and their ISO 22400-2 elements are decided in the KPI design: every microsecond of every
machine is in exactly one leaf. Mappings from raw codes to words are in plant.toml, not here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class Account(StrEnum):
    """Leaf accounts of the time tree (ISO 22400-2 element in brackets)."""

    NOT_SCHEDULED = "not_scheduled"  # outside POT: no shift in the calendar
    PLANNED_DOWN = "planned_down"  # POT minus PBT: break, planned maintenance
    PRODUCTION = "production"  # APT
    SETUP = "setup"  # AUST
    DELAY = "delay"  # ADET: not executing while an order is registered
    DOWN_NO_ORDER = "down_no_order"  # ADOT: available, no order registered
    UNKNOWN = "unknown"  # no trustworthy signal


class State(StrEnum):
    """Canonical machine states, the target of every mapping in plant.toml."""

    PRODUCING = "producing"
    SETUP = "setup"
    IDLE = "idle"  # ready, nothing to do and no cause given
    BLOCKED = "blocked"  # cannot deliver: downstream full
    STARVED = "starved"  # nothing comes: upstream empty
    STOPPED = "stopped"  # short stop, operator or jam
    FAILED = "failed"  # malfunction
    PLANNED_STOP = "planned_stop"  # planned maintenance, meeting, no demand
    OFF = "off"
    UNKNOWN = "unknown"


class LossClass(StrEnum):
    """The six big losses (Nakajima) and the time outside them."""

    BREAKDOWN = "breakdown"
    SETUP = "setup"
    MINOR_STOP = "minor_stop"
    REDUCED_SPEED = "reduced_speed"
    SCRAP = "scrap"
    REWORK = "rework"
    LOGISTIC = "logistic"  # blocked, starved, no order
    PLANNED = "planned"
    UNKNOWN = "unknown"


REASON_CLASS: dict[str, LossClass] = {
    State.SETUP: LossClass.SETUP,
    State.IDLE: LossClass.LOGISTIC,
    State.BLOCKED: LossClass.LOGISTIC,
    State.STARVED: LossClass.LOGISTIC,
    State.STOPPED: LossClass.MINOR_STOP,
    State.FAILED: LossClass.BREAKDOWN,
    State.PLANNED_STOP: LossClass.PLANNED,
    State.OFF: LossClass.LOGISTIC,
    State.UNKNOWN: LossClass.UNKNOWN,
}
"""Class of a stop whose only reason is the machine's own state."""

GOOD_STATUS = 0
"""OPC UA StatusCode Good. Severity is `status >> 30`: 0 good, 1 uncertain, 2 bad."""

BAD_NO_COMMUNICATION = 0x80310000
GapReason = Literal["disconnected", "stale", "overflow", "collector_stopped", "refused"]
"""Why the values of a source are not known for a while."""
GAP_STATUS: dict[GapReason, int] = {
    "disconnected": BAD_NO_COMMUNICATION,
    "stale": 0x800A0000,
    "overflow": 0x809D0480,
    "collector_stopped": 0x809D0000,
    "refused": 0x80890000,
}
"""Status of the row that opens a gap: Bad_NoCommunication, Bad_Timeout (the source answers, but with nothing new),
Bad_DataLost with the overflow bit, Bad_DataLost (nobody was there to collect), Bad_ConfigurationError."""
UNCERTAIN = 0x40000000
"""Status codes from here on are not Good."""
UNCERTAIN_UNIT = 0x40940000
"""Uncertain_EngineeringUnitsExceeded: the source names another unit than plant.toml; the value is as it came."""
OFF_SHIFT = "off"
"""Shift name of time outside every shift."""

STATE_WORDS: tuple[str, ...] = tuple(s.value for s in State)
