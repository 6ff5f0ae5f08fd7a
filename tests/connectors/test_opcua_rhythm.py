"""Items of mixed types forecast from what was walked: the same columns as walking each, whatever comes in between."""

import random
import struct

import numpy as np
import pytest

from connectors.opcua.wire.items import walk
from connectors.opcua.wire.publish import Raw, decode_auto
from connectors.opcua.wire.rhythm import Rhythm

NODES = 150
TICKS = 133_000_000_000_000_000


def item(handle, what, n):
    """One item: Double, Int32, a bad status without a value, a text, an array, a picosecond more."""
    head, times = struct.pack("<I", handle), struct.pack("<qq", TICKS + n, TICKS + n + 5)
    if what == "double":
        return head + struct.pack("<BBd", 0x0D, 11, n / 7) + times
    if what == "int":
        return head + struct.pack("<BBi", 0x0D, 6, -n) + times
    if what == "bad":
        return head + struct.pack("<BI", 0x0E, 0x80310000) + times
    if what == "array":
        return head + struct.pack("<BBi2h", 0x0D, 0x80 | 4, 2, n % 99, 7) + times
    if what == "null text":
        return head + struct.pack("<BBi", 0x0D, 12, -1) + times
    said = what if isinstance(what, bytes) else what.encode()
    return head + struct.pack("<BBi", 0x0D, 12, len(said)) + said + times


def message(rounds, kinds, dice=None, begin=0):
    """Rounds of all nodes from the node `begin` on; with `dice` some items are of another type than usual."""
    odd = ["double", "bad", "text", "a longer text", "null text"]
    parts = []
    for n in range(begin, begin + rounds * NODES):
        node = n % NODES
        what = dice.choice(odd) if dice and dice.random() < 0.004 else kinds[node]
        parts.append(item(node + 7, what, n))
    return Raw(b"".join(parts) + b"\0\0\0\0", 0, len(parts))


def kinds_of(seed, some=("double", "int", "bad", "text")):
    dice = random.Random(seed)
    return [dice.choice(some) for _ in range(NODES)]


def texts(columns):
    return [None] * len(columns) if columns.text is None else columns.text.to_list()


def same(raw, rhythm):
    found, wanted = decode_auto(raw, rhythm), walk(raw.data, raw.at, raw.count)[0]
    for name in ("handle", "value", "valid", "status", "source", "server"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    assert texts(found) == texts(wanted)


def test_what_comes_again_is_not_walked(monkeypatch):
    rhythm, kinds = Rhythm(), kinds_of(1)
    decode_auto(message(3, kinds), rhythm)
    monkeypatch.setattr("connectors.opcua.wire.publish.walk", None)
    for begin in (0, 60, 149):  # a message may begin at any node
        same(message(20, kinds, begin=begin), rhythm)


@pytest.mark.parametrize("seed", range(4))
def test_changes_of_type_status_and_text_are_seen(seed):
    rhythm, kinds, dice = Rhythm(), kinds_of(seed), random.Random(seed)
    for begin in range(12):
        same(message(dice.randint(1, 30), kinds, dice, begin * 13), rhythm)


def test_arrays_are_walked_and_another_order_is_learnt():
    rhythm = Rhythm()
    for kinds in (kinds_of(1, ("double", "array")), kinds_of(2), kinds_of(3, ("text", "null text", "int"))):
        for _ in range(3):
            same(message(9, kinds), rhythm)


def test_a_letter_cut_in_two_spoils_its_own_texts_only():
    rhythm, kinds = Rhythm(), kinds_of(1, ("double", b"caf\xc3", b"\xa9 au lait", "caf\u00e9"))
    for _ in range(3):
        same(message(9, kinds), rhythm)


def test_items_that_end_behind_the_message_are_an_error():
    rhythm, kinds = Rhythm(), kinds_of(1)
    whole = message(9, kinds)
    decode_auto(whole, rhythm)
    for cut in (5, 9, 40, 5000):
        with pytest.raises((IndexError, struct.error)):
            decode_auto(Raw(whole.data[:-cut], 0, whole.count), rhythm)
