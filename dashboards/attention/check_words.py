"""Failed checks in the words of who reads them: what was found, how many, in which table."""

from __future__ import annotations

import re

FOUND: dict[str, str] = {
    "silver.time_ledger reason": "Stops without a reason",
    "silver.time_ledger signal": "Machines without a signal for more than a fifth of a day",
    "silver.readings clean": "Values that break what is agreed for their tag",
    "silver.count_ledger physical": "Counters that claim more than the machine can make",
    "silver.count_ledger ordered": "Pieces made without an order",
    "silver.work_orders order": "Work orders that end before they began",
    "silver.operations order": "Operations that end before they began",
    "silver.downtimes order": "Booked stops that end before they began",
    "silver.lot_links no_loop": "Lots that went into themselves",
    "silver.inspections result": "Inspections passed with a value outside its limits",
    "silver.maintenance_orders order": "Maintenance that ends before it began",
    "silver.purchase_orders order": "Purchases received before they were ordered",
    "silver.sales_orders order": "Sales shipped before they were ordered",
    "silver.deliveries order": "Deliveries that arrived before they left",
    "silver.deliveries line": "Deliveries without an order line, which count nowhere",
    "silver.deliveries rejected": "Deliveries of which more was rejected than came",
    "silver.invoices order": "Invoices due before they were issued",
    "gold.oee standard_time": "Machines faster than their ideal cycle: that time is too long",
    "gold.oee coverage": "Shifts with a signal for less than four fifths of the planned time",
    "gold.inventory negative": "Negative stock",
    "gold.space_use room": "Zones that hold more than they have room for",
    "gold.stock_differences agrees": "Stock counts and statements that differ from the ledger",
    "gold.stock_classes dead": "Dead stock",
    "gold.replenishment lead_time": "Materials without a lead time",
    "gold.losses reason_known": "Lost time of an unknown class, over an hour",
    "gold.order_days rates": "Days of orders with time, energy or material that has no rate",
    "gold.order_performance dates": "Orders that end before they began",
    "gold.order_costs scrap": "Orders whose scrap costs more than the order",
    "gold.wip little": "Days on which orders under way do not fit Little's law",
    "gold.forecast bounds": "Forecasts outside their own bounds",
    "gold.forecast skill": "Forecasts that did worse than the naive one in the past",
    "gold.supplier_performance told": "Suppliers' closed lines nobody said the arrival of",
    "gold.customer_performance told": "Customers' closed lines nobody said the arrival of",
    "gold.supply_lines order": "Goods that came before they were ordered",
}
"""What a failed check found, by table and name: all that only warn. One that blocks is named as it is."""
_ROWS = re.compile(r"^(\d+) rows against it")
_TWICE = re.compile(r", observed \d+ rows$")


def found(check: str, message: str) -> str:
    """A sentence in Markdown about a failed check: its table and name, and what `marts.alerts` says of it.

    >>> found("gold.forecast skill", "8 rows against it, observed 8 rows")
    '**Forecasts that did worse than the naive one in the past**: 8 rows of gold.forecast.'
    >>> found("gold.oee sums", "1 rows against it, observed 1 rows")
    'Check **gold.oee sums** failed: 1 row against it.'
    """
    rows = _ROWS.match(message)
    said = _TWICE.sub("", message).replace("1 rows", "1 row") if rows and rows[1] == "1" else _TWICE.sub("", message)
    if check not in FOUND:
        return f"Check **{check}** failed: {said}."
    count = f"{int(rows[1]):,} row{'s' * (rows[1] != '1')}" if rows else said
    return f"**{FOUND[check]}**: {count} of {check.partition(' ')[0]}."
