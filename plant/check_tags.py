"""Signals of plant.toml: source, unit, range, address and role of every tag; what files and databases map and say."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from plant.check_names import Row, children, names, rows, unknown
from plant.check_shape import NOTHING, did_you_mean, nearest, shown
from plant.errors import Problem
from plant.shifts.check import zone_problems
from plant.sources.batch import FILE_COLUMNS
from plant.state_maps import READY_MADE
from plant.units import UNITS

MODBUS = re.compile(r"^(holding|input|coil|discrete):(\d{1,5})(?::(\d{1,2}))?$")
NODE = re.compile(r"^(ns=\d+;)?[isgb]=.+$")
REGISTERS = {"bool": 1, "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "int64": 4, "float32": 2, "float64": 4}
ENERGY_UNITS = ("Wh", "kWh")
PIECES = ("good_count", "scrap_count", "rework_count")
METERS = (*PIECES, "energy")
COUNTER_KEYS = {"max_rate_per_s": METERS, "rollover": METERS, "replaced": METERS, "back_step_pcs": PIECES}


def tag_problems(file: str, data: Row) -> Iterator[Problem]:
    """Problems of tags, each checked by the protocol of its source."""
    sources = {row["name"]: row for _, row in rows(data, "source") if isinstance(row.get("name"), str)}
    for at, _, tag in children(data, "machine", "tags"):
        if isinstance(tag.get("source"), str) and tag["source"] not in sources:
            yield unknown(file, f"{at}.source", tag["source"], names(data, "source"), "source")
        yield from _measure(file, at, tag)
        yield from _counter(file, at, tag)
        yield from _address(file, at, tag, sources.get(str(tag.get("source")), {}))
    yield from _state_tags(file, data)
    yield from _shared(file, data, sources)


def _measure(file: str, at: str, tag: Row) -> Iterator[Problem]:
    unit, limits = tag.get("unit", "1"), tag.get("range")
    if isinstance(unit, str) and unit not in UNITS:
        yield Problem(
            file, f"{at}.unit", f"unknown unit {unit!r}", ", ".join(sorted(UNITS)), did_you_mean(unit, sorted(UNITS))
        )
    elif tag.get("role") == "energy" and unit not in ENERGY_UNITS:
        yield Problem(file, f"{at}.unit", f"unit {unit!r} of an energy meter", "Wh or kWh, cumulative")
    numbers = [x for x in limits if isinstance(x, int | float)] if isinstance(limits, list) else []
    if len(numbers) == 2 and numbers[0] >= numbers[1]:
        yield Problem(file, f"{at}.range", shown(limits), "[low, high] with low below high", "swap or widen it")


def _counter(file: str, at: str, tag: Row) -> Iterator[Problem]:
    """Settings that only counters (of pieces, or an energy meter) have, and replacements in time order."""
    role = tag.get("role")
    for key, roles in COUNTER_KEYS.items():
        if key in tag and isinstance(role, str) and role not in roles:
            found, valid = f"{key} on a tag with role {role!r}", f"only roles {', '.join(roles)}"
            yield Problem(file, f"{at}.{key}", found, valid, "remove it")
    swaps = [(key, swap["at"]) for key, swap in rows(tag, "replaced") if _aware(swap.get("at"))]
    for (_, before), (key, after) in pairwise(swaps):
        if after <= before:
            hint = "give each replacement once, the oldest first"
            yield Problem(file, f"{at}.{key}.at", str(after), f"an instant after the one before it, {before}", hint)


def _aware(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _address(file: str, at: str, tag: Row, source: Row) -> Iterator[Problem]:
    address = tag.get("address")
    if not isinstance(address, str):
        return
    found = f"{address!r}"
    if source.get("kind") == "modbus" and (problem := _modbus(address, tag.get("type", "float64"))):
        yield Problem(file, f"{at}.address", found, problem, "as in holding:0, input:20 or holding:100:3 for a bit")
    elif source.get("kind") == "modbus" and _one_bit(address) and tag.get("type", "float64") != "bool":
        found = f"type {tag['type']!r}" if "type" in tag else "no type, which is float64,"
        yield Problem(file, f"{at}.type", f"{found} for the one bit {address!r}", "bool", 'write type = "bool"')
    if source.get("kind") == "opcua" and not NODE.match(address):
        yield Problem(file, f"{at}.address", found, "an OPC UA node id", "as in ns=2;s=press.state or ns=2;i=1004")
    if source.get("kind") == "sparkplug" and not _metric(address, source.get("group")):
        valid = f"group/edge/device/metric in group {source.get('group')!r}"
        yield Problem(file, f"{at}.address", found, valid, "an empty device names a metric of the edge node")


def _modbus(address: str, kind: Any) -> str | None:
    """What is valid, when a Modbus address is not."""
    match = MODBUS.match(address)
    if not match:
        return "holding, input, coil or discrete, a colon and a number (and a bit)"
    if kind in REGISTERS and not _one_bit(address) and int(match[2]) + REGISTERS[kind] > 65536:
        return f"registers 0 to {65536 - REGISTERS[kind]} for type {kind}"
    if kind == "string":
        return "a type of numbers: text cannot be read over Modbus"
    if int(match[2]) > 65535:
        return "numbers 0 to 65535"
    return "bit 0 to 15" if match[3] and int(match[3]) > 15 else None


def _one_bit(address: str) -> bool:
    """A coil, a discrete input, or one bit of a register."""
    return address.startswith(("coil:", "discrete:")) or address.count(":") == 2


def _metric(address: str, group: Any) -> bool:
    parts = address.split("/", 3)
    return len(parts) == 4 and parts[0] == group and bool(parts[1]) and bool(parts[3])


def _state_tags(file: str, data: Row) -> Iterator[Problem]:
    """One state and one mode a machine, and words for their codes."""
    for at, machine in rows(data, "machine"):
        tags = list(rows(machine, "tags"))
        for role in ("state", "mode"):
            yield from _worded(file, at, role, [(key, tag) for key, tag in tags if tag.get("role") == role])
        modes = [key for key, tag in tags if tag.get("role") == "mode"]
        if modes and not any(tag.get("role") == "state" for _, tag in tags):
            valid = "a tag with role 'state' beside it: the mode says what executing counts as"
            yield Problem(file, f"{at}.{modes[0]}.role", "a mode without a state", valid, 'role = "other" keeps it')


def _worded(file: str, at: str, role: str, found: list[tuple[str, Row]]) -> Iterator[Problem]:
    for key, tag in found:
        if "states" not in tag and tag.get("type", "float64") != "string":
            ready = ", ".join(READY_MADE)
            hint = f'name a mapping of [states.*] or a ready-made one ({ready}), or type = "string" for our own words'
            yield Problem(file, f"{at}.{key}.states", "nothing", "a state mapping for numeric codes", hint)
    for key, _ in found[1:]:
        valid = f"one {role} tag a machine; the first is {found[0][0]}"
        hint = 'role = "other" keeps it as a signal'
        yield Problem(file, f"{at}.{key}.role", f"a second tag with role {role!r}", valid, hint)


def _shared(file: str, data: Row, sources: dict[str, Row]) -> Iterator[Problem]:
    """Two tags on one address are the same signal under two names."""
    first: dict[tuple[str, str], str] = {}
    for at, _, tag in children(data, "machine", "tags"):
        source, address = tag.get("source"), tag.get("address")
        if not isinstance(source, str) or not isinstance(address, str):
            continue
        if sources.get(source, {}).get("kind") not in {"opcua", "modbus", "sparkplug"}:
            continue
        if (source, address) in first:
            valid = f"one tag an address of {source}; it is taken by {first[source, address]}"
            yield Problem(
                file, f"{at}.address", f"{address!r} a second time", valid, "give each signal its own address"
            )
        first.setdefault((source, address), at)


def source_problems(file: str, data: Row) -> Iterator[Problem]:
    """Problems of columns, zones, separators and encodings."""
    for at, source in rows(data, "source"):
        yield from zone_problems(file, at, source)
        if source.get("kind") == "files":
            yield from _columns(file, f"{at}.columns", source)
            yield from _text(file, at, source)


def _columns(file: str, at: str, source: Row) -> Iterator[Problem]:
    """Names on our side of `columns`. A misspelt name and the required one it leaves missing are one problem."""
    mapped, content = source.get("columns"), str(source.get("content", "readings"))
    if not isinstance(mapped, dict) or content not in FILE_COLUMNS:
        return
    required, optional = FILE_COLUMNS[content]
    missing = [c for c in required if c not in mapped]
    for name in (n for n in mapped if n not in (*required, *optional)):
        meant = nearest(name, missing)
        if meant:
            missing.remove(meant)
        near = meant or nearest(name, [*required, *optional])
        hint = f"did you mean {near!r}{', which is missing' if meant else ''}?" if near else "remove it"
        valid = f"for {content}: {', '.join((*required, *optional))}"
        yield Problem(file, f"{at}.{name}", f"unknown column {name!r}", valid, hint)
    for name in missing:
        hint = f'map it to a column of the files, as in {name} = "Their Name"'
        yield Problem(file, f"{at}.{name}", NOTHING, f"{content} need {', '.join(required)}", hint)


def _text(file: str, at: str, source: Row) -> Iterator[Problem]:
    separator, encoding = source.get("separator", ","), source.get("encoding", "utf8")
    if isinstance(separator, str) and len(separator.encode()) != 1:
        yield Problem(file, f"{at}.separator", shown(separator), "one character", 'as in ";", or "\\t" for a tab')
    try:
        codecs.lookup(str(encoding))
    except (LookupError, ValueError):
        found = f"unknown encoding {shown(encoding)}"
        yield Problem(file, f"{at}.encoding", found, "an encoding Python knows", "as in utf8, cp1252 or latin-1")
