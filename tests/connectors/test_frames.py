"""Rows as frames: what comes out is what went in, bit by bit, whatever the columns say."""

import gc
import io
import math
import struct
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from connectors.frames import HEADER, Packer, decode_frame, encode_frame, scan_frames
from connectors.intake import WORDS

AT = datetime(2026, 11, 22, tzinfo=UTC)
MANY = [f"m{n}.t" for n in range(60)]


def back(rows, packer=None):
    return decode_frame(encode_frame(rows, packer or Packer())[HEADER.size :])


def codes(words):
    return pl.Series(words, dtype=pl.String).cast(WORDS)


@pytest.mark.parametrize(
    "rows",
    [
        {"n": [1, 2, 3, 4], "same": [5, 5, 5, 5], "jump": [1, 2, 2, 4], "none": pl.Series([None] * 4, dtype=pl.Int64)},
        {"v": [0.0, -0.0, math.nan, 0.0], "w": [math.nan] * 4, "hole": [1.0, None, None, 1.0]},
        {"tag": codes(["a", None, "b", "a"]), "source": codes(["s"] * 4), "text": ["x", None, "", "x"]},
        {"at": [AT, AT, AT, AT + timedelta(days=1)], "day": [AT.date()] * 3 + [None], "yes": [True, False, True, True]},
        {"seq": [7], "tag": codes(["only"]), "text": pl.Series([None], dtype=pl.String)},
    ],
    ids=["numbers", "fractions", "words", "instants", "one row"],
)
def test_every_value_comes_back_with_its_type(rows):
    given = pl.DataFrame(rows)
    found = back(given)
    plain = given.cast({n: pl.String for n, t in given.schema.items() if t == WORDS})
    assert found.schema == plain.schema
    assert found.equals(plain)
    for name in (n for n, t in given.schema.items() if t == pl.Float64()):
        bits = [[None if v is None else struct.pack("<d", v) for v in f[name]] for f in (found, given)]
        assert bits[0] == bits[1]


def test_words_a_frame_does_not_hold_are_not_looked_for_elsewhere():
    packer = Packer()
    large = pl.DataFrame({"tag": codes(MANY), "n": [3] * 60})
    small = pl.DataFrame({"tag": codes(["new", "m3.t", "new"]), "n": [1, 3, 2]})
    for rows in (large, small, large, pl.concat([small, large, small])):
        assert back(rows, packer).equals(rows.cast({"tag": pl.String}))
    assert len(encode_frame(small, packer)) < len(encode_frame(large, packer))


def test_a_body_that_is_one_stream_is_read():
    rows, body = pl.DataFrame({"n": [1, 2], "tag": codes(["a", "b"])}), io.BytesIO()
    rows.write_ipc_stream(body, compression="lz4")
    assert decode_frame(body.getvalue())["n"].to_list() == [1, 2]


def test_a_frame_with_a_bit_turned_is_none():
    frame = bytearray(encode_frame(pl.DataFrame({"v": [1.0, 2.0, 4.0]}), Packer()))
    assert len([*scan_frames(bytes(frame))]) == 1
    frame[-20] ^= 1
    assert [*scan_frames(bytes(frame))] == []


def test_codes_are_not_given_out_anew_when_no_row_is_left():
    first = codes(["tests.frames.x", "tests.frames.y"]).to_physical().to_list()
    gc.collect()
    assert codes(["tests.frames.y", "tests.frames.x"]).to_physical().to_list() == first[::-1]
