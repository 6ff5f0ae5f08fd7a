"""The same estimator as the same bytes: skops files name objects by memory address and carry the time of writing.

Addresses become running numbers and times a fixed date, so that a model trained twice on the same data is the
same file. What is stored, and how it is checked on reading, stays what skops makes it.
"""

from __future__ import annotations

import io
import json
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import skops.io as sio

SCHEMA = "schema.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
IMMUTABLE = "JsonNode"


def dumps(obj: Any) -> bytes:
    """`skops.io.dumps`, the same for equal objects."""
    with ZipFile(io.BytesIO(sio.dumps(obj))) as raw:
        schema = json.loads(raw.read(SCHEMA))
        numbers = _Numbers()
        numbers.walk(schema)
        files = {numbers.file(n): raw.read(n) for n in raw.namelist() if n != SCHEMA}
    out = io.BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as clean:
        for name, content in [*sorted(files.items()), (SCHEMA, json.dumps(schema).encode())]:
            info = ZipInfo(name, EPOCH)
            info.compress_type = ZIP_DEFLATED
            clean.writestr(info, content)
    return out.getvalue()


class _Numbers:
    """Running numbers for object ids, in the order of the schema."""

    def __init__(self) -> None:
        self.of: dict[int, int] = {}
        self.given = 0

    def walk(self, node: Any) -> None:
        """Renumber a schema in place. Plain values get a number each: whether they were one object says nothing."""
        if isinstance(node, dict):
            if "__id__" in node:
                shared = node.get("__loader__") != IMMUTABLE
                node["__id__"] = self.number(node["__id__"]) if shared else self.next()
            if isinstance(node.get("file"), str):
                node["file"] = self.file(node["file"])
            for child in node.values():
                self.walk(child)
        elif isinstance(node, list):
            for child in node:
                self.walk(child)

    def number(self, address: int) -> int:
        if address not in self.of:
            self.of[address] = self.next()
        return self.of[address]

    def next(self) -> int:
        self.given += 1
        return self.given

    def file(self, name: str) -> str:
        """The file of an array is named by the array's id; other files keep their name."""
        stem, dot, end = name.partition(".")
        return f"{self.number(int(stem)):06d}{dot}{end}" if stem.isdigit() else name
