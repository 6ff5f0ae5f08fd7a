"""Addresses of Modbus registers and bits, as a tag of plant.toml or a register map writes them.

`holding:0`, `input:20`, `coil:3`, `discrete:7` count from 0 as on the wire; a number of five or six digits alone is
the notation of manuals, which counts from 1 and begins with the table: `40001` is `holding:0`, `30001` `input:0`,
`10001` `discrete:0`, `00001` `coil:0`. Before it `3/` names the unit behind a gateway; behind it `:3` is bit 3 of a
register, `:4-7` a field of bits, `[8]` a text of 8 registers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from plant.errors import TerminalError

Table = Literal["holding", "input", "coil", "discrete"]
TABLES: tuple[Table, ...] = ("holding", "input", "coil", "discrete")
DIGIT: dict[str, Table] = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
"""First digit of a number in the notation of manuals."""
REGISTERS: dict[str, int] = {
    "bool": 1, "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2,
    "int64": 4, "uint64": 4, "float64": 4,
}  # fmt: skip
"""Registers (16 bit) a type takes; a text takes as many as its address says."""
Endian = Literal["big", "little"]
ORDERS: dict[str, tuple[Endian, Endian]] = {
    "ABCD": ("big", "big"), "CDAB": ("little", "big"), "BADC": ("big", "little"), "DCBA": ("little", "little"),
}  # fmt: skip
"""Order of the bytes on the wire, A the most significant -> word_order, byte_order."""
LONGEST_TEXT = 125
_ADDRESS = re.compile(
    r"^(?:(?P<unit>\d{1,3})/)?(?:(?P<table>holding|input|coil|discrete):(?P<start>\d{1,5})|(?P<manual>[0134]\d{4,5}))"
    r"(?:\[(?P<count>\d{1,3})\])?(?::(?P<bit>\d{1,2})(?:-(?P<last>\d{1,2}))?)?$"
)
SHAPE = "holding, input, coil or discrete, a colon and a number (and a bit), or a number as in manuals, e.g. 40001"


class AddressError(TerminalError):
    """A Modbus address cannot be read. `part` is the key it is about, `found` and `valid` say why."""

    def __init__(self, part: Literal["address", "type"], found: str, valid: str) -> None:
        self.part, self.found, self.valid = part, found, valid
        super().__init__(f"{found} cannot be read over Modbus; valid: {valid}")


@dataclass(frozen=True)
class Place:
    """Where a value stands: `count` registers (or one bit) from `start`, counted from 0.

    `unit` is None where the address names none. `bit` is the lowest bit of a field of `bits` bits in the register,
    None where the whole register counts.
    """

    unit: int | None
    table: Table
    start: int
    count: int
    bit: int | None = None
    bits: int = 1

    @property
    def one_bit(self) -> bool:
        """A coil, a discrete input, or one bit of a register."""
        return self.table in {"coil", "discrete"} or (self.bit is not None and self.bits == 1)


def place_of(address: str, kind: str) -> Place:
    """Read an address for a tag of type `kind`.

    >>> place_of("40001", "float32")
    Place(unit=None, table='holding', start=0, count=2, bit=None, bits=1)
    >>> place_of("7/holding:100:4-7", "uint16")
    Place(unit=7, table='holding', start=100, count=1, bit=4, bits=4)

    Raises:
        AddressError: not an address, or none for that type.
    """
    match = _ADDRESS.match(address)
    if not match:
        raise AddressError("address", repr(address), SHAPE)
    table, start = _start(match)
    bit = None if match["bit"] is None else int(match["bit"])
    last = bit if match["last"] is None else int(match["last"])
    unit = None if match["unit"] is None else int(match["unit"])
    _check(address, kind, table, match, unit)
    count = int(match["count"]) if kind == "string" else REGISTERS[kind]
    if start + count > 65536:
        raise AddressError("address", repr(address), f"numbers 0 to {65536 - count} for type {kind}")
    if bit is None or last is None:
        return Place(unit, table, start, count)
    if not bit <= last <= 15:
        raise AddressError("address", repr(address), "bit 0 to 15, a field with its lowest bit first, as in 4-7")
    return Place(unit, table, start, count, bit, last - bit + 1)


def _start(match: re.Match[str]) -> tuple[Table, int]:
    if match["table"]:
        return match["table"], int(match["start"])  # type: ignore[return-value]  # the pattern names the tables
    number = int(match["manual"][1:])
    if number == 0:
        raise AddressError("address", repr(match[0]), "numbers from 1, as in 40001, or counted from 0: holding:0")
    return DIGIT[match["manual"][0]], number - 1


def _check(address: str, kind: str, table: Table, match: re.Match[str], unit: int | None) -> None:
    """What the parts of an address and the type must have to do with each other."""
    if kind != "string" and kind not in REGISTERS:
        raise AddressError("type", f"type {kind!r}", ", ".join([*REGISTERS, "string"]))
    if unit is not None and unit > 255:
        raise AddressError("address", repr(address), "unit 0 to 255 before the '/'")
    one_bit = table in {"coil", "discrete"} or (match["bit"] is not None and match["last"] is None)
    if one_bit and kind != "bool":
        raise AddressError("type", f"type {kind!r} for the one bit {address!r}", "bool")
    if match["bit"] is not None and table in {"coil", "discrete"}:
        raise AddressError("address", repr(address), "a bit only behind a holding or input register")
    if match["last"] is not None and kind != "uint16":
        raise AddressError("type", f"type {kind!r} for the bits {address!r}", "uint16")
    count = int(match["count"] or 0)
    if (kind == "string") != bool(match["count"]) or (kind == "string" and not 1 <= count <= LONGEST_TEXT):
        valid = "a text with its registers in brackets, 1 to 125, as in holding:200[8]; brackets for nothing else"
        raise AddressError("address", f"{address!r} of type {kind!r}", valid)
