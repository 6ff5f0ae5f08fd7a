"""KPIs: any of them at any level and grain with its bounds, and why standards read differently."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from dashboards import clock, data, frame, kpi_charts, waterfall, words
from dashboards.frame import Choice
from dashboards.ranking import ranked
from plant.kpi.catalogue import BY_NAME, KPIS
from plant.kpi.declaration import Kpi

LEVELS = {"machine": "Machine", "line": "Line", "area": "Area", "site": "Site", "order": "Order", "product": "Product",
          "operator": "Operator", "characteristic": "Characteristic"}  # fmt: skip
GRAINS = {"day": "Production day", "shift": "Shift", "hour": "Hour", "week": "Week", "month": "Month"}
PLACES = ("machine", "line", "area", "site")
TOP, TOLD = 30, 5

HELP = """
* Every KPI is declared once: two sums of whole numbers, divided. A line or a week is the same division over more
  rows, never a mean of ratios.
* **71 % [66..80]**: the value over what is known, and the least and the most it can have been, whatever happened while
  there was no signal. Where these ranges overlap the rank is not certain, and grey.
* **Coverage** is the share of planned time with a signal.
* A number that is not known is a dash with its reason, never a zero.
* Machines and lines follow the line chosen above, areas that line's area. Orders, products, operators and
  characteristics are shown of the whole plant.
"""


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    kpi = pick()
    left, right = st.columns(2)
    level = left.selectbox("Of each", list(LEVELS), format_func=lambda k: LEVELS[k], key="kpi level")
    grain = right.selectbox("By", list(GRAINS), format_func=lambda k: GRAINS[k], key="kpi grain")
    compare(choice, kpi, level)
    over_time(choice, kpi, level, grain)
    standards(choice)
    frame.explain("How to read this", HELP)


def pick() -> Kpi:
    """The KPI and what it is; a link may name it (`?kpi=teep`)."""
    linked = BY_NAME.get(st.query_params.get("kpi", ""))
    if linked and st.session_state.get("kpi linked") != linked.name:
        st.session_state["kpi family"], st.session_state[f"kpi of {linked.family}"] = linked.family, linked.name
    left, right = st.columns(2)
    families = list(dict.fromkeys(kpi.family for kpi in KPIS))
    family = left.selectbox("Standard", families, key="kpi family")
    names = [kpi.name for kpi in KPIS if kpi.family == family]
    name = right.selectbox("KPI", names, format_func=lambda n: BY_NAME[n].title, key=f"kpi of {family}")
    kpi = BY_NAME[name]
    st.query_params["kpi"] = st.session_state["kpi linked"] = name
    better = {"higher": "Higher is better. ", "lower": "Lower is better. "}.get(kpi.better, "")
    st.markdown(f"**{kpi.title}** = {kpi.formula}" + ("" if kpi.unit == "1" else f", in {kpi.unit}"))
    st.caption(f"{better}{kpi.edition}. Definition and source: docs/kpi/{name}.md")
    if kpi.remark:
        frame.explain("What it counts", kpi.remark)
    return kpi


def _asked(choice: Choice, kpi: Kpi, level: str, grain: str) -> pl.DataFrame:
    """Rows of the KPI with low, high; machines and lines only of what is chosen above."""
    rows = data.kpi_by(kpi=kpi.name, level=level, grain=grain, first=choice.first, last=choice.last)
    if level in PLACES:
        here = data.machines(site=choice.site, line=choice.line)[level].unique().to_list()
        rows = rows.filter(pl.col("scope").is_in(here))
    return rows.with_columns(low="value_low", high="value_high")


def compare(choice: Choice, kpi: Kpi, level: str) -> None:
    """Every scope over all days chosen, best first; grey where the order is not certain."""
    st.subheader(f"{LEVELS[level]} by {LEVELS[level].lower()}" if level in PLACES else f"Each {LEVELS[level].lower()}")
    rows = ranked(_asked(choice, kpi, level, "all"), kpi.better)
    known = rows.filter(pl.col("value").is_not_null())
    if rows.is_empty():
        frame.nothing(f"Nothing was recorded of any {LEVELS[level].lower()} on {choice.days}.")
        return
    if not known.is_empty():
        told = pl.Series("said", [_read(row, kpi.unit) for row in known.iter_rows(named=True)], pl.String)
        shown = known.with_columns(told).head(TOP)
        st.altair_chart(kpi_charts.compared(shown, kpi.title, kpi.unit), alt=f"{kpi.title}, best first")
    said = "" if known.height <= TOP else f" The first {TOP} of {words.number(known.height)}; all are in the table."
    st.caption(f"{choice.days}, all together.{_coverage(rows)}{said}")
    _unknown(rows, "scope")
    _table(rows, kpi, {"scope": LEVELS[level]})


def _coverage(rows: pl.DataFrame) -> str:
    """The scope seen least, where any was not seen all the time."""
    least = rows.filter(pl.col("coverage") < 1).sort("coverage").head(1)
    return "".join(f" Least coverage: {r['scope']}, {words.percent(r['coverage'], 1)}."
                   for r in least.iter_rows(named=True))  # fmt: skip


def _unknown(rows: pl.DataFrame, column: str) -> None:
    """What has no value, with the reason."""
    for note, group in rows.filter(pl.col("value").is_null()).group_by("note", maintain_order=True):
        names = [str(n) for n in group[column].unique(maintain_order=True)]
        more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
        st.caption(f"{', '.join(names[:TOLD])}{more}: no value, {note[0] or 'nothing known'}.")


def _table(rows: pl.DataFrame, kpi: Kpi, names: dict[str, str]) -> None:
    shape = "percent" if kpi.unit == "1" else "%.5g"
    number = {"value": kpi.title, "low": "At least", "high": "At most"}
    config: dict[str, Any] = {n: st.column_config.Column(t, pinned=True) for n, t in names.items()}
    config |= {n: st.column_config.NumberColumn(t, format=shape) for n, t in number.items()}
    config["coverage"] = st.column_config.NumberColumn("Coverage", format="percent")
    config |= {"numerator": "Numerator", "denominator": "Denominator", "note": "Note"}
    with st.expander("As a table", icon=":material/table:"):
        st.dataframe(rows.select(list(config)), hide_index=True, placeholder=words.DASH, column_config=config,
                     alt=f"{kpi.title} as a table")  # fmt: skip


def over_time(choice: Choice, kpi: Kpi, level: str, grain: str) -> None:
    """One scope from period to period."""
    st.subheader("Over time")
    rows = _asked(choice, kpi, level, grain)
    if rows.is_empty():
        frame.nothing(f"There is no {GRAINS[grain].lower()} of any {LEVELS[level].lower()} on {choice.days}.")
        return
    scope = st.selectbox(LEVELS[level], rows["scope"].unique().sort().to_list(), key=f"kpi {level}")
    mine = _placed(rows.filter(pl.col("scope") == scope), choice, grain).sort("at")
    if mine["value"].drop_nulls().len() > 1:
        chart = kpi_charts.over_time(mine, kpi.title, kpi.unit, grain)
        st.altair_chart(chart, alt=f"{kpi.title} of {scope} by {GRAINS[grain].lower()}")
    else:
        one = mine.filter(pl.col("value").is_not_null())
        frame.nothing(
            f"{one['period'][0]}: {_read(one.row(0, named=True), kpi.unit)}. One period makes no curve."
            if one.height else f"{kpi.title} of {scope} is not known for any {GRAINS[grain].lower()} of these days."
        )  # fmt: skip
    _unknown(mine, "period")
    _table(mine, kpi, {"period": GRAINS[grain]})


def _placed(rows: pl.DataFrame, choice: Choice, grain: str) -> pl.DataFrame:
    """With `at`, where the period stands on the axis, and `period`, its name."""
    if grain in {"hour", "shift"}:
        since = rows["period_start"].min()
        at = clock.wall(rows, choice.timezone, since)["period_start"]  # type: ignore[arg-type]
    elif grain == "day":
        at = rows["production_day"].cast(pl.Datetime("us"))
    else:
        at = rows["period_start"].dt.replace_time_zone(None)
    shape = {"hour": "%a %d %b %H:%M", "shift": "%a %d %b", "month": "%B %Y"}.get(grain, "%a %d %b")
    name = pl.col("at").dt.strftime(shape)
    if grain == "shift":
        name = pl.format("{}, {}", pl.col("production_day").dt.strftime(shape), "shift")
    return rows.with_columns(at=at).with_columns(period=name)


def _read(row: dict[str, Any], unit: str) -> str:
    if unit == "1":
        return words.bounded(row["value"], row["low"], row["high"])
    return words.number(row["value"], unit, 3)


def standards(choice: Choice) -> None:
    """From the number of one standard to that of another, one rule at a time."""
    st.subheader("Why standards differ")
    left, right = st.columns(2)
    level = left.selectbox("Of", PLACES, 3, format_func=lambda k: LEVELS[k], key="walk level")
    over = right.selectbox("Over", ("all", "day", "shift"), key="walk grain",
                           format_func=lambda k: {"all": "All days chosen", **GRAINS}[k])  # fmt: skip
    rows = data.kpi_reconciliation(level=level, grain=over, first=choice.first, last=choice.last)
    here = data.machines(site=choice.site, line=choice.line)[level].unique().to_list()
    rows = rows.filter(pl.col("scope").is_in(here))
    if rows.is_empty():
        frame.nothing(f"Nothing was recorded on {choice.days}.")
        return
    scope = left.selectbox("Which", rows["scope"].unique().sort().to_list(), key=f"walk of {level}")
    rows = rows.filter(pl.col("scope") == scope)
    walks = rows.select("start_kpi", "end_kpi").unique(maintain_order=True).rows()
    walk = right.selectbox("From, to", walks, format_func=_walk, key="walk", index=_teep(walks))
    mine = rows.filter((pl.col("start_kpi") == walk[0]) & (pl.col("end_kpi") == walk[1]))
    if over != "all":
        mine = _of_one_period(mine, choice, over)
    _steps(mine.sort("step"), walk)


def _of_one_period(rows: pl.DataFrame, choice: Choice, grain: str) -> pl.DataFrame:
    named = _placed(rows, choice, grain).sort("at", descending=True)
    period = st.selectbox(GRAINS[grain], named["period"].unique(maintain_order=True).to_list(), key=f"walk {grain}")
    return named.filter(pl.col("period") == period)


def _walk(walk: tuple[str, str]) -> str:
    return f"{BY_NAME[walk[0]].title} → {BY_NAME[walk[1]].title}"


def _teep(walks: list[tuple[str, str]]) -> int:
    """The walk shown first: it has most rules."""
    return walks.index(("oee", "teep")) if ("oee", "teep") in walks else 0


def _steps(rows: pl.DataFrame, walk: tuple[str, str]) -> None:
    """The walk as bars, and each rule in words."""
    start, end = (BY_NAME[name].title for name in walk)
    steps, values = rows["rule"].to_list(), rows["value"].to_list()
    if None in values:
        frame.nothing(f"{start} or {end} is not known here: there is nothing to hold against each other.")
        return
    added = [float(c) for c in rows["contribution"][1:]]
    bars = [("From", values[0], values[0], True, words.percent(values[0], 2))]
    bars += [(f"Rule {n}", values[n - 1], values[n], False, _points(c)) for n, c in enumerate(added, 1)]
    bars += [("To", values[-1], values[-1], True, words.percent(values[-1], 2))]
    shown = pl.DataFrame(bars, schema=["label", "start", "end", "total", "said"], orient="row")
    st.altair_chart(waterfall.waterfall(shown, "1", "context"), alt=f"From {start} to {end}, one rule at a time")
    told = [f"{n}. {steps[n]}: **{_points(c)}**" for n, c in enumerate(added, 1)]
    st.markdown("\n".join(told))


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f} points" if difference else "no difference"


main()
