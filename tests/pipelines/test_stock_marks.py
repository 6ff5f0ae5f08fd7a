"""The hash of a day of gold.inventory: another number has another hash, and old postings end where they cancel."""

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
from late_plant import plant_of

from assets.kernels.stock.daily import first_needed, inventory
from assets.kernels.stock.sites import Sites
from pipelines.days.memory import Memory
from pipelines.days.spans import Spans, run
from pipelines.days.stock import hashes, moved, spanned
from plant.calendar import bounds
from plant.tables import table

FIRST = date(2026, 1, 1)
LAST = date(2026, 2, 20)
HERE = Sites(("here",))
STOCK, PURCHASES = "silver.stock_ledger", "silver.purchase_orders"


def frame(name, rows):
    full = [dict.fromkeys(table(name).schema) | row for row in rows]
    return pl.DataFrame(full, schema=table(name).schema, orient="row")


def posting(n, day, qty, kind="receipt", material="steel"):
    at = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    return {"production_day": day, "site": "here", "at": at, "material": material, "location": "store", "kind": kind,
            "qty": float(qty), "value_cents": int(qty * 100), "move_id": f"p-{n}"}  # fmt: skip


def purchase(n, ordered, received):
    row = {"purchase_id": f"po-{n}", "material": "steel", "site": "here", "supplier": "s", "qty": 5.0, "status": "open",
           "ordered_at": ordered, "received_at": received}  # fmt: skip
    return {k: v for k, v in row.items() if k in table(PURCHASES).schema}


def hashed(plant, rows, purchases=()):
    spans = Spans(plant, Memory()).frame(run(FIRST, LAST))
    supply = (frame(PURCHASES, purchases).lazy(), table("silver.partners").empty().lazy())
    return hashes(frame(STOCK, rows).lazy(), supply, table("silver.materials").empty().lazy(), spans, LAST)


def numbers(plant, rows, purchases=()):
    """Rows of gold.inventory by day."""
    days = bounds(plant, first_needed(FIRST), LAST).lazy()
    others = (table(f"silver.{n}").empty().lazy() for n in ("materials", "partners"))
    materials, partners = others
    stock, orders = frame(STOCK, rows).lazy(), frame(PURCHASES, purchases).lazy()
    found = inventory(stock, materials, orders, partners, days, FIRST, HERE).collect(engine="in-memory")
    return {d[0]: part.sort(pl.all()) for d, part in found.partition_by("production_day", as_dict=True).items()}


def differing(one, two):
    return sorted(d for d in {*one, *two} if str(one.get(d)) != str(two.get(d)))


def test_a_posting_booked_back_touches_its_day_and_those_after_it(tmp_path):
    plant = plant_of(tmp_path)
    rows = [posting(n, FIRST + timedelta(days=n), 10) for n in range(0, 40, 2)]
    late = posting(99, FIRST + timedelta(days=11), 3)
    assert differing(hashed(plant, rows), hashed(plant, [*rows, late])) == run(late["production_day"], LAST)
    taken = posting(98, FIRST + timedelta(days=13), -3, "issue")
    # Cancelled out two days later: the stock is what it was, and 28 days after that nothing remembers.
    found = differing(hashed(plant, rows), hashed(plant, [*rows, late, taken]))
    assert found == run(late["production_day"], taken["production_day"] + timedelta(days=27))
    sums = [moved(frame(STOCK, r).lazy(), table("silver.operations").empty().lazy(), run(FIRST, LAST)) for r in
            (rows, [*rows, late, taken])]  # fmt: skip
    assert differing(*sums) == run(late["production_day"], taken["production_day"])


def test_an_order_at_a_supplier_touches_the_days_it_is_known_on(tmp_path):
    plant = plant_of(tmp_path)
    rows = [posting(n, FIRST + timedelta(days=n), 10) for n in range(3)]
    ordered, received = datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 25, tzinfo=UTC)
    assert min(differing(hashed(plant, rows), hashed(plant, rows, [purchase(1, ordered, None)]))) == date(2026, 1, 19)
    came = [purchase(1, ordered, None)], [purchase(1, ordered, received)]
    assert min(differing(hashed(plant, rows, came[0]), hashed(plant, rows, came[1]))) == date(2026, 1, 24)


def test_days_that_read_otherwise_have_another_hash(tmp_path):
    plant, pick = plant_of(tmp_path), random.Random(5)
    kinds = (("receipt", 1), ("issue", -1), ("shipment", -1), ("scrap", -1), ("adjustment", 1))

    def some(n):
        kind, sign = pick.choice(kinds)
        return posting(n, FIRST + timedelta(days=pick.randrange(45)), sign * pick.randrange(1, 9), kind,
                       pick.choice(("steel", "bolts")))  # fmt: skip

    rows = [some(n) for n in range(60)]
    for n in range(6):
        changed = [*rows, some(100 + n)] if n % 2 else [r for r in rows if r is not pick.choice(rows)][1:]
        told = differing(numbers(plant, rows), numbers(plant, changed))
        assert set(told) <= set(differing(hashed(plant, rows), hashed(plant, changed)))
        rows = changed


def test_stock_without_a_reading_has_the_days_of_its_postings():
    ledger = frame(STOCK, [posting(n, FIRST + timedelta(days=3 * n), 10) for n in range(3)]).lazy()
    assert spanned(lambda _: ledger, []) == run(FIRST, FIRST + timedelta(days=6))
    assert spanned(lambda _: ledger, [LAST]) == run(FIRST, LAST)
    assert spanned(lambda _: ledger.clear(), [LAST]) == [LAST]
    assert spanned(lambda _: ledger.clear(), []) == []
