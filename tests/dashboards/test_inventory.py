"""The inventory page with stock as it stands: what to do and why, classes, age, room, layout, statements."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from warehouse.lake import Lake


def _write(root: Path, tiny: ModuleType) -> None:
    """Stock of the last day: one to buy, one to count, one in excess, a full zone, a move that pays, a miscount."""
    day = tiny.DAYS[-1]
    base = {"production_day": day, "site": tiny.SITE, "unit": "m"}
    lake = Lake(root)

    def put(name: str, *rows: dict[str, Any]) -> None:
        lake.replace(name, tiny.frame(name, [base | r for r in rows]))

    order = {"source": "buy", "on_hand_qty": 260.0, "on_order_qty": 0.0, "reorder_point_qty": 400.0, "order_qty": 900.0,
             "target": 0.97, "measure": "cycle", "cycle_service": 0.971, "fill_rate": 0.99,
             "stockout_probability": 0.41,
             "abc": "A", "xyz": "X", "model": "gamma", "mean_d": 90.0, "lead_d": 3.5}  # fmt: skip
    put(
        "gold.replenishment",
        order | {"material": "bar-20", "alert": "below_reorder_point", "action": "buy", "action_qty": 1040.0,
                 "action_day": day + timedelta(days=4), "reason": "260 m on hand; reorder at 400"},
        order | {"material": "bracket-s", "alert": "negative_stock", "action": "count", "action_qty": 12.0,
                 "reason": "-12 pcs on hand", "stockout_probability": None},
        order | {"material": "coil-2", "alert": "excess", "action": "sell_off", "action_qty": 50.0,
                 "reason": "too much"},
        order | {"material": "fine", "reason": "enough"},
    )  # fmt: skip
    put("gold.stock_classes", *({"material": m, "abc": a, "xyz": x, "weeks": 30, "demand_qty": 1.0, "demand_value": v,
                                 "seasonal": False, "on_hand_qty": 1.0, "on_hand_value": 80.0, "excess_qty": 1.0,
                                 "excess_value": 80.0, "state": s}
                                for m, a, x, v, s in (("bar-20", "A", "X", 900.0, "active"),
                                                      ("coil-2", "B", "Z", 90.0, "excess"),
                                                      ("old", None, None, None, "dead"))))  # fmt: skip
    put("gold.stock_ageing", {"material": "bar-20", "location": "raw-1", "bucket": "0 to 30 d", "from_d": 0, "to_d": 30,
                              "basis": "lot", "qty": 5.0, "value": 50.0})  # fmt: skip
    put("gold.slotting", *({"zone": "raw", "material": m, "from_location": "raw-1", "to_location": t, "qty": 9.0,
                            "space": 9.0, "trips_week": 20.0, "now_m_week": 1000.0, "then_m_week": 1000.0 - saved,
                            "saved_m_week": saved, "move_m": move, "payback_weeks": 0.5}
                           for m, t, saved, move in (("bar-20", "raw-2", 800.0, 400.0),
                                                     ("coil-2", "raw-1", 0.0, 0.0))))  # fmt: skip
    put("gold.stock_differences", *({"statement": f"s{n}", "material": "bar-20", "location": "raw-1", "kind": "count",
                                     "at": datetime(2026, 11, 19, 9, tzinfo=UTC), "ledger_qty": 9.0, "stated_qty": 9.0,
                                     "difference_qty": float(n), "late_qty": 0.0, "finding": f}
                                    for n, f in enumerate(("agrees", "differs"))))  # fmt: skip
    space = {"site": tiny.SITE, "production_day": day, "locations": 2, "materials": 3}
    rows = [
        space | {"zone": "raw", "used": 90.0, "capacity": 100.0, "share": 0.9},
        space | {"zone": "yard", "used": 5.0},
    ]
    lake.replace_days("gold.space_use", tiny.frame("gold.space_use", rows), [day])


def _words(app: Any) -> str:
    return "\n".join(x.value for kind in ("markdown", "caption", "info", "success") for x in getattr(app, kind))


def test_it_says_what_to_do_and_why_and_how_it_is_approved(tiny: ModuleType, own_root: Path, open_page: Any) -> None:
    _write(own_root, tiny)
    app = open_page(own_root, "inventory")
    said = [m.value for m in app.markdown if m.value.startswith(":")]
    assert "**bracket-s** negative stock. **Count: 12 m are missing.**" in said[0]
    assert "**bar-20** is to be reordered. **Buy 1,040 m, needed by Mon 23 Nov.**" in said[1]
    text = _words(app)
    assert "260 m on hand; reorder at 400." in text
    assert "**1 statement or count differs** from the ledger: bar-20." in text
    assert "shopfloor proposals draft --by NAME" in text
    assert "at raw-1: below its reorder point" not in text, "the order speaks for it"
    assert [h.value for h in app.subheader][2:] == [
        "When to reorder", "One material", "Which matter, which are even", "How old it is", "Room",
        "Where it should lie", "Ledger against what was stated and counted",
    ]  # fmt: skip
    assert "Dead stock 80, in excess 80. 1 material has no class." in text
    assert "**1 move** would save **800 m** of 2,000 m a week; moving takes 400 m, paid back in 0.5 weeks." in text
    assert "1 of 2 statements agree." in text
    assert "No capacity is stated for yard." in text


def test_an_earlier_day_shows_no_orders_of_the_last_one(tiny: ModuleType, own_root: Path, open_page: Any) -> None:
    _write(own_root, tiny)
    text = _words(open_page(own_root, "inventory", days=[tiny.DAYS[0].isoformat(), tiny.DAYS[1].isoformat()]))
    assert "is to be reordered" not in text
    assert "are those of the last day with stock" in text


def test_actions_in_words() -> None:
    action = importlib.import_module("dashboards.stock.parts").action
    row = {"action": "expedite", "action_qty": 1500.0, "unit": "kg", "action_day": None}
    assert action(row) == "Ask for the 1,500 kg on order sooner"
    assert action({"action": None}) == ""
