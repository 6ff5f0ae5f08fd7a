import dataclasses
from datetime import UTC, date, datetime

import polars as pl
import pytest
from deltalake import DeltaTable

from plant.errors import ContractError, TerminalError, TransientError
from plant.tables import table
from warehouse.lake import Lake
from warehouse.writing import breaches, commit, conform, create, enforce

OEE = table("gold.oee")


def test_a_good_frame_passes_in_contract_order(frame):
    shuffled = frame("gold.oee", {}).select(reversed(frame("gold.oee", {}).columns))
    ready = enforce(OEE, shuffled)
    assert ready.schema == pl.Schema(OEE.schema)
    assert ready["revision"].to_list() == [None]


@pytest.mark.parametrize(
    ("column", "value", "rule", "valid"),
    [
        ("site", None, "not_null", "a value in every row"),
        ("availability", 1.5, "high", "at most 1.0"),
        ("good_pcs", -1, "low", "at least 0"),
        ("oee", float("nan"), "finite", "neither NaN nor infinite"),
        ("oee_high", float("inf"), "finite", "neither NaN nor infinite"),
    ],
)
def test_a_broken_rule_is_named_with_rows_and_an_example(frame, column, value, rule, valid):
    rows = frame("gold.oee", {"machine": "m1"}, {"machine": "m2", column: value}, {"machine": "m3", column: value})
    with pytest.raises(ContractError) as caught:
        enforce(OEE, rows)
    text = str(caught.value)
    assert "gold.oee: nothing written" in text
    assert f"{column}: {rule} ({valid}) broken by 2 of 3 rows, e.g." in text
    assert "machine=m2" in text


def test_every_broken_rule_is_reported_at_once(frame):
    rows = frame("gold.losses", {"account": "lunch", "duration_s": -1.0}, {"reason": None})
    found = {(f.column, f.rule): f.rows for f in breaches(table("gold.losses"), rows)}
    assert found == {("account", "allowed"): 1, ("duration_s", "low"): 1, ("reason", "not_null"): 1}


def test_keys_are_unique_and_null_is_a_key_value_like_any_other(frame):
    name = "silver.count_ledger"
    once = frame(name, {"order_id": None, "operation": None, "product": None}, {"order_id": "o"})
    assert breaches(table(name), once) == []
    (found,) = breaches(table(name), pl.concat([once, once.head(1)]))
    assert (found.rule, found.rows) == ("unique", 2)


def test_columns_missing_or_not_known(frame):
    with pytest.raises(ContractError, match=r"missing: site, oee; not known: colour\. Valid are: site, area"):
        conform(OEE, frame("gold.oee", {}).drop("site", "oee").with_columns(colour=pl.lit("red")))


def test_door_made_columns_may_be_missing_only_where_the_door_makes_them(frame):
    assert conform(table("gold.kpi"), frame("gold.kpi", {}).drop("known_to", strict=False)).height == 1
    with pytest.raises(ContractError, match="missing: stops"):
        conform(table("gold.losses"), frame("gold.losses", {}).drop("stops"))


@pytest.mark.parametrize(
    ("column", "found"),
    [("good_pcs", pl.UInt32), ("good_pcs", pl.Int16), ("oee", pl.Float32), ("site", pl.Categorical), ("note", pl.Null)],
)
def test_lossless_types_are_widened(frame, column, found):
    rows = frame("gold.oee", {}).with_columns(
        pl.col(column).cast(found) if found != pl.Null else pl.lit(None).alias(column)
    )
    assert conform(OEE, rows).schema[column] == OEE.schema[column]


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("good_pcs", pl.lit(1.0), "Float64"),
        ("good_pcs", pl.lit(1, pl.UInt64), "UInt64"),
        ("start_at", pl.lit(datetime(2026, 1, 1)), "Datetime"),  # noqa: DTZ001
        ("start_at", pl.lit(datetime(2026, 1, 1, tzinfo=UTC)).dt.convert_time_zone("Europe/Berlin"), "Berlin"),
        ("site", pl.lit(1), "Int32"),
    ],
)
def test_other_types_are_refused(frame, column, values, found):
    with pytest.raises(ContractError, match=rf"gold.oee.{column}: type is .*{found}.*, valid is"):
        conform(OEE, frame("gold.oee", {}).with_columns(values.alias(column)))


def test_bronze_keeps_nan_and_infinity_as_they_came(frame):
    rows = frame("bronze.readings", {"value": float("nan"), "seq": 1}, {"value": float("inf"), "seq": 2})
    assert breaches(table("bronze.readings"), rows) == []


def test_a_single_column_key(frame):
    lots = table("silver.lots")
    (found,) = breaches(lots, frame("silver.lots", {"lot": "L"}, {"lot": "L"}))
    assert (found.column, found.rule, found.rows) == ("lot", "unique", 2)
    assert breaches(dataclasses.replace(lots, key=("lot", "material")), frame("silver.lots", {}, {"lot": "y"})) == []


def test_an_append_of_codes_reads_back_as_words_with_the_extremes_of_each_file_in_the_log(tmp_path, frame):
    lake, name = Lake(tmp_path), "bronze.readings"
    days = (date(2026, 1, 5), date(2026, 1, 6))
    given = [{"date": d, "tag": f"m.t{n % 3}", "value": v, "seq": n + 10 * d.day, "segment": "s/1"}
             for d in days for n, v in enumerate([2.5, float("nan"), None, float("inf")])]  # fmt: skip
    rows = frame(name, *given)
    coded = rows.with_columns(pl.col("tag", "source").cast(pl.Categorical(pl.Categories.random("test"))))
    assert lake.append_once(name, coded, "app", 1)
    assert not lake.append_once(name, coded, "app", 1)
    assert lake.scan(name).sort("seq").collect().equals(rows.sort("seq"))
    log = pl.DataFrame(DeltaTable(lake.path(name)).get_add_actions(flatten=True)).sort("partition.date")
    assert log["partition.date"].to_list() == list(days)
    assert log.select("min.tag", "max.tag", "null_count.value", "num_records").rows() == [("m.t0", "m.t2", 1, 4)] * 2
    assert log["min.seq"].to_list() == [50, 60]
    assert log["min.ts"].to_list() == rows.group_by("date", maintain_order=True).agg(pl.col("ts").min())["ts"].to_list()
    assert "max.value" not in log.columns or log["max.value"].null_count() == log.height  # not a number JSON knows


def test_appends_leave_checkpoints_and_a_full_disk_is_told(tmp_path, frame, monkeypatch):
    lake, name = Lake(tmp_path), "bronze.readings"
    for n in range(105):
        lake.append_once(name, frame(name, {"seq": n}), "app", n)
    assert list((lake.path(name) / "_delta_log").glob("*.checkpoint*.parquet"))
    assert Lake(tmp_path).scan(name).collect().height == 105

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("warehouse.large.append.pq.ParquetWriter", full)
    with pytest.raises(TransientError, match="No space left"):
        lake.append_once(name, frame(name, {"seq": 200}), "app", 200)
    monkeypatch.undo()
    assert lake.append_once(name, frame(name, {"seq": 200}), "app", 200)


def test_a_column_that_had_whole_numbers_takes_fractions_and_no_digit_is_lost_in_silence(tmp_path, frame):
    goods = table("silver.materials")
    whole = tuple(dataclasses.replace(c, kind="i64") if c.name == "standard_cost_cents" else c for c in goods.columns)
    old = dataclasses.replace(goods, columns=whole)
    lake, name = Lake(tmp_path), "silver.materials"
    create(old, lake.path(name))
    was = frame(name, {"material": "screw", "standard_cost_cents": 5.0})
    commit(DeltaTable(lake.path(name)), old, was.cast({"standard_cost_cents": pl.Int64}))
    assert lake.scan(name).collect()["standard_cost_cents"].to_list() == [5.0]
    assert not lake.replace(name, was).committed
    assert lake.replace(name, frame(name, {"material": "screw", "standard_cost_cents": 5.17})).committed
    assert Lake(tmp_path).scan(name).collect()["standard_cost_cents"].to_list() == [5.17]
    days = dataclasses.replace(old, write="replace_day")
    with pytest.raises(TerminalError, match="standard_cost_cents is of another type in the lake"):
        commit(DeltaTable(lake.path(name)), days, was)
