"""Docs pages of the KPIs, made from their declarations: `python -m plant.kpi.pages docs/kpi` writes them anew."""

from __future__ import annotations

import sys
from pathlib import Path

from plant.kpi.catalogue import BY_NAME, KPIS
from plant.kpi.declaration import Kpi
from plant.kpi.measures import MEASURES
from plant.kpi.needs import NEEDS, NO_SIGNAL, NOTHING_PLANNED, SEVERAL

DIRECTION = {"higher": "higher is better", "lower": "lower is better", "context": "depends"}
DOCS = {m.name: m.doc for m in MEASURES}
START, END = "<!-- kpis: made by plant.kpi.pages -->", "<!-- end of kpis -->"


def page(kpi: Kpi) -> str:
    """The whole page of a KPI, Markdown."""
    parts = [f"# {kpi.title}", kpi.remark, _table(kpi), _arithmetic(kpi), _kin(kpi), _paid(kpi)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(kpi: Kpi) -> str:
    rows = [
        ("Name", f"`{kpi.name}` in `gold.kpi`"),
        ("Definition", f"`{kpi.definition_id}`"),
        ("Formula", kpi.formula),
        ("Family", kpi.family + (f", KPI {kpi.iso_number} of 34 ({kpi.iso_name})" if kpi.iso_number else "")),
        ("Source", kpi.source),
        ("Edition", kpi.edition),
        ("Unit", kpi.unit),
        ("Direction", DIRECTION[kpi.better]),
        ("Null rule", _null_rule(kpi)),
        ("Bounds", _bounds(kpi)),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


def _null_rule(kpi: Kpi) -> str:
    lacking = [f"`{NEEDS[need][1]}`" for need in kpi.needs]
    if kpi.one:
        lacking.append(f"`{SEVERAL}`")
    if kpi.timed:
        lacking += [f"`{NOTHING_PLANNED}`", f"`{NO_SIGNAL}`"]
    if f"`{kpi.empty}`" not in lacking:
        lacking.append(f"`{kpi.empty}`")
    return f"Null, with the first of these in `note` that holds: {', '.join(lacking)}. Never 0, never 1 instead."


def _bounds(kpi: Kpi) -> str:
    if kpi.exact:
        return "The value itself: it does not depend on what is unknown."
    return (
        "Least and greatest value had all unknown time been of one kind (production at the ideal rate or the rate seen "
        "if higher, scrap, set-up, breakdown, waiting, no order, planned down ...) and all quarantined counts been "
        "none, good, scrap or rework pieces. Null where nothing limits them."
    )


def _arithmetic(kpi: Kpi) -> str:
    used = dict.fromkeys([*kpi.numerator.measures(), *kpi.denominator.measures()])
    factor = "" if kpi.factor == 1.0 else f" x {kpi.factor:g}"
    lines = [
        "## Arithmetic",
        "",
        "A line, a week, an order is the same term over the summed rows of `gold.kpi_sums`, never a mean of values.",
        "",
        "```",
        f"value       = numerator / denominator{factor}",
        f"numerator   = {_bare(str(kpi.numerator))}",
        f"denominator = {_bare(str(kpi.denominator))}",
        "```",
        "",
        "| Measure | Sum of |",
        "|---|---|",
        *(f"| `{name}` | {DOCS[name]} |" for name in used),
    ]
    return "\n".join(lines)


def _bare(text: str) -> str:
    return text[1:-1] if text.startswith("(") and text.endswith(")") and text.count("(") == 1 else text


def _kin(kpi: Kpi) -> str:
    root = kpi.variant_of or kpi.name
    kin = [k for k in KPIS if (k.variant_of == root or k.name == root) and k.name != kpi.name]
    if not kin:
        return ""
    default = f"The default is [{root}]({root}.md)" if kpi.variant_of else "This is the default"
    listed = ", ".join(f"[{k.name}]({k.name}.md)" for k in kin if k.name != root)
    return f"## Variants\n\n{default}." + (f" Other definitions under their own names: {listed}." if listed else "")


def _paid(kpi: Kpi) -> str:
    paid = {"ISO 22400-2": "ISO 22400-2", "SEMI E10": "SEMI E10", "SEMI E79": "SEMI E79", "VDI 3423": "VDI 3423"}
    name = paid.get(kpi.family)
    return f"The text of {name} is paid; the formula is taken from secondary texts, named above." if name else ""


def index() -> str:
    """The list of all KPIs by family, Markdown, for docs/kpi/README.md."""
    families = dict.fromkeys(k.family for k in KPIS)
    out = []
    for family in families:
        rows = [
            f"| {k.iso_number or ''} | [{k.name}]({k.name}.md) | {k.title} | {k.formula} | {k.unit} |"
            for k in KPIS
            if k.family == family
        ]
        out.append(
            "\n".join([f"### {family}", "", "| No. | KPI | Title | Formula | Unit |", "|---|---|---|---|---|", *rows])
        )
    return "\n\n".join([START, *out, END])


def with_index(readme: str) -> str:
    """A README with its list of KPIs replaced by the present one."""
    before, _, rest = readme.partition(START)
    return before + index() + rest.partition(END)[2]


def write(folder: Path) -> None:
    """Write every page and the list; pages of KPIs that are no more are left to the writer to delete."""
    for kpi in BY_NAME.values():
        (folder / f"{kpi.name}.md").write_text(page(kpi), encoding="utf8")
    readme = folder / "README.md"
    readme.write_text(with_index(readme.read_text(encoding="utf8")), encoding="utf8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
