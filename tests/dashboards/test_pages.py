"""Every page over the tiny lake: no exception, the facts that matter, blanks that say why, decisions that arrive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from warehouse.lake import Lake

PAGES = (
    "overview",
    "oee",
    "kpis",
    "yields",
    "energy",
    "inventory",
    "orders",
    "supply",
    "health",
    "forecasts",
    "approvals",
    "changes",
    "trust",
)
Open = Callable[..., AppTest]


def words(app: AppTest) -> str:
    """Everything a reader can read, in one text."""
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.success, *app.subheader]
    return "\n".join([str(p.value) for p in parts] + [f"{m.label} {m.value}" for m in app.metric])


def fact(app: AppTest, label: str) -> str:
    return next(str(m.value) for m in app.metric if m.label == label)


@pytest.mark.parametrize("page", PAGES)
def test_page_has_no_exception(page: str, tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, page)
    assert not app.exception
    assert app.title[0].value


@pytest.mark.parametrize("page", PAGES)
def test_empty_lake_shows_a_sentence(page: str, empty_root: Path, open_page: Open) -> None:
    app = open_page(empty_root, page)
    assert not app.exception
    assert "no numbers yet" in app.info[0].value
    assert not app.metric


@pytest.mark.parametrize("page", PAGES)
def test_page_survives_when_only_production_was_built(page: str, bare_root: Path, open_page: Open) -> None:
    """Every part that is missing says so."""
    app = open_page(bare_root, page)
    assert not app.exception
    if page not in ("overview", "oee", "kpis", "trust"):
        assert app.info


def expected_oee(tiny: ModuleType, machines: list[str], days: list[date]) -> float:
    """OEE by hand: one ratio of sums over the rows of gold.oee."""
    rows = tiny.oee().filter(pl.col("machine").is_in(machines) & pl.col("production_day").is_in(days))
    ideal, good, made = (rows[c].sum() for c in ("ideal_s", "good_pcs", "produced_pcs"))
    return ideal * good / made / (rows["pbt_s"].sum() - rows["unknown_s"].sum())


def test_overview_shows_the_last_day_as_ratio_of_sums(tiny: ModuleType, tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "overview")
    value = expected_oee(tiny, list(tiny.MACHINES), tiny.DAYS[-1:])
    assert fact(app, "OEE") == f"{100 * value:.0f} %"
    good = tiny.oee().filter(pl.col("production_day") == tiny.DAYS[-1])["good_pcs"].sum()
    assert fact(app, "Good pieces") == f"{good:,}"
    assert "Thu 19 Nov" in words(app)


def test_overview_says_what_needs_attention_most_urgent_first(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "overview")
    said = [m.value for m in app.markdown if "material/error" in m.value or "material/warning" in m.value]
    assert "cnc-1 spindle bearing** may fail: 63 %" in said[0]
    text = words(app)
    assert "**press-plc** is down" in text
    assert "negative stock: -12 pcs" in text
    assert "below its reorder point" in text
    assert "**3 things need you now**" in text


def test_oee_shows_bounds_and_coverage(tiny: ModuleType, tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "oee", days=["2026-11-18", "2026-11-18"])
    rows = tiny.oee().filter(pl.col("production_day") == tiny.DAYS[1])
    pbt, unknown = rows["pbt_s"].sum(), rows["unknown_s"].sum()
    earned = rows["ideal_s"].sum() * rows["good_pcs"].sum() / rows["produced_pcs"].sum()
    assert fact(app, "OEE") == f"{100 * earned / (pbt - unknown):.0f} %"
    assert f"between {100 * earned / pbt:.0f} % and {100 * (earned + unknown) / pbt:.0f} %" in words(app)
    assert fact(app, "Coverage") == f"{100 * (pbt - unknown) / pbt:.1f} %"


def test_deep_link_chooses_line_and_days(tiny: ModuleType, tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "oee", line="shafts", days=["2026-11-17", "2026-11-18"])
    value = expected_oee(tiny, ["cnc-1"], tiny.DAYS[:2])
    assert fact(app, "OEE") == f"{100 * value:.0f} %"
    assert app.selectbox(key="line").value == "shafts"


def test_deep_link_to_nonsense_falls_back(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "oee", line="no-such-line", days=["1999-01-01", "1999-01-02"])
    assert not app.exception
    assert app.selectbox(key="line").value == "All lines"


def test_a_line_is_kept_but_not_asked_for_where_it_narrows_nothing(tiny_root: Path, open_page: Open) -> None:
    given = {"line": "shafts", "days": ["2026-11-17", "2026-11-18"]}
    asked = {page: open_page(tiny_root, page, **given).selectbox(key="line") for page in ("trust", "oee")}
    assert {page: (box.disabled, box.value) for page, box in asked.items()} == {
        "trust": (True, "shafts"), "oee": (False, "shafts"),
    }  # fmt: skip


def test_nothing_planned_is_a_dash_with_its_reason(
    tiny: ModuleType, tiny_sums: ModuleType, tmp_path: Path, open_page: Open
) -> None:
    root = tiny.fill(tmp_path / "root")
    rows = tiny.oee().with_columns(
        pl.when(pl.col("machine") == "press-1").then(0.0).otherwise(pl.col("pbt_s")).alias("pbt_s"),
        pl.when(pl.col("machine") == "press-1").then(0.0).otherwise(pl.col("unknown_s")).alias("unknown_s"),
        pl.when(pl.col("machine") == "press-1").then(pl.lit("nothing planned")).otherwise("note").alias("note"),
    )
    Lake(root).replace_days("gold.oee", rows, tiny.DAYS)
    Lake(root).replace_days("gold.kpi_sums", tiny_sums.sums(rows), tiny.DAYS)
    assert "press-1: no OEE, nothing planned" in words(open_page(root, "oee"))


def test_yield_of_a_product_that_made_nothing_is_a_dash(tiny_root: Path, open_page: Open) -> None:
    assert "**bracket-l**: rolled throughput yield – (an operation made nothing)" in words(
        open_page(tiny_root, "yields")
    )


def test_inventory_names_findings_worst_first(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "inventory")
    said = [m.value for m in app.markdown if m.value.startswith(":") and " at " in m.value]
    assert "**bracket-s** at fg-1: negative stock, -12 pcs" in said[0]
    assert "**bar-20** at raw-1: below its reorder point, 260 m on hand, reorder at 400 m" in said[1]
    assert fact(app, "To reorder") == "1"


def test_energy_holds_only_machines_with_a_baseline_against_it(
    tiny: ModuleType, tiny_root: Path, open_page: Open
) -> None:
    app = open_page(tiny_root, "energy")
    rows = tiny.energy()
    assert fact(app, "Energy") == f"{rows['energy_kwh'].sum():,.0f} kWh"
    known = rows.filter(pl.col("expected_kwh").is_not_null())
    excess = (known["energy_kwh"] - known["expected_kwh"]).sum()
    assert fact(app, "Against expected") == f"+{excess:,.0f} kWh"
    assert "Dashed" not in words(app)  # the oven has no baseline: no line for all machines together
    assert "Dashed" in words(open_page(tiny_root, "energy", machine="cnc-1"))


def test_health_shows_the_evidence_of_the_alert(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "health")
    text = words(app)
    assert "**cnc-1** may fail (spindle bearing): 63 % within 24 h. Alert from 20 %. Alert since" in text
    assert "* vibration 4.1x its normal" in text
    assert fact(app, "Remaining life") == "19 h"
    assert "1 mode has no score" in text
    assert len(app.get("vega_lite_chart")) == 4  # probability and three raw signals


def test_health_of_a_machine_without_a_score_says_so(tiny_root: Path, open_page: Open) -> None:
    app = open_page(tiny_root, "health", risk="oven-1, heater")
    assert fact(app, "Probability") == "–"
    assert "There is no score, so nothing to explain." in words(app)


def test_trust_shows_sources_checks_and_quarantine(tiny: ModuleType, tiny_root: Path, open_page: Open) -> None:
    tiny.write_health(tiny_root)  # anew: a collector that has said nothing for a while counts as silent
    text = words(open_page(tiny_root, "trust"))
    assert "No answer from the device; check its power and the cable." in text
    assert "Check **silver.stock_ledger stock not negative** failed: 1 row against it" in text
    assert "row 17: 'abc' is not a number" in text
    assert "Data until 06:00" in text
    assert "Rows held back 2" in text


def decisions(root: Path) -> pl.DataFrame:
    return Lake(root).scan("bronze.decisions").collect()


def test_approving_one_period_is_recorded_and_shown(own_root: Path, open_page: Open) -> None:
    app = open_page(own_root, "forecasts", item="shaft-20")
    app.number_input[0].set_value(900)
    app.text_input[0].set_value("Ada")
    app.text_input[1].set_value("promised to the customer")
    app.form_submit_button[0].click().run()
    assert not app.exception
    row = decisions(own_root).row(0, named=True)
    assert (row["item"], row["decision"], row["decided_by"]) == ("shaft-20", "approved", "Ada")
    assert (row["quantity"], row["comment"]) == (900.0, "promised to the customer")
    assert fact(app, "Approved") == "1"
    assert "900 by Ada “promised to the customer”" in words(app)


def test_approving_without_a_name_records_nothing(own_root: Path, open_page: Open) -> None:
    app = open_page(own_root, "forecasts")
    app.form_submit_button[0].click().run()
    assert "Write your name first" in app.error[0].value
    assert decisions(own_root).is_empty()


def test_approve_all_then_export_marks_exported(own_root: Path, open_page: Open) -> None:
    app = open_page(own_root, "forecasts", item="shaft-20")
    app.text_input[0].set_value("Ada")
    app.form_submit_button[1].click().run()
    assert decisions(own_root).height == 3
    app.download_button[0].click().run()
    assert not app.exception
    assert decisions(own_root)["decision"].value_counts().sort("decision").rows() == [("approved", 3), ("exported", 3)]
    assert fact(app, "Exported") == "3"
    assert "3 periods exported." in words(app)


def test_a_decision_taken_by_somebody_else_meanwhile_is_told(own_root: Path, open_page: Open) -> None:
    from warehouse.decisions import decide

    app = open_page(own_root, "forecasts", item="shaft-20")
    decide(own_root, "shaft-20", date(2026, 11, 16), "2026-11-20-a1b2c3", "approved", "Bob", 800.0)
    app.text_input[0].set_value("Ada")
    app.form_submit_button[0].click().run()
    assert not app.exception
    assert decisions(own_root).height == 1


def test_new_data_are_seen_without_a_restart(
    own_root: Path, tiny: ModuleType, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboards import data

    monkeypatch.setattr(data, "LOOK_AGAIN_S", 0.0)
    app = open_page(own_root, "yields")
    before = fact(app, "Scrap")
    rows = tiny.yields().with_columns(scrap_pcs=pl.col("scrap_pcs") + 1000)
    Lake(own_root).replace_days("gold.yield", rows, tiny.DAYS)
    app.run()
    assert fact(app, "Scrap") != before
