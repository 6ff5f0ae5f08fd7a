"""The spool: what was written survives, what was torn is cut, nothing is used twice."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import polars as pl
import pytest

from connectors import spool as spool_module
from connectors.frames import HEADER, MAGIC, mapped, scan_frames
from connectors.spool import Spool, SpoolLockedError

WRITER = """
import sys
from pathlib import Path
import polars as pl
from connectors.spool import Spool
spool = Spool(Path(sys.argv[1]))
for n in range(10_000):
    spool.append(pl.DataFrame({"n": [n] * 50}))
    print(n, flush=True)
"""


def numbers(spool: Spool) -> list[int]:
    return [n for s in spool.sealed() for n in spool.read(s)["n"].to_list()]


def filled(folder, frames=3) -> Spool:
    spool = Spool(folder)
    for n in range(frames):
        spool.append(pl.DataFrame({"n": [n, n]}))
    return spool


def test_segments_come_back_in_order_with_growing_numbers(tmp_path):
    spool = filled(tmp_path)
    spool.seal()
    spool.append(pl.DataFrame({"n": [9]}))
    spool.seal()
    spool.seal()
    assert [s.n for s in spool.sealed()] == [1, 2]
    assert numbers(spool) == [0, 0, 1, 1, 2, 2, 9]
    assert {s.app for s in spool.sealed()} == {spool.app}
    spool.close()


def test_a_number_is_never_used_twice_even_after_everything_was_deleted(tmp_path):
    spool = filled(tmp_path)
    spool.seal()
    for segment in spool.sealed():
        spool.delete(segment)
    app = spool.app
    spool.close()
    again = Spool(tmp_path)
    assert (again.app, again.segment) == (app, f"{app}/2")
    again.close()


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_tail_is_cut_and_the_good_frames_stay(tmp_path, cut):
    spool = filled(tmp_path)
    path = next(tmp_path.glob("*.open"))
    spool.close()
    os.truncate(path, path.stat().st_size - cut)
    again = Spool(tmp_path)
    assert numbers(again) == [0, 0, 1, 1]
    again.append(pl.DataFrame({"n": [5]}))
    again.seal()
    assert numbers(again) == [0, 0, 1, 1, 5]
    again.close()


def test_a_flipped_bit_is_found_by_its_checksum(tmp_path):
    spool = filled(tmp_path)
    path = next(tmp_path.glob("*.open"))
    spool.close()
    data = bytearray(path.read_bytes())
    ends = [end for _, end, _ in scan_frames(bytes(data))]
    data[ends[0] + HEADER.size + 20] ^= 1
    path.write_bytes(data)
    assert [end for _, end, _ in scan_frames(bytes(data))] == [ends[0], ends[2]]
    again = Spool(tmp_path)
    assert numbers(again) == [0, 0, 2, 2]  # only the damaged frame is gone
    assert path.with_suffix(".bad").read_bytes() == data
    again.close()


def test_a_damaged_sealed_segment_is_saved_for_a_person(tmp_path, caplog):
    spool = filled(tmp_path)
    spool.seal()
    segment = spool.sealed()[0]
    data = segment.path.read_bytes()
    segment.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert spool.read(segment)["n"].to_list() == [0, 0, 1, 1]
    assert [p.suffix for p in spool.aside] == [".bad"]
    assert "is damaged: all but" in caplog.text
    spool.close()


def test_it_tells_how_much_it_holds_and_deletes_nothing_by_itself(tmp_path):
    spool = Spool(tmp_path)
    empty = spool.bytes_used
    written = 0
    while spool.bytes_used < 3_000:
        spool.append(pl.DataFrame({"n": range(written, written + 100)}))
        written += 100
    spool.seal()
    assert numbers(spool) == list(range(written))
    spool.delete(spool.sealed()[0])
    assert spool.bytes_used == empty
    spool.close()


def test_one_owner_at_a_time(tmp_path):
    spool = Spool(tmp_path)
    with pytest.raises(SpoolLockedError, match="stop that one"):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


@contextlib.contextmanager
def no_file_longer_than(size):
    """The system refuses to write behind `size` bytes, after writing what still fits: a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_behind_a_torn_write_every_acknowledged_row_is_readable(tmp_path):
    spool = filled(tmp_path)
    size = next(tmp_path.glob("*.open")).stat().st_size
    with no_file_longer_than(size + 50), pytest.raises(OSError, match="too large"):
        spool.append(pl.DataFrame({"n": [7]}))
    assert next(tmp_path.glob("*.open")).stat().st_size == size
    spool.append(pl.DataFrame({"n": [8]}))
    spool.seal()
    assert numbers(spool) == [0, 0, 1, 1, 2, 2, 8]
    assert not list(tmp_path.glob("*.bad"))
    spool.close()


def test_a_torn_segment_that_cannot_be_cut_is_left_behind(tmp_path, monkeypatch):
    spool = filled(tmp_path)
    size = next(tmp_path.glob("*.open")).stat().st_size

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refuse)
        with no_file_longer_than(size + 50), pytest.raises(OSError, match="too large"):
            spool.append(pl.DataFrame({"n": [7]}))
        spool.append(pl.DataFrame({"n": [8]}))
    spool.append(pl.DataFrame({"n": [9]}))
    spool.seal()
    assert [s.n for s in spool.sealed()] == [1, 2]
    assert numbers(spool) == [0, 0, 1, 1, 2, 2, 8, 9]
    spool.close()


def test_nothing_is_appended_behind_torn_bytes_while_they_can_be_neither_cut_nor_left(tmp_path, monkeypatch):
    spool = filled(tmp_path)
    size = next(tmp_path.glob("*.open")).stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        patch.setattr(spool, "_open", lambda n: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with no_file_longer_than(size + 50), pytest.raises(OSError, match="too large"):
            spool.append(pl.DataFrame({"n": [7]}))
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                spool.append(pl.DataFrame({"n": [8]}))
    spool.append(pl.DataFrame({"n": [9]}))
    spool.seal()
    assert numbers(spool) == [0, 0, 1, 1, 2, 2, 9]
    spool.close()


def test_a_segment_that_could_not_be_sealed_is_sealed_before_the_next(tmp_path, monkeypatch):
    spool = filled(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            spool.seal()
    assert spool.sealed() == []
    spool.append(pl.DataFrame({"n": [9]}))
    spool.seal()
    assert [s.n for s in spool.sealed()] == [1, 2]
    assert numbers(spool) == [0, 0, 1, 1, 2, 2, 9]
    spool.close()


def test_a_poisoned_segment_steps_aside_and_gets_a_new_number_at_the_next_start(tmp_path):
    spool = filled(tmp_path)
    spool.seal()
    spool.append(pl.DataFrame({"n": [9]}))
    spool.seal()
    first, second = spool.sealed()
    aside = spool.poison(first, "no such column")
    assert aside == first.path.with_suffix(".poison")
    assert "no such column" in aside.with_suffix(".poison.txt").read_text()
    assert spool.sealed() == [second]
    spool.delete(second)
    spool.close()
    again = Spool(tmp_path)
    assert [(s.n, again.read(s)["n"].to_list()) for s in again.sealed() if again.read(s) is not None] == [
        (4, [0, 0, 1, 1, 2, 2])
    ]
    assert again.segment.endswith("/5")
    assert not [*tmp_path.glob("*.poison*")]
    again.close()


def test_killed_while_writing_every_acknowledged_row_is_there(tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(writer.stdout.readline()) for _ in range(60)][-1]
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split("\n")
    acknowledged = max([acknowledged, *(int(n) for n in rest[:-1] if n)])
    writer.stdout.close()
    writer.wait()
    spool = Spool(tmp_path)
    kept = numbers(spool)
    assert kept == [n for n in range(len(kept) // 50) for _ in range(50)]
    assert len(kept) // 50 >= acknowledged + 1
    spool.close()


def test_a_large_segment_seals_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_module, "SEGMENT_ROWS", 5)
    spool = filled(tmp_path, frames=7)
    assert [s.n for s in spool.sealed()] == [1, 2]
    assert [spool.read(s).height for s in spool.sealed()] == [6, 6]
    assert spool.rows == 2
    spool.close()


def test_a_large_segment_that_cannot_be_sealed_costs_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_module, "SEGMENT_ROWS", 5)
    spool = filled(tmp_path, frames=2)
    with monkeypatch.context() as patch:
        patch.setattr(spool, "_open", lambda n: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        spool.append(pl.DataFrame({"n": [2, 2]}))
        spool.append(pl.DataFrame({"n": [3, 3]}))
    assert spool.sealed() == []
    spool.append(pl.DataFrame({"n": [4, 4]}))
    assert numbers(spool) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    spool.close()


def test_a_large_spool_is_recovered_without_being_read_into_memory(tmp_path):
    spool = Spool(tmp_path)
    rows = pl.DataFrame({"n": np.random.default_rng(7).integers(0, 2**62, 40_000)})
    for _ in range(20):
        spool.append(rows)
    path = next(tmp_path.glob("*.open"))
    spool.close()
    assert path.stat().st_size > 6_000_000
    tracemalloc.start()
    Spool(tmp_path).close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.with_suffix(".seg").stat().st_size / 4


def test_a_segment_deleted_meanwhile_reads_as_nothing(tmp_path):
    spool = filled(tmp_path)
    spool.seal()
    (segment,) = spool.sealed()
    spool.delete(segment)
    assert spool.read(segment) is None
    assert spool.bytes_used == sum(p.stat().st_size for p in tmp_path.iterdir())
    spool.close()


def test_an_empty_file_has_no_frames(tmp_path):
    (tmp_path / "empty").touch()
    with mapped(tmp_path / "empty") as data:
        assert list(scan_frames(data)) == []


def test_no_bytes_no_frames():
    assert list(scan_frames(b"")) == []
    assert list(scan_frames(MAGIC)) == []
