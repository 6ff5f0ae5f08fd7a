"""Orders that only reports name: a routing that comes later changes the days they were reported on."""

from datetime import timedelta

import polars as pl
from late_plant import START, TOML, Floor, content, plant_of, rebuilt, stages, toml

from plant.tables import table
from warehouse.lake import Lake

SOURCE = """
[[source]]
name = "book"
kind = "files"
path = "drop"
content = "reports"
states = "codes"
columns = { machine = "m", start_at = "from", end_at = "to", report = "what", order_id = "order" }
"""


def reported(root, order, pieces):
    """A report row: an hour of production on m-1 for an order."""
    end = START + timedelta(hours=1)
    row = {"date": end.date(), "machine": "m-1", "start_at": START, "end_at": end, "report": "1", "state": "producing",
           "order_id": order, "product": "part", "operation": "cut", "good_pcs": pieces, "scrap_pcs": 0,
           "rework_pcs": 0, "received_at": end, "source": "book", "segment": "file-1", "seq": 1}  # fmt: skip
    schema = table("bronze.reports").schema
    frame = pl.DataFrame([dict.fromkeys(schema) | row], schema=schema, orient="row")
    Lake(root).append_once("bronze.reports", frame, "test:file-1", 0)


def test_a_routing_of_an_order_only_reported_changes_its_day(tmp_path):
    root, plant = tmp_path / "root", plant_of(tmp_path, toml().replace(TOML, TOML + SOURCE))
    floor = Floor(root)
    floor.usual_days(1)
    reported(root, "wo-1", 40)
    stages(plant, root)
    assert routed(root) == 0
    floor.order("wo-1", "m-1", None, None)  # planned in the MES, never started there
    stages(plant, root)
    assert routed(root) == 60  # the machine has a counter: the report says whose pieces they are
    ours, theirs = content(root), rebuilt(plant, root, tmp_path / "fresh")
    assert not [n for n in ours if not ours[n].equals(theirs[n])]
    assert not stages(plant, root)


def routed(root):
    """Pieces of orders with a routing."""
    sums = Lake(root).scan("gold.kpi_sums").filter(pl.col("order_id") == "wo-1").collect()
    return sums["routed_pcs"].sum()
