"""`python -m benchmarks [--only PREFIX] [--data DIR]`: JSON lines on stdout, table in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import demo, incremental, ledger, ledger_full, modbus, soak, sparkplug, sql, stock, trace, truth
from benchmarks.dock import suite as dock
from benchmarks.figure import Figure

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- table: written by make bench -->", "<!-- end of table -->"
SUITES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "demo": demo.figures,
    "dock": dock.figures,
    "incremental": incremental.figures,
    "late": incremental.late,
    "ledger": ledger.figures,
    "ledger.full": ledger_full.figures,
    "modbus": modbus.figures,
    "readings": ledger_full.cleaning,
    "soak": soak.figures,
    "sparkplug": sparkplug.figures,
    "sql": sql.figures,
    "stock": stock.figures,
    "trace": trace.figures,
    "truth": truth.figures,
}


def main() -> None:
    """Run the suites whose name starts with the prefix."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    found = []
    for name, suite in SUITES.items():
        if not (name.startswith(given.only) or given.only.startswith(name)):
            continue
        for figure in suite(given.data):
            if figure.name.startswith(given.only):
                print(figure.json(), flush=True)
                found.append(figure)
    rewrite(found)


def rewrite(found: list[Figure]) -> None:
    """Replace the rows of the figures measured now; rows of other figures stay."""
    text = PAGE.read_text(encoding="utf8")
    head, rest = text.split(BEGIN)
    table, tail = rest.split(END)
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    rows |= {f.name: f.row() for f in found}
    head_rows = ["| name | figure | unit | versus | ratio | note |", "|---|---:|---|---|---:|---|"]
    stamp = f"Last run {datetime.now(UTC):%Y-%m-%d} with {versions()}."
    lines = [BEGIN, stamp, "", *head_rows, *(rows[name] for name in sorted(rows)), END]
    PAGE.write_text(head + "\n".join(lines) + tail, encoding="utf8")


def versions() -> str:
    """What was measured."""
    names = ("polars", "duckdb", "deltalake", "dagster", "scikit-learn")
    return f"Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names)


if __name__ == "__main__":
    main()
