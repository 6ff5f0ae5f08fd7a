"""gold.lot_trace: a trace in plain SQL, for analysts with nothing but the published file.

It reads all links at every step: seconds at ten million links, where `lot_index` takes milliseconds. It knows no
quantities; `shopfloor recall` does.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from warehouse.snapshot import literal

NAME = "gold.lot_trace"
WORDS = (
    "Every lot made of a lot (direction_ := 'forward') or every lot that went into it ('back'), itself included, with "
    "the fewest steps to it. Safe on circular links. No rows for an unknown lot. Reads all links at every step: for "
    "quantities, mass balance and large plants use `shopfloor recall`."
)
# USING KEY keeps one row a lot, and the anti-join ends the walk where only lots are met that it has been at.
SQL = """
WITH RECURSIVE links AS (
    SELECT CASE direction_ WHEN 'forward' THEN parent_lot WHEN 'back' THEN child_lot
            ELSE error('direction is ' || direction_ || '; valid are forward, back') END AS here,
        CASE direction_ WHEN 'forward' THEN child_lot ELSE parent_lot END AS there
    FROM silver.lot_links
), walk(lot, steps) USING KEY (lot) AS (
    SELECT lot_::VARCHAR, 0
    WHERE lot_ IN (SELECT lot FROM silver.lots) OR lot_ IN (SELECT here FROM links) OR lot_ IN (SELECT there FROM links)
    UNION
    SELECT DISTINCT there, steps + 1 FROM walk JOIN links ON here = walk.lot
    WHERE there NOT IN (SELECT met.lot FROM recurring.walk met)
)
SELECT walk.lot, steps, material, qty AS made_qty, created_at, order_id, supplier
FROM walk LEFT JOIN silver.lots USING (lot) ORDER BY steps, walk.lot"""


def create_lot_trace(con: duckdb.DuckDBPyConnection) -> None:
    """Create or replace the macro on a connection that shows silver.lot_links and silver.lots."""
    con.execute(f"CREATE OR REPLACE MACRO {NAME}(lot_, direction_ := 'forward') AS TABLE {SQL}")


def comment_lot_trace() -> Iterator[str]:
    """COMMENT statement of the macro."""
    yield f"COMMENT ON MACRO TABLE {NAME} IS {literal(WORDS)}"
