"""What a supplier or customer may be sent: only its own lines, only columns named here. Frames in, text or bytes out.

Nothing of other partners, of standard cost, of stock or of lots is in a column of `LINES` or `SUMMARY`; a new column of
gold is left out until somebody names it here.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from io import BytesIO

import polars as pl

from plant.errors import PlantError

LINES = (
    "order_id", "line", "material", "basis", "ordered_day", "due_day", "ended_day", "days_late", "outcome", "in_full",
    "otif", "due_qty", "arrived_qty", "on_the_way_qty", "rejected_qty", "returned_qty", "documents_ok", "value",
    "currency",
)  # fmt: skip
SUMMARY = (
    "month", "basis", "due", "on_time", "in_full", "otif", "overdue", "late_days", "otif_share", "orders",
    "perfect_orders", "orders_told",
)  # fmt: skip
FORMS = (".csv", ".xlsx", ".html")
MOST_ROWS = 1_000_000
"""Rows an Excel sheet has room for."""
_ARMED = r"^[\s\u00a0\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]|^[\t\r\n]"
"""Beginnings a spreadsheet may take for a formula, full-width forms and DDE included."""
LONG_AGO = datetime(2000, 1, 1)  # noqa: DTZ001 - a day for xlsxwriter, in no zone
Sheets = dict[str, pl.DataFrame]


def shared(lines: pl.DataFrame, orders: pl.DataFrame, direction: str, partner: str, zone: str, currency: str) -> Sheets:
    """The sheets `summary` and `lines` of one partner, out of gold.supply_lines and gold.perfect_orders.

    Months are those of the due day; a line without one is in `lines` only. Days are those of `zone`, `currency`
    is the plant's.

    Raises:
        PlantError: there is no line of this partner.
    """
    own = lines.filter(pl.col("direction") == direction, pl.col("partner") == partner)
    if own.is_empty():
        raise PlantError(f"{partner} has no order line in gold.supply_lines; nothing to write")
    whole = orders.filter(pl.col("direction") == direction, pl.col("partner") == partner)
    days = {f"{name}_day": pl.col(f"{name}_at").dt.convert_time_zone(zone).dt.date() for name in ("ordered", "ended")}
    told = own.with_columns(pl.col("currency").fill_null(currency), **days).sort(
        "due_day", "order_id", "line", "basis", descending=[True, False, False, False]
    )
    return {"summary": _summary(own, whole), "lines": safe(told.select(LINES))}


def _summary(own: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    keys = (pl.col("due_day").dt.strftime("%Y-%m").alias("month"), "basis")
    lined = own.filter(pl.col("due")).group_by(*keys).agg(
        pl.len().cast(pl.Int64).alias("due"), *(pl.col(c).sum().cast(pl.Int64) for c in ("on_time", "in_full", "otif")),
        (pl.col("outcome") == "overdue").sum().cast(pl.Int64).alias("overdue"),
        pl.col("days_late").clip(0).filter(pl.col("outcome").is_in(["late", "overdue"])).sum().alias("late_days"),
    )  # fmt: skip
    ordered = whole.filter(pl.col("due")).group_by(*keys).agg(
        pl.len().cast(pl.Int64).alias("orders"), pl.col("perfect").sum().cast(pl.Int64).alias("perfect_orders"),
        pl.col("perfect").count().cast(pl.Int64).alias("orders_told"),
    )  # fmt: skip
    both = lined.join(ordered, on=["month", "basis"], how="left").with_columns(
        (pl.col("otif") / pl.col("due")).round(4).alias("otif_share"),
        pl.col("orders", "perfect_orders", "orders_told").fill_null(0),
    )
    return both.select(SUMMARY).sort("month", "basis", descending=[True, False])


def title_of(plant: str, direction: str, called: str) -> str:
    """Headline of a partner's file."""
    return f"{plant}: deliveries {'of' if direction == 'inbound' else 'to'} {called}"


def file_of(sheets: Sheets, form: str, title: str) -> bytes:
    """A file of one of `FORMS`: the same sheets give the same bytes, whoever asks and whenever.

    Raises:
        PlantError: a form that is not known, or more rows than an Excel sheet holds.
    """
    if form not in FORMS:
        raise PlantError(f"the file ends in {form or 'nothing'}; valid endings are {', '.join(FORMS)}")
    if form == ".xlsx":
        return workbook(sheets)
    return (csv_text(sheets) if form == ".csv" else html_page(sheets, title)).encode()


def safe(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts that a spreadsheet would run as a formula, with an apostrophe before them; all others as they are."""
    texts = pl.col(pl.String)
    return frame.with_columns(pl.when(texts.str.contains(_ARMED)).then("'" + texts).otherwise(texts).name.keep())


def csv_text(sheets: Sheets) -> str:
    """The lines as CSV: comma, decimal point, ISO days, with a header."""
    return sheets["lines"].write_csv()


def html_page(sheets: Sheets, title: str) -> str:
    """Both sheets as one page that needs nothing else: no script, no link, every text escaped."""
    style = (
        "body{font:14px sans-serif;margin:1em}table{border-collapse:collapse;display:block;overflow-x:auto}"
        "td,th{border:1px solid #bbb;padding:.2em .5em;white-space:nowrap;text-align:left}"
    )
    tables = "".join(f"<h2>{escape(name)}</h2>{_table(frame)}" for name, frame in sheets.items())
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{escape(title)}</title>"
    body = f"<body><h1>{escape(title)}</h1>{tables}</body>"
    return f"<!doctype html><html><head>{head}<style>{style}</style></head>{body}</html>\n"


def _table(frame: pl.DataFrame) -> str:
    head = "".join(f"<th>{escape(c.replace('_', ' '))}</th>" for c in frame.columns)
    rows = ("".join(f"<td>{_cell(v)}</td>" for v in row) for row in frame.iter_rows())
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value))


def workbook(sheets: Sheets) -> bytes:
    """Both sheets as an Excel workbook; texts stay texts, whatever they begin with.

    Raises:
        PlantError: more rows than a sheet holds.
    """
    import xlsxwriter  # type: ignore[import-untyped]

    if sheets["lines"].height > MOST_ROWS:
        raise PlantError(
            f"{sheets['lines'].height:,} lines, more than an Excel sheet holds; write .csv or give --since"
        )
    made = BytesIO()
    plain = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(made, plain) as file:
        file.set_properties({"created": LONG_AGO})  # else the clock would be in the file
        for name, frame in sheets.items():
            frame.write_excel(file, worksheet=name, autofit=True)
    return made.getvalue()
