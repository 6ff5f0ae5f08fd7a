"""One builder a root: a second one waits, says for whom, and gives up with a message."""

import subprocess
import sys
import time

import pytest

from pipelines.lock import alone
from plant.errors import TransientError

HOLD = """
import sys, time
from pathlib import Path
from pipelines.lock import alone
with alone(Path(sys.argv[1]), "the other builder"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(root, seconds):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(root), str(seconds)], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    return other


def test_a_process_may_take_its_own_lock_again(tmp_path):
    with alone(tmp_path, "one"), alone(tmp_path, "the same"):
        assert "one" in (tmp_path / "build.lock").read_text()
    assert (tmp_path / "build.lock").read_text() == ""


def test_a_second_builder_gives_up_and_says_who_holds_it(tmp_path):
    with holder(tmp_path, 30) as other:
        with pytest.raises(TransientError, match="the other builder, process"), alone(tmp_path, "me", wait_s=0.3):
            pass
        other.kill()


def test_a_second_builder_waits_and_then_builds(tmp_path):
    said = []
    with holder(tmp_path, 1.0) as other:
        began = time.monotonic()
        with alone(tmp_path, "me", wait_s=30, say=said.append):
            assert time.monotonic() - began > 0.3
        other.wait(10)
    assert len(said) == 1
    assert "the other builder" in said[0]


def test_a_builder_that_was_killed_holds_nothing(tmp_path):
    with holder(tmp_path, 60) as other:
        other.kill()
        other.wait(10)
    with alone(tmp_path, "me", wait_s=0.5):
        pass
