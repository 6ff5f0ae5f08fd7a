"""Where, when and by whom lots were made: machines with their intervals, people, stops, inspections, sensors."""

from __future__ import annotations

from datetime import datetime
from functools import reduce

import polars as pl

from assets.kernels.lineage.balance import Given

KEY = ["lot", "machine", "start_at", "end_at"]


def windows(lots: pl.DataFrame, given: Given, now: datetime) -> pl.DataFrame:
    """When each lot can have been on each machine: lot, order_id, machine, operation, seq, start_at, end_at.

    The machines of the lot's order, from the order's registration there until it was taken off or the lot was done,
    whichever is first; an order still on a machine lasts until `now`. Lots of one order share a window: the books do
    not say which piece went where. Lots that begin an order (it consumes from them) last as long as the order.

    Args:
        lots: lot, order_id, created_at.
        given: rows with silver.operations and silver.lot_links.
        now: until when an open registration is looked at.
    """
    steps = given["silver.operations"].select(
        "order_id", "machine", "operation", "seq", "started_at", pl.col("ended_at").fill_null(now)
    )
    used = given["silver.lot_links"].group_by(lot="parent_lot").agg(used_at=pl.col("at").max())
    mine = lots.filter(pl.col("order_id").is_not_null()).join(used, on="lot", how="left")
    rows = mine.join(steps, on="order_id").filter(pl.col("started_at").is_not_null())
    # A lot in work begins with its order and is used up by it: it was on the machines until then.
    early = pl.col("created_at") <= pl.col("started_at").min().over("lot")
    done = pl.when(early).then("ended_at").otherwise(pl.coalesce("created_at", "ended_at"))
    rows = rows.with_columns(start_at="started_at", end_at=pl.min_horizontal("ended_at", done))
    rows = rows.filter(pl.col("end_at") > pl.col("start_at"))
    return rows.select("lot", "order_id", "machine", "operation", "seq", "start_at", "end_at").sort(
        "lot", "seq", "machine"
    )


def making(window: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Windows with what happened in them.

    Adds operators (joined by a comma; null: nobody logged in), production_s, stop_s, unknown_s (time of the order
    there, by the time ledger; null where it has none), downtimes (booked, that touch the window), inspections, failed.
    """
    parts = [
        _time(window, given["silver.time_ledger"]), _people(window, given["silver.attendance"]),
        _booked(window, given["silver.downtimes"]), _inspected(window, given["silver.inspections"]),
    ]  # fmt: skip
    wide = reduce(lambda a, b: a.join(b, on=KEY, how="left"), parts, window)
    return wide.with_columns(pl.col("downtimes", "inspections", "failed").fill_null(0).cast(pl.Int64))


def _overlap(window: pl.DataFrame, spans: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Windows with each span that touches them; `part_us` is the length of what they share."""
    spans = spans.rename({"start_at": "from_at", "end_at": "to_at"})
    both = window.select(*KEY, *([c for c in on if c != "machine"])).join(spans, on=on)
    end, start = (pl.min_horizontal("end_at", pl.col("to_at").fill_null(pl.col("end_at"))),
                  pl.max_horizontal("start_at", "from_at"))  # fmt: skip
    shared = (end - start).dt.total_microseconds()
    return both.with_columns(part_us=shared).filter(pl.col("part_us") > 0)


def _time(window: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    rows = _overlap(
        window, ledger.select("machine", "order_id", "start_at", "end_at", "account"), ["machine", "order_id"]
    )
    us, account = pl.col("part_us"), pl.col("account")
    calm = ["production", "unknown", "planned_down", "not_scheduled"]
    return rows.group_by(KEY).agg(
        production_s=us.filter(account == "production").sum() / 1e6,
        stop_s=us.filter(~account.is_in(calm)).sum() / 1e6,
        unknown_s=us.filter(account == "unknown").sum() / 1e6,
    )


def _people(window: pl.DataFrame, present: pl.DataFrame) -> pl.DataFrame:
    rows = _overlap(window, present.select("machine", "operator", "start_at", "end_at"), ["machine"])
    return rows.group_by(KEY).agg(operators=pl.col("operator").unique().sort().str.join(", "))


def stops(window: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Stops and alarms booked while a lot was on a machine: machine, start_at, end_at, reason, reason_class, lots."""
    said = ["reason", "reason_class"]
    rows = _overlap(window, given["silver.downtimes"].select("machine", "start_at", "end_at", *said), ["machine"])
    touched = rows.group_by("machine", "from_at", "to_at", *said).agg(lots=pl.col("lot").n_unique().cast(pl.Int64))
    return touched.rename({"from_at": "start_at", "to_at": "end_at"}).sort("start_at", "machine")


def _booked(window: pl.DataFrame, downtimes: pl.DataFrame) -> pl.DataFrame:
    rows = _overlap(window, downtimes.select("machine", "start_at", "end_at"), ["machine"])
    return rows.group_by(KEY).agg(downtimes=pl.len())


def _inspected(window: pl.DataFrame, inspections: pl.DataFrame) -> pl.DataFrame:
    rows = window.select(*KEY, "order_id").join(inspections.select("machine", "order_id", "at", "result"),
                                                on=["machine", "order_id"])  # fmt: skip
    # The result is written down a few minutes after the piece: those of the window and of the five minutes after it.
    late = pl.col("end_at") + pl.duration(minutes=5)
    rows = rows.filter(pl.col("at") >= pl.col("start_at"), pl.col("at") < late)
    return rows.group_by(KEY).agg(inspections=pl.len(), failed=(pl.col("result") == "fail").sum())


def signals(window: pl.DataFrame, given: Given) -> pl.DataFrame:
    """What sensors read while a lot was on a machine.

    lot, machine, start_at, end_at, tag, samples, least, mean, most (of good values, in the tag's unit), bad_samples.
    The mean is over samples, not over time.
    """
    readings = given["silver.readings"].filter(pl.col("role") != "alarm")
    readings = readings.select("machine", "tag", "at", "value", "quality")
    rows = window.select(KEY).join(readings, on="machine").filter(
        pl.col("at") >= pl.col("start_at"), pl.col("at") < pl.col("end_at")
    )  # fmt: skip
    good = pl.col("value").filter(pl.col("quality") == "good")
    return rows.group_by(*KEY, "tag").agg(
        samples=pl.len().cast(pl.Int64), least=good.min(), mean=good.mean(), most=good.max(),
        bad_samples=(pl.col("quality") != "good").sum().cast(pl.Int64),
    ).sort("lot", "machine", "tag")  # fmt: skip


def alarms(window: pl.DataFrame, given: Given) -> pl.DataFrame:
    """Alarms a machine raised while a lot was on it: machine, tag, at, code, lots (how many). Code 0 is no alarm."""
    raised = given["silver.readings"].filter(pl.col("role") == "alarm", pl.col("value") != 0)
    rows = window.select(KEY).join(raised.select("machine", "tag", "at", code="value"), on="machine")
    rows = rows.filter(pl.col("at") >= pl.col("start_at"), pl.col("at") < pl.col("end_at"))
    touched = rows.group_by("machine", "tag", "at", "code").agg(lots=pl.col("lot").n_unique().cast(pl.Int64))
    return touched.sort("at", "machine")
