"""One of several people who approve the same proposal: `race_approvals.py ROOT PLANT_TOML KEY NAME START_FILE`."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from plant.config import load
from plant.proposals.content import ProposalError
from warehouse.lake import Lake
from warehouse.proposals import approve, book

root, plant_toml, key, name, start = sys.argv[1:]
lake, plant = Lake(root), load(plant_toml)
now = datetime(2026, 11, 22, 6, tzinfo=UTC)
book(lake, now)
Path(start).with_name(f"ready-{name}").touch()
while not Path(start).exists():
    time.sleep(0.001)
try:
    print("won", approve(lake, plant, key, name, now=now).decided_by)
except ProposalError as error:
    print("lost", error)
