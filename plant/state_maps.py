"""Ready-made state mappings: the codes of published state models in the words of `plant.states.State`.

A tag names one with `states = "packml"`; a mapping of the same name in plant.toml wins. Every table is also
on docs/state_maps.md, where the reading of each code is argued.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from plant.states import State

Codes = dict[str, str]

PACKML_STATES: tuple[tuple[int, str, State], ...] = (
    (0, "Undefined", State.UNKNOWN),
    (1, "Clearing", State.FAILED),
    (2, "Stopped", State.STOPPED),
    (3, "Starting", State.IDLE),
    (4, "Idle", State.IDLE),
    (5, "Suspended", State.STARVED),
    (6, "Execute", State.PRODUCING),
    (7, "Stopping", State.STOPPED),
    (8, "Aborting", State.FAILED),
    (9, "Aborted", State.FAILED),
    (10, "Holding", State.STOPPED),
    (11, "Held", State.STOPPED),
    (12, "Unholding", State.STOPPED),
    (13, "Suspending", State.STARVED),
    (14, "Unsuspending", State.STARVED),
    (15, "Resetting", State.IDLE),
    (16, "Completing", State.IDLE),
    (17, "Complete", State.IDLE),
)
"""ISA-TR88.00.02: StateCurrent, name, our word. Only Execute is production; an acting state counts as the waiting
state it leads to, or, where it leads to Execute, as the one it comes from. Suspended waits for something outside
the machine (starved or blocked: the model does not say which), Held for something inside it."""

ITEM_STATES: tuple[tuple[int, str, State], ...] = (
    (0, "NotAvailable", State.OFF),
    (1, "OutOfService", State.FAILED),
    (2, "NotExecuting", State.IDLE),
    (3, "Executing", State.PRODUCING),
)
"""OPC 40001-1 MachineryItemState: StateNumber, name, our word."""

OPERATION_MODES: tuple[tuple[int, str, State], ...] = (
    (0, "None", State.UNKNOWN),
    (1, "Maintenance", State.PLANNED_STOP),
    (2, "Setup", State.SETUP),
    (3, "Processing", State.PRODUCING),
)
"""OPC 40001-1 MachineryOperationMode: StateNumber, name, and the word that executing counts as in that mode."""

MTCONNECT_EXECUTION: tuple[tuple[str, State], ...] = (
    ("ACTIVE", State.PRODUCING),
    ("READY", State.IDLE),
    ("WAIT", State.IDLE),
    ("PROGRAM_COMPLETED", State.IDLE),
    ("INTERRUPTED", State.STOPPED),
    ("FEED_HOLD", State.STOPPED),
    ("STOPPED", State.STOPPED),
    ("OPTIONAL_STOP", State.STOPPED),
    ("PROGRAM_OPTIONAL_STOP", State.STOPPED),
    ("PROGRAM_STOPPED", State.STOPPED),
    ("UNAVAILABLE", State.UNKNOWN),
)
"""MTConnect data item EXECUTION: value, our word. It knows neither set-up nor failure."""

UMH_STATES: tuple[tuple[int, State], ...] = (
    (10000, State.PRODUCING), (20000, State.PRODUCING), (30000, State.UNKNOWN), (40000, State.STOPPED),
    (50000, State.STOPPED), (60000, State.STARVED), (70000, State.BLOCKED), (80000, State.STARVED),
    (90000, State.STARVED), (100000, State.SETUP), (110000, State.PLANNED_STOP), (120000, State.SETUP),
    (130000, State.SETUP), (140000, State.STOPPED), (150000, State.STOPPED), (160000, State.PLANNED_STOP),
    (170000, State.IDLE), (180000, State.FAILED), (190000, State.FAILED), (200000, State.FAILED),
    (210000, State.PLANNED_STOP), (220000, State.FAILED),
)  # fmt: skip
"""United Manufacturing Hub data model: state number, our word."""

PLAIN_WORDS: dict[State, tuple[str, ...]] = {
    State.PRODUCING: ("producing", "production", "running", "run", "executing", "execute", "active", "processing"),
    State.SETUP: ("setup", "set-up", "changeover", "preparing"),
    State.IDLE: ("idle", "ready", "standby", "waiting"),
    State.BLOCKED: ("blocked",),
    State.STARVED: ("starved",),
    State.STOPPED: ("stopped", "stop", "held", "paused", "jam"),
    State.FAILED: ("failed", "fault", "error", "alarm", "malfunction", "down", "breakdown", "aborted"),
    State.PLANNED_STOP: ("planned_stop", "maintenance", "cleaning", "break"),
    State.OFF: ("off", "offline"),
    State.UNKNOWN: ("unknown", "undefined", "unavailable"),
}
"""English words machines and gateways use for their state, as text."""


def executing_as(state: State, mode: State) -> State:
    """What a state and an operation mode are together: executing counts as the mode says, anything else stays.

    OPC 40001-1 Annex C.2 reads ISO 22400-2 so: APT = Executing + Processing, AUST = Executing + Setup; what does
    not execute is ADET or ADOT in every mode.
    """
    return mode if state == State.PRODUCING else state


def _numbered(states: tuple[tuple[int, str, State], ...]) -> Codes:
    return {str(number): word.value for number, _, word in states} | _spelt({n: w for _, n, w in states})


def _spelt(words: dict[str, State]) -> Codes:
    """Every name as it is, in capitals and in small letters."""
    return {form: w.value for n, w in words.items() for form in dict.fromkeys((n, n.upper(), n.lower()))}


def _combined() -> Codes:
    pairs = ((s, m, executing_as(word, mode)) for _, s, word in ITEM_STATES for _, m, mode in OPERATION_MODES)
    return {f"{state}+{mode}": word.value for state, mode, word in pairs}


_PLAIN = {form: word for word, forms in PLAIN_WORDS.items() for form in forms}
READY_MADE: MappingProxyType[str, Codes] = MappingProxyType(
    {
        "packml": {str(number): word.value for number, _, word in PACKML_STATES},
        "packml-text": _spelt({name: word for _, name, word in PACKML_STATES}),
        "opc-40001-1": _numbered(ITEM_STATES),
        "opc-40001-1-mode": _numbered(OPERATION_MODES),
        "opc-40001-1-combined": _combined(),
        "mtconnect-execution": _spelt(dict(MTCONNECT_EXECUTION)),
        "umh": {str(number): word.value for number, word in UMH_STATES},
        "plain": _spelt(_PLAIN) | {form.capitalize(): word.value for form, word in _PLAIN.items()},
    }
)
"""Mapping name -> raw code as text -> state word."""


def with_ready_made(data: Any) -> Any:
    """The raw content of a plant.toml with the ready-made mappings its tags and sources name.

    Mappings the file gives itself stay as they are. Content of a wrong shape is returned unchanged.
    """
    if not isinstance(data, dict) or not isinstance(given := data.get("states", {}), dict):
        return data
    wanted = {name: dict(READY_MADE[name]) for name in _named(data) if name in READY_MADE and name not in given}
    return data | {"states": {**given, **wanted}} if wanted else data


def _named(data: dict[str, Any]) -> list[str]:
    """Names of mappings that tags and sources ask for, in the order of the file."""
    machines = [m for m in _rows(data.get("machine")) if isinstance(m, dict)]
    asking = [t for m in machines for t in _rows(m.get("tags"))] + _rows(data.get("source"))
    found = [row.get("states") for row in asking if isinstance(row, dict)]
    return list(dict.fromkeys(name for name in found if isinstance(name, str)))


def _rows(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
