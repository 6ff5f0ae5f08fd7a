"""The proposal as text for plant.toml: a source, its machines with their tags, and mappings to fill in.

What was left out stands there as a comment with its reason. `shopfloor check` accepts it behind a plant
that has the line it names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from connectors.opcua.browse.details import Variable
from connectors.opcua.browse.machines import Found, Signal
from connectors.opcua.browse.roles import word_for
from connectors.opcua.browse.walk import Walk
from plant.sources.live import OpcUaSource
from plant.states import State

MEASURED = {"power", "temperature", "vibration", "pressure", "flow", "speed"}
COUNTED = {"good_count", "scrap_count", "rework_count"}
SHOWN = 200
"""Comments about variables left out; beyond it they are counted."""


def fragment(found: Walk, machines: list[Found], source: OpcUaSource, line: str, kind: str, now: datetime) -> str:
    """The text to append to plant.toml; `line` and `kind` go to every machine."""
    return "\n".join(_lines(found, machines, source, line, kind, now)) + "\n"


def _lines(
    found: Walk, machines: list[Found], source: OpcUaSource, line: str, kind: str, now: datetime
) -> Iterator[str]:
    tags, left = sum(len(m.signals) for m in machines), sum(len(m.refused) for m in machines)
    yield f"# Proposed by `shopfloor browse {source.endpoint}` at {now:%Y-%m-%d %H:%M} UTC:"
    yield f"# {len(machines)} machines, {tags} tags, {left} nodes left out, of {len(found.spots):,} nodes looked at."
    yield "# Roles and units are guesses from names, units and companion specifications: check each, then delete what"
    yield "# you do not need, and run `shopfloor check`."
    yield from (f"# NOTE: {_flat(note)}" for note in found.notes)
    yield ""
    yield from _source(source)
    mappings: dict[tuple[tuple[int, str], ...], str] = {}
    for machine in machines:
        yield from _mappings(machine, source, mappings)
    for machine in machines:
        yield from _machine(found, machine, source, line, kind, mappings)


def _source(source: OpcUaSource) -> Iterator[str]:
    yield "[[source]]"
    given = source.model_dump(exclude_defaults=True)
    for key in ("name", "kind", "endpoint", "security", "security_policy", "trust", "user_env", "password_env"):
        if key in given:
            yield f"{key} = {_text(str(given[key]))}"
    if source.allow_plain_password:
        yield "allow_plain_password = true"


def _mappings(machine: Found, source: OpcUaSource, mappings: dict[tuple[tuple[int, str], ...], str]) -> Iterator[str]:
    """A [states.*] table for each set of codes that no ready-made mapping has; equal sets share one."""
    for signal in machine.signals:
        key = tuple(sorted(signal.variable.codes.items()))
        if signal.guess.role != "state" or signal.guess.states or key in mappings:
            continue
        mappings[key] = f"{source.name}-codes" + (f"-{len(mappings) + 1}" if mappings else "")
        yield ""
        yield f"# The words of these codes decide the OEE. Valid words: {', '.join(s.value for s in State)}."
        if not key:
            yield "# The server does not say what its codes mean: FILL IN. Until then the machine's state is unknown."
        yield f"[states.{mappings[key]}]"
        seen = signal.variable.value if isinstance(signal.variable.value, int) else 0
        for code, name in key or ((seen, ""),):
            word = word_for(name)
            remark = f"  # {_flat(name)}" if name else "  # the code it has now"
            yield f'{code} = "{word or State.UNKNOWN.value}"{remark}{"" if word or not name else ": FILL IN"}'


def _machine(
    found: Walk, machine: Found, source: OpcUaSource, line: str, kind: str,
    mappings: dict[tuple[tuple[int, str], ...], str],
) -> Iterator[str]:  # fmt: skip
    yield ""
    roles = {s.guess.role for s in machine.signals}
    if missing := [r for r in ("state", "good_count") if r not in roles]:
        yield f"# No {' and no '.join(missing)} was recognised: without them there is no OEE of this machine."
    yield "[[machine]]"
    yield f"name = {_text(machine.name)}"
    yield f"line = {_text(line)}"
    yield f"kind = {_text(kind)}"
    if machine.description:
        yield f"description = {_text(machine.description)}"
    yield "tags = ["
    for signal in sorted(machine.signals, key=_order):
        yield f"  {{ {_tag(found, signal, source, mappings)} }},{_remark(found, signal)}"
    yield "]"
    for variable in machine.refused[:SHOWN]:
        yield f"# left out: {_place(found, variable)}: {variable.refused}"
    if len(machine.refused) > SHOWN:
        yield f"# left out: {len(machine.refused) - SHOWN} more"


def _order(signal: Signal) -> tuple[int, str]:
    first = ("state", "mode", "good_count", "scrap_count", "rework_count", "energy", "power")
    role = signal.guess.role
    return (first.index(role) if role in first else 50 + (role == "other"), signal.name)


def _tag(found: Walk, signal: Signal, source: OpcUaSource, mappings: dict[tuple[tuple[int, str], ...], str]) -> str:
    variable, role = signal.variable, signal.guess.role
    address = found.spots[variable.at].nodeid.to_string()
    parts = {"name": signal.name, "role": role, "source": source.name, "address": address, "type": variable.type}
    states = signal.guess.states or mappings.get(tuple(sorted(variable.codes.items())), "")
    if role in ("state", "mode"):
        parts["states"] = states
    unit = "pcs" if role in COUNTED else variable.unit or "1"
    if unit != "1":
        parts["unit"] = unit
    text = ", ".join(f"{k} = {_text(v)}" for k, v in parts.items())
    if role in MEASURED and variable.range:
        text += f", range = [{variable.range[0]:g}, {variable.range[1]:g}]"
    return text


def _remark(found: Walk, signal: Signal) -> str:
    said = [_place(found, signal.variable)]
    if signal.guess.remark:
        said.append(signal.guess.remark)
    if signal.variable.unit is None and signal.variable.unit_said:
        said.append(f"unit {_flat(signal.variable.unit_said)} is none of ours: convert it")
    return f"  # {'; '.join(said)}"


def _place(found: Walk, variable: Variable) -> str:
    return _flat("/".join(found.path(variable.at)))


def _flat(text: str) -> str:
    """On one line, without what a TOML comment may not hold."""
    return "".join(c if c.isprintable() else " " for c in text)


def _text(text: str) -> str:
    """A TOML string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
