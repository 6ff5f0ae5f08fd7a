"""silver.count_ledger: pieces booked when they were counted, with the ideal time they stand for.

Counters are cumulative; what a reading adds, and what it means when it does not simply rise, is in
`counting.judgement` (and docs/counters.md). The first reading ever is the base and adds nothing; a bad one is
passed over, the next one catches up.

A piece counted at t belongs to the shift, hour and day that contain t (half-open), and to the order and the
operator just before t, within the same shift: an order that ends exactly at t keeps its last piece. Only where
no order was on before t it belongs to the one that begins at t. A report's pieces were made inside its interval,
so they are booked just before its end. Pieces whose step spans unknown time of the machine are booked like all
others and told again as `gap_pcs`: they are sure, when they were made is not.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from assets.kernels.axis import INSTANT, Axis, indexed, us
from assets.kernels.cells import WORK, DayAxis, cells, stretches, work_runs
from assets.kernels.counting.booking import in_cells, numbered, on_axis, on_work, over_gaps
from assets.kernels.counting.steps import COUNTS, KINDS, READ, in_order, steps
from plant.states import Account
from plant.tables import table

MADE = tuple(f"{kind}_pcs" for kind in KINDS)
PIECES = (*MADE, "quarantined_pcs", "gap_pcs")
STEPPED: dict[str, pl.DataType] = {
    "key": pl.Int64(), "since_key": pl.Int64(), "kind": pl.Int64(), "made": pl.Int64(), "quarantined_pcs": pl.Int64(),
}  # fmt: skip
PACK = 2**31
"""Cell and work in one integer: cell * PACK + work."""


def count_ledger(
    readings: pl.LazyFrame,
    time_ledger: pl.LazyFrame,
    segments: pl.DataFrame,
    ideal: pl.DataFrame,
    machines: pl.DataFrame,
    tags: pl.DataFrame,
    reports: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Pieces of a range of production days by machine, hour, shift, order and operator.

    Args:
        readings: silver.readings of the range.
        time_ledger: silver.time_ledger of the range.
        segments: `plant.calendar.segments` of the range.
        ideal: `plant.dimensions.ideal_frame`.
        machines: `plant.dimensions.machines_frame`.
        tags: `plant.dimensions.tags_frame`, for the counters' limits.
        reports: bronze.reports that end in the range, or None. Their pieces count for machines without a
            counter; a machine that counts itself is not counted twice.

    Returns silver.count_ledger. `ideal_us` is null where the product has no ideal cycle on the machine that
    day. Operation: of the order, else the machine's usual one. Operator: of a report, else of the time ledger.
    """
    named = indexed(machines, "machine")
    counters = _counters(named, tags)
    usual = named.lazy().select("machine", machine_index="index", usual=pl.col("operation").cast(pl.String))
    runs = _with_usual(work_runs(time_ledger).lazy().join(usual, on="machine"))
    idle = _with_usual(usual.with_columns(pl.lit(None, pl.String).alias(name) for name in WORK))
    axis, days = Axis.over(segments, counters.height), DayAxis.over(segments, counters.height * 2)
    at = partial(axis.key, "index")  # reports do not know their production day yet
    told = table("bronze.reports").empty().lazy() if reports is None else reports
    told = _reported(told, counters, axis).join(usual, on="machine", maintain_order="left")
    told = _once(_by_whom(_with_usual(told), on_axis(runs, counters, at)))
    works = _once(_works(runs, idle, told))
    places = cells(named, segments)
    idle_work = numbered(idle, works).select("machine_index", idle_work="work")
    calendar = stretches(places, segments).lazy().join(idle_work, on="machine_index")
    counted = in_cells(_counted(readings, counters, days), on_axis(calendar, counters, days.key))
    counted = on_work(counted, on_axis(numbered(runs, works), counters, days.key))
    counted = over_gaps(counted, on_axis(_unknown(time_ledger, usual), counters, days.key))
    reported = numbered(in_cells(told, on_axis(calendar, counters, at)), works)
    return _named(_summed(counted, reported), works, places, named, ideal)


def _once(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows worked out here, for several uses: polars may work a cache out again for each filter above it."""
    return rows.collect(engine="in-memory").lazy()


def _counters(named: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """What counts, in order: the counter tags of each machine, or the machine itself (tag null) without one.

    The columns of `tags` with index, machine_index, kind (position in KINDS).
    """
    own = tags.filter(pl.col("role").is_in(COUNTS)).drop("site")
    all_of = named.select("machine", machine_index="index").join(own, on="machine", how="left")
    kind = pl.col("role").replace_strict(dict(zip(COUNTS, range(len(COUNTS)), strict=True)), return_dtype=pl.Int64)
    return indexed(all_of.with_columns(kind=kind), "machine", "tag")


def _with_usual(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Name the machine's usual operation (`usual`) where none is."""
    return rows.with_columns(operation=pl.coalesce("operation", "usual")).drop("usual")


def _works(*rows: pl.LazyFrame) -> pl.LazyFrame:
    """Every work there is, in order, numbered as `work`."""
    named = pl.concat([r.select(WORK) for r in rows]).unique().sort(WORK)
    return named.with_row_index("work").with_columns(pl.col("work").cast(pl.Int64))


def _counted(readings: pl.LazyFrame, counters: pl.DataFrame, days: DayAxis) -> pl.LazyFrame:
    """One row per step that says something, sorted by key: the columns of STEPPED."""
    rows = readings.filter(pl.col("role").is_in(COUNTS), pl.col("value").is_not_null()).select(READ)
    return rows.map_batches(partial(_stepped, counters=counters, days=days), schema=STEPPED)


def _stepped(rows: pl.DataFrame, counters: pl.DataFrame, days: DayAxis) -> pl.DataFrame:
    series = in_order(rows, counters, days)
    told = steps(series, counters).filter((pl.col("step") > 0) | (pl.col("held") > 0))
    return told.select(
        key=days.key("at"),
        since_key=days.key(pl.col("since_us").cast(INSTANT)),
        kind=counters["kind"].gather(told["index"]),
        made=pl.col("step").cast(pl.Int64),
        quarantined_pcs=pl.col("held").cast(pl.Int64),
    )


def _reported(reports: pl.LazyFrame, counters: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """Pieces of reports just before their end, for machines without a counter, sorted by key."""
    places = counters.lazy().filter(pl.col("tag").is_null()).select("machine", "index")
    ended = us("end_at") - (pl.col("end_at") > pl.col("start_at")).cast(pl.Int64)
    rows = reports.filter(pl.sum_horizontal(MADE) > 0).join(places, on="machine")
    return rows.select("machine", *MADE, *WORK, key=axis.key("index", ended)).sort("key")


def _by_whom(told: pl.LazyFrame, runs: pl.LazyFrame) -> pl.LazyFrame:
    """Name the operator of the time ledger where the report names none."""
    then = runs.select("from_key", "until_key", present="operator")
    found = told.join_asof(then, left_on="key", right_on="from_key", strategy="backward")
    present = pl.when(pl.col("key") < pl.col("until_key")).then("present")
    return found.with_columns(operator=pl.coalesce("operator", present)).drop("present", "from_key", "until_key")


def _unknown(time_ledger: pl.LazyFrame, machines: pl.LazyFrame) -> pl.LazyFrame:
    """Time without a trustworthy signal: machine_index, production_day, start_at, end_at."""
    silent = time_ledger.filter(pl.col("account") == Account.UNKNOWN.value)
    silent = silent.select("machine", "production_day", "start_at", "end_at")
    return silent.join(machines.select("machine", "machine_index"), on="machine").drop("machine")


def _summed(counted: pl.LazyFrame, reported: pl.LazyFrame) -> pl.LazyFrame:
    """Pieces by cell and work: pack, PIECES."""
    kinds = {f"{name}_pcs": pl.when(pl.col("kind") == n).then("made").otherwise(0) for n, name in enumerate(KINDS)}
    gap = pl.when("gap").then("made").otherwise(0)
    pack = pl.col("cell") * PACK
    signalled = counted.select(
        "quarantined_pcs", **kinds, gap_pcs=gap, pack=pack + pl.coalesce("work", "idle_work")
    ).select("pack", *PIECES)
    nothing = pl.lit(0, pl.Int64)
    told = reported.select(*MADE, quarantined_pcs=nothing, gap_pcs=nothing, pack=pack + pl.col("work"))
    together = {"pack": pl.Int64(), **dict.fromkeys(PIECES, pl.Int64())}
    rows = pl.concat([signalled, told.select("pack", *PIECES)]).map_batches(_together, schema=together)
    return rows.group_by("pack").agg(pl.col(PIECES).sum())


def _together(rows: pl.DataFrame) -> pl.DataFrame:
    """Neighbours of one `pack` summed: a counter's pieces of one hour and work follow each other."""
    first = rows.select((pl.col("pack") != pl.col("pack").shift()).fill_null(value=True)).to_series().arg_true()
    if first.is_empty():
        return rows
    sums = {name: np.add.reduceat(rows[name].to_numpy(), first.to_numpy()) for name in PIECES}
    return pl.DataFrame({"pack": rows["pack"].gather(first), **sums})


def _named(
    summed: pl.LazyFrame, works: pl.LazyFrame, places: pl.DataFrame, named: pl.DataFrame, ideal: pl.DataFrame
) -> pl.LazyFrame:
    """Put the names back, in the order of machine, hour, shift and work, and add the ideal time."""
    keyed = summed.sort("pack").with_columns(cell=pl.col("pack") // PACK, work=pl.col("pack") % PACK)
    place = named.lazy().select("site", "area", "line", "machine", machine_index="index")
    rows = keyed.join(places.lazy().drop("line"), on="cell", maintain_order="left").join(
        works, on="work", maintain_order="left"
    )
    timed = _timed(rows.join(place, on="machine_index", maintain_order="left"), ideal)
    made = pl.sum_horizontal(MADE)
    told = timed.with_columns(ideal_us=made * pl.col("cycle_us"), gap_ideal_us=pl.col("gap_pcs") * pl.col("cycle_us"))
    return told.select(table("silver.count_ledger").schema.keys())


def _timed(rows: pl.LazyFrame, ideal: pl.DataFrame) -> pl.LazyFrame:
    """Add the ideal time per piece (`cycle_us`) that is valid on the row's production day."""
    on = ["machine", "product", "production_day"]
    latest = ideal.lazy().rename({"ideal_us": "cycle_us"}).sort("valid_from")
    made = rows.select(on).unique().join(latest, on=["machine", "product"])
    valid = made.filter(pl.col("valid_from") <= pl.col("production_day")).sort("valid_from")
    return rows.join(valid.group_by(on).agg(pl.col("cycle_us").last()), on=on, how="left", maintain_order="left")
