"""Mass balance of lots: what was made or received against what became of it; what does not close is a finding.

Three books are held against each other: the lot's own record (silver.lots), the genealogy (silver.lot_links) and the
stock ledger. Each side of the balance comes from another one, so that it can fail.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from plant.units import factor

Given = Mapping[str, pl.DataFrame]
"""Rows by table name, in the columns of their contract."""
SCRAP_ZONE = "scrap"
TOLERANCE = 1e-6
"""Share of the quantity made that may be missing before it is a finding: rounding of floats, nothing else."""
BOOKED = {"consumed": "issue", "shipped": "shipment"}
ENTRY = ("receipt", "production")
SCHEMA: dict[str, pl.DataType] = {
    "lot": pl.String(), "material": pl.String(), "unit": pl.String(), "made_qty": pl.Float64(),
    "adjusted_qty": pl.Float64(), "consumed_qty": pl.Float64(), "shipped_qty": pl.Float64(),
    "scrapped_qty": pl.Float64(), "on_hand_qty": pl.Float64(), "difference_qty": pl.Float64(),
    "closes": pl.Boolean(),
}  # fmt: skip
FINDINGS: dict[str, pl.DataType] = {"finding": pl.String(), "lot": pl.String(), "message": pl.String()}


def balance(lots: pl.DataFrame, given: Given) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The balance of each lot of a frame with column `lot`, and findings.

    made + adjusted = consumed + shipped + scrapped + on hand + difference, in the unit of the lot's material.
    made is from silver.lots, consumed from silver.lot_links, the others from silver.stock_ledger. A column is null
    where its book knows nothing of the lot, and the difference then, too. Scrapped is what lies in locations of zone
    'scrap' or left the plant as scrap. An adjustment with which a lot begins in the ledger is its opening, not a
    correction.

    Returns:
        One row a lot (`SCHEMA`), and one row a finding (`FINDINGS`): not_in_lots, no_stock_record, unit, made_differs,
        consumed_differs, negative_stock, difference.
    """
    known = _known(lots, given)
    both = known.join(_consumed(known, given), on="lot", how="left").join(_booked(given), on="lot", how="left")
    has = pl.col("entered_qty").is_not_null()
    consumed = pl.when(pl.col("links").fill_null(0) == 0).then(0.0).otherwise("consumed_qty")
    both = both.with_columns(consumed_qty=consumed)
    left = pl.col("made_qty") + pl.col("adjusted_qty") - pl.col("consumed_qty") - pl.col("shipped_qty")
    both = both.with_columns(difference_qty=left - pl.col("scrapped_qty") - pl.col("on_hand_qty"), booked=has)
    off = _off("difference_qty")
    both = both.with_columns(closes=pl.when(pl.col("difference_qty").is_not_null()).then(~off)).sort("lot")
    return both.select(pl.col(c).cast(t) for c, t in SCHEMA.items()), _findings(both)


def _known(lots: pl.DataFrame, given: Given) -> pl.DataFrame:
    rows = given["silver.lots"].select("lot", "material", made_qty="qty")
    units = given["silver.materials"].select("material", "unit")
    known = lots.select(pl.col("lot").unique()).join(rows, on="lot", how="left")
    moved = given["silver.stock_ledger"].group_by("lot").agg(moved_material=pl.col("material").first())
    known = known.join(moved, on="lot", how="left").with_columns(pl.coalesce("material", "moved_material"))
    return known.join(units, on="material", how="left")


def consumptions(given: Given) -> pl.DataFrame:
    """silver.lot_links with `own_unit`, that of the parent's material, and the quantity in it.

    `own_qty` is null where the link's unit does not convert.
    """
    own = given["silver.lots"].select("lot", "material").join(
        given["silver.materials"].select("material", own_unit="unit"), on="material", how="left"
    )  # fmt: skip
    links = given["silver.lot_links"].join(
        own.select("lot", "own_unit"), left_on="parent_lot", right_on="lot", how="left"
    )
    pairs = links.select("unit", "own_unit").unique()
    scale = [1.0 if a is None else factor(a, b) for a, b in pairs.iter_rows()]
    scaled = pairs.with_columns(pl.Series("scale", scale, dtype=pl.Float64))
    links = links.join(scaled, on=["unit", "own_unit"], how="left", nulls_equal=True)
    return links.with_columns(own_qty=pl.col("qty") * pl.col("scale")).drop("scale")


def _consumed(known: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Consumed by links, null where one of them does not convert."""
    mine = consumptions(given).filter(pl.col("parent_lot").is_in(known["lot"].implode()))
    whole = pl.when(pl.col("own_qty").is_not_null().all()).then(pl.col("own_qty").sum())
    odd = pl.struct("unit", "own_unit").filter(pl.col("own_qty").is_null()).first()
    return mine.group_by(lot="parent_lot").agg(consumed_qty=whole, links=pl.len(), odd=odd)


def _booked(given: Given) -> pl.DataFrame:
    """The stock ledger by lot: entered, adjusted, issued, shipped, scrapped, on hand."""
    zones = given["silver.locations"].select("location", scrap=pl.col("zone") == SCRAP_ZONE)
    rows = given["silver.stock_ledger"].filter(pl.col("lot").is_not_null()).join(zones, on="location", how="left")
    rows = rows.with_columns(pl.col("scrap").fill_null(value=False))
    opening = (pl.col("kind") == "adjustment") & (pl.col("at") == pl.col("at").min().over("lot"))
    rows = rows.with_columns(entry=pl.col("kind").is_in(ENTRY) | opening)
    qty, scrap = pl.col("qty"), pl.col("scrap")
    known = pl.col("kind").is_in([*ENTRY, *BOOKED.values(), "scrap", "transfer"]) | pl.col("entry")
    return rows.group_by("lot").agg(
        entered_qty=qty.filter("entry").sum(),
        adjusted_qty=qty.filter(~known).sum(),
        issued_qty=-qty.filter(pl.col("kind") == BOOKED["consumed"]).sum(),
        shipped_qty=-qty.filter(pl.col("kind") == BOOKED["shipped"]).sum(),
        scrapped_qty=qty.filter("scrap").sum() - qty.filter(pl.col("kind") == "scrap").sum(),
        on_hand_qty=qty.filter(~scrap).sum(),
    )


def _off(column: str) -> pl.Expr:
    room = TOLERANCE * pl.max_horizontal(pl.lit(1.0), pl.col("made_qty").abs())
    return (pl.col(column).abs() > room).fill_null(value=False)


def _findings(both: pl.DataFrame) -> pl.DataFrame:
    """What is wrong, in words with figures."""
    unit = pl.col("unit").fill_null("")
    said: list[tuple[str, pl.Expr, pl.Expr]] = [
        ("not_in_lots", pl.col("made_qty").is_null(),
         pl.lit("links or stock name it, silver.lots does not: what was made is not known")),
        ("no_stock_record", ~pl.col("booked"), pl.lit("the stock ledger has no posting of it")),
        ("unit", pl.col("odd").is_not_null(), pl.format(
            "consumed in {}, kept in {}: these do not convert, quantities beyond it are not known",
            pl.col("odd").struct.field("unit").fill_null("no unit"),
            pl.col("odd").struct.field("own_unit").fill_null("no unit"))),
        ("made_differs", _off_between("made_qty", "entered_qty"), pl.format(
            "{} {} made, {} entered in the stock ledger", "made_qty", unit, "entered_qty")),
        ("consumed_differs", _off_between("consumed_qty", "issued_qty"), pl.format(
            "{} {} linked to lots, {} issued from stock: the genealogy may be incomplete",
            "consumed_qty", unit, "issued_qty")),
        ("negative_stock", pl.col("on_hand_qty") < -TOLERANCE, pl.format("{} {} on hand", "on_hand_qty", unit)),
        ("difference", _off("difference_qty"), pl.format(
            "{} {} of {} are not accounted for", "difference_qty", unit, "made_qty")),
    ]  # fmt: skip
    found = [
        both.filter(when.fill_null(value=False)).select(finding=pl.lit(word), lot="lot", message=message)
        for word, when, message in said
    ]
    return pl.concat(found).select(pl.col(c).cast(t) for c, t in FINDINGS.items()).sort("lot", "finding")


def _off_between(a: str, b: str) -> pl.Expr:
    room = TOLERANCE * pl.max_horizontal(pl.lit(1.0), pl.col("made_qty").abs())
    return (pl.col(a) - pl.col(b)).abs() > room
