"""The cards of the two models: what they were made from, how well they do, and where not to trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from models.card import card
from models.failure import ANY, FailureModel, ModeModel
from models.forecast import HORIZON_WEEKS, SEASON_WEEKS, Forecasts
from models.methods import METHODS

FAILURE_LIMITS = (
    "Metrics are of the procedure on the last part of the time; the model in use is fitted again on all of it.",
    "Failures are the corrective maintenance orders with a failure mode; a failure nobody booked is not known.",
    "Decision times while a machine is down for repair are neither learnt from nor scored.",
    "Remaining life is learnt from completed runs only, so machines that did not fail yet make it look short.",
)
FORECAST_LIMITS = (
    "Demand is what was ordered; orders lost because nothing was in stock are not seen.",
    "Intervals come from few residuals of the back-test; read their measured coverage with them.",
    "Promotions, price changes and customers lost or won are not known to any of the methods.",
)


def failure_card(
    model: FailureModel, name: str, version: str, trained_on: Mapping[str, Any], span: tuple[Any, Any]
) -> dict[str, Any]:
    """Card of a failure model. `span` is the first and last decision time it learnt from."""
    s = model.settings
    return card(
        name=name, version=version,
        purpose="probability that a machine fails in a mode within the horizon, for planning maintenance",
        target=f"a corrective order of the mode within (t, t + {s.horizon_h:g} h]",
        trained_on={**trained_on, "from": str(span[0]), "to": str(span[1]), "recipe": model.recipe},
        features=model.features,
        split=f"by time: the last {s.test_share:.0%}, with a gap of {s.horizon_h:g} h; threshold and calibration "
        f"from {s.folds} blocks of time inside the rest; scored also by machine not trained on",
        metrics={m.mode: _mode(m) for m in model.modes},
        settings=asdict(s),
        limits=[*FAILURE_LIMITS, *_findings(model.modes)],
    )  # fmt: skip


def _mode(m: ModeModel) -> dict[str, Any]:
    life = None if m.life is None else {"reason": m.life.reason, **m.life.metrics}
    return {
        "machine_kinds": m.kinds, "no_model_because": m.reason, "inputs": len(m.features), "threshold": m.threshold,
        "remaining_life": life, **m.metrics,
    }  # fmt: skip


def _findings(modes: Sequence[ModeModel]) -> list[str]:
    """What a reader should not have to work out from the metrics."""
    out = [f"{m.mode}: no score, {m.reason}." for m in modes if m.reason]
    for m in (m for m in modes if not m.reason):
        found = m.metrics["average_precision"]
        rivals = {n: v for n, v in m.metrics["baselines"].items() if v is not None}
        best = max(rivals, key=lambda n: rivals[n])
        if rivals[best] >= found:
            out.append(f"{m.mode}: no better than the simple rule {best} ({rivals[best]:.2f} against {found:.2f}).")
        failures = m.metrics["events"]["failures"]
        if failures < 10 and m.mode != ANY:
            out.append(f"{m.mode}: tested on {failures} failures only; see the interval.")
    return out


def forecast_card(found: Forecasts, name: str, trained_on: Mapping[str, Any]) -> dict[str, Any]:
    """Card of a forecast run: error of every item beside the naive one, and the coverage of the intervals."""
    tested = [i for i in found.items.values() if i["rmsse"] is not None and i["naive_rmsse"] is not None]
    return card(
        name=name, version=found.version,
        purpose="expected demand per item and week with an 80 % interval, for planning after approval",
        target=f"quantity ordered in each of the next {HORIZON_WEEKS} weeks",
        trained_on=trained_on,
        features=list(METHODS),
        split="rolling origin; at each origin the method that was best on origins already over then",
        metrics={
            "items": found.items,
            "items_back_tested": len(tested),
            "items_better_than_naive": sum(i["rmsse"] < i["naive_rmsse"] for i in tested),
            "interval_coverage": found.coverage,
            "interval_nominal": 0.8,
        },
        settings={"horizon_weeks": HORIZON_WEEKS, "season_weeks": SEASON_WEEKS},
        limits=[*FORECAST_LIMITS, *(f"{n}: {i['note']}." for n, i in found.items.items() if i["note"])],
    )  # fmt: skip
