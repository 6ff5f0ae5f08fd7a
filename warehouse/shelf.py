"""The shelf: trained models under `root/models/<name>/<version>/`, as skops files or plain bytes, never pickle.

A version is put in place in one step and never changed; its card (JSON) says how it was trained and how
well it does, and holds the hash of every file, which is checked when the model is taken off the shelf.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from plant.errors import MissingTableError, TerminalError

DEFAULT_FILE = "model.skops"
CARD = "card.json"
_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True)
class Stored:
    """A model taken off the shelf: its files by name and its card."""

    name: str
    version: str
    files: Mapping[str, bytes]
    card: Mapping[str, Any]

    @property
    def content(self) -> bytes:
        """The one file of a model that was put as plain bytes; KeyError when it has other files."""
        return self.files[DEFAULT_FILE]


class Shelf:
    """Model artefacts of one root."""

    def __init__(self, root: Path | str) -> None:
        self.folder = Path(root).resolve() / "models"

    def put(self, name: str, version: str, files: bytes | Mapping[str, bytes], card: Mapping[str, Any]) -> Path:
        """Store a version; the same content again is no change.

        Args:
            name: what the model is for, e.g. failure_risk.
            version: its version, unique for the name.
            files: bytes of one skops file, or several files by name.
            card: JSON-able facts: data, split, scores, features.

        Raises:
            TerminalError: the version exists with other content, a name is not a plain word, or a file is a pickle.
        """
        parts = {DEFAULT_FILE: files} if isinstance(files, bytes) else dict(files)
        _accept(name, version, parts)
        hashes = {n: sha256(content).hexdigest() for n, content in sorted(parts.items())}
        target = self.folder / name / version
        if target.exists():
            return self._same(target, hashes)
        head = {"name": name, "version": version, "stored_at": datetime.now(UTC).isoformat(), "files": hashes}
        aside = target.with_name(f".{version}.{uuid4().hex}")
        aside.mkdir(parents=True)
        for n, content in parts.items():
            (aside / n).write_bytes(content)
        (aside / CARD).write_text(json.dumps({**card, **head}, indent=2, sort_keys=True, default=str), encoding="utf8")
        try:
            os.rename(aside, target)  # noqa: PTH104
        except OSError:  # somebody else put this version meanwhile
            shutil.rmtree(aside)
            return self._same(target, hashes)
        return target

    @staticmethod
    def _same(target: Path, hashes: Mapping[str, str]) -> Path:
        held = json.loads((target / CARD).read_text(encoding="utf8"))["files"]
        if held != hashes:
            raise TerminalError(
                f"model {target.parent.name} {target.name} is on the shelf with other content: put a new version"
            )
        return target

    def versions(self, name: str) -> list[str]:
        """Versions of a model, oldest first."""
        cards = [json.loads(p.read_text(encoding="utf8")) for p in (self.folder / name).glob(f"[!.]*/{CARD}")]
        return [c["version"] for c in sorted(cards, key=lambda c: (c["stored_at"], c["version"]))]

    def latest(self, name: str) -> Stored | None:
        """The version stored last, None when there is none."""
        versions = self.versions(name)
        return self.get(name, versions[-1]) if versions else None

    def get(self, name: str, version: str) -> Stored:
        """A stored version.

        Raises:
            MissingTableError: there is no such version.
            TerminalError: a file is missing or was altered since it was put.
        """
        folder = self.folder / name / version
        if not (folder / CARD).exists():
            raise MissingTableError(
                f"no model {name} {version} on the shelf; there are {', '.join(self.versions(name)) or 'none'}"
            )
        card = json.loads((folder / CARD).read_text(encoding="utf8"))
        files = {n: _intact(folder / n, digest) for n, digest in card["files"].items()}
        return Stored(name, version, files, card)


def _accept(name: str, version: str, files: Mapping[str, bytes]) -> None:
    for word in (name, version, *files):
        if not _SAFE.match(word) or word == CARD:
            raise TerminalError(f"{word!r} cannot name a model, version or file: use letters, digits, '_', '-', '.'")
    for file, content in files.items():
        if content.startswith(_PICKLES):
            raise TerminalError(f"{name} {version}: {file} is a pickle, which runs code when read; store skops or JSON")


def _intact(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise TerminalError(f"{path} is on the model's card but not on the shelf: put the model again") from error
    if sha256(content).hexdigest() != digest:
        raise TerminalError(f"{path} was altered since it was put on the shelf: put the model again")
    return content
