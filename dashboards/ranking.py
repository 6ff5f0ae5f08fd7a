"""Which machine was better, where that can be said at all. Frame in, frame out."""

from __future__ import annotations

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
    ranked = frame.with_columns(
        value=pl.col("oee"), low=pl.coalesce("oee_low", "oee"), high=pl.coalesce("oee_high", "oee")
    ).sort("value", descending=True, nulls_last=True)
    spans = ranked.select("low", "high", "value").rows()
    flags = [_alone(n, spans) for n in range(len(spans))]
    return ranked.with_columns(decided=pl.Series(flags, dtype=pl.Boolean))


def _alone(n: int, spans: list[tuple[float | None, ...]]) -> bool:
    low, high, value = spans[n]
    if low is None or high is None or value is None:
        return False
    others = [s for k, s in enumerate(spans) if k != n and s[0] is not None and s[1] is not None]
    return not any(o[0] < high and low < o[1] for o in others)  # type: ignore[operator]
