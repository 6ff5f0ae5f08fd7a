"""Values of Sparkplug metrics: signs, long integers, texts, and what stays bytes."""

from __future__ import annotations

from typing import Any

SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
"""Sparkplug datatypes Int8 to Int64, which travel in unsigned fields."""
LONGEST_TEXT = 65_536
PLAIN = frozenset({"double_value", "float_value", "boolean_value"})
"""Fields that are numbers as they stand."""
WHOLE = frozenset({"int_value", "long_value"})


class UnreadableError(ValueError):
    """A value that is not kept; `reason` is the code of the quarantine."""

    def __init__(self, reason: str, found: str) -> None:
        self.reason = reason
        super().__init__(found)


def value_of(metric: Any, kind: str | None, datatype: int) -> tuple[float | None, str | None]:
    """Number and text of a metric; both None where it is null. Bytes, data sets and templates are text in hexadecimal.

    `kind` is the field that is set: it counts, not the one the datatype suggests. Integers above 2**53 lose their
    last digits.

    Raises:
        UnreadableError: a text over `LONGEST_TEXT` characters, or one that is no Unicode.
    """
    if kind is None or metric.is_null:
        return None, None
    value = getattr(metric, kind)
    if kind in WHOLE:
        bits = SIGNED_BITS.get(datatype)
        if bits and value >> (bits - 1):
            value &= (1 << bits) - 1
            value -= (1 << bits) if value >> (bits - 1) else 0
        return float(value), None
    if kind in PLAIN:
        return float(value), None
    if kind == "string_value" and isinstance(value, bytes):  # protobuf hands over what is no UTF-8 as bytes
        raise UnreadableError("bad_payload", f"a text that is no UTF-8: {value[:40]!r}")
    text = value if isinstance(value, str) else value.hex()
    if len(text) > LONGEST_TEXT:
        found = f"{kind} of {len(text)} characters; at most {LONGEST_TEXT} are kept"
        raise UnreadableError("payload_too_large", found)
    return None, text
