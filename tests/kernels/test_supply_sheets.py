"""A file for a partner holds its own lines and nothing else; nothing in it runs as a formula or as HTML."""

from __future__ import annotations

import csv
import io
import zipfile

import polars as pl
import pytest
from supply_rows import ZONE, at, bought, came, clock, frame, sold

from assets.kernels.supply import sheets
from assets.kernels.supply.lines import supply_lines
from assets.kernels.supply.performance import orders
from plant.errors import PlantError
from plant.supply import Supply

ARMED = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "|calc", "%0", "\n=1"]


def made(purchases, sales=(), deliveries=(), who="acme", direction="inbound"):
    parts = (
        frame("purchase_orders", purchases),
        frame("sales_orders", list(sales)),
        frame("deliveries", list(deliveries)),
    )
    lines = supply_lines(*parts, Supply(), ZONE, "EUR").collect()
    return sheets.shared(lines, orders(lines.lazy()).collect(), direction, who, ZONE, "EUR")


BOOKS = [
    bought("a", status="received"), bought("b", requested_at=at(40)),
    bought("rival-1", supplier="rival", unit_price_cents=77_777, order_id="rival-order"), clock(20),
]  # fmt: skip


def test_only_own_lines_and_named_columns():
    own = made(BOOKS, [sold("s", customer="secret-customer")], [came("a", 10, 5), came("rival-1", 10, 5)])
    assert set(own["lines"]["line"]) == {"a", "b"}
    assert tuple(own["lines"].columns) == sheets.LINES
    assert tuple(own["summary"].columns) == sheets.SUMMARY
    for text in (sheets.csv_text(own), sheets.html_page(own, "t"), str(own["summary"].to_dicts())):
        assert not any(x in text for x in ("rival", "777.77", "secret-customer", "clock"))
    assert own["lines"]["currency"].unique().to_list() == ["EUR"]
    month = own["summary"].row(by_predicate=(pl.col("basis") == "requested"), named=True)
    assert (month["month"], month["due"], month["otif"], month["otif_share"], month["orders"]) == (
        "2026-03",
        1,
        1,
        1.0,
        1,
    )


def test_a_partner_of_that_name_on_the_other_side_is_another():
    """A customer who is a supplier as well sees what it bought, not what it sold."""
    both = [sold("s", customer="acme")]
    assert set(made(BOOKS, both, direction="outbound")["lines"]["line"]) == {"s"}
    assert set(made(BOOKS, both)["lines"]["line"]) == {"a", "b"}


@pytest.mark.parametrize("text", ARMED, ids=repr)
def test_formulas_are_disarmed_everywhere(text):
    own = made([bought("a", material=text, order_id=text, status="received"), clock(20)])
    row = next(csv.DictReader(io.StringIO(sheets.csv_text(own), newline="")))
    assert row["material"] == row["order_id"] == "'" + text
    book = zipfile.ZipFile(io.BytesIO(sheets.workbook(own)))
    inside = "".join(book.read(n).decode() for n in book.namelist() if n.startswith("xl/worksheets"))
    assert "<f>" not in inside
    assert "hyperlink" not in inside


@pytest.mark.parametrize("text", ["bolt-1", "M8 = 20", "a@b", "5%", "", "'quoted'"])
def test_harmless_texts_stay_as_they_are(text):
    assert sheets.safe(pl.DataFrame({"x": [text, None], "n": [-1, 2]})).to_dict(as_series=False) == {
        "x": [text, None],
        "n": [-1, 2],
    }


def test_html_is_escaped():
    page = sheets.html_page(made([bought("a", material="<script>alert(1)</script>"), clock(20)]), "<b>t</b>")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;t" in page
    assert "http" not in page


def test_nobody_is_sent_an_empty_file():
    with pytest.raises(PlantError, match="nobody has no order line"):
        made(BOOKS, who="nobody")
