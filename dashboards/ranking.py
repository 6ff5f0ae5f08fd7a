"""Which scope was better, where that can be said at all. Frame in, frame out."""

from __future__ import annotations

from math import inf

import polars as pl


def decided(frame: pl.DataFrame) -> pl.DataFrame:
    """Scopes of `data.oee`, best first, with `decided`: false where bounds overlap those of another scope.

    Adds value, low, high (the bounds, or the value where nothing is open). Scopes without a value come
    last and are not decided. Exact ties without bounds are equal, not undecided.

    >>> f = pl.DataFrame({"scope": ["a", "b", "c"], "oee": [0.8, 0.7, 0.5], "oee_low": [0.7, 0.65, 0.5],
    ...                   "oee_high": [0.85, 0.75, 0.5]})
    >>> decided(f)["decided"].to_list()
    [False, False, True]
    """
    named = frame.with_columns(
        value=pl.col("oee"), low=pl.coalesce("oee_low", "oee"), high=pl.coalesce("oee_high", "oee")
    )
    return ranked(named, "higher")


def ranked(frame: pl.DataFrame, better: str) -> pl.DataFrame:
    """Scopes with value, low and high, best first, with `decided` as above; `better`: higher, lower or context.

    A value without bounds may have been anything: nobody's place is certain beside it.

    >>> f = pl.DataFrame({"value": [2.0, 1.0, 4.0], "low": [1.5, 1.0, 4.0], "high": [2.5, 1.0, 4.0]})
    >>> ranked(f, "lower")["value"].to_list(), ranked(f.with_columns(low=None, high=None), "lower")["decided"].any()
    ([1.0, 2.0, 4.0], False)
    """
    rows = frame.sort("value", descending=better != "lower", nulls_last=True)
    spans = [_span(*row) for row in rows.select("low", "high", "value").iter_rows()]
    flags = [_alone(n, spans) and value is not None for n, value in enumerate(rows["value"])]
    return rows.with_columns(decided=pl.Series(flags, dtype=pl.Boolean))


def _span(low: float | None, high: float | None, value: float | None) -> tuple[float, float] | None:
    if low is None or high is None:
        return None if value is None else (-inf, inf)
    return low, high


def _alone(n: int, spans: list[tuple[float, float] | None]) -> bool:
    mine = spans[n]
    others = [s for k, s in enumerate(spans) if k != n and s is not None]
    return mine is not None and not any(low < mine[1] and mine[0] < high for low, high in others)
