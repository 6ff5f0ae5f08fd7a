"""Find the partner, take its lines, write the file."""

from __future__ import annotations

from datetime import date
from difflib import get_close_matches
from pathlib import Path

import polars as pl
from rich.console import Console

from assets.kernels.supply import sheets
from pipelines.place import lake_place
from plant.config import load
from plant.errors import PlantError
from warehouse.lake import Lake

PARTNERS = {"inbound": ("silver.suppliers", "supplier"), "outbound": ("silver.customers", "customer")}
console = Console(highlight=False, soft_wrap=True)


def share(direction: str, name: str, to: Path, since: date | None, root: Path | None, plant_toml: Path) -> int:
    """The verb: writes the file and says what is in it.

    Raises:
        PlantError: no such partner, nothing of it, a file form that is not known, or a folder that is not there.
    """
    if to.suffix not in sheets.FORMS:
        raise PlantError(f"--to is {to}; valid endings are {', '.join(sheets.FORMS)}")
    if not to.resolve().parent.is_dir():
        raise PlantError(f"{to}: the folder {to.resolve().parent} does not exist; create it or choose another")
    plant, lake = load(plant_toml), Lake(lake_place(root).root)
    key, called = partner_of(lake, direction, name)
    lines, orders = (_own(lake, table, direction, key, since) for table in ("gold.supply_lines", "gold.perfect_orders"))
    made = sheets.shared(lines, orders, direction, key, plant.file.site[0].timezone, plant.file.plant.currency)
    to.write_bytes(sheets.file_of(made, to.suffix, sheets.title_of(plant.name, direction, called)))
    console.print(f"{made['lines'].height} rows of {key} written to {to}", markup=False)
    return 0


def _own(lake: Lake, table: str, direction: str, key: str, since: date | None) -> pl.DataFrame:
    rows = lake.scan(table).filter(pl.col("direction") == direction, pl.col("partner") == key)
    return (rows if since is None else rows.filter(pl.col("due_day") >= since)).collect()


def partner_of(lake: Lake, direction: str, name: str) -> tuple[str, str]:
    """Key and name of a partner by its key, else by its name (case does not matter).

    Raises:
        PlantError: there is none, or several have this name.
    """
    table, column = PARTNERS[direction]
    known = dict(lake.scan(table).select(column, "name").collect().iter_rows())
    # Partners that are only in order lines are partners, too: some systems keep no list of them.
    traded = lake.scan("gold.supply_lines").filter(pl.col("direction") == direction).select(pl.col("partner").unique())
    known = {key: key for key in traded.collect()["partner"].sort()} | known
    if name in known:
        return name, known[name]
    wanted = name.strip().casefold()
    found = [key for key, called in known.items() if wanted in (key.casefold(), str(called).casefold())]
    if len(found) == 1:
        return found[0], known[found[0]]
    if found:
        raise PlantError(f"{len(found)} {column}s are called {name!r}: {', '.join(sorted(found))}; give the key")
    near = get_close_matches(name, known, 3, 0.4) or sorted(known)[:3]
    raise PlantError(f"no {column} {name!r} in {table}; nearest: {', '.join(near) or 'none, the table is empty'}")
