"""Frames of gold.kpi_sums for tests, and the sums a reader would make of them by hand."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from plant.kpi.declaration import Kpi
from plant.kpi.terms import Call, Number, Op, Sum, Where, root
from plant.tables import table

SUMS = table("gold.kpi_sums")
MEASURES = [c.name for c in SUMS.columns if c.kind == "i64" and c.name != "revision"]
DAYS = [date(2026, 11, 2), date(2026, 11, 3)]
LINES = {"saw": "front", "press": "front", "oven": "back"}


def kpi(name, numerator, denominator, version=1, **given):
    """A KPI of the tests: what it declares beside its arithmetic does not matter."""
    said = {
        "title": name,
        "family": "Shopfloor",
        "edition": "Shopfloor 1",
        "source": "tests",
        "formula": "",
        "empty": "",
    }
    return Kpi(name=name, numerator=numerator, denominator=denominator, version=version, **(said | given))


AVAILABILITY = kpi("availability", Sum("apt_us"), Sum("pbt_us") - Sum("unknown_us"))
QUALITY = kpi("quality", Sum("good_pcs"), Sum("produced_pcs"), needs=("pieces",))
SPREAD = kpi("spread", root(Sum("good_pcs") * Sum("apt_us")), Where(Sum("scrap_pcs"), Sum("pbt_us")), factor=3600.0)
KPIS = (AVAILABILITY, QUALITY, SPREAD)


def hour(day, h):
    return datetime(day.year, day.month, day.day, h, tzinfo=UTC)


def row(machine, h, day=DAYS[0], **given):
    """One row: shift early before 14:00, late after it; measures 0 unless given."""
    named = {"production_day": day, "site": "north", "area": "hall", "line": LINES.get(machine), "machine": machine,
             "shift": "early" if h < 14 else "late", "hour_at": hour(day, h), "order_id": None, "operation": None,
             "product": None, "operator": None, "characteristic": None}  # fmt: skip
    return {**named, **dict.fromkeys(MEASURES, 0), **given}


def rows(*given):
    schema = {n: t for n, t in SUMS.schema.items() if n not in SUMS.made_at_door}
    return pl.DataFrame(list(given), schema=schema, orient="row")


def evaluated(term, sums):
    """A term over summed measures, in plain Python."""
    match term:
        case Sum(name):
            return float(sums[name])
        case Number(value):
            return value
        case Op(word, left, right):
            a, b = evaluated(left, sums), evaluated(right, sums)
            if a is None or b is None or (word == "/" and not b > 0):
                return None
            return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if word == "/" else 0}[word]
        case Where(test, then, _):
            found = evaluated(test, sums)
            return evaluated(then, sums) if found is not None and found > 0 else None
        case Call("root", (inner,)):
            found = evaluated(inner, sums)
            return None if found is None or found < 0 else found**0.5
    raise AssertionError(term)


def value(kpi, frame):
    """A KPI over all rows of a frame; null without rows, or without pieces where it needs them."""
    sums = frame.select(pl.col(MEASURES).sum()).row(0, named=True)
    pieces = sums["reference_counting_us"] + sums["produced_pcs"] + sums["quarantined_pcs"]
    if frame.is_empty() or ("pieces" in kpi.needs and not pieces > 0):
        return None
    return evaluated(kpi.value, sums)


class Ticking:
    """A clock a minute further at every look; `at` is what it said last."""

    def __init__(self, start=datetime(2026, 11, 20, tzinfo=UTC)):
        self.at = start

    def __call__(self):
        self.at += timedelta(minutes=1)
        return self.at
