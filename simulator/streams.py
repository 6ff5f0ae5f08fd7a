"""Seeded randomness by name.

Every random decision draws from a stream named after what it decides (machine, order, day), never from
one shared stream: a longer run, another machine or another product then leaves earlier draws untouched.
"""

from __future__ import annotations

from hashlib import blake2b
from random import Random

import numpy as np


def stream(seed: int, *names: object) -> Random:
    """The random stream of that name; the same names give the same draws on every machine and run."""
    return Random("/".join(str(n) for n in (seed, *names)))


def noise(seed: int, *names: object, size: int) -> np.ndarray:
    """`size` standard normal values of the stream of that name."""
    digest = blake2b("/".join(str(n) for n in (seed, *names)).encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest))).standard_normal(size)


def daily_noise(seed: int, *names: object, first_day: int, last_day: int, per_day: int) -> np.ndarray:
    """Standard normal values for whole UTC days (days since 1970, both inclusive), `per_day` values a day.

    Each day is its own stream, so values do not depend on where a run starts or ends.
    """
    days = range(first_day, last_day + 1)
    return np.concatenate([noise(seed, *names, day, size=per_day) for day in days])
