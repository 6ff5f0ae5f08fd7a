"""A plant in a box: simulates the machines of a plant.toml with orders, stock, energy, failures and ground truth.

`plant_run` computes, `export` writes what the pipeline may see (and, apart from it, the truth), `advance`
lets the database live on. The protocol servers replay a run's `samples`.
"""

from __future__ import annotations

from simulator.catch_up import catch_up
from simulator.export import advance, engine_for, export
from simulator.floor.losses import Loss
from simulator.floor.worktime import idle_until
from simulator.run import Run, default_window, plant_run

__all__ = [
    "Loss", "Run", "advance", "catch_up", "default_window", "engine_for", "export", "idle_until", "plant_run",
]  # fmt: skip
