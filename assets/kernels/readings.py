"""silver.readings: clean samples by role, each production day opening with what was true when it began.

Nothing is dropped but exact repetitions: a sample that breaks its tag's contract stays with a reason code.

| flag | meaning | value | quality |
|---|---|---|---|
| not_finite | NaN or infinite | null | bad |
| no_value | Good status without a value | null | bad |
| not_a_number | text where the role needs a number | null | bad |
| negative | a cumulative counter below zero | null | bad |
| unknown_state | code the tag's mapping does not hold | kept | as delivered; text 'unknown' |
| out_of_range | outside the tag's range | kept | uncertain |
| jump | counter rose faster than is physically possible | kept | uncertain; the pieces are not booked |
"""

from __future__ import annotations

import polars as pl

from assets.kernels.axis import INSTANT, Axis, indexed, us
from assets.kernels.counters import CUMULATIVE, steps
from plant.states import STATE_WORDS, State
from plant.tables import table

NEEDS = ("ts", "tag", "value", "text", "status", "received_at", "source", "segment", "seq", "date")
NUMERIC = (*CUMULATIVE, "power", "temperature", "vibration", "pressure", "flow", "speed")
BEFORE = -1
"""Day number of what lies outside the range."""


def clean(
    bronze: pl.LazyFrame, tags: pl.DataFrame, states: pl.DataFrame, opening: pl.DataFrame, bounds: pl.DataFrame
) -> pl.LazyFrame:
    """Clean samples of a range of production days, with one opening row per tag and day.

    Args:
        bronze: bronze.readings, whole and lazy; pruned here by UTC date.
        tags: `plant.dimensions.tags_frame`. Tags that are no longer in plant.toml are left out.
        states: `plant.dimensions.states_frame`.
        opening: what `closing` gives for the day before the first one; may be empty.
        bounds: `plant.calendar.bounds`: site, production_day, start_at, end_at; days of a site follow each other.

    Returns silver.readings, sorted by tag, at. Of equal (tag, ts) the fact that was received last wins
    (segment, seq break ties); a fact delivered again counts as of its first delivery. A tag never seen has no
    opening row; a counter's opening row is its last trusted value.
    """
    axis = Axis.over(bounds, tags.height)
    named = indexed(tags, "machine", "tag")
    samples = _graded(_unique(_samples(bronze, named, bounds, axis)))
    prior, is_state = _prior(opening, named, axis), pl.col("role") == "state"
    words = _words(samples.filter(is_state), prior.filter(is_state), named, states)
    plain = [frame.filter(~is_state) for frame in (prior, samples)]
    rows = pl.concat([_markers(named, bounds, axis), *plain, words], how="diagonal")
    rows = rows.sort("key", maintain_order=True).with_columns(pl.col("day").forward_fill()).with_row_index("row")
    inside = pl.concat(
        [_opened(rows, axis), rows.filter(pl.col("day") >= 0, pl.col("at").is_not_null())], how="diagonal"
    )
    return _finished(inside, named, bounds)


def closing(day: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of one day of silver.readings that the next day opens with: the last per tag.

    Of a cumulative tag it is the last with a value: a bad sample at midnight must not lose the base.
    """
    useful = day.filter(pl.col("value").is_not_null() | ~pl.col("role").is_in(CUMULATIVE))
    order = ["tag", "at", pl.col("opening").not_()]
    return useful.sort(order).group_by("tag", maintain_order=True).last().select(day.collect_schema().names())


def _samples(bronze: pl.LazyFrame, named: pl.DataFrame, bounds: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    first, last = bounds.select(pl.col("start_at").min().dt.date(), pl.col("end_at").max().dt.date()).row(0)
    known = named.join(_edges(bounds), on="site").lazy().select("tag", "index", "role", "start_at", "end_at")
    return (
        bronze.filter(pl.col("date").is_between(first, last))
        .select(NEEDS)
        .join(known, on="tag")
        .filter(pl.col("ts") >= pl.col("start_at"), pl.col("ts") < pl.col("end_at"))
        .with_columns(key=axis.key("index", "ts"))
        .drop("date", "tag", "start_at", "end_at")
        .sort("key")
    )


def _edges(bounds: pl.DataFrame) -> pl.DataFrame:
    """Start of the first and end of the last day of each site."""
    return bounds.group_by("site").agg(pl.col("start_at").min(), pl.col("end_at").max())


def _unique(samples: pl.LazyFrame) -> pl.LazyFrame:
    """One row per key. Rows that share none, nearly all, skip the work."""
    twin = (pl.col("key") == pl.col("key").shift()) | (pl.col("key") == pl.col("key").shift(-1))
    marked = samples.with_columns(twin=twin.fill_null(value=False))
    receipt = ["key", "received_at", "segment", "seq"]
    facts = (
        marked.filter("twin")
        .sort(receipt)
        .group_by("key", "value", "text", "status", maintain_order=True)
        .agg(pl.col("source").min(), pl.col("index", "role", "ts", "received_at", "segment", "seq").first())
    )
    last = facts.sort(receipt).group_by("key", maintain_order=True).last()
    keep = ["key", "index", "role", "ts", "value", "text", "status", "source"]
    return pl.concat([marked.filter(~pl.col("twin")).select(keep), last.select(keep)])


def _graded(samples: pl.LazyFrame) -> pl.LazyFrame:
    """Status severity becomes quality; values that cannot be trusted become null, with the reason."""
    value, severity = pl.col("value"), pl.col("status") // 2**30
    mute = (severity < 2) & value.is_null()
    broken = (
        pl.when(value.is_not_null() & ~value.is_finite()).then(pl.lit("not_finite"))
        .when(mute & pl.col("text").is_null()).then(pl.lit("no_value"))
        .when(mute & pl.col("role").is_in(NUMERIC)).then(pl.lit("not_a_number"))
        .when(pl.col("role").is_in(CUMULATIVE) & (value < 0)).then(pl.lit("negative"))
    )  # fmt: skip
    quality = pl.when((severity >= 2) | pl.col("flag").is_not_null()).then(pl.lit("bad"))
    graded = samples.with_columns(flag=broken).with_columns(
        quality=quality.when(severity == 1).then(pl.lit("uncertain")).otherwise(pl.lit("good"))
    )
    trusted = pl.when(pl.col("quality") != "bad").then(value)
    return graded.with_columns(value=trusted, at=pl.col("ts"), since_at=pl.col("ts")).drop("ts", "status")


def _words(samples: pl.LazyFrame, prior: pl.LazyFrame, named: pl.DataFrame, states: pl.DataFrame) -> pl.LazyFrame:
    """Raw codes to canonical words, and since when the machine has been in that class of state."""
    mapping = named.lazy().select("index", pl.col("states").fill_null(""), stale="stale_us")
    own = pl.DataFrame({"states": "", "code": STATE_WORDS, "word": STATE_WORDS})  # no mapping: words are the codes
    coded = samples.join(mapping, on="index").with_columns(code=_code())
    coded = coded.join(pl.concat([states, own]).lazy(), on=["states", "code"], how="left")
    good = pl.col("quality") != "bad"
    strange = good & pl.col("word").is_null()
    said = coded.with_columns(
        text=pl.when(good).then(pl.col("word")).fill_null(State.UNKNOWN.value),
        flag=pl.when(strange).then(pl.lit("unknown_state")).otherwise(pl.col("flag")),
    ).drop("code", "word", "states")
    carried = prior.join(mapping.select("index", "stale"), on="index")
    return _held(pl.concat([carried, said], how="diagonal").sort("key", maintain_order=True)).drop("stale")


def _code() -> pl.Expr:
    """The code of a state sample as plant.toml writes it: text as it is, 3.0 as '3'."""
    value = pl.col("value")
    whole = value.is_finite() & (value == value.floor()) & (value.abs() < 2.0**53)
    number = pl.when(whole).then(value).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.coalesce("text", number, value.cast(pl.String))


def _held(states: pl.LazyFrame) -> pl.LazyFrame:
    """`held_since_at` of state rows in time order: start of the unbroken run in one class of state."""
    own_class = [s.value for s in (State.PRODUCING, State.SETUP, State.PLANNED_STOP, State.UNKNOWN)]
    bad = pl.when(pl.col("quality") == "bad").then(pl.lit("unknown"))
    kind = bad.when(pl.col("text").is_in(own_class)).then(pl.col("text")).otherwise(pl.lit("stopped"))
    silent = us("since_at") - us("since_at").shift() > pl.col("stale")
    begins = (pl.col("index") != pl.col("index").shift()) | (pl.col("kind") != pl.col("kind").shift()) | silent
    since = pl.when(pl.col("begins")).then(pl.coalesce("held_since_at", "since_at"))
    runs = states.with_columns(kind=kind).with_columns(begins=begins.fill_null(value=True))
    return runs.with_columns(held_since_at=since.forward_fill()).drop("kind", "begins")


def _prior(opening: pl.DataFrame, named: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """Rows carried into the first day, at the very start of the axis."""
    columns = ["value", "text", "quality", "flag", "since_at", "source", "held_since_at"]
    known = opening.lazy().select("tag", *columns).join(named.lazy().select("tag", "index", "role"), on="tag")
    start = axis.key("index", pl.lit(axis.base_us))
    return known.with_columns(key=start, day=pl.lit(BEFORE, pl.Int64), at=pl.lit(None, INSTANT)).drop("tag")


def _markers(named: pl.DataFrame, bounds: pl.DataFrame, axis: Axis) -> pl.LazyFrame:
    """One marker per tag at every day's start, and one behind the last day."""
    number = (pl.col("production_day") - pl.col("production_day").min()).dt.total_days()
    starts = bounds.select("site", "start_at", day=number)
    ends = _edges(bounds).select("site", start_at="end_at", day=pl.lit(BEFORE, pl.Int64))
    edges = pl.concat([starts, ends])
    rows = named.lazy().select("index", "role", "site").join(edges.lazy(), on="site")
    return rows.select("index", "role", "day", key=axis.key("index", "start_at"), marker=pl.lit(value=True))


def _opened(rows: pl.LazyFrame, axis: Axis) -> pl.LazyFrame:
    """The opening rows: for every marker the last useful row of its tag before it."""
    useful = pl.col("marker").is_null() & (pl.col("value").is_not_null() | ~pl.col("role").is_in(CUMULATIVE))
    last = rows.with_columns(last=pl.when(useful).then(pl.col("row")).forward_fill())
    starts = last.filter(pl.col("marker"), pl.col("day") >= 0).select("index", "last", "key", "day", "role")
    carried = rows.select(
        "index", "value", "text", "quality", "flag", "since_at", "source", "held_since_at", last="row"
    )
    at = axis.at(pl.col("key"))
    return starts.join(carried, on=["index", "last"]).drop("last").with_columns(at=at, opening=pl.lit(value=True))


def _finished(inside: pl.LazyFrame, named: pl.DataFrame, bounds: pl.DataFrame) -> pl.LazyFrame:
    """Ranges and physical limits judged, names put back, in the contract's order."""
    known = named.lazy().select("index", "site", "machine", "tag", "low", "high", "max_rate_per_s", "rollover")
    rows = inside.with_columns(pl.col("opening").fill_null(value=False)).join(known, on="index")
    limited = pl.col("role").is_in(CUMULATIVE) & pl.col("value").is_not_null() & pl.col("max_rate_per_s").is_not_null()
    order = pl.col("key") * 2 + ~pl.col("opening")
    series = pl.col("index") * bounds.height + pl.col("day")
    counted = steps(rows.filter(limited).with_columns(order=order, series=series).sort("order"))
    judged = pl.concat([rows.filter(~limited), counted.drop("step", "order", "series")], how="diagonal")
    beyond = (pl.col("value") < pl.col("low")) | (pl.col("value") > pl.col("high"))
    reason = pl.when(pl.col("jump")).then(pl.lit("jump")).when(beyond).then(pl.lit("out_of_range"))
    doubt = ~pl.col("opening") & pl.col("flag").is_null()
    flagged = judged.with_columns(flag=pl.when(doubt).then(reason).otherwise(pl.col("flag")), order=order)
    uncertain = (pl.col("quality") == "good") & pl.col("flag").is_in(["jump", "out_of_range"])
    quality = pl.when(uncertain).then(pl.lit("uncertain")).otherwise(pl.col("quality"))
    day = pl.lit(bounds["production_day"].min(), pl.Date) + pl.duration(days="day")
    named_rows = flagged.sort("order").with_columns(quality=quality, production_day=day.cast(pl.Date))
    return named_rows.select(table("silver.readings").schema.keys())
