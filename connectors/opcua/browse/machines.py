"""From variables to machines: which belong together, which one is the state, what each is called.

A machine is, in this order: a child of the `Machines` object (OPC 40001-1), an object of a PackML type
(OPC 30050), the part before the last dot of flat names, the object around a state. What belongs to none
goes to the topmost object it lies in.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

from asyncua import ua

from connectors.opcua.browse.details import Variable
from connectors.opcua.browse.roles import Guess, guess
from connectors.opcua.browse.walk import Walk

Types = dict[ua.NodeId, tuple[str, ...]]
PLAIN = re.compile(r"[^A-Za-z0-9_\-]+")
WRAPPERS = {"status", "sts", "state", "admin", "monitoring", "command", "production", "counters", "data"}
"""Objects inside a machine that hold its variables: not machines themselves."""
COMPANION = {
    "MachineryItemState": ("state", "opc-40001-1"),
    "MachineryOperationMode": ("mode", "opc-40001-1-mode"),
}
"""State machines of OPC 40001-1 -> role, ready-made mapping."""
SINGLE = ("state", "mode")


@dataclass
class Signal:
    """A variable with what was guessed of it; `name` is that of the tag."""

    variable: Variable
    name: str
    guess: Guess


@dataclass
class Found:
    """A machine: its name, what it says of itself, its signals, and the variables left out with their reason."""

    name: str
    description: str = ""
    signals: list[Signal] = field(default_factory=list)
    refused: list[Variable] = field(default_factory=list)


def machines(found: Walk, variables: list[Variable], types: Types) -> list[Found]:
    """The machines of an address space, in the order they were found; tag names are unique within each."""
    signals = {v.at: s for v in variables if (s := _signal(found, v, types)) is not None}
    bearers = {_bearer(found, at) for at, s in signals.items() if s.guess.role == "state"}
    made: dict[tuple[int | None, str], Found] = {}
    for variable in variables:
        if variable.at not in signals and not variable.refused:
            continue
        at, name = _machine(found, variable.at, types, bearers)
        machine = made.setdefault((at, name), Found(name))
        if variable.refused:
            machine.refused.append(variable)
        else:
            machine.signals.append(signals[variable.at])
    kept = [m for m in made.values() if m.signals] or list(made.values())
    for machine in kept:
        _one_of_each(machine)
        _unique(machine, found)
    _named_apart(kept)
    return kept


def _signal(found: Walk, variable: Variable, types: Types) -> Signal | None:
    """None for what is no signal: refused variables and the inner parts of state machines."""
    spot = found.spots[variable.at]
    if variable.refused:
        return None
    special, skip = _state_machine(found, variable, types)
    if skip:
        return None
    leaf = spot.name.rpartition(".")[2] or spot.name
    guessed = special or guess(leaf, variable.type, variable.unit, variable.codes)
    name = PLAIN.sub("_", leaf).strip("_-") or "signal"
    return Signal(variable, {"state": "state", "mode": "mode"}.get(guessed.role, name) if special else name, guessed)


def _state_machine(found: Walk, variable: Variable, types: Types) -> tuple[Guess | None, bool]:
    """What a variable inside a finite state machine is: its CurrentState or the Number of it, else worth no tag."""
    path = _above(found, variable.at)
    around = next((n for n, at in enumerate(path) if n and _is_machine_of_states(found, at, types)), None)
    if around is None:
        return None, False
    inside = [found.spots[at].name for at in path[:around]]
    text = inside == ["CurrentState"]
    if inside != ["Number", "CurrentState"] and not (text and variable.at not in _numbered(found)):
        return None, True
    spot = found.spots[path[around]]
    if spot.name in COMPANION:
        role, states = COMPANION[spot.name]
        return Guess(role, states, 95, f"OPC 40001-1 {spot.name}"), False
    packml = any("PackML" in t for t in _chain_of(found, path[around], types))
    if not text:
        return Guess("other", remark="the number of a state machine of its own"), False
    return Guess("state", "packml-text" if packml else "plain", 70 if packml else 5, "text of a state machine"), False


def _is_machine_of_states(found: Walk, at: int, types: Types) -> bool:
    chain = _chain_of(found, at, types)
    return found.spots[at].name in COMPANION or any(t.endswith("StateMachineType") for t in chain)


def _chain_of(found: Walk, at: int, types: Types) -> tuple[str, ...]:
    kind = found.spots[at].type
    return types.get(kind, ()) if kind is not None else ()


def _numbered(found: Walk) -> set[int | None]:
    """Variables with a Number beneath."""
    return {s.parent for s in found.spots if s.name == "Number" and s.property}


def _above(found: Walk, at: int | None) -> list[int]:
    """A spot and its ancestors, nearest first."""
    path = []
    while at is not None:
        path.append(at)
        at = found.spots[at].parent
    return path


def _bearer(found: Walk, at: int) -> int | None:
    """The object a state belongs to: around its state machine and its wrapper."""
    path = [a for a in _above(found, found.spots[at].parent) if not found.spots[a].variable]
    for place in path:
        name = found.spots[place].name.lower()
        if name not in WRAPPERS and not name.endswith(("statemachine", "itemstate", "operationmode")):
            return place
    return None


def _machine(found: Walk, at: int, types: Types, bearers: set[int | None]) -> tuple[int | None, str]:
    """Where the machine of a variable is, and what it is called."""
    path, name = _above(found, at), found.spots[at].name
    for place, around in pairwise(path):
        if found.spots[around].name == "Machines" and not found.spots[place].variable:
            return place, found.spots[place].name
    for place in path[1:]:
        if "PackMLBaseObjectType" in _chain_of(found, place, types):
            return place, found.spots[place].name
    if "." in name:
        return found.spots[at].parent, name.rpartition(".")[0]
    holder = next((p for p in path[1:] if p in bearers), None)
    if holder is None:
        objects = [p for p in path[1:] if not found.spots[p].variable]
        holder = objects[-1] if objects else None
    return holder, found.spots[holder].name if holder is not None else "machine"


def _one_of_each(machine: Found) -> None:
    """One state and one mode a machine, the surest; the others stay as signals. A mode needs a state."""
    for role in SINGLE:
        same = [s for s in machine.signals if s.guess.role == role]
        best = max(same, key=lambda s: s.guess.rank, default=None)
        for signal in same:
            if signal is not best:
                remark = f"also looks like the {role}; taken is {best.name if best else 'none'}"
                signal.guess = replace(signal.guess, role="other", states=None, remark=remark)
    if not any(s.guess.role == "state" for s in machine.signals):
        for signal in machine.signals:
            if signal.guess.role == "mode":
                signal.guess = replace(signal.guess, role="other", states=None, remark="a mode without a state")


def _unique(machine: Found, found: Walk) -> None:
    """Names that clash get those of the objects around them in front, and at last a number."""
    for depth in range(1, 6):
        count = Counter(s.name for s in machine.signals)
        for signal in machine.signals:
            path = _above(found, signal.variable.at)
            if count[signal.name] > 1 and depth < len(path):
                signal.name = f"{PLAIN.sub('_', found.spots[path[depth]].name).strip('_-') or 'x'}_{signal.name}"
    given: Counter[str] = Counter()
    for signal in machine.signals:
        signal.name = signal.name[:76]
        given[signal.name] += 1
        if given[signal.name] > 1:
            signal.name += f"_{given[signal.name]}"


def _named_apart(kept: list[Found]) -> None:
    given: Counter[str] = Counter()
    for machine in kept:
        machine.name = (re.sub(r"[^A-Za-z0-9_.\-]+", "_", machine.name).strip("_.-") or "machine")[:70]
        given[machine.name] += 1
        if given[machine.name] > 1:
            machine.name += f"-{given[machine.name]}"


def describe(found: Walk, machine: Found, values: dict[int, str]) -> str:
    """What a machine's Identification (OPC 40001-1) says: manufacturer, model, serial number; may be empty.

    `values` are the texts of properties by place.
    """
    if not machine.signals:
        return ""
    path = set(_above(found, machine.signals[0].variable.at))
    said = {}
    for at, text in values.items():
        holder = found.spots[at].parent
        if holder is not None and found.spots[holder].name == "Identification" and found.spots[holder].parent in path:
            said[found.spots[at].name] = text
    serial = f"serial {said['SerialNumber']}" if said.get("SerialNumber") else ""
    return ", ".join(t for t in (said.get("Manufacturer"), said.get("Model"), serial) if t)
