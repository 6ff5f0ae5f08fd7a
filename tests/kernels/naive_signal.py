"""What a machine's state signal says at every instant, sample by sample."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from naive_world import Row, World

WORDS = ("producing", "setup", "idle", "blocked", "starved", "stopped", "failed", "planned_stop", "off", "unknown")
ALONE = ("producing", "setup", "planned_stop", "unknown")


@dataclass(frozen=True)
class Said:
    """From `at` on: a word, whether anybody trustworthy said it ('signal' or 'none'), since when in that class."""

    at: int
    word: str
    source: str
    since: int | None


def facts(world: World, tag: str) -> list[Row]:
    """One row an instant: of equal source times the fact received last; a repetition counts as of its first."""
    seen: set[tuple[str, ...]] = set()
    kept: dict[int, Row] = {}
    for row in sorted(world.readings(tag), key=lambda r: (r["received_at"], r["segment"], r["seq"])):
        fact = tuple(repr(row[c]) for c in ("ts", "value", "text", "status"))
        if fact not in seen:
            seen.add(fact)
            kept[row["ts"]] = row
    taken = [(e["start_at"], e["end_at"]) for e in world.in_force() if (e["kind"], e["tag"]) == ("retract", tag)]
    return [kept[at] for at in sorted(kept) if not any(a <= at < b for a, b in taken)]


def bad(row: Row) -> bool:
    """Severity bad, not a number, or nothing at all."""
    value = row["value"]
    return (
        row["status"] >> 30 >= 2
        or (value is None and row["text"] is None)
        or (value is not None and not math.isfinite(value))
    )


def code(row: Row) -> str:
    if row["text"] is not None:
        return str(row["text"])
    value = row["value"]
    return str(int(value)) if value == int(value) else str(value)


def _words(world: World, tag: Row, days: list[int], end: int) -> Iterator[Said]:
    """Samples and silences of a state or mode tag from the first day on.

    A sample that is silent for longer than `stale_us` inside a production day (as far as the data go) is not believed
    from its own instant on; one that outlives its day is judged anew in the next.
    """
    samples = [r for r in facts(world, tag["tag"]) if r["ts"] >= days[0]]
    stale, since, last_class, before = tag["stale_us"], None, "", None
    for row, following in zip(samples, [*(r["ts"] for r in samples[1:]), days[-1]], strict=False):
        at, trusted = row["ts"], not bad(row)
        word = world.word(tag["states"], code(row)) if trusted else None
        word = word if word in WORDS else "unknown"
        now = word if word in ALONE else "stopped"
        silent = stale is not None and before is not None and at - before > stale
        since = at if now != last_class or silent else since
        last_class, before = now, at
        for begin in [at, *(d for d in days if at < d < following)]:
            over = min(following, end, next((d for d in days if d > begin), begin))
            if trusted and stale is not None and over - at > stale:
                yield Said(begin, "unknown", "none", None)
                break
            if begin == at:
                yield Said(at, word, "signal" if trusted else "none", since if trusted else None)


def signal(world: World, machine: Row, days: list[int], end: int) -> list[Said]:
    """The state signal of a machine, changes in time order; executing counts as its mode says, short runs are none.

    `days` are the starts of the production days and the end of the last; `end` is how far the site's data go.
    """
    own = {t["role"]: t for t in world.of("tags", machine["machine"]) if t["role"] in {"state", "mode"}}
    if "state" not in own:
        return []
    said = list(_words(world, own["state"], days, end))
    said = _moded(said, list(_words(world, own["mode"], days, end))) if "mode" in own else said
    return steadied(said, days, machine["minimum_run_us"]) if machine["minimum_run_us"] else said


def steadied(said: list[Said], days: list[int], minimum_us: int) -> list[Said]:
    """A run shorter than the minimum between two stops of the same day is part of the stop before it."""
    out = list(said)
    for start, end in pairwise(days):
        before = holding(said, start)
        today = ([before] if before else []) + [s for s in said if start < s.at < end]
        runs = [list(run) for _, run in groupby(today, key=lambda s: (s.word, s.source))]
        for first, run, after in zip(runs, runs[1:], runs[2:], strict=False):
            stopped = first[0].word not in ALONE and after[0].word not in ALONE
            if run[0].word == "producing" and stopped and after[0].at - run[0].at < minimum_us:
                for s in run:
                    out[said.index(s)] = Said(s.at, first[0].word, s.source, s.since)
    return out


def _moded(states: list[Said], modes: list[Said]) -> list[Said]:
    out = []
    for at in sorted({s.at for s in (*states, *modes)}):
        state, mode = holding(states, at), holding(modes, at)
        if state and state.word == "producing":
            state = Said(at, mode.word, mode.source, state.since) if mode else Said(at, "unknown", "none", state.since)
        if state:
            out.append(Said(at, state.word, state.source, state.since))
    return out


def holding(said: list[Said], at: int) -> Said | None:
    """What holds at an instant; nothing before the first word."""
    n = bisect_right(said, at, key=lambda s: s.at)
    return said[n - 1] if n else None
