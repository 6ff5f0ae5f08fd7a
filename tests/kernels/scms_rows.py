"""The SCMS delivery history (USAID, 2006 to 2015) as order books, and its figures worked out in plain Python."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

DATA = Path(os.environ.get("SHOPFLOOR_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = DATA / "scms_delivery_history_usaid" / "SCMS_Delivery_History_Dataset.csv"
FORMS = ("%m/%d/%y", "%d-%b-%y")


def read() -> list[dict[str, str]]:
    """The rows as published; lines end with a carriage return alone."""
    with FILE.open(encoding="utf-8-sig", newline=None) as file:
        return list(csv.DictReader(file))


def day(text: str) -> datetime | None:
    """A date of the file; None for its words ('Date Not Captured', 'N/A - From RDC', 'Pre-PQ Process')."""
    for form in FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def purchase(row: dict[str, str]) -> dict[str, object]:
    """A row as a purchase line: one date is told, the scheduled one; the quantity is the one that was delivered."""
    return {
        "purchase_id": row["ID"], "order_id": row["PO / SO #"], "supplier": row["Vendor"],
        "material": row["Item Description"], "qty": float(row["Line Item Quantity"]),
        "unit_price_cents": round(float(row["Pack Price"]) * 100), "currency": "USD", "status": "received",
        "ordered_at": day(row["PO Sent to Vendor Date"]), "promised_at": day(row["Scheduled Delivery Date"]),
        "received_at": day(row["Delivered to Client Date"]), "received_qty": float(row["Line Item Quantity"]),
    }  # fmt: skip
