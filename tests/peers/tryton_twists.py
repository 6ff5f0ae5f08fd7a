"""What makes reading an ERP hard, done to a factory that is loaded: `python tryton_twists.py CONFIG DATABASE`.

A tool that is started in Tryton's own environment (trytond and proteus are GPL and LGPL: never imported by the product
or its tests). After each step it says so in a line and waits for one, so that somebody can read in between:

    drafts   a sale, a purchase and a production that were never confirmed
    gone     they are deleted
    open     a transaction has begun (and its stamp is taken); a later one has committed
    late     the first one has committed: its rows are stamped before those of the later one
    odd      a purchase in grams and euros, a stock count, a return, a payment, a zone of the company
    merged   one customer became another; Tryton rewrites the orders without a new write_date
"""

import datetime as dt
import json
import os
import sys
import threading
from decimal import Decimal

os.environ["TRYTOND_CONFIG"] = sys.argv[1]
from proteus import Model, Wizard, config
from sql import Select
from sql.functions import CurrentTimestamp
from trytond.modules.account.tests.tools import get_accounts
from trytond.modules.currency.tests.tools import get_currency
from trytond.pool import Pool
from trytond.transaction import Transaction

CONFIG, DATABASE = sys.argv[1:3]
TODAY = dt.datetime.now(dt.UTC).date()
session = config.set_trytond(DATABASE, user="admin", config_file=CONFIG)
session.skip_warning = True
get = Model.get
session._context = get("res.user").get_preferences(True, session.context)


def one(model, *domain):
    """The first record of a domain, by id."""
    return get(model).find(list(domain), order=[("id", "ASC")], limit=1)[0]


def product(code):
    """A product by its code."""
    return one("product.product", ("code", "=", code))


def tell(step, **more):
    """Say what is done; go on when a line comes."""
    print(json.dumps({"step": step} | more), flush=True)
    sys.stdin.readline()


def drafts():
    """A sale and a purchase with lines, and a production: the last one is a planned work order already."""
    sale = get("sale.sale")(party=one("party.party", ("code", "=", "C001")))
    line = sale.lines.new()
    line.product, line.quantity = product("FG-000"), 2.0
    sale.save()
    buy = get("purchase.purchase")(party=one("party.party", ("code", "=", "S001")))
    line = buy.lines.new()
    line.product, line.quantity, line.unit_price = product("BP-000"), 7.0, Decimal("0.05")
    buy.save()
    make = get("production")(product=product("SA-000"), planned_date=TODAY)
    make.bom = one("production.bom", ("name", "=", "Frame"))
    make.quantity = 3.0
    make.save()
    tell("drafts", production=make.number or f"production,{make.id}", sale=sale.id, purchase=buy.id)
    for record in (sale, buy):
        record.click("cancel")
    for record in (sale, buy, make):
        record.delete()
    tell("gone")


def receive(code, quantity):
    """A move from a supplier into storage, done in the transaction that is open."""
    pool = Pool(DATABASE)
    move, item, place = (pool.get(n) for n in ("stock.move", "product.product", "stock.location"))
    bought = item.search([("code", "=", code)])[0]
    company = pool.get("company.company").search([])[0]
    moves = move.create([{
        "product": bought.id, "unit": bought.default_uom.id, "quantity": quantity, "company": company.id,
        "from_location": place.search([("type", "=", "supplier")])[0].id,
        "to_location": place.search([("code", "=", "STO")])[0].id,
        "unit_price": Decimal("1.5"), "currency": company.currency.id, "effective_date": TODAY,
    }])  # fmt: skip
    move.do(moves)
    return moves[0].id


def stamped(transaction):
    """Take the stamp that every row of this transaction will carry."""
    cursor = transaction.connection.cursor()
    cursor.execute(*Select([CurrentTimestamp()]))
    return str(cursor.fetchone()[0])


def later():
    """A whole transaction of its own, as another person's is."""
    with Transaction().start(DATABASE, 0, context=session.context) as transaction:
        receive("BP-001", 5.0)
        transaction.commit()


def late():
    """One transaction begins, another begins and commits, somebody reads, the first one commits."""
    with Transaction().start(DATABASE, 0, context=session.context) as transaction:
        stamp = stamped(transaction)
        other = threading.Thread(target=later)
        other.start()
        other.join()
        tell("open", stamp=stamp)
        party = Pool(DATABASE).get("party.party")
        party.write(party.search([("code", "=", "C002")]), {"name": "Customer 02, renamed late"})
        move = receive("BP-001", 11.0)
        transaction.commit()
    tell("late", move=f"stock.move,{move}", stamp=stamp)


def odd():
    """Another unit, another currency, a count, a return, a payment, and a company with a zone."""
    company = one("company.company")
    company.timezone = "Europe/Istanbul"
    company.save()
    euro = get_currency("EUR")
    buy = get("purchase.purchase")(party=one("party.party", ("code", "=", "S000")), currency=euro)
    buy.payment_term, buy.purchase_date = one("account.invoice.payment_term"), TODAY
    line = buy.lines.new()
    line.product = product("RM-003")
    line.unit = one("product.uom", ("name", "=", "Gram"))
    line.quantity, line.unit_price = 1234560.0, Decimal("0.0123")
    buy.save()
    for button in ("quote", "confirm"):
        buy.click(button)
    count()
    order_of(one("party.party", ("code", "=", "C003")), -1.0)
    twice = get("party.party")(name="Customer 00 Limited", code="C999")
    twice.save()
    order_of(twice, 3.0)
    pay()
    tell("odd")


def count():
    """One part less than the books say, and one that they do not know."""
    found = get("stock.inventory")(location=one("stock.location", ("code", "=", "STO")), date=TODAY)
    found.empty_quantity = "keep"
    found.save()
    found.click("complete_lines")
    parts = [line for line in found.lines if line.product.code in {"BP-004", "BP-005"}]
    for n, line in enumerate(parts):
        line.quantity = line.expected_quantity + (4.0 if n else -3.0)
        line.save()
    found.click("confirm")


def pay():
    """The oldest invoice of a customer is paid."""
    journal = one("account.journal", ("type", "=", "cash"))
    cash = get_accounts()["cash"]
    method = get("account.invoice.payment.method")(name="Cash", journal=journal, credit_account=cash)
    method.debit_account = cash
    method.save()
    bill = one("account.invoice", ("type", "=", "out"), ("state", "=", "posted"))
    wizard = Wizard("account.invoice.pay", [bill])
    wizard.form.payment_method, wizard.form.date = method, TODAY
    wizard.execute("choice")


def order_of(party, quantity):
    """A confirmed sale of one product; a negative quantity is how Tryton takes a piece back."""
    sale = get("sale.sale")(party=party, sale_date=TODAY)
    sale.payment_term, sale.invoice_method = one("account.invoice.payment_term"), "manual"
    line = sale.lines.new()
    line.product, line.quantity = product("FG-000"), quantity
    sale.save()
    for button in ("quote", "confirm"):
        sale.click(button)


def merge():
    """C999 becomes C000. (Tryton refuses it for a party that posted entries of the ledger name.)"""
    wizard = Wizard("party.replace", [one("party.party", ("code", "=", "C999"))])
    wizard.form.source = one("party.party", ("code", "=", "C999"))
    wizard.form.destination = one("party.party", ("code", "=", "C000"))
    wizard.execute("replace")
    tell("merged")


drafts()
late()
odd()
merge()
