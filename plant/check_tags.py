"""Signals of plant.toml: source, unit, range, address and role of every tag; what files and databases map and say."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from plant.check_names import Row, children, names, rows, unknown
from plant.check_shape import NOTHING, did_you_mean, nearest, shown
from plant.check_times import zone_problems
from plant.errors import Problem
from plant.model import FILE_COLUMNS
from plant.units import UNITS

MODBUS = re.compile(r"^(holding|input|coil|discrete):(\d{1,5})(?::(\d{1,2}))?$")
NODE = re.compile(r"^(ns=\d+;)?[isgb]=.+$")
REGISTERS = {"bool": 1, "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "int64": 4, "float32": 2, "float64": 4}
ENERGY_UNITS = ("Wh", "kWh")


def tag_problems(file: str, data: Row) -> Iterator[Problem]:
    """Problems of tags, each checked by the protocol of its source."""
    sources = {row["name"]: row for _, row in rows(data, "source") if isinstance(row.get("name"), str)}
    for at, _, tag in children(data, "machine", "tags"):
        if isinstance(tag.get("source"), str) and tag["source"] not in sources:
            yield unknown(file, f"{at}.source", tag["source"], names(data, "source"), "source")
        yield from _measure(file, at, tag)
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
    """One state a machine, and words for its codes."""
    for at, machine in rows(data, "machine"):
        states = [(key, tag) for key, tag in rows(machine, "tags") if tag.get("role") == "state"]
        for key, tag in states:
            if "states" not in tag and tag.get("type", "float64") != "string":
                hint = 'name a mapping of [states.*], or type = "string" where the machine sends our own words'
                yield Problem(file, f"{at}.{key}.states", "nothing", "a state mapping for numeric codes", hint)
        for key, _ in states[1:]:
            valid = f"one state tag a machine; the first is {states[0][0]}"
            yield Problem(
                file, f"{at}.{key}.role", "a second tag with role 'state'", valid, 'role = "other" keeps it as a signal'
            )


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
