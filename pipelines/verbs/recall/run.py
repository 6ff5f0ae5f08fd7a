"""`shopfloor recall`: every lot that is affected, where it is, who got it; as a table, JSON, Excel or EPCIS events."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table as RichTable

from assets.kernels.lineage import epcis, making, sheets
from assets.kernels.lineage.flow import Trace, trace
from assets.kernels.lineage.graph import Direction
from assets.kernels.lineage.paths import listed
from assets.kernels.lineage.recall import Report, report, with_floor
from assets.kernels.lineage.starts import Starts, of_machine, of_order, of_time
from pipelines.place import lake_place
from plant.config import load
from plant.errors import PlantError
from warehouse.lake import Lake
from warehouse.lineage import LotIndex, Rows, lot_index, rows_of
from warehouse.lineage.rows import fingerprint, floor_of, with_parents

SHOWN = 15
"""Rows of a section that are printed; files have all of them."""
PRINTED: dict[str, tuple[str, ...]] = {
    "ways": ("path", "amount"),
    "lots": ("lot", "steps", "material", "made_qty", "unit", "carries_qty"),
    "destiny": ("place", "qty", "share"),
    "stock": ("location", "lot", "on_hand_qty", "unit", "carries_qty"),
    "shipments": ("customer", "delivery", "shipped_at", "lot", "qty", "unit"),
    "receipts": ("supplier", "purchase", "received_at", "lot", "qty", "unit"),
    "orders": ("order_id", "product", "status", "lots"),
    "findings": ("finding", "lot", "message"),
    "making": ("lot", "machine", "start_at", "end_at", "operators", "failed"),
    "alarms": ("machine", "at", "code", "lots"),
    "stops": ("machine", "start_at", "end_at", "reason", "lots"),
}
"""Sections that are printed, with the columns there is room for."""
FORMS = (".json", ".xlsx", ".jsonld")
console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Asked:
    """What to start from: lots, or an order, or a machine and a time, or a time alone; and a lot to list ways to."""

    lots: tuple[str, ...] = ()
    order: str | None = None
    machine: str | None = None
    first: datetime | None = None
    last: datetime | None = None
    ways_to: str | None = None

    @property
    def title(self) -> str:
        """The question in words."""
        if self.lots:
            return ", ".join(self.lots)
        if self.order:
            return f"order {self.order}"
        span = f"{self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC"
        return f"machine {self.machine}, {span}" if self.machine else f"lots of {span}"


def recall(
    root: Path | None, plant_toml: Path, asked: Asked, *, back: bool, out: Path | None, as_json: bool, base: str | None
) -> int:
    """The verb: prints or writes the report. Exit 0; 3 when a mass balance does not close or is not known.

    Raises:
        PlantError: nothing, or too much, was asked; no such lot, order or machine; a form of file that is not known.
    """
    if out is not None and out.suffix not in FORMS:
        raise PlantError(f"--out is {out}; valid endings are {', '.join(FORMS)} (.jsonld: GS1 EPCIS 2.0 events)")
    lake, now = Lake(lake_place(root).root), datetime.now(UTC)
    book, given = recalled(lake, asked, "back" if back else "forward", now)
    if out is not None and out.suffix == ".jsonld":
        plant = load(plant_toml)
        zone = plant.file.site[0].timezone
        lots = book.sections["lots"]["lot"].to_list()
        events = epcis.document(with_parents(lake, given), lots, base or f"urn:shopfloor:{plant.name}", zone, now)
        out.write_text(json.dumps(events, indent=1) + "\n", encoding="utf8")
    elif out is not None and out.suffix == ".json":
        out.write_text(sheets.json_text(book), encoding="utf8")
    elif out is not None:
        out.write_bytes(sheets.workbook(book))
    if as_json:
        console.file.write(sheets.json_text(book))
    else:
        _print(book)
        if out is not None:
            console.print(f"written to {out}", markup=False)
    return 0 if book.closes else 3


def recalled(lake: Lake, asked: Asked, direction: Direction, now: datetime) -> tuple[Report, Rows]:
    """The report with the floor joined, and the rows of the books it is made of."""
    index = lot_index(lake)
    starts = _starts(lake, asked)
    traced = trace(index.arrays, index.numbers(starts.lots), direction, index.numbers(starts.still))
    names = index.names(traced.reached.lots)
    given = rows_of(lake, names)
    book = report(asked.title, traced, names, given, fingerprint(given), index.versions)
    if asked.ways_to is not None:
        book = replace(book, sections={"ways": _ways(traced, index, names, asked.ways_to), **book.sections})
    window = making.windows(book.sections["lots"].select("lot", "order_id", "created_at"), given, now)
    orders, machines = (window[c].unique().sort().to_list() for c in ("order_id", "machine"))
    first, last = window["start_at"].min(), window["end_at"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return book, given
    floor = floor_of(lake, orders, machines, first, last)
    return with_floor(book, window, floor, fingerprint(given, floor)), given


def _ways(traced: Trace, index: LotIndex, names: list[str], lot: str) -> pl.DataFrame:
    """The ways from the starts to one lot, each with what took it."""
    number = index.number(lot)
    if lot not in names:
        raise PlantError(f"--ways-to is {lot}, which none of the starts leads to; valid are lots of the report")
    return listed(traced, names, number)


def _starts(lake: Lake, asked: Asked) -> Starts:
    lots, links, operations = (lake.scan(f"silver.{n}") for n in ("lots", "lot_links", "operations"))
    if sum([bool(asked.lots), asked.order is not None, asked.first is not None]) != 1:
        raise PlantError("name lots, or --order, or --from and --to (with or without --machine); one of them")
    if asked.lots:
        return Starts(asked.lots)
    if asked.order is not None:
        found = of_order(asked.order, lots)
    elif asked.first is None or asked.last is None or asked.first >= asked.last:
        raise PlantError(f"--from is {asked.first}, --to is {asked.last}; valid is a --from before a --to")
    elif asked.machine is None:
        found = of_time(asked.first, asked.last, lots)
    else:
        found = of_machine(asked.machine, asked.first, asked.last, lots, links, operations)
    if not found.lots and not found.still:
        raise PlantError(f"{asked.title}: no lot was made or received there; {_near(lake, asked)}")
    return found


def _near(lake: Lake, asked: Asked) -> str:
    """What there is that is called alike."""
    from difflib import get_close_matches

    table, column, word = (
        ("operations", "machine", asked.machine) if asked.machine else ("lots", "order_id", asked.order)
    )
    if word is None:
        return "look at created_at in silver.lots"
    known = lake.scan(f"silver.{table}").select(pl.col(column).drop_nulls().unique()).collect()[column].sort().to_list()
    near = get_close_matches(word, known, 3) or known[:3]
    return f"nearest names in silver.{table}.{column}: {', '.join(near) or 'none'}"


def _print(book: Report) -> None:
    said = {True: "every mass balance closes", False: "mass balances do not close", None: "a mass balance is not known"}
    way = "made of them" if book.direction == "forward" else "that went into them"
    lots = book.sections["lots"].height
    console.print(f"{book.title}: {lots} lots, the starts and everything {way}; {said[book.closes]}", markup=False)
    for name, frame in book.sections.items():
        if name in PRINTED and frame.height:
            console.print(_table(name, frame.select(PRINTED[name])))
    console.print(f"inputs sha256 {book.inputs_sha256}", markup=False)


def _table(name: str, frame: pl.DataFrame) -> RichTable:
    more = f" (first {SHOWN} of {frame.height:,})" if frame.height > SHOWN else ""
    shown = RichTable(title=f"{name.replace('_', ' ')}{more}", title_justify="left")
    for column in frame.columns:
        shown.add_column(column, no_wrap=column in ("lot", "machine"))
    for row in frame.head(SHOWN).iter_rows():
        shown.add_row(*(_cell(value) for value in row))
    return shown


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:g}" if isinstance(value, float) else str(value)[:90]
