"""Signals of plant.toml: source, unit, range, address and role of every tag; what files and databases map and say."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from plant.checks.addresses import address_problems, field_problems
from plant.checks.names import Row, children, names, rows, unknown
from plant.checks.shape import NOTHING, did_you_mean, nearest, shown
from plant.errors import Problem
from plant.shifts.check import zone_problems
from plant.sources.batch import FILE_COLUMNS
from plant.state_maps import READY_MADE
from plant.units import UNITS

ENDPOINT = re.compile(r"^opc\.tcp://(\[[0-9a-fA-F:]+\]|[^@\s/:]+)(:\d{1,5})?(/\S*)?$")
ENERGY_UNITS = ("Wh", "kWh")
PIECES = ("good_count", "scrap_count", "rework_count")
METERS = (*PIECES, "energy")
MEASURED = ("power", "temperature", "vibration", "pressure", "flow", "speed", "other")
NUMBERS = (*METERS, *MEASURED)
COUNTER_KEYS = {
    "max_rate_per_s": NUMBERS, "rollover": METERS, "replaced": METERS, "back_step_pcs": PIECES, "monotone": MEASURED,
}  # fmt: skip


def tag_problems(file: str, data: Row) -> Iterator[Problem]:
    """Problems of tags, each checked by the protocol of its source."""
    sources = {row["name"]: row for _, row in rows(data, "source") if isinstance(row.get("name"), str)}
    for at, _, tag in children(data, "machine", "tags"):
        if isinstance(tag.get("source"), str) and tag["source"] not in sources:
            yield unknown(file, f"{at}.source", tag["source"], names(data, "source"), "source")
        yield from _measure(file, at, tag)
        yield from _counter(file, at, tag)
        yield from address_problems(file, at, tag, sources.get(str(tag.get("source")), {}))
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
        if sources.get(source, {}).get("kind") not in {"opcua", "modbus", "sparkplug", "mqtt"}:
            continue
        if (source, address) in first:
            valid = f"one tag an address of {source}; it is taken by {first[source, address]}"
            yield Problem(
                file, f"{at}.address", f"{address!r} a second time", valid, "give each signal its own address"
            )
        first.setdefault((source, address), at)


def source_problems(file: str, data: Row) -> Iterator[Problem]:
    """Problems of columns, zones, separators, encodings, endpoints and passwords."""
    for at, source in rows(data, "source"):
        yield from zone_problems(file, at, source)
        yield from field_problems(file, at, source)
        if source.get("kind") == "files":
            yield from _columns(file, f"{at}.columns", source)
            yield from _text(file, at, source)
        if source.get("kind") == "opcua":
            yield from _opcua(file, at, source)


def _opcua(file: str, at: str, source: Row) -> Iterator[Problem]:
    """An address without secrets, and no password in clear unless it is wished."""
    endpoint, security = source.get("endpoint"), source.get("security", "sign_and_encrypt")
    if isinstance(endpoint, str) and not ENDPOINT.match(endpoint):
        found = "a user in it" if "@" in endpoint else shown(endpoint)  # the rest may be a password
        hint = "user and password come by user_env and password_env" if "@" in endpoint else ""
        yield Problem(file, f"{at}.endpoint", found, "opc.tcp://host:port/path", hint)
    if source.get("user_env") and security != "sign_and_encrypt" and source.get("allow_plain_password") is not True:
        valid = "security = 'sign_and_encrypt', or no user_env and password_env"
        hint = "allow_plain_password = true sends them in clear, for a network you trust"
        yield Problem(file, f"{at}.security", f"user_env with security {security!r}", valid, hint)


def _columns(file: str, at: str, source: Row) -> Iterator[Problem]:
    """Names on our side of `columns`. A misspelt name and the required one it leaves missing are one problem."""
    mapped, content = source.get("columns"), str(source.get("content", "readings"))
    if not isinstance(mapped, dict) or content not in FILE_COLUMNS:
        return
    required, optional = FILE_COLUMNS[content]
    if source.get("layout") == "wide":
        required, optional = ("ts",), ("status", "server_at")
        yield from _wide(file, at.removesuffix(".columns"), source, content)
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


def _wide(file: str, at: str, source: Row, content: str) -> Iterator[Problem]:
    """A wide file is one of readings; its long rows have columns tag and value of our own."""
    if content != "readings":
        yield Problem(file, f"{at}.layout", f"'wide' with content {content!r}", "content 'readings'", "remove it")
    for name, theirs in source["columns"].items():
        if theirs in {"tag", "value"}:
            valid = "any other header: tag and value name the cells of a wide file"
            yield Problem(file, f"{at}.columns.{name}", f"header {theirs!r}", valid, "rename the column in the export")


def _text(file: str, at: str, source: Row) -> Iterator[Problem]:
    separator, encoding = source.get("separator", ","), source.get("encoding", "utf8")
    point = "," if source.get("decimal_comma") else "."
    if source.get("thousands") == point:
        yield Problem(file, f"{at}.thousands", shown(point), "another character than the decimal point or comma")
    if isinstance(separator, str) and len(separator.encode()) != 1:
        yield Problem(file, f"{at}.separator", shown(separator), "one character", 'as in ";", or "\\t" for a tab')
    try:
        codecs.lookup(str(encoding))
    except (LookupError, ValueError):
        found = f"unknown encoding {shown(encoding)}"
        yield Problem(file, f"{at}.encoding", found, "an encoding Python knows", "as in utf8, cp1252 or latin-1")
