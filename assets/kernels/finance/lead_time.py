"""Where the lead time of an order goes: each microsecond from its release to its end in exactly one bucket.

An order may be on several machines at once, so the buckets have a precedence. In this order, the first that holds:
a machine produces (run); a machine is without signal, it may have produced (unknown); one sets up (setup); one stands
(interrupted); all are in a break or planned stop (planned); they are out of shift (not scheduled). On no machine: the
line of its first operation is out of shift (not scheduled), no operation has begun (queue), or it lies between two
(wait). Release is that of the work order, or the first operation where that is earlier or no release is told. An order
without operations (a system that keeps none) is unknown once it has begun.
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import us

BUCKETS = (
    "run_us",
    "unknown_us",
    "setup_us",
    "interrupted_us",
    "planned_us",
    "not_scheduled_us",
    "queue_us",
    "wait_us",
)
"""In order of precedence; the last holds whenever the order is under way at all."""
_OF = {"production": 0, "unknown": 1, "setup": 2, "delay": 3, "down_no_order": 3, "planned_down": 4, "not_scheduled": 5}
_LINE_OFF, _QUEUE, _WAIT = 5, 6, 7
PLACE = ("site", "area", "line", "machine")
_DAY = ["production_day", "order_id"]


def spans(operations: pl.LazyFrame, work_orders: pl.LazyFrame, machines: pl.DataFrame) -> pl.DataFrame:
    """Orders that were released or begun: order_id, product, begin_us, started_us, end_us (null: open), and more.

    More are released_us, `PLACE` (of the first operation) and placed. They end when the work order says so; else once
    every operation has ended, of an order that is over once those that began have. A cancelled one of which nothing
    began ends with the last that is known of it. An order without operations is at the site if the plant has one only,
    else nobody knows where it is and it is left out.
    """
    orders = work_orders.select(
        "order_id", "status", made="product", released_us=us("released_at"), ended_us=us("ended_at"),
        begun_us=us("started_at"), known=pl.lit(value=True),
    )  # fmt: skip
    both = _first_operations(operations, machines).join(
        orders.collect(engine="in-memory"), on="order_id", how="full", coalesce=True
    )
    sites = machines["site"].unique().to_list()
    here = pl.lit(sites[0] if len(sites) == 1 else None, pl.String)
    end = pl.coalesce("ended_us", pl.when(pl.col("known").is_null()).then("all_ended_us").when(over()).then(_last()))
    told = both.with_columns(
        pl.coalesce("product", "made").alias("product"), pl.coalesce("site", here).alias("site"), end_us=end,
        placed=pl.col("placed").fill_null(value=False),
        started_us=pl.when("placed").then("started_us").otherwise("begun_us"),
    )  # fmt: skip
    begun = told.with_columns(begin_us=pl.min_horizontal("released_us", "started_us"))
    kept = begun.filter(pl.col("begin_us").is_not_null(), pl.col("site").is_not_null())
    return kept.select("order_id", "product", *PLACE, "begin_us", "started_us", "end_us", "released_us", "placed")


def in_plant(operations: pl.LazyFrame, machines: pl.DataFrame) -> pl.LazyFrame:
    """Operations on machines of the plant; of others (outside work, a bench nobody named) no piece is counted here."""
    return operations.join(machines.lazy().select("machine"), on="machine", how="semi")


def over() -> pl.Expr:
    """Whether the status of a work order says that nothing more happens to it."""
    return pl.col("status").is_in(["done", "closed", "cancelled"])


def _last() -> pl.Expr:
    """The end of an order that is over and has no date of it, where something is known; null where it still runs."""
    never = pl.col("started_us").is_null() & (pl.col("status") == "cancelled")
    return pl.coalesce("begun_ended_us", pl.when(never).then(pl.coalesce("begun_us", "released_us")))


def _first_operations(operations: pl.LazyFrame, machines: pl.DataFrame) -> pl.DataFrame:
    """Orders known on some machine: where their first operation is, when it began, and when all had ended."""
    seen = pl.coalesce("started_at", "planned_start_at")
    rows = (
        operations.with_columns(seen_us=us(seen)).collect(engine="in-memory").join(machines.select(PLACE), on="machine")
    )
    first = rows.sort("seen_us", "seq", "machine", nulls_last=True).group_by("order_id", maintain_order=True)
    return first.agg(
        pl.col("product").drop_nulls().first(),
        pl.col(PLACE).first(),
        started_us=us(pl.col("started_at").min()),
        all_ended_us=pl.when(pl.col("ended_at").is_not_null().all()).then(us(pl.col("ended_at").max())),
        begun_ended_us=pl.when((pl.col("started_at").is_null() | pl.col("ended_at").is_not_null()).all()).then(
            us(pl.col("ended_at").max())
        ),
        placed=pl.lit(value=True),
    )


def reach(time: pl.LazyFrame) -> pl.DataFrame:
    """How far the ledger of each site and day reaches: site, production_day, low_us, high_us."""
    found = time.group_by("site", "production_day").agg(low_us=us("start_at").min(), high_us=us("end_at").max())
    return found.collect(engine="in-memory")


def order_rows(time: pl.LazyFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """One row an order and day of the ledger on which it was under way: production_day, order, place and `BUCKETS`.

    `orders`: from `spans`. What the ledger does not hold yet is in no bucket: an open order runs to where it reaches.
    """
    under_way = _under_way(orders, reach(time))
    parts = (_on_machines(time, under_way), _line_off(time, under_way), _queue(under_way), _nowhere(under_way))
    stretches = pl.concat([*parts, _any(under_way)])
    split = _tiled(stretches)
    place = orders.select("order_id", "product", "site", "area", "line")
    return split.join(place, on="order_id").with_columns(pl.lit(None, pl.String).alias("machine"))


def _under_way(orders: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Orders by day, with [from_us, until_us) as far as they lie in it."""
    met = orders.join(days, on="site").with_columns(
        from_us=pl.max_horizontal("begin_us", "low_us"), until_us=pl.min_horizontal("end_us", "high_us")
    )
    return met.filter(pl.col("from_us") < pl.col("until_us"))


def _on_machines(time: pl.LazyFrame, under_way: pl.DataFrame) -> pl.DataFrame:
    rows = time.filter(pl.col("order_id").is_not_null()).select(
        *_DAY,
        start_us=us("start_at"),
        end_us=us("end_at"),
        what=pl.col("account").replace_strict(_OF, return_dtype=pl.Int8),
    )
    return _inside(rows.collect(engine="in-memory"), under_way)


def _line_off(time: pl.LazyFrame, under_way: pl.DataFrame) -> pl.DataFrame:
    """Time out of shift of the machine of the first operation: shifts are those of its line."""
    off = time.filter(pl.col("account") == "not_scheduled").select(
        "production_day", "machine", start_us=us("start_at"), end_us=us("end_at"), what=pl.lit(_LINE_OFF, pl.Int8)
    )
    orders = under_way.select(*_DAY, "machine")
    met = (
        off.collect(engine="in-memory")
        .join(orders, on=["production_day", "machine"])
        .select(*_DAY, "start_us", "end_us", "what")
    )
    return _inside(met, under_way)


def _inside(rows: pl.DataFrame, under_way: pl.DataFrame) -> pl.DataFrame:
    met = rows.join(under_way.select(*_DAY, "from_us", "until_us"), on=_DAY)
    part = met.with_columns(
        start_us=pl.max_horizontal("start_us", "from_us"), end_us=pl.min_horizontal("end_us", "until_us")
    )
    return part.filter(pl.col("start_us") < pl.col("end_us")).select(*_DAY, "start_us", "end_us", "what")


def _queue(under_way: pl.DataFrame) -> pl.DataFrame:
    before = pl.min_horizontal("until_us", "started_us")
    return under_way.filter(before > pl.col("from_us")).select(
        *_DAY, start_us="from_us", end_us=before, what=pl.lit(_QUEUE, pl.Int8)
    )


def _nowhere(under_way: pl.DataFrame) -> pl.DataFrame:
    """A begun order without any operation: nobody says what happened to it."""
    begun = under_way.filter(~pl.col("placed"), pl.col("started_us") < pl.col("until_us"))
    since = pl.max_horizontal("from_us", "started_us")
    return begun.select(*_DAY, start_us=since, end_us="until_us", what=pl.lit(_OF["unknown"], pl.Int8))


def _any(under_way: pl.DataFrame) -> pl.DataFrame:
    return under_way.select(*_DAY, start_us="from_us", end_us="until_us", what=pl.lit(_WAIT, pl.Int8))


def _tiled(stretches: pl.DataFrame) -> pl.DataFrame:
    """Microseconds by order, day and bucket: between two edges the bucket that comes first in precedence."""
    one = [(pl.col("what") == n).cast(pl.Int32) for n in range(len(BUCKETS))]
    begins = stretches.select(*_DAY, *(o.alias(b) for o, b in zip(one, BUCKETS, strict=True)), at_us="start_us")
    ends = stretches.select(*_DAY, *((-o).alias(b) for o, b in zip(one, BUCKETS, strict=True)), at_us="end_us")
    steps = pl.concat([begins, ends]).group_by(*_DAY, "at_us").agg(pl.col(BUCKETS).sum()).sort(*_DAY, "at_us")
    on = steps.with_columns(pl.col(BUCKETS).cum_sum().over(_DAY), length=pl.col("at_us").shift(-1).over(_DAY))
    word: pl.Expr = pl.lit(None, pl.String)
    for bucket in reversed(BUCKETS):
        word = pl.when(pl.col(bucket) > 0).then(pl.lit(bucket)).otherwise(word)
    told = on.select(*_DAY, word=word, length=pl.col("length") - pl.col("at_us")).drop_nulls()
    return told.group_by(_DAY).agg(pl.col("length").filter(pl.col("word") == b).sum().alias(b) for b in BUCKETS)
