"""A definition id is a promise: the arithmetic behind it never changes. New arithmetic gets a new id.

`definition_ids.csv` holds every id ever published with the hash of its arithmetic. Add rows, never change one:
`SHOPFLOOR_PIN=1 pytest tests/warehouse/test_definitions_pinned.py` adds those that are missing.
"""

import csv
import os
from hashlib import blake2b
from pathlib import Path

from plant.kpi.catalogue import KPIS
from warehouse.kpi_sql import denominator_sql, numerator_sql

PINNED = Path(__file__).with_name("definition_ids.csv")


def fingerprint(kpi):
    told = f"{numerator_sql(kpi)}\n{denominator_sql(kpi)}\n{kpi.factor!r}\n{kpi.unit}"
    return blake2b(told.encode(), digest_size=8).hexdigest()


def pinned():
    with PINNED.open(newline="") as file:
        return {row["definition_id"]: row["fingerprint"] for row in csv.DictReader(file)}


def test_no_definition_id_has_new_arithmetic():
    known, ours = pinned(), {kpi.definition_id: fingerprint(kpi) for kpi in KPIS}
    fresh = {k: v for k, v in ours.items() if k not in known}
    if os.environ.get("SHOPFLOOR_PIN"):
        with PINNED.open("a", newline="") as file:
            csv.writer(file).writerows(sorted(fresh.items()))
        fresh = {}
    assert not fresh, "new definition ids: pin them as the docstring says"
    changed = [k for k, v in ours.items() if k in known and known[k] != v]
    assert not changed, f"other arithmetic under the same definition id: give {changed} the next edition"
