"""Yield: good and scrapped pieces by product and operation."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboards import charts, data, frame, words
from dashboards.frame import Fact

HELP = """
* **First pass yield** of an operation: good / (good + scrap + rework). Reworked pieces did not pass the first time.
* **Rolled throughput yield** of a product: the product of the first pass yields of all its operations, the share
  of pieces that would pass every one without scrap or rework. It is a dash when one of the operations made nothing.
* Days are added up first and divided once; a mean of daily yields would weigh a slow day like a full one.
"""


def main() -> None:
    """The page, top to bottom."""
    choice = frame.chosen()
    if choice.line:
        st.caption("Yield belongs to products, not to lines: all lines of the site are shown.")
    days = {"first": choice.first, "last": choice.last, "site": choice.site}
    rows = data.yields(**days, grain="period")
    if rows.is_empty():
        frame.nothing(f"No piece was counted on {choice.days}.")
        return
    totals(data.scrap_trend(**days))
    products(rows)
    by_day(data.scrap_trend(**days), data.yields(**days, grain="day"))
    frame.explain("How to read this", HELP)


def totals(scrap: pl.DataFrame) -> None:
    """Pieces of all products."""
    sums = scrap.select(pl.col("produced_pcs", "scrap_pcs", "rework_pcs").sum()).row(0, named=True)
    worst = scrap.group_by("product").agg(pl.col("scrap_pcs").sum()).sort("scrap_pcs", "product", descending=True)
    good = sums["produced_pcs"] - sums["scrap_pcs"] - sums["rework_pcs"]
    frame.facts(
        [
            Fact("Good pieces", words.number(good), f"of {words.number(sums['produced_pcs'])} made"),
            Fact(
                "Scrap",
                words.number(sums["scrap_pcs"]),
                f"{words.share(sums['scrap_pcs'], sums['produced_pcs'])} of all pieces",
            ),
            Fact(
                "Rework",
                words.number(sums["rework_pcs"]),
                f"{words.share(sums['rework_pcs'], sums['produced_pcs'])} of all pieces",
            ),
            Fact("Most scrap", worst["product"][0], words.number(worst["scrap_pcs"][0], "pcs")),
        ]
    )


def products(rows: pl.DataFrame) -> None:
    """One card a product: its rolled yield and the operation that costs most."""
    st.subheader("By product")
    for (product,), steps in rows.sort("product").group_by("product", maintain_order=True):
        weakest = steps.sort("first_pass_yield", nulls_last=True).row(0, named=True)
        rolled = weakest["rolled_throughput_yield"]
        why = "" if rolled is not None else " (an operation made nothing)"
        with st.container(border=True, gap="xxsmall"):
            st.markdown(f"**{product}**: rolled throughput yield {words.percent(rolled, 1)}{why}")
            if weakest["first_pass_yield"] is not None:
                st.caption(
                    f"Weakest step: {weakest['operation']} with "
                    f"{words.percent(weakest['first_pass_yield'], 1)} first pass, "
                    f"{words.number(weakest['scrap_pcs'])} scrapped."
                )
    with st.expander("By operation, as a table", icon=":material/table:"):
        shown = rows.select(
            "product", "operation", "good_pcs", "scrap_pcs", "rework_pcs", "first_pass_yield", "scrap_ratio"
        )
        st.dataframe(shown, hide_index=True, placeholder=words.DASH, column_config=COLUMNS, alt="Yield by operation")


COLUMNS = {
    "product": st.column_config.TextColumn("Product", pinned=True), "operation": "Operation",
    "good_pcs": st.column_config.NumberColumn("Good", format="localized"),
    "scrap_pcs": st.column_config.NumberColumn("Scrap", format="localized"),
    "rework_pcs": st.column_config.NumberColumn("Rework", format="localized"),
    "first_pass_yield": st.column_config.NumberColumn("First pass yield", format="percent"),
    "scrap_ratio": st.column_config.NumberColumn("Scrap ratio", format="percent"),
}  # fmt: skip


def by_day(scrap: pl.DataFrame, daily: pl.DataFrame) -> None:
    """Scrap ratio and rolled yield by day."""
    st.subheader("By day")
    if scrap["production_day"].n_unique() < 2:
        frame.nothing("One day makes no trend. Choose more days above.")
        return
    st.markdown("Rolled throughput yield")
    rolled = daily.unique(["production_day", "product"], maintain_order=True)
    shown = rolled.select(day="production_day", series="product", value="rolled_throughput_yield")
    st.altair_chart(charts.by_series(shown, "Rolled yield"), alt="Rolled throughput yield by day and product")
    st.markdown("Scrap, share of pieces")
    shown = scrap.select(day="production_day", series="product", value="scrap_ratio")
    st.altair_chart(charts.by_series(shown, "Scrap"), alt="Scrap ratio by day and product")


main()
