"""Put a company, a supplier and products into an empty Tryton database: `python tryton_seed.py CONFIG DATABASE`.

A tool that is started in Tryton's own environment (trytond and proteus are GPL and LGPL: never imported by the product
or its tests). Prints one JSON line.
"""

import json
import os
import sys
from decimal import Decimal

os.environ["TRYTOND_CONFIG"] = sys.argv[1]
from proteus import Model, config
from trytond.modules.company.tests.tools import create_company

PARTS = 5
MADE = 3


def product(name, unit, *, purchasable=False, producible=False):
    """A product with its code; unit price 2.50."""
    template = Model.get("product.template")()
    template.name = name
    template.default_uom = unit
    template.type = "goods"
    template.list_price = Decimal(5)
    template.producible = producible
    template.purchasable = purchasable
    if purchasable:
        template.purchase_uom = unit
    template.products[0].suffix_code = name
    template.products[0].cost_price = Decimal("2.50")
    template.save()


def main():
    """Everything in one go; refuses a database that was seeded before."""
    told = config.set_trytond(sys.argv[2], config_file=sys.argv[1])
    told.skip_warning = True
    if Model.get("company.company").find([]):
        sys.exit("this database has a company already")
    create_company()
    party = Model.get("party.party")(name="Steel & Sons")
    party.addresses[0].street = "1 Mill Road"
    party.save()
    unit = Model.get("product.uom").find([("name", "=", "Unit")])[0]
    for n in range(PARTS):
        product(f"part-{n}", unit, purchasable=True)
    for n in range(MADE):
        product(f"made-{n}", unit, producible=True)
    print(json.dumps({"products": len(Model.get("product.product").find([]))}))


main()
