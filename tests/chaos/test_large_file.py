"""A CSV of several hundred megabytes: killed while it is taken in, taken in whole, in bounded memory.

Set SHOPFLOOR_LARGE_CSV_MB for another size (2048 for the full test).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl

from warehouse.lake import Lake

SUITE = "large file"
MEGABYTES = int(os.environ.get("SHOPFLOOR_LARGE_CSV_MB", "400"))
PEAK_MB = 900
ROW_BYTES = 58
PIECE = 1_000_000
HEADER = "Tag,Timestamp,Value,Quality"
READ = """
import sys
from pathlib import Path
from drop_plant import NOW, readings_plant
from connectors.files.drop import read_all
from warehouse.lake import Lake
root = Path(sys.argv[1])
lake = Lake(root / "lake")
for landing in read_all(readings_plant(), "readings", root, lambda _: False, NOW, force=True):
    lake.append_once(landing.table, landing.frame, landing.app, landing.version)
    print(landing.version, flush=True)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) >> 10)  # of this program alone: ru_maxrss begins with the peak of who started it
"""


def test_a_csv_larger_than_memory_should_hold(tmp_path, tally):
    rows = _write(tmp_path / "drop" / "large.csv")
    first = _reading(tmp_path)
    for line in first.stdout:
        if int(line) == 3:  # in the middle of the next piece
            break
    first.send_signal(signal.SIGKILL)
    first.communicate()
    tally.faults += 1
    told = _reading(tmp_path).communicate()[0].split()
    peak_mb = int(told[-1])
    found = Lake(tmp_path / "lake").scan("bronze.readings").select("tag", "ts", "value", "status")
    for first in range(0, rows, PIECE):  # of 2 GB not all at a time here either
        sent = _produced(first, min(first + PIECE, rows))
        got = found.filter(pl.col("ts").is_between(sent["ts"][0], sent["ts"][-1])).collect(engine="streaming")
        tally.compare(sent, got)
    tally.notes.append(f"{MEGABYTES} MB, peak {peak_mb} MB")
    assert found.select(pl.len()).collect(engine="streaming").item() == rows
    assert peak_mb < PEAK_MB


def _reading(root: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(Path(__file__).parents[1] / "connectors"), str(Path(__file__).parents[2])])
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.Popen([sys.executable, "-c", READ, str(root)], env=env, stdout=subprocess.PIPE, text=True)


def _produced(first: int, last: int) -> pl.DataFrame:
    """Sample n: at n ms behind midnight, value n."""
    n = pl.int_range(first, last, dtype=pl.Int64)
    at = pl.datetime(2026, 11, 1, time_unit="us", time_zone="UTC") + pl.duration(milliseconds=n)
    return pl.select(tag=pl.lit("m-1.power"), ts=at, value=n.cast(pl.Float64), status=pl.lit(0, pl.Int64))


def _write(path: Path) -> int:
    path.parent.mkdir()
    count = MEGABYTES * 1_000_000 // ROW_BYTES
    with path.open("w") as file:
        file.write(HEADER + "\n")
        for first in range(0, count, PIECE):
            frame = _produced(first, min(first + PIECE, count)).select(
                pl.format("{},{},{},Good", "tag", pl.col("ts").dt.to_string("iso:strict"), "value").alias(HEADER)
            )
            file.write("\n".join(frame.to_series()) + "\n")
    return count
