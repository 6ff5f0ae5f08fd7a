"""What a model leaves behind: the artefact with its card, version and hashes. Nothing is trained here.

A card is plain JSON: whoever reads it should know what the model was made from, how well it did against
something simple, on how many failures or weeks, and where not to trust it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol, runtime_checkable

import polars as pl

LIBRARIES = ("numpy", "polars", "scikit-learn", "skops")


@dataclass(frozen=True)
class Artefact:
    """A trained model as it goes to the shelf: files by name, and the card that explains them."""

    name: str
    version: str
    payload: dict[str, bytes]
    card: dict[str, Any]

    @property
    def files(self) -> dict[str, bytes]:
        """The same files under the name they have on the shelf."""
        return self.payload


@runtime_checkable
class Shelved(Protocol):
    """What scoring needs of a model taken off the shelf (or just made): its version and its files."""

    @property
    def version(self) -> str:
        """Version as on the card."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """Files by name."""


def digest(*parts: object) -> str:
    """Twelve hex digits over the parts, stable between runs and machines: the version of a model, a feature list."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def rows_digest(frame: pl.DataFrame) -> str:
    """Fingerprint of a frame's content, whatever the order of its rows: rows, columns and their exact values."""
    ordered = frame.sort(frame.columns) if frame.width else frame
    return digest(frame.columns, hashlib.sha256(ordered.write_csv().encode()).hexdigest())


def readings_digest(readings: pl.LazyFrame) -> str:
    """Fingerprint of telemetry without reading it row by row into a hash: count, span and exact sum per tag and day.

    Sums are over integers (value x 1e6), so the same rows give the same digest in any order.
    """
    fixed = (pl.col("value").fill_nan(None) * 1e6).round().cast(pl.Int64, strict=False)
    per = readings.group_by("production_day", "tag").agg(
        pl.len(), fixed.sum().alias("sum"), pl.col("at").min().alias("first"), pl.col("at").max().alias("last")
    )
    return rows_digest(per.collect())


def card(
    *,
    name: str,
    version: str,
    purpose: str,
    target: str,
    trained_on: Mapping[str, Any],
    features: Sequence[str],
    split: str,
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
    limits: Sequence[str],
) -> dict[str, Any]:
    """The card of a model as a JSON-ready dictionary; docs/models.md explains every entry."""
    return {
        "name": name,
        "version": version,
        "purpose": purpose,
        "target": target,
        "trained_on": dict(trained_on),
        "features": list(features),
        "features_hash": digest(list(features)),
        "split": split,
        "settings": dict(settings),
        "metrics": dict(metrics),
        "limits": list(limits),
        "libraries": libraries(),
    }


def libraries() -> dict[str, str]:
    """Versions of what trained the model."""
    return {"python": platform.python_version()} | {lib: version(lib) for lib in LIBRARIES}


def to_json(data: Mapping[str, Any]) -> bytes:
    """A card or other plain data as readable JSON; a NaN is refused, it would not be JSON."""
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False, default=str).encode()
