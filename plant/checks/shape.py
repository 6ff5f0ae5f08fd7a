"""Shape of plant.toml: what pydantic finds, in the words of the file and with the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from plant.errors import Problem
from plant.model import PlantFile

Loc = tuple[int | str, ...]
NOTHING = "nothing"
SECRET = re.compile(r"pass|secret|token|pwd", re.IGNORECASE)
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$"
WORDED = {NAME_PATTERN: "letters, digits, '_', '.' and '-', beginning with a letter or digit"}


def shape_problems(file: str, data: dict[str, Any]) -> list[Problem]:
    """Problems of keys and types. A misspelt key and the key it leaves missing are one problem."""
    try:
        PlantFile.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        missing = {e["loc"] for e in details if e["type"] == "missing"}
        unknown = [_unknown(file, e["loc"], missing) for e in details if e["type"] == "extra_forbidden"]
        return unknown + [
            _problem(file, dict(e)) for e in details if e["type"] != "extra_forbidden" and _open(e, missing)
        ]
    return []


def _open(detail: Any, missing: set[Loc]) -> bool:
    return detail["type"] != "missing" or detail["loc"] in missing


def _unknown(file: str, loc: Loc, missing: set[Loc]) -> Problem:
    """An unknown key; takes the missing key it most likely means out of `missing`."""
    parent, key = loc[:-1], str(loc[-1])
    model = model_at(parent)
    valid = keys_of(model) if model else []
    lost = [str(m[-1]) for m in missing if m[:-1] == parent]
    meant = nearest(key, lost) or (lost[0] if len(lost) == 1 and key[:1] == lost[0][:1] else None)
    if meant:
        missing.discard((*parent, meant))
        hint = f"did you mean {meant!r}, which is missing?"
    elif SECRET.search(key) and "password_env" in valid:
        hint = "secrets come by the name of an environment variable: use password_env"
    else:
        hint = f"did you mean {near!r}?" if (near := nearest(key, valid)) else "remove it"
    return Problem(file, dotted(loc), f"unknown key {key!r}", "keys " + ", ".join(valid), hint)


def _problem(file: str, detail: dict[str, Any]) -> Problem:
    kind, loc, context = detail["type"], detail["loc"], detail.get("ctx", {})
    if kind.startswith("union_tag"):
        return _wrong_kind(file, loc, detail)
    field = field_at(loc)
    if kind == "missing":
        hint = "nothing else in this section can be checked without it" if len(loc) == 1 else ""
        return Problem(file, dotted(loc), NOTHING, f"{loc[-1]} is required: {_valid(field, 'a value')}", hint)
    found = "(hidden)" if SECRET.search(str(loc[-1])) else shown(detail["input"])
    if kind == "literal_error":
        return Problem(file, dotted(loc), found, context["expected"], did_you_mean(detail["input"], _words(context)))
    valid = _valid(field, detail["msg"].removeprefix("Input should be "))
    if kind == "string_pattern_mismatch" and not (field and field.description):
        valid = WORDED.get(context["pattern"], f"text like {context['pattern']}")
    return Problem(file, dotted(loc), found, valid)


def _wrong_kind(file: str, loc: Loc, detail: dict[str, Any]) -> Problem:
    kinds = [str(k) for k in _tagged()]
    given = detail["input"].get("kind") if isinstance(detail["input"], dict) else detail["input"]
    found = NOTHING if given is None else shown(given)
    hint = did_you_mean(given, kinds) or "the kind decides which keys a source has"
    return Problem(file, f"{dotted(loc)}.kind", found, "one of " + ", ".join(kinds), hint)


def _words(context: dict[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", str(context["expected"]))


def _valid(field: FieldInfo | None, otherwise: str) -> str:
    if field is None:
        return otherwise
    return field.description or (otherwise if otherwise != "a value" else _type_name(field.annotation))


def _type_name(annotation: Any) -> str:
    inner = get_args(annotation)
    if get_origin(annotation) is tuple:
        return f"a list of {_type_name(inner[0])}"
    named = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if inner and all(isinstance(i, str) for i in inner):
        return "one of " + ", ".join(inner)
    return named.get(annotation, "a table" if isinstance(annotation, type) else "a value")


def model_at(loc: Sequence[int | str]) -> type[BaseModel] | None:
    """The section model at a pydantic location, None where there is none."""
    model: type[BaseModel] | None = PlantFile
    for part in loc:
        if isinstance(part, int) or model is None:
            continue
        if part in _tagged():
            model = _tagged()[part]
            continue
        field = _field(model, part)
        model = next(iter(_models(field.annotation)), None) if field else None
    return model


def field_at(loc: Sequence[int | str]) -> FieldInfo | None:
    """The field at a pydantic location."""
    names = [n for n, part in enumerate(loc) if isinstance(part, str)]
    parent = model_at(loc[: names[-1]]) if names else None
    return _field(parent, str(loc[names[-1]])) if parent else None


def keys_of(model: type[BaseModel]) -> list[str]:
    """Keys of a section as they are written in the file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((f for name, f in model.model_fields.items() if (f.alias or name) == key), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {tuple, Annotated, Union, UnionType}:
        for inner in get_args(annotation):
            yield from _models(inner)


def _tagged() -> dict[int | str, type[BaseModel]]:
    """Models of the sources by their kind."""
    models = _models(PlantFile.model_fields["source"].annotation)
    return {get_args(m.model_fields["kind"].annotation)[0]: m for m in models}


def dotted(loc: Sequence[int | str]) -> str:
    """A location as it is read in the file: machine[2].tags[0].source."""
    text, after_index = "", False
    for part in loc:
        if after_index and part in _tagged():
            after_index = False
            continue  # pydantic names the kind of a source in its locations; the file does not
        after_index = isinstance(part, int)
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "file"


def shown(value: Any) -> str:
    """A value as found, shortened; what looks like a password in a URL is not shown."""
    text = re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1***@", repr(value))
    return text if len(text) <= 80 else text[:77] + "..."


def nearest(word: Any, valid: Sequence[str]) -> str | None:
    """The valid name most like a word, None when none is near."""
    close = get_close_matches(str(word).lower(), [v.lower() for v in valid], 1, 0.6)
    return next((v for v in valid if close and v.lower() == close[0]), None)


def did_you_mean(word: Any, valid: Sequence[str]) -> str:
    """A hint with the nearest valid name, empty when none is near."""
    near = nearest(word, valid)
    return f"did you mean {near!r}?" if near else ""
