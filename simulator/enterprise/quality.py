"""Inspections: now and then a piece is measured, one row a characteristic.

Wear and coming failures show in the first characteristic of a machine, and it tells why a piece went to scrap.
The others are steady; some have only an upper or only a lower limit.
"""

from __future__ import annotations

import numpy as np

from simulator.enterprise.journal import Journal
from simulator.floor.faults import Failure, strengths
from simulator.floor.machines import Station
from simulator.instants import MINUTE, SECOND
from simulator.kinds import Characteristic
from simulator.streams import noise, stream

EVERY_US = 20 * MINUTE
_TOOL_LIFE_PCS = 1500


def inspect(journal: Journal, seed: int, station: Station, known: list[Failure]) -> None:
    """Table inspections for one machine: about every 20 minutes of ideal work one piece."""
    log, (name, nominal, tolerance) = station.log, station.kind.characteristic
    if not log.piece_at:
        return
    every = max(5, round(EVERY_US / min(station.ideal_us.values())))
    at = np.asarray(log.piece_at, dtype=np.int64)
    picked = np.arange(every - 1, len(at), every)
    spread = noise(seed, "measured", station.name, size=len(picked)) * tolerance / 4.2
    worn = ((picked % _TOOL_LIFE_PCS) / _TOOL_LIFE_PCS - 0.5) * 0.5 * tolerance
    shift = sum((0.7 * tolerance * x for _, x in strengths(known, at[picked])), np.zeros(len(picked)))
    for i, off in zip(picked.tolist(), (spread + worn + shift).tolist(), strict=True):
        order = log.piece_order[i]
        middle = nominal * _size(seed, order.product)
        lsl, usl = round(middle - tolerance, 4), round(middle + tolerance, 4)
        # A piece that went to scrap was out of limits: that is why.
        missed = 0.0 if log.piece_good[i] else (1.1 * tolerance if off >= 0 else -1.1 * tolerance)
        value = round(middle + off + missed, 4)
        done = log.piece_at[i] + 45 * SECOND + (i % 90) * SECOND
        journal.put(
            "inspections", done, f"in-{station.name}-{i + 1:07d}", at=done, machine=station.name,
            order_id=order.order_id, product=order.product, characteristic=name, value=value, lsl=lsl, usl=usl,
            result="pass" if lsl <= value <= usl else "fail",
        )  # fmt: skip
    for other in station.kind.others:
        _inspect_more(journal, seed, station, picked.tolist(), other)


def _inspect_more(journal: Journal, seed: int, station: Station, picked: list[int], c: Characteristic) -> None:
    """One more characteristic of the same pieces, some seconds later."""
    lsl = None if c.sides == "upper" else round(c.nominal - c.tolerance, 4)
    usl = None if c.sides == "lower" else round(c.nominal + c.tolerance, 4)
    spread = noise(seed, "measured", station.name, c.name, size=len(picked)) * c.tolerance / c.sigmas
    for i, off in zip(picked, spread.tolist(), strict=True):
        value, order = round(c.nominal + off, 4), station.log.piece_order[i]
        done = station.log.piece_at[i] + 150 * SECOND + (i % 45) * SECOND
        inside = (lsl is None or value >= lsl) and (usl is None or value <= usl)
        journal.put(
            "inspections", done, f"in-{station.name}-{i + 1:07d}-{c.name}", at=done, machine=station.name,
            order_id=order.order_id, product=order.product, characteristic=c.name, value=value, lsl=lsl, usl=usl,
            result="pass" if inside else "fail",
        )  # fmt: skip


def _size(seed: int, product: str) -> float:
    """Products differ in size: factor on the nominal value."""
    return stream(seed, "size", product).choice((0.8, 1.0, 1.25, 1.5, 1.75))
