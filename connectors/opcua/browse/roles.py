"""Guess the role of a signal from its name, unit and type. A guess: the fragment says to check it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from plant.state_maps import PACKML_STATES, PLAIN_WORDS

WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-zäöüß]+|\d+")
BY_UNIT = {
    "Wh": "energy", "kWh": "energy", "W": "power", "kW": "power", "degC": "temperature", "K": "temperature",
    "bar": "pressure", "m3/h": "flow", "l/min": "flow", "rpm": "speed", "m/s": "speed", "1/min": "speed",
}  # fmt: skip
"""Roles a unit alone decides, for numbers."""
MEASURED = {
    "temperature": {"temp", "temperature", "temperatur"},
    "vibration": {"vibration", "vib", "schwingung"},
    "pressure": {"pressure", "druck"},
    "flow": {"flow", "durchfluss"},
    "speed": {"speed", "rpm", "drehzahl", "geschwindigkeit", "feedrate"},
    "power": {"power", "leistung", "wirkleistung"},
}
PIECES = {
    "scrap_count": {"scrap", "reject", "rejects", "rejected", "nok", "bad", "defective", "ausschuss", "waste"},
    "rework_count": {"rework", "reworked", "nacharbeit"},
    "good_count": {"good", "ok", "gut", "gutteile", "gutmenge"},
}  # fmt: skip
STATE = {"state", "status", "zustand", "betriebszustand", "execution", "betriebsart"}
NO_STATE = {"alarm", "error", "fault", "lamp", "door", "network", "connection", "server", "valve", "sensor", "word"}
ALARM = {"alarm", "alarms", "fault", "error", "störung", "stoerung", "warning", "fehler"}
METER = {"energy", "energie", "verbrauch", "consumption"}
EXACT_STATE = ("statecurrent", "machinestate", "state", "machinestatus", "status", "zustand", "betriebszustand")
PACKML_NAMES = {name.lower(): number for number, name, _ in PACKML_STATES}


@dataclass(frozen=True)
class Guess:
    """Role, the mapping its codes take where one is ready-made, how sure (higher wins), and what to look at."""

    role: str
    states: str | None = None
    rank: int = 0
    remark: str = ""


def words_of(name: str) -> list[str]:
    """The words of a browse name, small: `ProdDefectiveCount` -> prod, defective, count."""
    return [w.lower() for w in WORDS.findall(name)]


def guess(name: str, kind: str, unit: str | None, codes: dict[int, str]) -> Guess:
    """The role of a signal from its name, tag type, unit and words of its codes; `other` where nothing speaks."""
    words, number = set(words_of(name)), kind not in ("bool", "string")
    if name.lower() == "statecurrent" and number:
        return Guess("state", "packml", 90)
    if _is_state(words, kind, unit, codes):
        return _state(name, kind, codes)
    if number and unit in BY_UNIT:
        return Guess(BY_UNIT[unit])
    if number:
        return _counted(words, unit) or _measured(words, unit) or Guess("alarm" if words & ALARM else "other")
    if words & ALARM:
        return Guess("alarm")
    if kind == "string" and words & {"order", "job", "auftrag", "workorder"}:
        return Guess("order")
    if kind == "string" and words & {"product", "artikel", "recipe", "rezept", "part", "partnumber"}:
        return Guess("product")
    return Guess("other")


def _is_state(words: set[str], kind: str, unit: str | None, codes: dict[int, str]) -> bool:
    named = bool(words & STATE) and not words & NO_STATE
    return kind != "bool" and not kind.startswith("float") and unit in (None, "1") and (named or _is_packml(codes))


def _is_packml(codes: dict[int, str]) -> bool:
    """Whether an enumeration is that of PackML: at least the words of its base states, with its numbers."""
    same = [text for number, text in codes.items() if PACKML_NAMES.get(text.lower()) == number]
    return {"execute", "idle", "stopped"} <= {text.lower() for text in same}


def _state(name: str, kind: str, codes: dict[int, str]) -> Guess:
    rank = 40 - EXACT_STATE.index(name.lower()) if name.lower() in EXACT_STATE else 10
    if _is_packml(codes):
        return Guess("state", "packml", 80)
    if kind == "string":
        return Guess("state", "plain", rank, "texts are read as English words: see docs/state_maps.md")
    return Guess("state", None, rank + (20 if codes else 0))


def _counted(words: set[str], unit: str | None) -> Guess | None:
    for role, own in PIECES.items():
        if words & own and unit in (None, "1", "pcs"):
            if "prod" in words and "defective" in words:
                return Guess(role, rank=20, remark="PackML counts it since its last reset")
            return Guess(role, rank=20)
    if {"prod", "processed"} <= words:
        return Guess("other", remark="PackML counts all pieces here, defective ones too: not a count of good ones")
    return None


def _measured(words: set[str], unit: str | None) -> Guess | None:
    if words & METER:
        return Guess("other", remark="an energy meter? role energy needs unit Wh or kWh, which the server does not say")
    role = next((role for role, own in MEASURED.items() if words & own), None)
    if role is None or (role == "power" and words & {"on", "off", "factor", "supply"}):
        return None
    return Guess(role, remark="" if unit else "the server says no unit: give it")


def word_for(text: str) -> str | None:
    """Our state word for what a machine calls a state, None when it is none we know."""
    packml = next((w for _, n, w in PACKML_STATES if n.lower() == text.lower()), None)
    if packml is not None:
        return packml.value
    small = text.lower().replace(" ", "_")
    return next((state.value for state, forms in PLAIN_WORDS.items() if small in forms), None)
