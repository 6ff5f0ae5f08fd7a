"""Rows stored already are told from new ones, however the batches come: in rounds, torn, repeated, set back."""

import random

import polars as pl
import pytest

from connectors.intake import ROWS, Seen, _in_rounds, as_instant, now_us

TAGS = [f"t{n}" for n in range(5)]


def frame(rows) -> pl.DataFrame:
    """Rows (us, tag, value) as the readers hand them on, received now: all are remembered."""
    schema = {"us": pl.Int64(), "tag": pl.String(), "value": pl.Float64()}
    made = pl.DataFrame(rows, schema=schema, orient="row")
    given = {"text": pl.lit(None, pl.String()), "status": pl.lit(0, pl.Int64()), "source": pl.lit("s")}
    at = {"ts": as_instant(made["us"]), "server_at": as_instant(made["us"])}
    return made.with_columns(received_at=as_instant([now_us()])[0], **at, **given).select(*ROWS)


def batch(dice, at):
    """Some rounds from `at` on; one in three batches has something odd in it."""
    rows = [(at + turn, tag, float(dice.randint(0, 3))) for turn in range(dice.randint(1, 4)) for tag in TAGS]
    odd = dice.choice(["", "", "", "torn", "twice", "back", "shuffled", "same time", "once more"])
    if odd == "torn":
        del rows[dice.randrange(len(rows))]
    if odd == "twice":
        rows.insert(dice.randrange(len(rows)), dice.choice(rows))
    if odd == "back":
        rows[-1] = (at - 3, rows[-1][1], rows[-1][2])
    if odd == "shuffled":
        dice.shuffle(rows)
    if odd == "same time":
        rows = [(at, tag, value) for _, tag, value in rows]
    return rows * 2 if odd == "once more" else rows


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_kept_once_whatever_the_batches(seed):
    dice, seen, stored, newest, at = random.Random(seed), Seen(), set(), {}, 10
    for _ in range(15):
        rows = batch(dice, at)
        at += dice.choice([0, 1, 4, 4, 4])
        wanted = [row for row in dict.fromkeys(rows) if row not in stored]
        found = seen.fresh(frame(rows))
        seen.remember(found)
        told = found.select(pl.col("ts").dt.epoch("us"), "tag", "value").rows()
        assert sorted(told) == sorted(wanted)
        stored.update(wanted)
        for us, tag, _ in wanted:
            newest[tag] = max(us, newest.get(tag, us))
        assert {tag: as_instant([us])[0] for tag, us in newest.items()} == seen.since()


def test_rounds_are_told_from_what_only_looks_like_them():
    def rounds(rows, known=0):
        codes = frame(rows)["tag"].rank("dense").to_numpy() - 1
        return _in_rounds(codes, frame(rows)["ts"].dt.epoch("us").to_numpy(), as_newest(known, len(TAGS)))

    def as_newest(us, count):
        return pl.Series([us] * count).to_numpy()

    two = [(at, tag, 0.0) for at in (5, 6) for tag in TAGS]
    assert rounds(two) == len(TAGS)
    assert rounds(two[: len(TAGS)]) == len(TAGS)
    assert rounds(two[:-1]) == len(TAGS)  # the last one may be cut short
    assert rounds(two, known=5) == 0
    assert rounds([*two, two[-1]]) == 0
    assert rounds([(5, "a", 0.0), (5, "b", 0.0), (5, "b", 1.0)]) == 0
    assert rounds([(5, "a", 0.0), (5, "a", 1.0)]) == 0
    assert rounds([]) == 0
