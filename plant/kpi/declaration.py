"""What a KPI declares about itself. Everything else (Polars, SQL, docs page) is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plant.kpi.terms import Number, Term

Better = Literal["higher", "lower", "context"]
Need = Literal[
    "pieces", "ideal", "meter", "people", "order", "routed", "valued", "material", "stock", "stock_account",
    "measured", "inspected", "planned_scrap",
]  # fmt: skip
"""What a scope must have for the KPI, else the value is null and the note says what is missing (`needs.NEEDS`)."""
Family = Literal["ISO 22400-2", "Nakajima", "SEMI E10", "SEMI E79", "VDI 3423", "Shopfloor"]


@dataclass(frozen=True)
class Kpi:
    """One KPI: value = numerator / denominator x factor; numerator and denominator in the units of the measures.

    `empty` is the note when the denominator is 0 although something was planned and known; with `timed` false it
    is the note whatever was planned (stock and quality do not hang on planned time). `finding` is the note of
    a value above 1 that is kept. `one` names a dimension of which the scope must hold exactly one (a
    capability is of one characteristic). `exact` ones do not depend on unknown time or quarantined counts:
    their bounds are the value. `iso_number` and `iso_name` are number and name among the 34 of ISO 22400-2;
    `variant_of` names the KPI this one is a named variant of, where sources differ.
    """

    name: str
    title: str
    family: Family
    edition: str
    source: str
    formula: str
    numerator: Term
    denominator: Term
    empty: str
    unit: str = "1"
    factor: float = 1.0
    better: Better = "higher"
    needs: tuple[Need, ...] = ()
    finding: str | None = None
    exact: bool = False
    timed: bool = True
    one: Literal["characteristic"] | None = None
    iso_number: int | None = None
    iso_name: str | None = None
    variant_of: str | None = None
    remark: str = ""
    version: int = 1

    @property
    def definition_id(self) -> str:
        """Name, edition and our version of the definition; changes whenever the number would."""
        return f"{self.name}/{self.edition.lower().replace(' ', '-').replace(':', '-')}/{self.version}"

    @property
    def value(self) -> Term:
        """The point value as one term."""
        ratio = self.numerator / self.denominator
        return ratio if self.factor == 1.0 else ratio * Number(self.factor)
