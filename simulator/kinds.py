"""What a kind of machine is like: signal levels, failure modes, stop reasons, what is measured on a piece.

The numbers are plausible shop values, not taken from any data set. Power levels are shares of the upper
end of the machine's power range in plant.toml. A kind that is not listed behaves like `GENERIC`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Mode:
    """A failure mode and what its precursor does at full strength (just before the failure)."""

    name: str
    code: int  # alarm codes are code*10 + 1 (warning), + 2 (serious), + 9 (failed)
    vibration: float  # relative rise of vibration while producing
    temperature_k: float  # rise (or fall) of temperature while producing
    power: float  # relative rise of power while producing
    scrap: float  # scrap rate is multiplied by 1 + this
    repair_min: float  # median repair time


@dataclass(frozen=True)
class Characteristic:
    """What else is measured on a piece: normal around `nominal`, limits at a distance of `tolerance`."""

    name: str
    nominal: float
    tolerance: float
    sides: Literal["both", "upper", "lower"] = "both"  # which limits there are
    sigmas: float = 4.0  # standard deviations in the tolerance


@dataclass(frozen=True)
class Kind:
    """Levels and habits of one kind of machine."""

    modes: tuple[Mode, ...]
    vibration: tuple[float, float, float]  # mm/s: off, standing, producing
    temperature: tuple[float, float, float]  # degC: off, standing, producing
    power: tuple[float, float, float] = (0.01, 0.12, 0.48)  # share of the range: off, standing, producing
    scrap_rate: float = 0.012
    setup_min: float = 20.0
    characteristic: tuple[str, float, float] = ("weight_g", 100.0, 1.5)  # name, nominal, half tolerance
    others: tuple[Characteristic, ...] = ()
    long_stops: tuple[tuple[str, str], ...] = (("material_missing", "logistic"), ("jam", "minor_stop"))


_BEARING = Mode("bearing", 1, vibration=1.5, temperature_k=14.0, power=0.08, scrap=1.5, repair_min=150.0)

GENERIC = Kind(modes=(_BEARING,), vibration=(0.1, 0.4, 2.0), temperature=(19.0, 28.0, 42.0))

KINDS: dict[str, Kind] = {
    "cnc": Kind(
        modes=(_BEARING, Mode("tooling", 2, 0.8, 5.0, 0.22, 5.0, 55.0)),
        vibration=(0.1, 0.5, 2.6), temperature=(20.0, 31.0, 47.0), scrap_rate=0.014, setup_min=26.0,
        characteristic=("diameter_mm", 20.0, 0.021),
        others=(Characteristic("length_mm", 142.0, 0.15, sigmas=5.2),
                Characteristic("roughness_um", 0.8, 0.8, "upper", 3.6)),
        long_stops=(("tool_change", "setup"), ("measuring", "minor_stop"), ("chip_jam", "minor_stop"),
                    ("material_missing", "logistic")),
    ),
    "robot_cell": Kind(
        modes=(Mode("gripper", 3, 0.5, 2.0, 0.10, 6.0, 45.0), Mode("gearbox", 4, 1.3, 11.0, 0.15, 0.6, 200.0)),
        vibration=(0.05, 0.3, 1.6), temperature=(20.0, 27.0, 39.0), scrap_rate=0.006, setup_min=12.0,
        characteristic=("burr_um", 18.0, 14.0),
        others=(Characteristic("chamfer_mm", 0.5, 0.2, sigmas=4.4),),
        long_stops=(("part_dropped", "minor_stop"), ("gripper_cleaning", "minor_stop"),
                    ("material_missing", "logistic")),
    ),
    "packaging": Kind(
        modes=(Mode("sealing_heater", 5, 0.1, -9.0, 0.25, 4.0, 50.0), Mode("belt", 6, 1.1, 4.0, 0.12, 1.0, 80.0)),
        vibration=(0.05, 0.4, 1.4), temperature=(20.0, 26.0, 36.0), scrap_rate=0.004, setup_min=10.0,
        characteristic=("weight_g", 250.0, 6.0),
        others=(Characteristic("seal_strength_n", 24.0, 9.0, "lower", 3.8),),
        long_stops=(("film_change", "setup"), ("carton_jam", "minor_stop"), ("label_missing", "logistic")),
    ),
    "press": Kind(
        modes=(Mode("hydraulics", 7, 0.4, 18.0, 0.18, 2.0, 170.0), _BEARING),
        vibration=(0.1, 0.8, 4.2), temperature=(20.0, 34.0, 52.0), scrap_rate=0.011, setup_min=32.0,
        characteristic=("height_mm", 12.0, 0.12),
        others=(Characteristic("hole_mm", 6.4, 0.09, sigmas=4.8),
                Characteristic("burr_height_um", 40.0, 60.0, "upper", 4.2)),
        long_stops=(("tool_cleaning", "minor_stop"), ("coil_change", "setup"), ("slug_jam", "minor_stop")),
    ),
    "oven": Kind(
        modes=(Mode("heater", 8, 0.05, -22.0, 0.20, 5.0, 130.0), Mode("fan", 9, 1.4, 8.0, 0.05, 1.0, 95.0)),
        vibration=(0.05, 0.5, 1.1), temperature=(28.0, 165.0, 185.0), power=(0.02, 0.22, 0.46),
        scrap_rate=0.005, setup_min=18.0, characteristic=("coating_um", 62.0, 9.0),
        others=(Characteristic("adhesion_mpa", 9.0, 4.0, "lower", 4.0),),
        long_stops=(("temperature_settling", "setup"), ("conveyor_jam", "minor_stop")),
    ),
    "compressor": Kind(
        modes=(Mode("valve", 10, 0.6, 16.0, 0.20, 0.0, 120.0), _BEARING),
        vibration=(0.1, 0.9, 3.1), temperature=(20.0, 48.0, 78.0), power=(0.01, 0.22, 0.62),
    ),
}  # fmt: skip


def kind_of(name: str) -> Kind:
    """The kind of that name, `GENERIC` where it is not listed."""
    return KINDS.get(name, GENERIC)
