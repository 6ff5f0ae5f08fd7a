"""Energy: how much, what for, per piece, and against what is expected."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from dashboards import clock, curves, data, frame, words
from dashboards.frame import Choice, Fact

ALL = "All machines"

HELP = """
* **While not producing**: energy used in set-up, stops, breaks and outside shifts. It is the first thing to save.
* **Expected** (dashed): the baseline after ISO 50006, a straight line in production and on-time,
  learned from earlier days.
  It is left out where a machine has none yet.
* **Running difference**: the sum of actual minus expected since the start of the days shown. A rising line is energy
  used beyond what this production explains; look for what changed where it starts to rise.
* **kWh a good piece**: all energy / all good pieces. A dash: the machine makes no pieces.
"""


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    days = {"first": choice.first, "last": choice.last, "site": choice.site, "line": choice.line}
    total = data.energy(**days, machine=None, level="plant", grain="period")
    if total.is_empty():
        frame.nothing(f"No energy was metered on {choice.days}.")
        return
    totals(total.row(0, named=True))
    machines = data.energy(**days, machine=None, level="machine", grain="period").sort("energy_kwh", descending=True)
    over_time(days, machines["scope"].to_list(), choice)
    by_machine(machines)
    frame.explain("How to read this", HELP)


def totals(row: dict[str, Any]) -> None:
    """The days in big numbers."""
    idle = words.share(row["idle_kwh"], row["energy_kwh"])
    frame.facts(
        [
            Fact("Energy", words.number(row["energy_kwh"], "kWh"), f"{idle} while not producing"),
            Fact(
                "A good piece",
                words.number(row["kwh_per_good_pc"], "kWh", 2),
                f"{words.number(row['good_pcs'])} good pieces",
            ),
            Fact("Against expected", words.signed(row["deviation_kwh"], "kWh"), _deviation(row)),
            Fact(
                "Cost",
                words.number(row["cost"], data.currency()),
                "by the tariffs" if row["cost"] is not None else "no tariff in plant.toml",
            ),
            Fact(
                "CO2e", words.number(row["co2e_kg"], "kg"), "" if row["co2e_kg"] is not None else "no emission factor"
            ),
        ]
    )


def _deviation(row: dict[str, Any]) -> str:
    if row["deviation_kwh"] is None:
        return "no baseline yet"
    usual = row["against_kwh"] - row["deviation_kwh"]
    return f"{words.share(abs(row['deviation_kwh']), usual)} {'more' if row['deviation_kwh'] > 0 else 'less'}"


def over_time(days: dict[str, Any], names: list[str], choice: Choice) -> None:
    """Hour by hour against the baseline."""
    st.subheader("Hour by hour")
    picked = st.selectbox("Machine", [ALL, *names], key="machine", bind="query-params")
    machine = None if picked == ALL else picked
    hours = data.energy(**days, machine=machine, level="plant" if machine is None else "machine", grain="hour")
    if hours.is_empty():
        frame.nothing(f"{picked} has no metered hour on {choice.days}.")
        return
    at = clock.wall(hours.rename({"period_at": "at"}), choice.timezone, hours["period_at"].min())
    st.altair_chart(curves.energy_use(at), alt="Energy an hour by use, with what is expected")
    if at["expected_kwh"].null_count() == 0:
        st.caption("Dashed: expected for this production.")
    if at["cusum_kwh"].drop_nulls().is_empty():
        frame.nothing("There is no baseline yet: it needs some days of production to learn from.")
        return
    st.markdown("Running difference to what is expected")
    st.altair_chart(curves.cusum(at), alt="Running sum of actual minus expected energy")
    st.caption(
        "Machines with a baseline only. Above the line: more than expected. "
        f"Now {words.signed(at['cusum_kwh'].drop_nulls()[-1], 'kWh')}."
    )


def by_machine(machines: pl.DataFrame) -> None:
    """Machines, largest user first."""
    st.subheader("By machine")
    for row in machines.iter_rows(named=True):
        each = row["kwh_per_good_pc"]
        piece = f"{words.number(each, 'kWh', 2)} a good piece" if each is not None else "makes no pieces"
        st.markdown(
            f"**{row['scope']}**: {words.number(row['energy_kwh'], 'kWh')}, {piece}, "
            f"{words.share(row['idle_kwh'], row['energy_kwh'])} while not producing"
        )


main()
