"""The declarations: all 34 KPIs of ISO 22400-2 and the dialects, each whole, over measures that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plant.kpi.catalogue import BY_NAME, KPIS
from plant.kpi.measures import DIMENSIONS, MEASURES, NAMES
from plant.kpi.needs import NEEDS
from plant.kpi.scenarios import QUARANTINED, UNKNOWN, changed_by
from plant.kpi.terms import Number, Sum, absolute, greatest, least, root

OWL = Path(__file__).parents[3] / "shared" / "reference" / "iso22400.owl"
ISO_NAMES = {
    1: "WorkerEfficiency", 2: "AllocationRatio", 3: "ThroughputRate", 4: "AllocationEfficiency",
    5: "UtilizationEfficiency", 6: "OverallEquipmentEffectiveness", 7: "NetEquipmentEffectiveness", 8: "Availability",
    9: "Effectiveness", 10: "QualityRatio", 11: "SetUpRate", 12: "TechnicalEfficiency", 13: "ProductionProcessRate",
    14: "ActualToPlannedScrapRatio", 15: "FirstPassYield", 16: "ScrapRatio", 17: "ReworkRatio", 18: "FallOfRatio",
    19: "MachineCapabilityIndex", 20: "CriticalMachineCapabilityIndex", 21: "ProcessCapabilityIndex",
    22: "CriticalProcessCapabilityIndex", 23: "ComprehensiveEnergyConsumption", 24: "InventoryTurns",
    25: "FinishedGoodsRatio", 26: "IntegratedGoodsRatio", 27: "ProductionLossRatio",
    28: "StorageAndTransportationLossRatio", 29: "OtherLossRatio", 30: "EquipmentLoadRate",
    31: "MeanOperationTimeBetweenFailures", 32: "MeanTimeToFailure", 33: "MeanTimeToRestoration",
    34: "CorrectiveMaintenanceRatio",
}  # fmt: skip


def test_all_34_kpis_of_iso_22400_are_there_under_their_numbers_and_names():
    assert {k.iso_number: k.iso_name for k in KPIS if k.iso_number} == ISO_NAMES
    assert sum(k.iso_number is not None for k in KPIS) == 34
    assert all(k.family == "ISO 22400-2" for k in KPIS if k.iso_number)


@pytest.mark.skipif(not OWL.exists(), reason="the public ontology of ISO 22400-2 is not beside the repository")
def test_the_names_are_those_of_the_public_ontology():
    text = OWL.read_text(encoding="utf8")
    classes = re.findall(r'<owl:Class rdf:about="[^"#]*#(\w+)">(.*?)\n    </owl:Class>', text, re.DOTALL)
    rated = {name for name, body in classes if "ratingTrend" in body and 'about="' not in body}
    assert set(ISO_NAMES.values()) == rated


def test_every_declaration_is_whole():
    assert len(BY_NAME) == len(KPIS)
    assert len({k.definition_id for k in KPIS}) == len(KPIS)
    for kpi in KPIS:
        used = {*kpi.numerator.measures(), *kpi.denominator.measures()}
        assert used <= set(NAMES), f"{kpi.name} uses {used - set(NAMES)}, which do not add"
        assert all((kpi.title, kpi.edition, kpi.source, kpi.formula, kpi.empty, kpi.unit, kpi.remark)), kpi.name
        assert kpi.remark.endswith(".")
        assert set(kpi.needs) <= set(NEEDS)
        assert kpi.variant_of is None or (kpi.variant_of in BY_NAME and kpi.variant_of != kpi.name)


def test_sources_that_differ_have_variants_under_their_own_names():
    variants = {k.iso_number: {v.name for v in KPIS if v.variant_of == k.name} for k in KPIS if k.iso_number}
    for number in (18, 24, 25, 27, 28, 29, 30, 31, 32, 33):
        assert variants[number], f"KPI {number}: sources differ, but it has no variant"
    assert {"mtbf_fe_plus_1", "mtbf_with_delay", "mtbf_with_delay_fe_plus_1", "mtbf_iec60050"} <= variants[31]
    families = {k.family for k in KPIS}
    assert families == {"ISO 22400-2", "Nakajima", "SEMI E10", "SEMI E79", "VDI 3423", "Shopfloor"}


def test_names_the_house_has_published_are_kept():
    kept = {"availability", "effectiveness", "quality_ratio", "oee", "oee_good_time", "nee", "ooe", "teep", "coverage",
            "utilisation_efficiency", "allocation_efficiency", "technical_efficiency", "setup_ratio", "scrap_ratio",
            "rework_ratio", "first_pass_yield", "throughput_rate", "mtbf", "mtbf_up_time", "mttr", "energy_per_good_pc",
            "comprehensive_energy_consumption"}  # fmt: skip
    assert kept <= set(BY_NAME)


def test_measures_and_dimensions_have_names_of_their_own():
    assert len(set(NAMES)) == len(MEASURES)
    assert not set(NAMES) & set(DIMENSIONS)
    assert all(m.doc for m in MEASURES)


def test_worlds_change_measures_that_exist_each_once_from_measures_that_exist():
    for world in (*UNKNOWN, *QUARANTINED):
        names = [name for name, _ in world.changes]
        assert len(names) == len(set(names)), world.name
        used = {m for _, term in world.changes for m in term.measures()}
        assert used | set(names) <= set(NAMES), world.name
    assert {"unknown_us", "apt_us", "pbt_us", "failures"} <= set(changed_by(UNKNOWN))


def test_a_term_is_never_divided_by_a_literal_and_reads_as_text():
    with pytest.raises(TypeError, match="multiply by its reciprocal"):
        Sum("apt_us") / Number(2.0)
    term = least(Sum("apt_us") / (Sum("pbt_us") - 1.0), greatest(root(Sum("pot_us")), absolute(2.0 * Sum("failures"))))
    assert str(term) == "least((apt_us / (pbt_us - 1)), greatest(root(pot_us), absolute((2 * failures))))"
    assert list(term.measures()) == ["apt_us", "pbt_us", "pot_us", "failures"]
