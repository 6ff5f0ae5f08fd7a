"""The dashboards: `streamlit run dashboards/app.py`. Navigation, nothing else.

The folder of the pages is not called `pages`: Streamlit would run a page by itself, without this
file, for the first reader who opens a link to it (seen with 1.67; a browser test holds it so).
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboards import frame

# A file: icons by name are fetched from the internet by the browser.
ICON = Path(__file__).parent / "icon.svg"
# Stock, lots, demand and proposals belong to the site, not to one of its lines.
WHOLE_SITE = {"Inventory", "Supply", "Batches", "Forecasts", "Approvals", "Data trust"}


def main() -> None:
    """Set the page up and run the chosen one."""
    st.set_page_config(page_title="Shopfloor", page_icon=str(ICON), layout="wide")
    overview = st.Page(
        "app_pages/overview.py", title="Overview", icon=":material/home:", default=True,
        help="The last production day in a minute: what needs attention first, then the big numbers.",
    )  # fmt: skip
    production = [
        st.Page("app_pages/oee.py", title="OEE and losses", icon=":material/speed:",
                help="How well the machines were used, where the time went, what each machine did."),
        st.Page("app_pages/kpis.py", title="KPIs", icon=":material/percent:",
                help="Any KPI at any level and grain, with its bounds, and why standards differ."),
        st.Page("app_pages/yields.py", title="Yield", url_path="yield", icon=":material/verified:",
                help="Good and scrapped pieces by product and operation."),
        st.Page("app_pages/energy.py", title="Energy", icon=":material/bolt:",
                help="Energy, cost and greenhouse gas, per piece and against what is expected."),
        st.Page("app_pages/orders.py", title="Orders", icon=":material/assignment:",
                help="Which orders are late, where their time went, what they cost and why."),
        st.Page("app_pages/inventory.py", title="Inventory", icon=":material/inventory_2:",
                help="Stock on hand, what runs out, what does not move."),
        st.Page("app_pages/supply.py", title="Supply", icon=":material/local_shipping:",
                help="Suppliers and customers: on time in full, whom to call, lead times, prices."),
        st.Page("app_pages/lots.py", title="Batches", icon=":material/account_tree:",
                help="Where a lot came from, what was made of it, who got it: the list for a recall."),
    ]  # fmt: skip
    ahead = [
        st.Page("app_pages/health.py", title="Machine health", icon=":material/monitor_heart:",
                help="Which machine may fail, why the model thinks so, and whether to believe it."),
        st.Page("app_pages/forecasts.py", title="Forecasts", icon=":material/trending_up:",
                help="Expected demand: review, approve, export."),
        st.Page("app_pages/approvals.py", title="Approvals", icon=":material/task_alt:",
                help="What other systems shall do: purchases, orders, repairs, moves; approve or reject."),
    ]  # fmt: skip
    changes = st.Page("app_pages/changes.py", title="Why it changed", icon=":material/history:",
                      help="How a number came to read as it does, by cause; sign numbers off.")  # fmt: skip
    trust = st.Page("app_pages/trust.py", title="Data trust", icon=":material/fact_check:",
                    help="How fresh and complete the data are, what was rejected, which checks failed.")  # fmt: skip
    page = st.navigation(
        {"Today": [overview], "Production": production, "Ahead": ahead, "Behind the numbers": [changes, trust]}
    )
    frame.begin(page.title, by_line=page.title not in WHOLE_SITE)
    page.run()


if __name__ == "__main__":  # Streamlit runs this file as the main module
    main()
