"""Cost rates of the ERP: machine and set-up hours by kind, people, energy, overhead; some rise in the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from plant.config import Plant
from simulator.enterprise.journal import Journal
from simulator.floor.machines import Station
from simulator.instants import to_datetime, to_us

MACHINE_CENTS = {"cnc": 4800.0, "robot_cell": 3900.0, "packaging": 2600.0, "press": 5500.0, "oven": 4400.0}
"""An hour of a machine of that kind; others cost `OTHER_CENTS`."""
OTHER_CENTS = 1500.0
SETUP_SHARE = 0.85
"""An hour of set-up against an hour of the machine: no wear."""
LABOUR_CENTS, OVERHEAD_CENTS = 3450.0, 900.0
RISE = 1.04
"""People, turning centres and other currencies cost so much more from the second midnight of the run on."""
WORTH = {"EUR": 1.0, "GBP": 1.15, "USD": 0.92}
"""What a unit of a currency is worth in EUR."""


@dataclass(frozen=True)
class Rate:
    """What a unit costs from valid_us on (None: ever) until `until_us` (None: still)."""

    key: str
    kind: str
    scope: str | None
    unit: str
    cents: float
    from_us: int | None = None
    until_us: int | None = None


def rates(plant: Plant, stations: Sequence[Station], start_us: int, known_us: int) -> list[Rate]:
    """Every rate of the plant. Energy costs what the tariff says; a site without a tariff has no rate."""
    zone = plant.zone(plant.file.site[0].name)
    first = to_datetime(start_us).astimezone(zone).date()
    rise = _midnight(first + timedelta(days=2), zone)
    found = [*_raised("labour", None, LABOUR_CENTS, known_us, rise),
             Rate("overhead", "overhead", None, "h", OVERHEAD_CENTS, known_us)]  # fmt: skip
    for station in stations:
        cents = MACHINE_CENTS.get(station.machine.kind, OTHER_CENTS)
        if station.machine.kind == "cnc":
            found += _raised("machine", station.name, cents, known_us, rise)
        else:
            found.append(Rate(f"machine-{station.name}", "machine", station.name, "h", cents, known_us))
        found.append(Rate(f"setup-{station.name}", "setup", station.name, "h", round(cents * SETUP_SHARE, 2), known_us))
    return [*found, *_energy(plant)]


def book_rates(journal: Journal, at_us: int, found: Sequence[Rate]) -> None:
    """Table cost_rates, known since at_us."""
    for r in found:
        journal.put(
            "cost_rates", at_us, r.key, kind=r.kind, scope=r.scope, unit=r.unit, rate_cents=r.cents,
            valid_from_at=r.from_us, valid_to_at=r.until_us,
        )  # fmt: skip


def book_exchange(journal: Journal, at_us: int, currency: str, rise_us: int) -> None:
    """Table exchange_rates: what other currencies are worth in the plant's, from an instant on `RISE` times that."""
    for name in sorted({*WORTH} - {currency}) if currency in WORTH else ():
        worth = round(WORTH[name] / WORTH[currency], 6)
        for n, (since, rate) in enumerate(((at_us, worth), (rise_us, round(worth * RISE, 6))), 1):
            journal.put("exchange_rates", at_us, f"{name}-{n}", currency=name, rate=rate, valid_from_at=since)


def _raised(kind: str, scope: str | None, cents: float, known_us: int, rise_us: int) -> Iterator[Rate]:
    key = f"{kind}-{scope}" if scope else kind
    yield Rate(f"{key}-1", kind, scope, "h", cents, known_us, rise_us)
    yield Rate(f"{key}-2", kind, scope, "h", round(cents * RISE, 2), rise_us)


def _energy(plant: Plant) -> Iterator[Rate]:
    for site in plant.sites:
        mine = sorted((t for t in plant.file.tariff if t.site == site), key=lambda t: t.valid_from)
        for n, tariff in enumerate(mine):
            following = mine[n + 1].valid_from if n + 1 < len(mine) else None
            since = None if tariff.valid_from <= date(1970, 1, 1) else _midnight(tariff.valid_from, plant.zone(site))
            until = None if following is None else _midnight(following, plant.zone(site))
            yield Rate(
                f"energy-{site}-{n + 1}", "energy", site, "kWh", round(tariff.price_per_kwh * 100, 6), since, until
            )


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_us(datetime(day.year, day.month, day.day, tzinfo=zone))
