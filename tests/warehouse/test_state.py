import os
import threading
from datetime import UTC, date, datetime

import pytest

from plant.errors import TerminalError
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


def test_a_root_that_cannot_be_written_is_read_and_never_written(tmp_path, monkeypatch):
    State(tmp_path).record_ingested("a", "s", "p", 1)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    sealed = State(tmp_path)
    assert sealed.ingested("a")
    with pytest.raises(TerminalError, match=r"state\.sqlite: attempt to write a readonly database; correct its perm"):
        sealed.record_ingested("b", "s", "p", 1)


def test_a_file_that_is_no_database_is_told_with_the_remedy(tmp_path):
    (tmp_path / "state.sqlite").write_bytes(b"no database, but long enough to be looked at as one" * 40)
    with pytest.raises(TerminalError, match=r"state\.sqlite: file is not a database; move the file away and run"):
        State(tmp_path)
