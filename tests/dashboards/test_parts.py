"""The pure parts: sentences, ranking, clocks, exports, model cards; and that the app stays light."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from io import BytesIO

import polars as pl
import pytest

from assets.expectations import suite
from dashboards import cards, clock, export
from dashboards.attention import check_words, findings
from dashboards.ranking import decided
from plant.states import Account, LossClass
from plant.tables import tables

NO_ROWS = pl.DataFrame(schema={"coverage": pl.Float64})


def test_ranking_is_undecided_only_where_bounds_overlap() -> None:
    rows = pl.DataFrame(
        {
            "scope": ["a", "b", "c", "d"],
            "oee": [0.5, 0.8, 0.75, None],
            "oee_low": [0.5, 0.78, 0.7, 0.0],
            "oee_high": [0.5, 0.82, 0.79, 1.0],
        }
    )
    ranked = decided(rows)
    assert ranked["scope"].to_list() == ["b", "c", "a", "d"]
    # d may have been anything: nobody's place is certain while it is open.
    assert ranked["decided"].to_list() == [False, False, False, False]
    assert decided(rows.head(3))["decided"].to_list() == [False, False, True]


def test_wall_clock_keeps_an_even_axis_over_the_night_the_clocks_change() -> None:
    since, until = datetime(2026, 10, 24, 4, tzinfo=UTC), datetime(2026, 10, 25, 5, tzinfo=UTC)
    rows = pl.DataFrame({"at": [since, until]}, schema={"at": pl.Datetime("us", "UTC")})
    even = clock.wall(rows, "Europe/Berlin", since)["at"]
    assert (even[1] - even[0]).total_seconds() == 25 * 3600
    assert clock.local(rows, "Europe/Berlin")["at"][1] == datetime(2026, 10, 25, 6)  # noqa: DTZ001
    assert clock.changes("Europe/Berlin", since, until)
    assert not clock.changes("Europe/Berlin", since, since)


NOTHING = (
    pl.DataFrame(schema=["kind", "severity", "subject", "message", "at"]), NO_ROWS, pl.DataFrame(),
    pl.DataFrame(schema=["status"]),
)  # fmt: skip


def test_findings_of_nothing_are_nothing() -> None:
    assert findings.findings(*NOTHING, pl.DataFrame(schema=["state"])) == []
    assert findings.headline([]) == "Nothing urgent."


@pytest.mark.parametrize(
    ("cents", "said"),
    [([100_000, 250_050], "**2 proposals wait** for approval, worth 3,500 EUR."),
     ([100_000, None], "**2 proposals wait** for approval, worth at least 1,000 EUR."),
     ([None], "**1 proposal waits** for approval.")],
)  # fmt: skip
def test_what_waits_for_a_second_key_is_told(cents: list[int | None], said: str) -> None:
    states = ["submitted"] * len(cents)
    proposals = pl.DataFrame(
        {"state": [*states, "draft"], "kind": "purchase", "value_cents": pl.Series([*cents, 7], dtype=pl.Int64)}
    )
    [one] = findings.findings(*NOTHING, proposals, "EUR")
    assert (one.urgency, findings.PAGES[one.kind][1], one.text) == ("medium", "Approvals", said)


def test_goods_that_only_change_their_place_are_not_money_to_be_spent() -> None:
    proposals = pl.DataFrame(
        {"state": ["submitted"] * 2, "kind": ["purchase", "stock_move"], "value_cents": [100_000, 5_000_000]}
    )
    [one] = findings.findings(*NOTHING, proposals, "EUR")
    assert one.text == "**2 proposals wait** for approval, worth 1,000 EUR."


def test_what_cost_most_money_is_told_where_it_is_not_what_cost_most_time() -> None:
    losses = pl.DataFrame(
        {"reason": ["starved", "bearing", "setup"], "duration_s": [7200.0, 3600.0, 1800.0], "stops": [4, 1, 1],
         "share": [0.57, 0.29, 0.14], "cost": [50.0, 400.0, None]}
    )  # fmt: skip
    time, money = (f.text for f in findings.biggest(losses, "EUR"))
    assert time == "**starved** cost most time: 2 h in 4 stops, 57 % of all lost time, 50 EUR."
    assert money == "**bearing** cost most money: 400 EUR in 1 h."
    assert len(findings.biggest(losses.head(1), "EUR")) == 1


def test_the_model_of_a_whole_machine_names_no_failure() -> None:
    alert = pl.DataFrame(
        {"kind": ["failure_risk"], "severity": ["high"], "subject": ["cnc-1 any"], "message": ["36 % within 24 h"],
         "at": [None]}
    )  # fmt: skip
    [one] = findings.findings(alert, *NOTHING[1:], pl.DataFrame(schema=["state"]))
    assert one.text == "**cnc-1** may fail: 36 % within 24 h."


def test_what_alerts_cost_in_the_test_is_told_against_waiting() -> None:
    card = {"metrics": {"any": {"events": {"cost": 32_400.0}, "run_to_failure": {"cost": 115_000.0}}}}
    assert cards.money(card, "any", "EUR") == (
        "Following its alerts cost 32,400 EUR there, waiting for the failures 115,000 EUR."
    )
    assert cards.money(card, "belt", "EUR") == ""


def test_every_check_that_only_warns_has_words() -> None:
    """A rule whose failure is a finding for people is told in words, and no words are of a rule that is gone."""
    rules = {
        f"{name} {rule.name}": rule.severity
        for name, contract in tables().items() if contract.layer in ("silver", "gold") for rule in suite(contract)
    }  # fmt: skip
    assert {n for n, severity in rules.items() if severity == "warning"} == set(check_words.FOUND)


def test_export_holds_the_approved_quantity_and_who_approved() -> None:
    rows = pl.DataFrame(
        {
            "item": ["shaft-20"], "period": ["week"], "period_start": [datetime(2026, 11, 23, tzinfo=UTC).date()],
            "quantity": [820.0], "decided_quantity": [900.0], "approved_by": ["Ada"],
            "approved_at": [datetime(2026, 11, 20, 6, tzinfo=UTC)], "comment": [None], "model_version": ["v1"],
        }
    )  # fmt: skip
    back = pl.read_csv(BytesIO(export.csv(rows)))
    assert back.row(0) == ("shaft-20", "week", "2026-11-23", 900.0, "Ada", "2026-11-20T06:00:00Z", None, "v1")
    sheet = pl.read_excel(BytesIO(export.excel(rows)))
    assert sheet["quantity"][0] == 900
    assert sheet["approved_by"][0] == "Ada"


CARD = {
    "purpose": "warn of failures",
    "trained_on": {"from": "2026-07-23 05:00:00+00:00", "to": "2026-11-20 05:00:00+00:00", "rows": 289},
    "split": "by time",
    "metrics": {
        "bearing": {
            "average_precision": 0.61,
            "prevalence": 0.04,
            "interval_95": {"low": 0.4, "high": 0.8},
            "baselines": {"prevalence": 0.04, "vibration_deviation": 0.47, "hazard_by_age": None},
            "events": {"failures": 9, "caught": 7, "false_alarms": 21, "false_alarms_per_machine_month": 0.4,
                       "lead_h_median": 9.6},
        },
        "fan": {"no_model_because": "not enough failures"},
    },
    "limits": ["One plant only.", "fan: no score.", "bearing: tested on 9 failures only."],
}  # fmt: skip


def test_model_card_becomes_sentences() -> None:
    said = " | ".join(cards.sentences(CARD, "bearing"))
    assert "Learned from 2026-07-23 to 2026-11-20" in said
    assert "0.61 (95 % sure: 0.40 to 0.80); guessing would reach 0.04" in said
    assert "The best simple rule, vibration deviation, reaches 0.47" in said
    assert "Limit: One plant only. | Limit: tested on 9 failures only." in said
    assert "no score" not in said
    assert cards.sentences({}, "bearing") == []


def test_the_record_of_a_model_says_hits_and_false_alarms() -> None:
    said = cards.record(CARD, "bearing")
    assert (
        "warned of 7 of 9 failures, by the median 10 h before, with 21 false alarms, about 3 for each true one" in said
    )
    assert cards.record(CARD, "fan") == cards.record({}, "fan") == ""
    assert cards.no_score(CARD, "fan") == "not enough failures"


def test_every_account_and_loss_class_has_a_word_and_a_colour_of_its_own() -> None:
    from dashboards import theme

    for words, colours, codes in (
        (theme.ACCOUNT_WORDS, theme.ACCOUNT_COLOURS, Account),
        (theme.CLASS_WORDS, theme.CLASS_COLOURS, LossClass),
    ):
        assert set(words) == set(colours) == {str(c) for c in codes}
        assert len(set(words.values())) == len(set(colours.values())) == len(codes)


def test_the_app_brings_in_neither_dagster_nor_the_workbench() -> None:
    heavy = "dagster", "connectors", "assets", "models", "sklearn", "great_expectations", "asyncua"
    code = (
        "import sys; from dashboards import cards, charts, curves, data, export, frame, ranking; "
        "from dashboards.attention import findings; "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
