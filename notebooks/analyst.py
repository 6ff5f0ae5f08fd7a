# The analyst's first hour with the published file, in plain DuckDB: what is there, and seven questions.
#   .venv/bin/marimo edit notebooks/analyst.py      to play with it
#   .venv/bin/python notebooks/analyst.py           to print the answers
# The root comes from SHOPFLOOR_ROOT, else ./.shopfloor. Nothing of Shopfloor is imported here.

import marimo

__generated_with = "0.25.0"
app = marimo.App(width="medium", app_title="Shopfloor for analysts")


@app.cell
def _():
    import os
    from pathlib import Path

    import duckdb
    import marimo as mo

    return Path, duckdb, mo, os


@app.cell
def _(mo):
    mo.md(
        """
        # Shopfloor for analysts

        One file, `published/shopfloor.duckdb`, opened read-only. The pipeline replaces it in one step and is never
        locked by you; open it again to see newer numbers. Instants are UTC (`_at`), days are production days (`_day`),
        durations seconds (`_s`), ratios 0..1. **Null means not known**, with the reason in `note`; it is never a zero.
        """
    )
    return


@app.cell
def _(Path, duckdb, mo, os):
    path = Path(os.environ.get("SHOPFLOOR_ROOT") or ".shopfloor") / "published" / "shopfloor.duckdb"
    missing = f"There is no {path} yet. Run `shopfloor build`, or set SHOPFLOOR_ROOT."
    if not path.exists() and mo.app_meta().mode == "script":
        print(missing)
    mo.stop(not path.exists(), mo.md(missing))
    con = duckdb.connect(str(path), read_only=True)
    con.execute("SET TimeZone = 'UTC'")
    return (con,)


@app.cell
def _(con, mo):
    def ask(title, sql):
        """Answer of a question: shown in the notebook, printed as CSV when run as a script."""
        frame = con.sql(sql).pl()
        if mo.app_meta().mode == "script":
            print(f"# {title}\n{frame.write_csv()}")
        return frame

    return (ask,)


@app.cell
def _(mo):
    mo.md("""## What is there\nEvery table and every column says what it means.""")
    return


@app.cell
def _(ask):
    tables = ask(
        "tables",
        """
        SELECT schema_name || '.' || view_name AS table_name, comment
        FROM duckdb_views() WHERE schema_name IN ('gold', 'silver', 'bronze') AND comment IS NOT NULL
        ORDER BY CASE schema_name WHEN 'gold' THEN 1 WHEN 'silver' THEN 2 ELSE 3 END, table_name
        """,
    )
    tables
    return


@app.cell
def _(ask):
    columns = ask(
        "columns of gold.oee",
        """
        SELECT column_name, data_type, comment FROM duckdb_columns()
        WHERE schema_name = 'gold' AND table_name = 'oee' ORDER BY column_index
        """,
    )
    columns
    return


@app.cell
def _(mo):
    mo.md(
        """
        ## Any KPI, any level, any grain: `gold.kpi_by`
        OEE of each machine over all days, with bounds: the least and the most it can have been, whatever happened in
        time without a signal. Never the mean of daily OEEs: a short shift would weigh like a long one. Levels: machine,
        line, area, site, order, product, operator, characteristic. Grains: hour, shift, day, week, month, all. The
        KPIs and their formulas: `docs/kpi`.
        """
    )
    return


@app.cell
def _(ask):
    oee = ask(
        "oee",
        """
        SELECT scope AS machine, value AS oee, value_low AS oee_low, value_high AS oee_high, note
        FROM gold.kpi_by('machine', 'all') WHERE kpi = 'oee' ORDER BY oee DESC NULLS LAST, machine
        """,
    )
    oee
    return


@app.cell
def _(mo):
    mo.md(
        """
        ## Why standards differ: `gold.kpi_reconciliation`
        From one standard's number to another's, one rule at a time. The contributions sum to the difference.
        """
    )
    return


@app.cell
def _(ask):
    walk = ask(
        "reconciliation",
        """
        SELECT scope, step, rule, value, contribution FROM gold.kpi_reconciliation('site', 'all')
        WHERE start_kpi = 'oee' AND end_kpi = 'teep' ORDER BY scope, step
        """,
    )
    walk
    return


@app.cell
def _(mo):
    mo.md(
        """
        ## Why a number changed: `gold.kpi_changes`
        Every number keeps its past. `gold.why_kpi(kpi, level, scope, grain, period_start, then, now)` takes one apart.
        """
    )
    return


@app.cell
def _(ask):
    changes = ask(
        "changes",
        """
        SELECT kpi, scope, production_day, known_from, cause, value_before, value, contribution
        FROM gold.kpi_changes WHERE level = 'machine' AND grain = 'day' AND kpi = 'availability' AND cause <> 'first'
        ORDER BY known_from DESC, scope, production_day LIMIT 20
        """,
    )
    changes
    return


@app.cell
def _(mo):
    mo.md("""## Where the time went: the Pareto of losses\nHow few reasons make up 80 % of what was lost?""")
    return


@app.cell
def _(ask):
    losses = ask(
        "losses",
        """
        SELECT reason, reason_class, sum(stops) AS stops, sum(duration_s) / 3600 AS hours,
            sum(sum(duration_s)) OVER (ORDER BY sum(duration_s) DESC, reason, reason_class ROWS UNBOUNDED PRECEDING)
                / sum(sum(duration_s)) OVER () AS cumulative
        FROM gold.losses WHERE account <> 'planned_down'
        GROUP BY reason, reason_class ORDER BY hours DESC, reason, reason_class
        """,
    )
    losses
    return


@app.cell
def _(mo):
    mo.md("""## Energy per good piece\nAll energy over all good pieces; null for a machine that makes none.""")
    return


@app.cell
def _(ask):
    energy = ask(
        "energy",
        """
        SELECT machine, sum(energy_kwh) AS energy_kwh, sum(idle_kwh) / nullif(sum(energy_kwh), 0) AS idle_share,
            sum(energy_kwh) / nullif(sum(good_pcs), 0) AS kwh_per_good_pc, sum(cost) AS cost
        FROM gold.energy GROUP BY machine ORDER BY energy_kwh DESC, machine
        """,
    )
    energy
    return


@app.cell
def _(mo):
    mo.md(
        """
        ## From a number down to the raw rows
        The good pieces of the last shift that made any: the counter samples they were booked from, each with the raw
        row it came in (`segment` and `seq` name it for good). A counter that falls was reset and counts from zero
        again. The increments add up to the number; what else the pipeline handles (a wrap, a gap) is in
        `docs/counters.md`.
        """
    )
    return


@app.cell
def _(ask):
    raw = ask(
        "raw rows",
        """
        WITH picked AS (
            SELECT machine, production_day, shift, start_at, end_at, good_pcs FROM gold.oee
            WHERE good_pcs > 0 AND shift <> 'off'
                AND machine IN (SELECT machine FROM silver.readings WHERE role = 'good_count')
            ORDER BY start_at DESC, machine LIMIT 1
        ), samples AS (
            SELECT p.shift, p.good_pcs, p.start_at, p.end_at, r.tag, r."at", r.value,
                lag(r.value) OVER (PARTITION BY r.tag ORDER BY r."at", r.opening DESC) AS before,
                r.value - CASE WHEN r.value < before THEN 0 ELSE before END AS increment
            FROM picked p JOIN silver.readings r USING (machine, production_day)
            WHERE r.role = 'good_count' AND r.value IS NOT NULL
        )
        SELECT s.tag, s.shift, s.good_pcs, s."at", s.value, s.increment, b.source, b.segment, b.seq
        FROM samples s JOIN bronze.readings b ON b.tag = s.tag AND b.ts = s."at" AND b.date = s."at"::DATE
        WHERE s."at" >= s.start_at AND s."at" < s.end_at
        ORDER BY s."at", b.segment, b.seq
        """,
    )
    raw
    return (raw,)


@app.cell
def _(mo, raw):
    booked, counted = (raw["good_pcs"].max(), raw["increment"].sum()) if raw.height else (None, None)
    if mo.app_meta().mode == "script":
        print(f"# adds up\nbooked,counted\n{booked},{counted}\n")
    mo.md(f"Booked: **{booked}** good pieces. Sum of the increments: **{counted}**, from {raw.height} raw rows.")
    return


@app.cell
def _(mo):
    mo.md(
        """
        ## Can it be trusted
        `meta.checks`, `meta.freshness`, `meta.quarantine` and `meta.receipts` say what was checked, how far the data
        reach, what was rejected, and from which inputs each day was built.
        """
    )
    return


@app.cell
def _(ask):
    failed = ask(
        "failed checks",
        """
        SELECT table_name, check_name, severity, unexpected, observed FROM meta.checks
        WHERE NOT passed ORDER BY severity, table_name, check_name
        """,
    )
    failed
    return


if __name__ == "__main__":
    app.run()
