import threading
from datetime import UTC, date, datetime

from warehouse.state import CheckResult, Receipt, State

DAY, AT = date(2026, 11, 2), datetime(2026, 11, 3, 4, 5, 6, 789, tzinfo=UTC)


def test_a_receipt_is_kept_per_table_and_day(tmp_path):
    state = State(tmp_path)
    one = Receipt("gold.oee", DAY, "in", "out", "files", 3, AT)
    whole = Receipt("silver.lots", None, "in", "out", "files", 5, AT)
    state.record_built(one, whole)
    assert State(tmp_path).built("gold.oee", DAY) == one
    assert state.built("silver.lots") == whole
    assert state.built("gold.oee", date(2026, 11, 3)) is None
    newer = Receipt("gold.oee", DAY, "in2", "out", "files", 3, AT)
    state.record_built(newer)
    assert state.receipts() == [newer, whole]
    assert state.receipts("gold.oee", [DAY]) == [newer]
    state.forget_built("gold.oee", [DAY])
    assert state.receipts() == [whole]


def test_a_file_is_known_by_its_content(tmp_path):
    state = State(tmp_path)
    assert not state.ingested("abc")
    state.record_ingested("abc", "csv", "drop/a.csv", 7)
    state.record_ingested("abc", "csv", "drop/copy-of-a.csv", 7)
    assert state.ingested("abc")
    assert [row[:4] for row in state.ingested_files()] == [("abc", "csv", "drop/a.csv", 7)]


def test_only_the_last_result_of_a_check_counts(tmp_path):
    state = State(tmp_path)
    failed = CheckResult("gold.oee", "bounds", False, "blocking", 2, "2 rows", AT)
    state.record_checks([failed])
    assert state.checks() == [failed]
    fine = CheckResult("gold.oee", "bounds", True, "blocking", 0, None, AT)
    state.record_checks([fine])
    assert state.checks() == [fine]


def test_notes(tmp_path):
    state = State(tmp_path)
    assert state.noted("x") is None
    state.note("x", {"a": [1, None]})
    assert State(tmp_path).noted("x") == {"a": [1, None]}


def test_writers_wait_for_each_other(tmp_path):
    def work(k):
        state = State(tmp_path)
        for i in range(10):
            state.record_ingested(f"{k}-{i}", "s", "p", 1)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(State(tmp_path).ingested_files()) == 60
