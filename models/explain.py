"""Why a score is what it is: which group of inputs raises it, in which direction, since when, in words.

A group (one signal, the alarms, the maintenance history) is set back to what is usual while nothing fails,
and the fall of the score's log-odds is its effect. The text says what a technician can check at the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models.features import CONTEXT, SIGNALS

Floats = npt.NDArray[np.float64]
MIN_EFFECT = 0.1
"""Log-odds below which a driver is not worth a technician's time."""

MOST = 3
NOTHING = "nothing unusual"


def groups(features: Sequence[str]) -> dict[str, list[int]]:
    """Positions of the inputs that belong together: each signal, alarms, maintenance. Machine kind is no driver."""
    out: dict[str, list[int]] = {}
    for i, name in enumerate(features):
        group = _group(name)
        if group:
            out.setdefault(group, []).append(i)
    return out


def _group(name: str) -> str | None:
    if name.startswith("alarm"):
        return "alarms"
    if name.startswith("since_") or name == "failures_30d":
        return "maintenance"
    return next((role for role in SIGNALS if name.startswith(f"{role}_")), None)


def effects(
    predict: Callable[[Floats], Floats], x: Floats, features: Sequence[str], reference: Mapping[str, float]
) -> dict[str, Floats]:
    """Effect of each group on each row, in log-odds: positive raises the risk."""
    usual = np.array([reference.get(f, np.nan) for f in features])
    full = _logit(predict(x))
    out = {}
    for group, columns in groups(features).items():
        changed = x.copy()
        changed[:, columns] = usual[columns]
        out[group] = full - _logit(predict(changed))
    return out


def _logit(p: Floats) -> Floats:
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(q / (1 - q)), dtype=np.float64)


def explain(frame: pl.DataFrame, by_group: Mapping[str, Floats], mode: str) -> list[str]:
    """One text a row: the strongest drivers first, or that nothing is unusual."""
    texts = []
    for i, row in enumerate(frame.iter_rows(named=True)):
        strong = sorted(((float(e[i]), g) for g, e in by_group.items() if e[i] >= MIN_EFFECT), reverse=True)[:MOST]
        texts.append("; ".join(_say(g, row, mode) for _, g in strong) or NOTHING)
    return texts


def _say(group: str, row: Mapping[str, Any], mode: str) -> str:
    if group == "alarms":
        return _say_alarms(row)
    if group == "maintenance":
        return _say_maintenance(row, mode)
    return _say_signal(group, row)


def _say_signal(role: str, row: Mapping[str, Any]) -> str:
    found = ((abs(v), v) for h in (6, 24, 72) if (v := row.get(f"{role}_dev_{h}h")) is not None)
    deviation = max(found, default=(0.0, 0.0))[1]
    slope = row.get(f"{role}_slope_72h") or 0.0
    level, normal = row.get(f"{CONTEXT}{role}_level"), row.get(f"{CONTEXT}{role}_normal")
    if abs(deviation) < 1.0:
        moving = "rising" if slope > 0 else "falling"
        return f"{role} {moving} by {abs(slope):.1f} sd a day" if abs(slope) >= 0.1 else f"{role} at its normal level"
    side = "above" if deviation > 0 else "below"
    values = f" (now {level:.4g}, normal {normal:.4g})" if level is not None and normal is not None else ""
    return f"{role} {abs(deviation):.1f} sd {side} its own normal{values}{_since(role, row)}"


def _since(role: str, row: Mapping[str, Any]) -> str:
    hours = row.get(f"{role}_over_h") or 0.0
    if hours < 1:
        return ""
    at: datetime = row["at"]
    return f" since {at - timedelta(hours=hours):%Y-%m-%d %H:%M} UTC"


def _say_alarms(row: Mapping[str, Any]) -> str:
    total = row.get("alarms_72h") or 0.0
    if not total:
        return "no alarm in 72 h" if not row.get("alarms_240h") else f"{row['alarms_240h']:.0f} alarms in 10 days"
    codes = {k.split("_")[1]: v for k, v in row.items() if k.startswith("alarm_") and v and k.endswith("_48h")}
    named = ", ".join(f"code {c}: {n:.0f}" for c, n in sorted(codes.items(), key=lambda kv: -kv[1])[:2])
    return f"{total:.0f} alarm{'s' if total > 1 else ''} in 72 h" + (f" ({named})" if named else "")


def _say_maintenance(row: Mapping[str, Any], mode: str) -> str:
    own, last = row.get(f"since_{mode}_h"), row.get("since_any_h")
    if own is not None:
        return f"{own:.0f} h since the last {'maintenance' if mode == 'any' else f'{mode} work'}"
    return f"{last:.0f} h since the last maintenance" if last is not None else "no maintenance on record"
