"""Real database servers for tests, each in a folder of its own, on 127.0.0.1, ended by their process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

START_S = 30


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def folder_of(user: str) -> Iterator[Path]:
    """A folder of a user: servers refuse to run as root."""
    path = Path(tempfile.mkdtemp(prefix="sql-"))
    if os.geteuid() == 0:
        shutil.chown(path, user)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def as_user(user: str) -> dict[str, str]:
    """Arguments of subprocess to run as a user, where we are root."""
    return {"user": user, "group": user} if os.geteuid() == 0 else {}


@contextmanager
def running(command: Sequence[str], url: str, user: str) -> Iterator[None]:
    """A server from its start until it answers at `url`, to its end."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **as_user(user)
    ) as server:  # type: ignore[call-overload]
        try:
            _answering(url, server)
            yield
        finally:
            server.terminate()
            server.wait(20)


def _answering(url: str, server: subprocess.Popen[bytes]) -> None:
    engine, until = sa.create_engine(url, poolclass=sa.NullPool), time.monotonic() + START_S
    while True:
        try:
            engine.connect().close()
            return
        except sa.exc.DBAPIError:
            if time.monotonic() > until or server.poll() is not None:
                raise
            time.sleep(0.1)


@contextmanager
def debian_postgres(**settings: str) -> Iterator[str]:
    """Debian's PostgreSQL with its contrib modules, and these settings; its superuser is `tester`."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found or not (found[-1].parent.parent / "lib" / "test_decoding.so").exists():
        pytest.skip("no PostgreSQL server with test_decoding: apt-get install postgresql")
    tools, port = found[-1].parent, free_port()
    with folder_of("postgres") as folder:
        make = [str(tools / "initdb"), "-D", str(folder / "data"), "-U", "tester", "-A", "trust", "-N", "--no-locale"]
        subprocess.run([*make, "-E", "UTF8"], check=True, capture_output=True, cwd="/", **as_user("postgres"))  # type: ignore[call-overload]
        told = {"listen_addresses": "127.0.0.1", "port": str(port), "fsync": "off", "unix_socket_directories": folder}
        options = [f"-c{name}={value}" for name, value in {**told, **settings}.items()]
        url = f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
        with running([str(tools / "postgres"), "-D", str(folder / "data"), *options], url, "postgres"):
            yield url


@contextmanager
def mariadb() -> Iterator[str]:
    """Debian's MariaDB; user `tester` may do everything."""
    server, make = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    pytest.importorskip("pymysql", reason="no driver: pip install pymysql")
    if server is None or make is None:
        pytest.skip("no MariaDB server: apt-get install mariadb-server")
    port = free_port()
    with folder_of("mysql") as folder:
        data = f"--datadir={folder / 'data'}"
        subprocess.run(
            [make, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True, cwd="/", **as_user("mysql"),
        )  # type: ignore[call-overload]  # fmt: skip
        options = [data, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'sock'}",
                   f"--pid-file={folder / 'pid'}", "--innodb-flush-log-at-trx-commit=0"]  # fmt: skip
        root = f"mysql+pymysql://root@127.0.0.1:{port}"
        with running([server, "--no-defaults", *options], f"{root}/mysql", "mysql"):
            engine = sa.create_engine(f"{root}/mysql")
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE DATABASE erp CHARACTER SET utf8mb4")
            engine.dispose()
            yield f"{root}/erp"
