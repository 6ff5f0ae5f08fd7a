"""A failure model as bytes and back, without pickle: estimators by skops with a fixed list of types, the rest JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import skops.io as sio

from models.card import digest, to_json
from models.evaluation import Costs
from models.failure import FailureModel, ModeModel
from models.risk.calibration import Calibration
from models.risk.remaining_life import RemainingLife
from models.risk.steady import dumps
from models.risk.task import Settings
from plant.errors import TerminalError

TRUSTED: tuple[str, ...] = (
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.PinballLoss",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyPinballLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "numpy.dtype",
)
"""Types a stored estimator may hold beyond what skops trusts by itself; anything else is refused."""

ESTIMATORS, DESCRIPTION = "estimators.skops", "model.json"


class UntrustedModelError(TerminalError):
    """A stored model holds types it should not: it was not written by this code; nothing was loaded."""


def dump(model: FailureModel) -> dict[str, bytes]:
    """The files of a model, `estimators.skops` and `model.json`: the same bytes for the same model."""
    fitted = {m.mode: [m.estimator, *(m.life.estimators if m.life else ())] for m in model.modes if m.estimator}
    return {ESTIMATORS: dumps(fitted), DESCRIPTION: to_json(_described(model))}


def version_of(payload: Mapping[str, bytes]) -> str:
    """Version of a stored model: a hash of its files, so equal models share it and no two others do."""
    return digest({name: sha256(content).hexdigest() for name, content in payload.items()})


def load(payload: Mapping[str, bytes]) -> FailureModel:
    """The model that `dump` wrote.

    Raises:
        UntrustedModelError: the estimators file holds a type that is not in TRUSTED.
    """
    data = payload[ESTIMATORS]
    strange = sorted(set(sio.get_untrusted_types(data=data)) - set(TRUSTED))
    if strange:
        raise UntrustedModelError(
            f"{ESTIMATORS} holds types that no Shopfloor model has: {', '.join(strange)}. "
            "Valid are those in models.risk.storage.TRUSTED. Train the model again."
        )
    fitted = sio.loads(data, trusted=list(TRUSTED))
    told = json.loads(payload[DESCRIPTION])
    settings = Settings(**(told["settings"] | {"costs": Costs(**told["settings"]["costs"])}))
    modes = tuple(_mode(m, fitted.get(m["mode"], [])) for m in told["modes"])
    return FailureModel(told["recipe"], settings, tuple(told["features"]), tuple(told["codes"]), modes)


def _described(model: FailureModel) -> dict[str, Any]:
    return {
        "recipe": model.recipe,
        "settings": asdict(model.settings),
        "features": list(model.features),
        "codes": list(model.codes),
        "modes": [_mode_described(m) for m in model.modes],
    }


def _mode_described(m: ModeModel) -> dict[str, Any]:
    life = m.life and {"reason": m.life.reason, "margin_h": m.life.margin_h, "metrics": m.life.metrics}
    return {
        "mode": m.mode, "kinds": m.kinds, "reason": m.reason, "features": m.features, "threshold": m.threshold,
        "reference": m.reference, "metrics": m.metrics, "calibration": asdict(m.calibration), "life": life,
    }  # fmt: skip


def _mode(told: dict[str, Any], fitted: list[Any]) -> ModeModel:
    told = dict(told)
    c, life = told.pop("calibration"), told.pop("life")
    return ModeModel(
        **(told | {"kinds": tuple(told["kinds"]), "features": tuple(told["features"])}),
        estimator=fitted[0] if fitted else None,
        calibration=Calibration(c["kind"], tuple(c["x"]), tuple(c["y"])),
        life=RemainingLife(life["reason"], tuple(fitted[1:]), life["margin_h"], life["metrics"]) if life else None,
    )
