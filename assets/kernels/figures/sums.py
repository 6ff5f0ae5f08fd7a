"""The additive base of every KPI: integer sums per machine and shift out of the ledgers.

Every ratio of the house is an expression over these sums, and they add over machines, shifts and days;
so a KPI of a line and a week is the same function of the summed rows. No ratio is made here.
"""

from __future__ import annotations

import polars as pl

from plant.config import Plant
from plant.states import OFF_SHIFT, Account, LossClass, State

PLACE = ("site", "area", "line", "machine")
CELL = ("production_day", "machine", "shift")
"""Grain of the sums."""

TIMES = (
    "reference_us", "pot_us", "planned_down_us", "pbt_us", "apt_us", "aust_us", "adet_us", "adot_us", "unknown_us",
    "breakdown_us", "minor_us", "pbt_counting_us", "pot_counting_us", "reference_counting_us", "unknown_counting_us",
    "apt_counting_us", "aupt_counting_us",
)  # fmt: skip
COUNTS = ("failures", "produced_pcs", "good_pcs", "scrap_pcs", "rework_pcs", "quarantined_pcs", "unrated_pcs")
IDEALS = ("ideal_us", "good_ideal_us", "scrap_ideal_us", "rework_ideal_us")
PLANNED = ("ideal_us", "good_ideal_us", "good_pcs", "produced_pcs")
ENERGY = ("energy_j", "metered_us")
SUMS = (*TIMES, *COUNTS, *IDEALS, *(f"planned_{name}" for name in PLANNED), *ENERGY)
"""Everything that adds. `*_counting_us` leave out machines that cannot count pieces; `planned_*` leave
out pieces made outside every shift, for ratios to shift time; `unrated_pcs` are pieces without an ideal
cycle; `metered_us` is the time with an energy meter."""

SHARES = ("good_pcs", "scrap_pcs", "rework_pcs")


def scaled(whole: pl.Expr, unit: int, decimals: int) -> pl.Expr:
    """A whole number in a larger unit, the same bits in every frame.

    polars divides by a literal through its reciprocal: about 3 values in 10 come out one bit off, and a frame
    of one row differs from one of many. Rounding to `decimals` places brings both to the same number.
    """
    return (whole / unit).round(decimals)


def of_time(ledger: pl.LazyFrame) -> pl.LazyFrame:
    """Time accounts per cell in microseconds, with failures and the first and last instant.

    A failure is a stop of class breakdown that is no minor stop, with or without an order. POT is every
    account but not_scheduled, PBT is POT minus planned_down (ISO 22400-2). `ran` says the machine produced
    or was set up at all, also outside every shift.
    """
    running = pl.col("state").is_in([State.PRODUCING.value, State.SETUP.value])
    booked = pl.col("account") != Account.NOT_SCHEDULED.value
    down = pl.col("account").is_in([Account.DELAY.value, Account.DOWN_NO_ORDER.value])
    breakdown = down & (pl.col("reason_class") == LossClass.BREAKDOWN.value).fill_null(value=False) & ~pl.col("minor")
    pot = _us() - _us(Account.NOT_SCHEDULED)
    return (
        ledger.with_columns(_is_failure(breakdown))
        .group_by(*CELL)
        .agg(
            pl.col("site", "area", "line").first(),
            pl.col("start_at").min().alias("first_at"), pl.col("end_at").max().alias("last_at"),
            (running | booked).any().alias("ran"),
            _us().alias("reference_us"), pot.alias("pot_us"),
            _us(Account.PLANNED_DOWN).alias("planned_down_us"), (pot - _us(Account.PLANNED_DOWN)).alias("pbt_us"),
            _us(Account.PRODUCTION).alias("apt_us"), _us(Account.SETUP).alias("aust_us"),
            _us(Account.DELAY).alias("adet_us"), _us(Account.DOWN_NO_ORDER).alias("adot_us"),
            _us(Account.UNKNOWN).alias("unknown_us"),
            pl.col("duration_us").filter(breakdown).sum().alias("breakdown_us"),
            pl.col("duration_us").filter((pl.col("account") == Account.DELAY.value) & pl.col("minor")).sum()
            .alias("minor_us"),
            pl.col("failure").sum().cast(pl.Int64).alias("failures"),
        )
    )  # fmt: skip


def _us(account: Account | None = None) -> pl.Expr:
    duration = pl.col("duration_us")
    return (duration if account is None else duration.filter(pl.col("account") == account.value)).sum()


def _is_failure(breakdown: pl.Expr) -> pl.Expr:
    """The interval a breakdown begins with: first of its stop, and not one that came in from the day before."""
    group = ("production_day", "machine", "stop_id")
    first = pl.col("start_at") == pl.col("start_at").filter(breakdown).min().over(*group)
    opens_day = pl.col("start_at") == pl.col("start_at").min().over("production_day", "machine")
    carried = opens_day & (pl.col("stop_id") < pl.col("start_at").dt.epoch("us"))
    return (breakdown & first & ~carried).fill_null(value=False).alias("failure")


def with_ideal(counts: pl.LazyFrame) -> pl.LazyFrame:
    """The count ledger with produced pieces and their ideal time split by good, scrap and rework.

    A row holds one product, so the split is exact; the remainder of a division stays with good pieces,
    so the parts always sum to `ideal_us`. Pieces without an ideal cycle are `unrated_pcs`, ideal time 0.
    """
    produced = pl.sum_horizontal(*SHARES)
    rated = counts.with_columns(produced.alias("produced_pcs")).with_columns(
        pl.when(pl.col("ideal_us").is_null()).then(pl.col("produced_pcs")).otherwise(0).alias("unrated_pcs"),
        pl.col("ideal_us").fill_null(0),
    )
    pieces = pl.max_horizontal("produced_pcs", 1)
    return rated.with_columns(
        (pl.col("ideal_us") * pl.col("scrap_pcs") // pieces).alias("scrap_ideal_us"),
        (pl.col("ideal_us") * pl.col("rework_pcs") // pieces).alias("rework_ideal_us"),
    ).with_columns((pl.col("ideal_us") - pl.col("scrap_ideal_us") - pl.col("rework_ideal_us")).alias("good_ideal_us"))


def of_counts(counts: pl.LazyFrame) -> pl.LazyFrame:
    """Pieces and ideal time per cell."""
    pieces = with_ideal(counts).with_columns(pl.lit(0, pl.Int64).alias("failures"))
    return pieces.group_by(*CELL).agg(
        pl.col("site", "area", "line").first().name.suffix("_counted"),
        pl.col("hour_at").min().alias("first_count_at"),
        pl.col(*COUNTS[1:], *IDEALS).sum(),
    )


def of_energy(energy: pl.LazyFrame) -> pl.LazyFrame:
    """Metered energy per cell in joules and the time it covers."""
    return energy.group_by(*CELL).agg(
        pl.col("energy_j").sum(), pl.col("duration_us").sum().cast(pl.Int64).alias("metered_us")
    )


def sums(
    time: pl.LazyFrame,
    counts: pl.LazyFrame,
    shifts: pl.LazyFrame,
    counting: list[str],
    energy: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Every base sum per machine, shift and production day: `SUMS`, with place and bounds of the shift.

    Takes the ledgers of whole production days, `shifts` (`shift_bounds`) and the machines that can count
    pieces (a machine with count rows that day counts as well). `start_at`, `end_at` are those of the
    shift in the calendar, outside every shift (or unknown to the calendar) those of the ledger.
    """
    cells = of_time(time).join(of_counts(counts), on=list(CELL), how="full", coalesce=True)
    cells = cells.join(of_energy(energy), on=list(CELL), how="left") if energy is not None else cells
    if energy is None:
        cells = cells.with_columns(pl.lit(0, pl.Int64).alias(name) for name in ENERGY)
    counted = counts.select("production_day", "machine").unique().with_columns(pl.lit(value=True).alias("counted"))
    cells = cells.with_columns(_uncovered())
    placed = cells.join(counted, on=["production_day", "machine"], how="left").join(
        shifts, on=["production_day", "line", "shift"], how="left"
    )
    can = pl.col("counted").fill_null(value=False) | pl.col("machine").is_in(counting)
    whole = placed.with_columns(
        can.alias("counting"),
        pl.coalesce("start_at", "first_at").alias("start_at"), pl.coalesce("end_at", "last_at").alias("end_at"),
        pl.col(*COUNTS[1:], *IDEALS, *ENERGY).fill_null(0),
    )  # fmt: skip
    inside = pl.col("shift") != OFF_SHIFT
    planned = [pl.when(inside).then(pl.col(name)).otherwise(0).alias(f"planned_{name}") for name in PLANNED]
    return whole.with_columns(_counting() + planned).select(
        "production_day", *PLACE, "shift", "start_at", "end_at", "first_at", "ran", "counting", *SUMS
    )


def _uncovered() -> list[pl.Expr]:
    """Pieces counted where the time ledger has no row are kept: their place from the counts, their times 0."""
    place = [pl.coalesce(name, f"{name}_counted").alias(name) for name in ("site", "area", "line")]
    since = [pl.coalesce(name, "first_count_at").alias(name) for name in ("first_at", "last_at")]
    known = [name for name in (*TIMES, "failures") if not name.endswith("_counting_us")]
    return [*place, *since, pl.col("ran").fill_null(value=True), pl.col(known).fill_null(0)]


def _counting() -> list[pl.Expr]:
    """Time of machines that can count: the rest has no place in a ratio of pieces to time."""
    times = {name: pl.col(f"{name}_us") for name in ("pbt", "pot", "reference", "unknown", "apt")}
    times["aupt"] = pl.col("apt_us") + pl.col("aust_us")
    return [
        pl.when(pl.col("counting")).then(value).otherwise(0).alias(f"{name}_counting_us")
        for name, value in times.items()
    ]


def counting_machines(plant: Plant) -> list[str]:
    """Machines that can count pieces: by a counter tag, or because a product has an ideal cycle there."""
    roles = {"good_count", "scrap_count", "rework_count"}
    tagged = {machine.name for machine, tag in plant.tags() if tag.role in roles}
    return sorted(tagged | {ideal.machine for product in plant.file.product for ideal in product.ideal})


def shift_bounds(segments: pl.LazyFrame) -> pl.LazyFrame:
    """Start and end of each shift from the calendar's segments; 'off' has none, it is many stretches."""
    worked = segments.filter(pl.col("shift") != OFF_SHIFT)
    return worked.group_by("production_day", "line", "shift").agg(
        pl.col("shift_start_at").min().alias("start_at"), pl.col("shift_end_at").max().alias("end_at")
    )
