"""`shopfloor demo`: a simulated plant, the whole pipeline, and the proof against the ground truth."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from pipelines.build import Builder, Built
from pipelines.place import Place, place
from pipelines.verbs.history import make_history
from pipelines.verbs.progress import Progress
from pipelines.verbs.truth import Proof, prove, proven
from plant.config import load

out = Console(highlight=False, width=110)


def demo(plant_toml: Path, root: Path | None, *, days: int, seed: int, serve: bool, live: bool) -> int:
    """The verb: 0 only if every asset and check passed, something was proved, and no comparison differs."""
    plant, where, progress = load(plant_toml), place(root), Progress()
    make_history(plant, where, progress, days=days, seed=seed, live=live)
    builder = Builder(plant, where, progress)
    built = builder.run()
    proofs = prove(builder.lake, where.truth, plant)
    report(where, built, proofs)
    code = 0 if proven(proofs) and not built.blocked else 1
    if serve:
        from pipelines.verbs.live import run_all

        run_all(plant_toml, plant, where, progress, seed=seed, live=live)
    return code


def report(where: Place, built: Built, proofs: list[Proof]) -> None:
    """The KPI summary and its error against the truth, on stdout."""
    from warehouse.connect import connect

    con = connect(where.root)
    rows = con.sql(
        """SELECT line, sum(good_pcs)::BIGINT AS good, sum(scrap_pcs)::BIGINT AS scrap,
                  sum(apt_s) / nullif(sum(pbt_s - unknown_s), 0) AS availability,
                  sum(CASE WHEN ideal_s IS NOT NULL THEN ideal_s END)
                    / nullif(sum(CASE WHEN ideal_s IS NOT NULL THEN apt_s END), 0) AS effectiveness,
                  sum(good_pcs) / nullif(sum(produced_pcs), 0) AS quality,
                  1 - sum(unknown_s) / nullif(sum(pbt_s), 0) AS coverage
           FROM gold.oee GROUP BY line ORDER BY line"""
    ).fetchall()
    summary = RichTable(title="KPIs by line, ratios of sums over all days")
    for name in ("line", "good pcs", "scrap pcs", "availability", "effectiveness", "quality", "coverage"):
        summary.add_column(name, justify="left" if name == "line" else "right")
    for line, good, scrap, *ratios in rows:
        summary.add_row(line, f"{good:,}", f"{scrap:,}", *("-" if r is None else f"{r:.1%}" for r in ratios))
    out.print(summary)
    out.print(_proof_table(proofs))
    if bare := sum(p.empty for p in proofs):
        out.print(
            f"{bare} of {len(proofs)} numbers had nothing to compare (no shift in these days, or no signal): they are "
            "not proved. More days (--days 7) have shifts"
        )
    if built.failed_checks:
        _print_findings(where)
    out.print(f"Published: {where.published}")


def _print_findings(where: Place) -> None:
    """What the checks found about the plant, in one line each; the data trust page shows the same."""
    from warehouse.state import State

    for check in State(where.root).checks():
        if not check.passed:
            word = "ERROR" if check.severity == "blocking" else "finding"
            out.print(f"{word}: {check.table_name} {check.check_name}: {check.observed}")


def _proof_table(proofs: list[Proof]) -> RichTable:
    found = RichTable(title="Error against the simulator's ground truth")
    for name in ("number", "worst error", "limit", "cells", "left out: signal lost", "verdict"):
        found.add_column(name, justify="left" if name in ("number", "verdict") else "right")
    for p in proofs:
        verdict = "[green]holds[/green]" if p.holds else "nothing to compare" if p.empty else "[red]DIFFERS[/red]"
        worst = "-" if p.empty else f"{p.worst:.6g} {p.unit}"
        found.add_row(p.name, worst, f"{p.limit:g} {p.unit}", str(p.cells), str(p.left_out), verdict)
    return found
