"""How far the data reach: a production day ends at the site's latest source time, never at the clock.

The latest source time is taken from the run's own days; where later data exist the days are whole. So a
day has the same end whether it is built alone or in any range.
"""

from __future__ import annotations

import polars as pl


def latest(
    reports: pl.LazyFrame, bronze: pl.LazyFrame, machines: pl.DataFrame, tags: pl.DataFrame, bounds: pl.DataFrame
) -> pl.LazyFrame:
    """Latest source time of each site: site, latest_at (UTC); sites without data are left out.

    A retracted sample counts: its value does not hold, but the site was heard. `reports` is bronze.reports, `bronze`
    bronze.readings, whole and lazy: of the time after the last day only one row per site is looked for.
    """
    seen = _within(bronze, tags, bounds)
    told = reports.join(machines.lazy().select("machine", "site"), on="machine").select("site", latest_at="end_at")
    later = [_after(bronze, tags, site, end) for site, end in _ends(bounds).iter_rows()]
    return pl.concat([seen, told, *later]).group_by("site").agg(pl.col("latest_at").max())


def _within(bronze: pl.LazyFrame, tags: pl.DataFrame, bounds: pl.DataFrame) -> pl.LazyFrame:
    first, last = bounds.select(pl.col("start_at").min(), pl.col("end_at").max()).row(0)
    dated = bronze.filter(pl.col("date").is_between(first.date(), last.date()), pl.col("ts") < pl.lit(last))
    newest = dated.group_by("tag").agg(latest_at=pl.col("ts").max())
    return newest.join(tags.lazy().select("tag", "site"), on="tag").select("site", "latest_at")


def _ends(bounds: pl.DataFrame) -> pl.DataFrame:
    return bounds.group_by("site", maintain_order=True).agg(pl.col("end_at").max())


def _after(bronze: pl.LazyFrame, tags: pl.DataFrame, site: str, end: object) -> pl.LazyFrame:
    own = tags.filter(pl.col("site") == site)["tag"].to_list()
    edge = pl.lit(end)
    rows = bronze.filter(pl.col("date") >= edge.dt.date(), pl.col("ts") >= edge, pl.col("tag").is_in(own))
    return rows.select(site=pl.lit(site), latest_at="ts").head(1)


def reach(bounds: pl.DataFrame, latest_at: pl.LazyFrame) -> pl.LazyFrame:
    """Days as far as the data go: `plant.calendar.bounds` with end_at capped by what `latest` gives.

    Days that begin later, and sites without data, are left out.
    """
    end = pl.min_horizontal("end_at", "latest_at")
    capped = bounds.lazy().join(latest_at, on="site").with_columns(end_at=end)
    return capped.filter(pl.col("start_at") < pl.col("end_at")).drop("latest_at")
