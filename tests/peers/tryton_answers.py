"""What Tryton itself says: `python tryton_answers.py CONFIG DATABASE` prints one JSON object.

A tool that is started in Tryton's own environment (trytond and proteus are GPL and LGPL: never imported by the product
or its tests). Quantities on hand come from the ERP's own computation, units are converted by its own rules.
"""

import json
import os
import sys

os.environ["TRYTOND_CONFIG"] = sys.argv[1]
from proteus import config
from trytond.pool import Pool
from trytond.transaction import Transaction


def stock(get):
    """[location, product, lot, quantity] of every lot that is in a place of the plant."""
    places = {p.id: p.code or p.name for p in get("stock.location").search([("type", "=", "storage")])}
    lots = {b.id: b.number for b in get("stock.lot").search([])}
    with Transaction().set_context(stock_date_end=get("ir.date").today(), forecast=False):  # what is done, not planned
        found = get("product.product").products_by_location(
            list(places), with_childs=False, grouping=("product", "lot")
        )
    codes = {p.id: p.code for p in get("product.product").search([])}
    return sorted(
        [places[place], codes[product], lots.get(lot) or "", round(quantity, 6)]
        for (place, product, lot), quantity in found.items()
        if round(quantity, 6)
    )


def lines(get, model, parent):
    """Order lines of products: id -> [state of the order, number, product, quantity in the product's unit, party]."""
    unit = get("product.uom")
    return {
        f"{model},{line.id}": [
            getattr(line, parent).state, getattr(line, parent).number, line.product.code,
            unit.compute_qty(line.unit, line.quantity, line.product.default_uom), getattr(line, parent).party.code,
        ]
        for line in get(model).search([("product", "!=", None)])
    }  # fmt: skip


def main():
    """Read everything in one transaction that writes nothing."""
    config.set_trytond(sys.argv[2], config_file=sys.argv[1])
    pool = Pool(sys.argv[2])
    with Transaction().start(sys.argv[2], 0, readonly=True):
        company = pool.get("company.company").search([])[0]
    with Transaction().start(sys.argv[2], 0, readonly=True, context={"company": company.id, "active_test": False}):
        get = pool.get
        told = {
            "stock": stock(get),
            "productions": {p.number or f"production,{p.id}": p.state for p in get("production").search([])},
            "purchases": lines(get, "purchase.line", "purchase"),
            "sales": lines(get, "sale.line", "sale"),
            "invoices": {
                f"account.invoice,{i.id}": [
                    i.type, i.state, str(i.total_amount), str(i.tax_amount), i.currency.code, i.party.code,
                ]
                for i in get("account.invoice").search([])
            },
            "lots": sorted(b.number for b in get("stock.lot").search([])),
            "moves": get("stock.move").search([("state", "=", "done")], count=True),
        }  # fmt: skip
    print(json.dumps(told))


main()
