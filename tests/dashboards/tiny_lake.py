"""A tiny plausible lake: 3 days, 3 machines, unknown time, nulls, alerts, quarantine, forecasts, history.

Every frame conforms to its contract and gold is summed from the ledgers here, so a test can hold a
page against an independent sum over the same ledger.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from plant.tables import table
from warehouse.lake import Lake
from warehouse.state import CheckResult, State

DAYS = [date(2026, 11, 17), date(2026, 11, 18), date(2026, 11, 19)]
SITE = "northmill"
MACHINES = {  # machine -> (line, area, kind, product, operation, ideal seconds a piece)
    "cnc-1": ("shafts", "machining", "cnc", "shaft-20", "turning", 48.0),
    "press-1": ("brackets", "forming", "press", "bracket-s", "pressing", 6.0),
    "oven-1": ("brackets", "forming", "oven", "bracket-s", "curing", 6.5),
}
SHIFTS = ("early", "late", "night")
NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)  # 06:00 local: the last production day has just ended
MODEL = "2026-11-20-a1b2c3"

Rows = list[dict[str, Any]]


def frame(name: str, rows: Rows) -> pl.DataFrame:
    """Rows in the contract's columns; what a row leaves out is null."""
    schema = table(name).schema
    return pl.DataFrame([{c: r.get(c) for c in schema} for r in rows], schema=schema, orient="row")


def day_start(day: date) -> datetime:
    """06:00 in Berlin in November."""
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


def _plan(machine: str, day: date, shift: str) -> list[tuple[int, str, str, str | None, str | None]]:
    """Minutes, account, state, reason, class of a shift of 480 minutes."""
    n = DAYS.index(day)
    if (machine, n, shift) == ("press-1", 2, "night"):
        return [(480, "planned_down", "planned_stop", "no_demand", "planned")]
    if (machine, n, shift) == ("oven-1", 1, "night"):
        return [(480, "unknown", "unknown", "unknown", "unknown")]
    stop = 12 + 9 * n + 7 * list(MACHINES).index(machine)
    lost = 45 if (machine, n, shift) == ("cnc-1", 1, "late") else 0
    class_ = "breakdown" if shift == "late" else "logistic"
    reason = "spindle" if shift == "late" else "starved"
    return [
        (200, "production", "producing", None, None),
        (20, "setup", "setup", "setup", "setup"),
        (30, "planned_down", "planned_stop", "break", "planned"),
        (stop, "delay", "failed" if shift == "late" else "starved", reason, class_),
        *([(lost, "unknown", "unknown", "unknown", "unknown")] if lost else []),
        (1, "delay", "stopped", "stopped", "minor_stop"),
        (5, "down_no_order", "idle", "idle", "logistic"),
        (480 - 256 - stop - lost, "production", "producing", None, None),
    ]


def time_ledger() -> pl.DataFrame:
    """silver.time_ledger of the three days."""
    rows: Rows = []
    for machine, day, k in [(m, d, k) for m in MACHINES for d in DAYS for k in range(3)]:
        line, area, _, product, operation, _ = MACHINES[machine]
        at = day_start(day) + timedelta(hours=8 * k)
        for minutes, account, state, reason, class_ in _plan(machine, day, SHIFTS[k]):
            end, order = at + timedelta(minutes=minutes), account not in ("down_no_order", "planned_down")
            stop = None if account == "production" else int(at.timestamp() * 1e6)
            rows.append(
                {
                    "production_day": day,
                    "site": SITE,
                    "area": area,
                    "line": line,
                    "machine": machine,
                    "start_at": at,
                    "end_at": end,
                    "duration_us": minutes * 60_000_000,
                    "account": account,
                    "state": state,
                    "reason": reason,
                    "reason_class": class_,
                    "minor": class_ == "minor_stop",
                    "stop_id": stop,
                    "order_id": f"WO-{machine}" if order else None,
                    "product": product if order else None,
                    "operation": operation if order else None,
                    "shift": SHIFTS[k],
                    "source": "calendar" if account == "planned_down" else "signal",
                }
            )
            at = end
    return frame("silver.time_ledger", rows)


def count_ledger() -> pl.DataFrame:
    """silver.count_ledger: one row a machine, shift and hour of the shift in which the machine produced."""
    rows: Rows = []
    made = time_ledger().filter(pl.col("account") == "production")
    for r in made.iter_rows(named=True):
        ideal_s, minutes = MACHINES[r["machine"]][5], r["duration_us"] // 60_000_000
        good = int(minutes * 60 / ideal_s * 0.93)
        rows.append(
            {
                **r,
                "hour_at": r["start_at"].replace(minute=0),
                "good_pcs": good,
                "scrap_pcs": good // 40,
                "rework_pcs": 0,
                "quarantined_pcs": 0,
                "ideal_us": int((good + good // 40) * ideal_s * 1e6),
            }
        )
    keys = [c for c, t in table("silver.count_ledger").schema.items() if t != pl.Int64]
    out = frame("silver.count_ledger", rows)
    return out.group_by(keys, maintain_order=True).agg(pl.exclude(keys).sum()).select(out.columns)


def oee() -> pl.DataFrame:
    """gold.oee: ratio of sums over the two ledgers, bounds from the unknown time."""
    led, seconds = time_ledger(), (pl.col("duration_us").sum() / 1e6)
    keys = ["site", "area", "line", "machine", "production_day", "shift"]

    def account(name: str) -> pl.Expr:
        return (pl.col("duration_us").filter(pl.col("account") == name).sum() / 1e6).fill_null(0.0)

    time = led.group_by(keys).agg(
        start_at=pl.col("start_at").min(),
        end_at=pl.col("end_at").max(),
        pot_s=seconds,
        pbt_s=seconds - account("planned_down"),
        apt_s=account("production"),
        aust_s=account("setup"),
        adet_s=account("delay"),
        adot_s=account("down_no_order"),
        unknown_s=account("unknown"),
    )
    pieces = (
        count_ledger()
        .group_by(keys)
        .agg(pl.col("good_pcs", "scrap_pcs", "rework_pcs").sum(), ideal_s=pl.col("ideal_us").sum() / 1e6)
    )
    counts = pl.col("good_pcs", "scrap_pcs", "rework_pcs", "ideal_s").fill_null(0)  # every machine here can count
    wide = time.join(pieces, on=keys, how="left").with_columns(counts)
    wide = wide.with_columns(produced_pcs=pl.sum_horizontal("good_pcs", "scrap_pcs", "rework_pcs"))
    known, pbt, earned = pl.col("pbt_s") - pl.col("unknown_s"), pl.col("pbt_s"), pl.col("ideal_s") * pl.col("quality")
    return frame("gold.oee", []).vstack(
        wide.with_columns(
            availability=_over(pl.col("apt_s"), known),
            effectiveness=_over(pl.col("ideal_s"), pl.col("apt_s")),
            quality=_over(pl.col("good_pcs"), pl.col("produced_pcs")),
            coverage=_over(known, pbt),
        )
        .with_columns(
            oee=_over(earned, known),
            oee_low=_over(earned.fill_null(0.0), pbt),
            oee_high=_over(earned.fill_null(0.0) + pl.col("unknown_s"), pbt),
            note=pl.when(pbt == 0).then(pl.lit("nothing planned")).when(known == 0).then(pl.lit("nothing known")),
            revision=pl.lit(1, pl.Int64),
            known_from=pl.lit(NOW, pl.Datetime("us", "UTC")),
        )
        .select(pl.col(c).cast(t) for c, t in table("gold.oee").schema.items())
    )


def _over(top: pl.Expr, bottom: pl.Expr) -> pl.Expr:
    return pl.when(bottom > 0).then(top / bottom)


def losses() -> pl.DataFrame:
    """gold.losses from the time ledger."""
    keys = ["production_day", "site", "area", "line", "machine", "shift", "account", "reason", "reason_class"]
    lost = time_ledger().filter(pl.col("reason").is_not_null())
    out = lost.group_by(keys).agg(
        stops=pl.col("stop_id").n_unique().cast(pl.Int64), duration_s=pl.col("duration_us").sum() / 1e6
    )
    return frame("gold.losses", out.to_dicts())


def yields() -> pl.DataFrame:
    """gold.yield; the bracket's pressing of the last day made nothing, so its ratios are null."""
    keys = ["production_day", "site", "product", "operation"]
    out = count_ledger().group_by(keys).agg(pl.col("good_pcs", "scrap_pcs", "rework_pcs").sum())
    made = pl.col("good_pcs") + pl.col("scrap_pcs") + pl.col("rework_pcs")
    out = out.with_columns(first_pass_yield=pl.col("good_pcs") / made, scrap_ratio=pl.col("scrap_pcs") / made)
    rolled = pl.col("first_pass_yield").product().over("production_day", "site", "product")
    empty = {
        "production_day": DAYS[2],
        "site": SITE,
        "product": "bracket-l",
        "operation": "pressing",
        "good_pcs": 0,
        "scrap_pcs": 0,
        "rework_pcs": 0,
        "revision": 1,
        "known_from": NOW,
    }
    out = out.with_columns(rolled_throughput_yield=rolled, revision=pl.lit(1, pl.Int64), known_from=pl.lit(NOW))
    return out.select(pl.col(c).cast(t) for c, t in table("gold.yield").schema.items()).vstack(
        frame("gold.yield", [empty])
    )


def inventory() -> pl.DataFrame:
    """gold.inventory: one below its reorder point, one negative, one without movement, one plain."""
    rows: Rows = []
    for n, day in enumerate(DAYS):
        for material, where, unit, qty, worth, cover, rop, alert in [
            ("bar-20", "raw-1", "m", 900.0 - 320 * n, 4.2, 6.5 - 2 * n, 400.0,
             "below_reorder_point" if n == 2 else None),
            ("coil-2", "raw-2", "kg", 5200.0 - 100 * n, 1.9, 21.0, 1800.0, None),
            ("shaft-20", "fg-1", "pcs", 410.0 + 60 * n, 17.5, 3.1, 250.0, None),
            ("bracket-s", "fg-1", "pcs", -12.0 if n == 2 else 240.0, 2.3, None, None,
             "negative_stock" if n == 2 else None),
            ("label-roll", "wip-shafts", "pcs", 30.0, 6.0, None, None, "no_movement"),
        ]:  # fmt: skip
            rows.append(
                {
                    "production_day": day,
                    "site": SITE,
                    "material": material,
                    "location": where,
                    "unit": unit,
                    "on_hand_qty": qty,
                    "on_hand_value": qty * worth,
                    "average_value": qty * worth,
                    "issued_qty": 90.0,
                    "turns": 11.0 if cover else None,
                    "days_of_cover": cover,
                    "reorder_point_qty": rop,
                    "alert": alert,
                    "revision": 1,
                    "known_from": NOW,
                }
            )
    return frame("gold.inventory", rows)


def energy() -> pl.DataFrame:
    """gold.energy: an hour without pieces has no kWh per piece; the oven has no baseline."""
    rows: Rows = []
    for machine, day in [(m, d) for m in MACHINES for d in DAYS]:
        line, area, *_ = MACHINES[machine]
        size, cusum = {"cnc-1": 9.0, "press-1": 14.0, "oven-1": 42.0}[machine], 0.0
        for hour in range(24):
            busy = 0.0 if hour in (5, 20) else 1.0
            kwh = size * (0.35 + 0.65 * busy) + (hour % 5) * 0.1
            pieces, expected = int(60 * busy), None if machine == "oven-1" else size * (0.35 + 0.65 * busy)
            cusum += kwh - (expected or kwh)
            rows.append(
                {
                    "production_day": day,
                    "site": SITE,
                    "area": area,
                    "line": line,
                    "machine": machine,
                    "hour_at": day_start(day) + timedelta(hours=hour),
                    "energy_kwh": kwh,
                    "production_kwh": kwh * busy * 0.9,
                    "idle_kwh": kwh - kwh * busy * 0.9,
                    "good_pcs": pieces,
                    "kwh_per_good_pc": kwh / pieces if pieces else None,
                    "co2e_kg": kwh * 0.363,
                    "cost": kwh * 0.19,
                    "expected_kwh": expected,
                    "cusum_kwh": None if expected is None else cusum,
                    "revision": 1,
                    "known_from": NOW,
                }
            )
    return frame("gold.energy", rows)


def failure_risk() -> pl.DataFrame:
    """gold.failure_risk: two decision times; the spindle of cnc-1 alerts at the second."""
    rows: Rows = []
    for hours, p in ((-12, 0.11), (0, 0.63)):
        for machine, mode, prob, rul, why in [
            (
                "cnc-1",
                "spindle_bearing",
                p,
                (19.0, 9.0, 41.0),
                "vibration 4.1x its normal; temperature +9 degC over its normal; 3 alarms in 24 h",
            ),
            ("cnc-1", "coolant", 0.03, (None, None, None), None),
            ("press-1", "hydraulics", 0.08, (210.0, 90.0, None), "temperature +2 degC over its normal"),
            ("oven-1", "heater", None, (None, None, None), None),
        ]:
            line, area, *_ = MACHINES[machine]
            at = NOW + timedelta(hours=hours)
            rows.append(
                {
                    "site": SITE,
                    "area": area,
                    "line": line,
                    "machine": machine,
                    "failure_mode": mode,
                    "scored_at": at,
                    "horizon_h": 24.0,
                    "probability": prob,
                    "rul_h": rul[0],
                    "rul_low_h": rul[1],
                    "rul_high_h": rul[2],
                    "threshold": 0.2,
                    "alert": (prob or 0.0) > 0.2,
                    "explained_by": why,
                    "model_version": MODEL,
                }
            )
    return frame("gold.failure_risk", rows)


def forecast() -> pl.DataFrame:
    """gold.forecast: three weeks of two items, all drafts."""
    rows: Rows = []
    for item, q, naive in (("shaft-20", 820.0, 0.21), ("bracket-s", 5100.0, None)):
        for week in range(3):
            rows.append(
                {
                    "item": item,
                    "period_start": date(2026, 11, 16) + timedelta(weeks=week),
                    "period": "week",
                    "quantity": q + 13 * week,
                    "low": q * 0.82,
                    "high": q * 1.22,
                    "model": "seasonal_ets",
                    "model_version": MODEL,
                    "backtest_wape": 0.14,
                    "naive_wape": naive,
                    "status": "draft",
                }
            )
    return frame("gold.forecast", rows)


def readings() -> pl.DataFrame:
    """silver.readings: vibration, temperature and power every 10 minutes; cnc-1 vibrates more at the end."""
    rows: Rows = []
    for machine, day in [(m, d) for m in MACHINES for d in DAYS]:
        for step in range(144):
            at = day_start(day) + timedelta(minutes=10 * step)
            drift = 3.0 * (DAYS.index(day) + step / 144) / 3 if machine == "cnc-1" else 0.0
            lost = machine == "cnc-1" and DAYS.index(day) == 1 and 66 <= step < 71
            for role, value in (
                ("vibration", 1.2 + drift),
                ("temperature", 41.0 + drift),
                ("power", 8.0 + (step % 7) * 0.2),
            ):
                rows.append(
                    {
                        "production_day": day,
                        "site": SITE,
                        "machine": machine,
                        "tag": f"{machine}.{role}",
                        "role": role,
                        "at": at,
                        "value": None if lost else value,
                        "quality": "bad" if lost else "good",
                        "flag": "no_signal" if lost else None,
                        "opening": step == 0,
                        "since_at": at,
                        "source": "cell-opcua",
                    }
                )
    return frame("silver.readings", rows).vstack(counter())


def counter() -> pl.DataFrame:
    """silver.readings of the good-piece counter of cnc-1: carried over, then one sample a production interval."""
    made = time_ledger().filter((pl.col("machine") == "cnc-1") & (pl.col("account") == "production"))
    rows: Rows = []
    count, ideal_s = 1000, MACHINES["cnc-1"][5]
    for day in DAYS:
        start = day_start(day)
        same = {"production_day": day, "site": SITE, "machine": "cnc-1", "tag": "cnc-1.good", "role": "good_count",
                "quality": "good", "source": "cell-opcua"}  # fmt: skip
        rows.append({**same, "at": start, "value": float(count), "opening": True, "since_at": start})
        for r in made.filter(pl.col("production_day") == day).sort("start_at").iter_rows(named=True):
            count += int(r["duration_us"] / 1e6 / ideal_s * 0.93)
            at = r["end_at"] - timedelta(minutes=1)
            rows.append({**same, "at": at, "value": float(count), "opening": False, "since_at": at})
    return frame("silver.readings", rows)


def raw_counter() -> pl.DataFrame:
    """bronze.readings the counter came from: the same values, as they came."""
    samples = counter().filter(~pl.col("opening")).sort("at")
    rows: Rows = [
        {"date": r["at"].date(), "ts": r["at"], "tag": r["tag"], "value": r["value"], "status": 0,
         "received_at": r["at"], "source": r["source"], "segment": "cell-opcua-0001", "seq": n}
        for n, r in enumerate(samples.iter_rows(named=True))
    ]  # fmt: skip
    return frame("bronze.readings", rows)


def small_silver() -> dict[str, pl.DataFrame]:
    """The relational tables the pages read."""
    machines: Rows = [
        {"machine": m, "line": line, "area": area, "site": SITE, "timezone": "Europe/Berlin", "kind": kind,
         "minor_stop_s": 120.0} for m, (line, area, kind, *_) in MACHINES.items()
    ]  # fmt: skip
    sales: Rows = [
        {
            "sales_id": f"{p}-{n}",
            "customer": "C1",
            "product": p,
            "qty": q * (0.8 + 0.1 * (n % 5)),
            "unit_price_cents": 900,
            "ordered_at": NOW - timedelta(days=n + 1),
            "requested_at": NOW - timedelta(days=n + 1),
            "status": "shipped",
        }
        for p, q in (("shaft-20", 160.0), ("bracket-s", 900.0))
        for n in range(84)
    ]
    work: Rows = [
        {
            "maintenance_id": "M1",
            "machine": "cnc-1",
            "kind": "corrective",
            "failure_mode": "spindle_bearing",
            "reported_at": NOW - timedelta(days=41),
            "started_at": NOW - timedelta(days=41),
            "ended_at": NOW - timedelta(days=40),
        },
        {
            "maintenance_id": "M2",
            "machine": "cnc-1",
            "kind": "preventive",
            "reported_at": NOW - timedelta(days=2, hours=3),
            "started_at": NOW - timedelta(days=2, hours=3),
            "ended_at": NOW - timedelta(days=2),
        },
    ]
    return {
        "silver.machines": frame("silver.machines", machines),
        "silver.sales_orders": frame("silver.sales_orders", sales),
        "silver.maintenance_orders": frame("silver.maintenance_orders", work),
    }


def quarantine() -> pl.DataFrame:
    """bronze.quarantine: two rows held back, one only reported."""
    rows: Rows = [
        {
            "date": NOW.date(),
            "id": f"q{n}",
            "source": src,
            "origin": origin,
            "position": n,
            "reason": reason,
            "message": message,
            "payload": "{}",
            "booked": booked,
            "quarantined_at": NOW - timedelta(hours=n),
            "segment": "s1",
        }
        for n, (src, origin, reason, message, booked) in enumerate(
            [
                (
                    "historian-csv",
                    "press-1.csv",
                    "not_a_number",
                    "row 17: 'abc' is not a number; write a number or leave it empty",
                    False,
                ),
                (
                    "historian-csv",
                    "press-1.csv",
                    "future_timestamp",
                    "row 90: 2031-01-01 lies in the future; check the clock",
                    False,
                ),
                ("cell-opcua", "cnc-1.power", "not_finite", "NaN from cnc-1.power; kept as it came", True),
            ]
        )
    ]
    return frame("bronze.quarantine", rows)


def checks() -> list[CheckResult]:
    """One check that passed, one that warns."""
    bad = "bracket-s at fg-1: -12"
    return [
        CheckResult("gold.oee", "availability between 0 and 1", True, "blocking", 0, "0 of 27", NOW),
        CheckResult("silver.stock_ledger", "stock not negative", False, "warning", 1, bad, NOW),
    ]


def write_health(root: Path) -> None:
    """Health files as the collector keeps them: one source connected, one down. The ERP was never seen."""
    folder = root / "spool" / "health"
    folder.mkdir(parents=True, exist_ok=True)
    since, down = (NOW - timedelta(days=2)).isoformat(), (NOW - timedelta(hours=2)).isoformat()
    connected = {"source": "cell-opcua", "kind": "opcua", "state": "connected", "last_at": NOW.isoformat(),
                 "values": 51840, "message": None, "since_at": since}  # fmt: skip
    lost = {"source": "press-plc", "kind": "modbus", "state": "down", "last_at": down, "values": 17280,
            "message": "no answer from the device; check its power and the cable", "since_at": down}  # fmt: skip
    for row in (connected, lost):
        (folder / f"{row['source']}.json").write_text(json.dumps(row), encoding="utf8")


def frames() -> dict[str, pl.DataFrame]:
    """Every table of the tiny lake by name."""
    return {
        "silver.time_ledger": time_ledger(),
        "silver.count_ledger": count_ledger(),
        "silver.readings": readings(),
        "gold.oee": oee(),
        "gold.losses": losses(),
        "gold.yield": yields(),
        "gold.inventory": inventory(),
        "gold.energy": energy(),
        "gold.failure_risk": failure_risk(),
        "gold.forecast": forecast(),
        "bronze.quarantine": quarantine(),
        "bronze.readings": raw_counter(),
        **small_silver(),
    }


def fill(root: Path) -> Path:
    """Write the tiny lake under `root` through the real door."""
    lake = Lake(root)
    for name, rows in frames().items():
        contract = table(name)
        if contract.write == "append_once":
            lake.append_once(name, rows, "tiny", 1)
        elif contract.write == "replace_day":
            lake.replace_days(name, rows, DAYS)
        else:
            lake.replace(name, rows)
    State(root).record_checks(checks())
    write_health(root)
    return root
