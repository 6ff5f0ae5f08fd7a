"""Addresses of tags, each read by the protocol of its source; and the settings of fieldbus and MQTT sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from plant.checks.names import Row
from plant.checks.shape import shown
from plant.errors import Problem
from plant.sources.registers import REGISTERS, AddressError, place_of
from plant.sources.topics import PathError, path_of, topic_of
from plant.units import duration

NODE = re.compile(r"^(ns=\d+;)?[isgb]=.+$")
HINT = "as in holding:0, input:20 or holding:100:3 for a bit"
FIELDBUS_KEYS = ("word_order", "byte_order", "scale", "offset")


def address_problems(file: str, at: str, tag: Row, source: Row) -> Iterator[Problem]:
    """Problems of one tag's address, and of settings its protocol does not have."""
    address, kind = tag.get("address"), source.get("kind")
    if not isinstance(address, str):
        return
    found = f"{address!r}"
    if kind == "modbus":
        yield from _modbus(file, at, tag, source)
    elif kind == "mqtt":
        yield from _mqtt(file, f"{at}.address", address, source)
    elif kind == "opcua" and not NODE.match(address):
        yield Problem(file, f"{at}.address", found, "an OPC UA node id", "as in ns=2;s=press.state or ns=2;i=1004")
    elif kind == "sparkplug" and not _metric(address, source.get("group")):
        valid = f"group/edge/device/metric in group {source.get('group')!r}"
        yield Problem(file, f"{at}.address", found, valid, "an empty device names a metric of the edge node")
    for key in FIELDBUS_KEYS:
        if key in tag and kind not in {"modbus", None}:
            valid = "only tags of a Modbus source"
            yield Problem(file, f"{at}.{key}", f"{key} on a tag of a source of kind {kind!r}", valid, "remove it")


def _modbus(file: str, at: str, tag: Row, source: Row) -> Iterator[Problem]:
    address, kind = str(tag["address"]), str(tag.get("type", "float64"))
    try:
        place = place_of(address, kind)
    except AddressError as error:
        untyped = error.part == "type" and "type" not in tag
        found = error.found.replace("type 'float64'", "no type, which is float64,") if untyped else error.found
        hint = f'write type = "{error.valid}"' if error.part == "type" and error.valid in REGISTERS else HINT
        yield Problem(file, f"{at}.{error.part}", found, error.valid, hint)
        return
    longest = source.get("max_block", 125)
    if isinstance(longest, int) and place.count > longest and not place.one_bit:
        found = f"{place.count} registers, which have to come out of one request"
        yield Problem(file, f"{at}.address", found, f"max_block {longest} of the source", "raise max_block")


def _mqtt(file: str, key: str, address: str, source: Row) -> Iterator[Problem]:
    try:
        _, path = topic_of(address)
    except PathError as error:
        yield Problem(file, key, repr(address), str(error), "as in plant/press/telemetry#$.data.temp")
        return
    for name in ("timestamp", "quality"):
        try:
            other = path_of(str(source.get(name, "$")))
        except PathError:
            continue  # told with the source
        if other.each is not None and (path.each is None or path.head != other.head):
            valid = f"a path into the same array as the source's {name}, {source[name]}"
            yield Problem(file, key, repr(address), valid, "or a source of its own for topics without arrays")


def _metric(address: str, group: Any) -> bool:
    parts = address.split("/", 3)
    whole = len(parts) == 4 and parts[0] == group and bool(parts[1]) and bool(parts[3])
    return whole and not any(sign in level for level in parts[:3] for sign in "+#\0")


def field_problems(file: str, at: str, source: Row) -> Iterator[Problem]:
    """Problems of one Modbus or MQTT source: units, filters, paths, and keys that need another one."""
    if source.get("kind") == "modbus":
        yield from _units(file, at, source)
    if source.get("kind") in {"modbus", "mqtt", "sparkplug"}:
        yield from _tls(file, at, source)
    if source.get("kind") == "mqtt":
        yield from _paths(file, at, source)
        yield from _filters(file, at, source)


def _units(file: str, at: str, source: Row) -> Iterator[Problem]:
    for unit, timeout in source.get("unit_timeouts", {}).items():
        if not (unit.isdigit() and int(unit) <= 255):
            yield Problem(file, f"{at}.unit_timeouts.{unit}", f"unit {unit!r}", "a number 0 to 255", '3 = "2s"')
        try:
            duration(str(timeout))
        except ValueError:
            continue  # told by the shape's check
    if source.get("framing") == "rtu" and source.get("in_flight", 1) != 1:
        found = f"in_flight {source['in_flight']} with framing 'rtu'"
        yield Problem(
            file, f"{at}.in_flight", found, "1: serial frames carry no number to tell answers apart", "remove it"
        )


def _tls(file: str, at: str, source: Row) -> Iterator[Problem]:
    for key in ("ca", "client_cert", "client_key"):
        if key in source and source.get("tls") is not True:
            yield Problem(file, f"{at}.{key}", f"{key} without TLS", "tls = true beside it", "or remove it")
    if "client_key" in source and "client_cert" not in source:
        yield Problem(file, f"{at}.client_key", "a key without a certificate", "client_cert beside it", "or remove it")


def _paths(file: str, at: str, source: Row) -> Iterator[Problem]:
    for key in ("timestamp", "quality"):
        try:
            path_of(str(source.get(key, "$.x")))
        except PathError as error:
            yield Problem(file, f"{at}.{key}", shown(source[key]), str(error), "as in $.ts or $.samples[*].ts")
    if "quality" in source and not source.get("quality_good"):
        valid = 'quality_good beside it, as in ["GOOD", 192]'
        yield Problem(file, f"{at}.quality", "a path without the values that mean good", valid, "or remove quality")


def _filters(file: str, at: str, source: Row) -> Iterator[Problem]:
    for n, text in enumerate(source.get("subscribe", [])):
        levels = str(text).split("/")
        hashes = "#" in levels[:-1] or any("#" in v and v != "#" for v in levels)
        if not text or hashes or any("+" in v and v != "+" for v in levels):
            valid = "a topic filter: + for one level, # for the rest, each alone in its level"
            yield Problem(file, f"{at}.subscribe[{n}]", shown(text), valid, "as in plant/line1/#")
