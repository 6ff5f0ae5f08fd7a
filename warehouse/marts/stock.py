"""Questions about stock as it stands: what to do, classes, age, space, layout, and what the ledger is held to.

As in `warehouse.marts`: one .sql file a question, `None` for all sites. Money is in currency units.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from warehouse.marts import Con, run


def replenishment(con: Con, *, site: str | None = None) -> pl.DataFrame:
    """gold.replenishment with description, what is most urgent first."""
    return run(con, "replenishment", site=site)


def stock_classes(con: Con, *, site: str | None = None) -> pl.DataFrame:
    """abc, xyz (null: no class), materials, demand_value, on_hand_value, excess_value, dead_value, names."""
    return run(con, "stock_classes", site=site)


def stock_ageing(con: Con, *, site: str | None = None) -> pl.DataFrame:
    """from_d, bucket, kind, value, materials, oldest_at: one row an age bucket and kind of material."""
    return run(con, "stock_ageing", site=site)


def space_use(con: Con, *, first: date, last: date, site: str | None = None) -> pl.DataFrame:
    """production_day, zone, used, capacity, share (null: a capacity is not known), locations, materials."""
    return run(con, "space_use", first=first, last=last, site=site)


def slotting(con: Con, *, site: str | None = None) -> pl.DataFrame:
    """gold.slotting with all_now_m_week, all_saved_m_week, all_move_m: the sums over all rows."""
    return run(con, "slotting", site=site)


def stock_differences(con: Con, *, site: str | None = None) -> pl.DataFrame:
    """gold.stock_differences, findings first."""
    return run(con, "stock_differences", site=site)
