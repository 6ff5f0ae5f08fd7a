"""MariaDB, a real server of Debian's: the same rows, the same modes, read only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from sql_plant import NOW, ORDERS, T0, Erp
from sql_servers import mariadb
from test_sql_modes import SNAPSHOT, fill

from connectors.sql.engine import open_engine
from connectors.sql.source import read_source
from plant.sources.batch import SqlSource, SqlTable

pytest.importorskip("pymysql", reason="no driver: pip install pymysql")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with mariadb() as url:
        yield url


@pytest.fixture(params=["mysql", "mariadb"])
def erp(server, request) -> Iterator[Erp]:
    url = server.replace("mysql+", f"{request.param}+")
    made = Erp(url, SqlSource(kind="sql", name="erp", url=url, tables=(ORDERS,)))
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("one", [ORDERS, SNAPSHOT], ids=["watermark", "snapshot"])
def test_changes_deletes_and_late_rows_are_found(erp, one):
    fill(erp, 300)
    assert len(erp.landed(one)) == 300
    assert erp.landed(one) == []
    erp.run("DELETE FROM orders WHERE id = 'a0200'")
    erp.put("late", T0 - timedelta(days=9), amount=Decimal("0.29"), open=True, blob=b"\x00\xff")
    erp.put("a0100", T0 - timedelta(days=3), qty=-1)
    assert sorted(erp.landed(one)) == [("a0100", False), ("a0200", True), ("late", False)]
    late = json.loads(erp.memory.versions.filter(record_key='["late"]')["payload"].item())
    assert (late["amount"], late["open"], late["blob"]) == ("0.29", True, "AP8=")
    assert late["updated_at"] == "2026-11-11T08:00:00.000000Z"
    assert erp.landed(one) == []


def test_odd_names_whole_number_keys_json_and_zones(erp):
    erp.run('DROP TABLE IF EXISTS `a-b ``c`` "d"; DROP`')
    erp.run(
        'CREATE TABLE `a-b ``c`` "d"; DROP` '
        "(`left` INT PRIMARY KEY, `user` JSON, took TIME, big BIGINT UNSIGNED, at DATETIME(6))"
    )
    erp.run(
        'INSERT INTO `a-b ``c`` "d"; DROP` VALUES '
        "(1, '{}', '00:23:00', 18446744073709551615, '2026-07-01 12:00:00.5'), "
        "(-2, NULL, NULL, NULL, NULL)"
    )
    odd = SqlTable(name="odd", table='a-b `c` "d"; DROP', key=("left",))
    erp.source = erp.source.model_copy(update={"timezone": "Europe/Berlin"})
    told = [json.loads(p) for p in erp.read(odd).frame.sort("record_key")["payload"]]
    assert told[1] | {"took": ""} == {
        "left": 1, "user": "{}", "took": "", "big": 18446744073709551615, "at": "2026-07-01T10:00:00.500000Z"
    }  # fmt: skip
    erp.run("UPDATE `a-b ``c`` \"d\"; DROP` SET `user` = '[1]' WHERE `left` = -2")
    assert erp.read(odd).frame["record_key"].to_list() == ["[-2]"]
    assert erp.read(odd) is None


def test_one_reading_sees_one_state_and_cannot_write(erp):
    erp.put("a")
    engine = open_engine(erp.source, Path("unused"))
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="READ ONLY"):
        connection.exec_driver_sql("DELETE FROM orders")
    with engine.connect() as connection:
        level = connection.exec_driver_sql("SELECT @@session.tx_isolation, @@session.time_zone").one()
    assert tuple(level) == ("REPEATABLE-READ", "+00:00")


def test_a_wrong_password_and_a_missing_right_are_refused_clearly(erp):
    erp.put("a")
    erp.run(
        "CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'right'", "GRANT USAGE ON *.* TO reader@'127.0.0.1'"
    )
    erp.run("GRANT SELECT ON erp.* TO reader@'127.0.0.1'", "CREATE TABLE IF NOT EXISTS other (id INT PRIMARY KEY)")
    for password, grants, said in (
        ("wrong", (), "refuses the login"),
        ("right", ("REVOKE SELECT ON erp.* FROM reader@'127.0.0.1'", "GRANT SELECT ON erp.other TO reader@'127.0.0.1'"),
         "may not read it"),
    ):  # fmt: skip
        erp.run(*grants)
        url = sa.make_url(erp.url).set(username="reader", password=password).render_as_string(hide_password=False)
        (refused,) = read_source(erp.source.model_copy(update={"url": url}), Path("unused"), erp.memory, NOW)
        assert refused.quarantine["reason"].to_list() == ["refused"]
        assert said in refused.quarantine["message"][0]
        assert password not in refused.quarantine["message"][0].replace("wrongly", "")
