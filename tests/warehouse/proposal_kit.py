"""A plant with roles and proposals to play with, for the tests of several folders."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from plant.config import load

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROLES = """
[[role]]
name = "planner"
people = ["Ada", "Ben"]
may = ["submit", "export"]

[[role]]
name = "shift lead"
people = ["Cem", "Ada"]
kinds = ["maintenance", "stock_move", "purchase"]
may = ["approve"]
value_limit = 500.0

[[role]]
name = "plant manager"
people = ["Mo"]
may = ["submit", "approve", "export"]
"""


def plant_of(folder, roles=ROLES):
    """The example plant with these roles."""
    text = (Path(__file__).parents[2] / "plant.toml").read_text(encoding="utf8")
    bare = text.split("[[role]]")[0]
    path = Path(folder) / "plant.toml"
    path.write_text(bare + roles, encoding="utf8")
    return load(path)


def purchase(n=0, quantity=100.0, price=125, **more):
    """A purchase worth 125.00; `n` tells one from another."""
    line = {"item": f"part-{n % 5}", "quantity": quantity, "unit": "u", "price_cents": price,
            "due_on": date(2026, 12, 1 + n % 28)}  # fmt: skip
    plain = {"kind": "purchase", "title": f"Buy {quantity:g} of part-{n % 5}", "subject": f"reorder {n}",
             "partner": "Steel & Sons", "lines": [line]}  # fmt: skip
    return plain | more


def production(n=0, quantity=5.0):
    """A production order; `n` tells one from another."""
    line = {"item": f"made-{n % 3}", "quantity": quantity, "unit": "u", "start_on": date(2026, 12, 1),
            "due_on": date(2026, 12, 2 + n % 20)}  # fmt: skip
    return {
        "kind": "production",
        "title": f"Make {quantity:g} of made-{n % 3}",
        "subject": f"make {n}",
        "lines": [line],
    }


def approved(lake, plant, given, now=NOW):
    """The key of a proposal drafted and submitted by Ada and approved by Mo."""
    from warehouse.proposals import approve, draft, submit

    key = draft(lake, plant, given, "Ada", now=now).key
    submit(lake, plant, key, "Ada", now=now)
    approve(lake, plant, key, "Mo", now=now)
    return key
