"""Two sites: orders, lines and locations are of the site they name or plant.toml gives their warehouse, else first."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest

from assets.kernels.stock.daily import first_needed, inventory
from assets.kernels.stock.demand import weekly
from assets.kernels.stock.ledger import ledger
from assets.kernels.stock.places import placed
from assets.kernels.stock.position import position
from assets.kernels.stock.sites import Sites
from plant.config import load
from plant.errors import ConfigError
from plant.tables import table

DAY = date(2026, 3, 31)
TWO = Sites(("north", "south"), {"WH-S": "south", "Dock 9": "south", "gone": "east"})
STARTS = {"north": ("UTC", time(0)), "south": ("UTC", time(0))}


def at(day, hour=12):
    return datetime(2026, 3, 31, hour, tzinfo=UTC) + timedelta(days=day)


def frame(name, *rows):
    schema = table(f"silver.{name}").schema
    return pl.LazyFrame([dict.fromkeys(schema) | r for r in rows], schema=schema, orient="row")


PLACES = frame(
    "locations", {"location": "n-1", "zone": "raw"}, {"location": "s-1", "zone": "south"},
    {"location": "s-2", "zone": "raw", "site": "WH-S"}, {"location": "Dock 9", "zone": "in"},
    {"location": "e-1", "zone": "raw", "site": "gone"},
)  # fmt: skip
MATERIALS = frame("materials", {"material": "bar", "kind": "raw", "unit": "m", "standard_cost_cents": 200})
PARTNERS = frame("partners", {"partner": "acme", "kind": "supplier", "name": "Acme", "lead_time_d": 4.0})


def bought(n, day, came=None, qty=10.0, **more):
    line = {"purchase_id": f"po{n}", "supplier": "acme", "material": "bar", "qty": qty, "unit_price_cents": 100,
            "ordered_at": at(day), "status": "open" if came is None else "received"}  # fmt: skip
    return line | ({} if came is None else {"received_at": at(came), "received_qty": qty}) | more


LINES = [
    bought(1, -40, -38), bought(2, -2, qty=7.0), bought(3, -40, -30, site="WH-S"),
    bought(4, -3, qty=50.0, site="south"), bought(5, -1, qty=1.0, site="elsewhere"),
]  # fmt: skip


def moved():
    rows = [
        {
            "move_id": f"m{n}",
            "at": at(-20),
            "material": "bar",
            "from_location": "external",
            "to_location": place,
            "qty": 100.0,
            "unit_cost_cents": 200.0,
            "kind": "receipt",
        }
        for n, place in enumerate(("n-1", "s-1", "s-2"))
    ]
    rows += [
        {
            "move_id": f"x{n}",
            "at": at(-5),
            "material": "bar",
            "from_location": place,
            "to_location": "external",
            "qty": 4.0,
            "unit_cost_cents": 200.0,
            "kind": "issue",
        }
        for n, place in enumerate(("n-1", "s-1"))
    ]
    return ledger(frame("stock_moves", *rows), PLACES, STARTS, TWO)


ENDS = pl.LazyFrame({"site": ["north", "south"], "production_day": [DAY] * 2, "end_at": [at(1, 0)] * 2},
                    schema_overrides={"end_at": pl.Datetime("us", "UTC")})  # fmt: skip


def test_a_location_is_of_the_site_it_or_its_zone_names_or_its_warehouse_stands_for():
    found = dict(placed(PLACES, TWO).select("location", "site").collect().iter_rows())
    assert found == {"n-1": "north", "s-1": "south", "s-2": "south", "Dock 9": "south", "e-1": "north"}
    stock = moved().group_by("site").agg(pl.col("qty").sum()).sort("site").collect()
    assert stock.rows() == [("north", 96.0), ("south", 196.0)]


def test_what_is_on_its_way_and_how_long_it_takes_is_of_each_site():
    orders = [{"order_id": "w1", "product": "bar", "planned_pcs": 5.0, "status": "planned", "site": "WH-S"}]
    stands = lambda made: {  # noqa: E731
        r["site"]: r
        for r in position(moved(), frame("purchase_orders", *LINES), frame("work_orders", *made), PARTNERS, MATERIALS,
                          PLACES, ENDS, TWO).collect().iter_rows(named=True)
    }  # fmt: skip
    plain = stands([])
    assert (plain["north"]["on_hand_qty"], plain["south"]["on_hand_qty"]) == (96.0, 196.0)
    assert (plain["north"]["on_order_qty"], plain["south"]["on_order_qty"]) == (8.0, 50.0)
    assert (plain["north"]["lead_d"], plain["south"]["lead_d"]) == (2.0, 10.0)
    both = stands(orders)
    assert (both["north"]["source"], both["south"]["source"]) == ("buy", "make")


def test_what_customers_order_is_demand_on_the_site_that_delivers():
    asked = [(3.0, 1, None), (5.0, 2, "WH-S"), (1.0, 20, "south")]
    sold = [{"sales_id": f"s{n}", "product": "bar", "qty": qty, "requested_at": at(-day), "status": "open",
             "site": site} for n, (qty, day, site) in enumerate(asked)]  # fmt: skip
    ends = ENDS.select("site", "production_day").collect()
    rows = weekly(moved(), frame("sales_orders", *sold), frame("bills_of_material"), ends, TWO)
    got = {s[0]: part.sort("week")["qty"].to_list() for s, part in rows.partition_by("site", as_dict=True).items()}
    assert got == {"north": [3.0], "south": [5.0, 0.0, 1.0]}


def test_the_daily_alert_of_a_site_counts_its_own_orders_only():
    spans = [(s, d, at((d - DAY).days, 0), at((d - DAY).days + 1, 0)) for s in TWO.names
             for d in [DAY - timedelta(days=n) for n in range(28)]]  # fmt: skip
    instant = pl.Datetime("us", "UTC")
    schema = {"site": pl.String(), "production_day": pl.Date(), "start_at": instant, "end_at": instant}
    bounds = pl.LazyFrame(spans, schema=schema, orient="row")
    assert first_needed(DAY) == DAY - timedelta(days=27)
    rows = inventory(moved(), MATERIALS, frame("purchase_orders", *LINES), PARTNERS, bounds, DAY, TWO).collect()
    points = dict(rows.drop_nulls("reorder_point_qty").select("site", "reorder_point_qty").iter_rows())
    assert points["south"] > points["north"] > 0, "ten days of lead time against two"


def test_plant_toml_refuses_a_warehouse_of_no_site(tmp_path):
    text = '[plant]\nname = "two"\ntimezone = "UTC"\n[[site]]\nname = "north"\n[stock.site_of]\n"WH-S" = "sout"\n'
    (tmp_path / "plant.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"stock.site_of.WH-S(.|\n)*unknown site 'sout'"):
        load(tmp_path / "plant.toml")
