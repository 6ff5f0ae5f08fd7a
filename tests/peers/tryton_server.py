"""A running Tryton for a test, on SQLite or PostgreSQL: a company with parts and products, made once in the venv."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))
from tryton_world import HERE, PYTHON, VENV, cluster, conf_of, database, free_port

KEPT = VENV / "shopfloor-test-db"
MODULES = (
    "party", "company", "currency", "product", "stock", "stock_lot", "production", "purchase", "stock_forecast",
    "account", "account_product", "account_invoice", "account_invoice_stock",
)  # fmt: skip
START_S = 60


def _fill(conf):
    """Tables, modules, a company, parts and products. About 90 s."""
    word = conf.parent / "password"
    word.write_text("admin\n")
    env = os.environ | {"TRYTONPASSFILE": str(word), "PYTHONHASHSEED": "0"}
    admin = [str(VENV / "bin" / "trytond-admin"), "-c", str(conf), "-d", "factory"]
    for more in (["--all", "--email", "a@example.com", "-p"], ["-u", *MODULES, "--activate-dependencies"]):
        subprocess.run([*admin, *more], env=env, check=True, capture_output=True)
    seed = [PYTHON, str(HERE / "tryton_seed.py"), str(conf), "factory"]
    subprocess.run(seed, env=env, check=True, capture_output=True)


@contextmanager
def _sqlite(folder):
    """Configuration and URL of a copy of the database as a file."""
    conf, file, kept = conf_of(folder, "sqlite://"), folder / "factory.sqlite", KEPT / "factory.sqlite"
    if not kept.exists():
        file.touch()
        _fill(conf)
        with closing(sqlite3.connect(file)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        KEPT.mkdir(exist_ok=True)
        shutil.copy(file, kept)
    else:
        shutil.copy(kept, file)
    yield conf, f"sqlite:///{file}"


@contextmanager
def _postgresql(folder):
    """The same in a PostgreSQL of its own."""
    with cluster() as port:
        conf = conf_of(folder, f"postgresql://tryton@127.0.0.1:{port}/")
        database(port, KEPT / "factory.dump", lambda: _fill(conf))
        yield conf, f"postgresql+psycopg://tryton@127.0.0.1:{port}/factory"


DATABASES = {"sqlite": _sqlite, "postgresql": _postgresql}


@contextmanager
def served(kind, folder):
    """URL of a Tryton that answers, and of the database it works on; ended by its pid."""
    with DATABASES[kind](folder) as (conf, database_url):
        port = free_port()
        conf.write_text(conf.read_text() + f"[web]\nlisten = 127.0.0.1:{port}\n")
        command = [str(VENV / "bin" / "trytond"), "-c", str(conf), "-d", "factory"]
        with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                _up(f"http://127.0.0.1:{port}/", process)
                yield f"http://127.0.0.1:{port}/factory", database_url
            finally:
                process.terminate()


def _up(url, process):
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, "trytond ended at once"
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.25)
        else:
            return
    raise TimeoutError(f"trytond did not come up in {START_S} s")


def kept(database_url):
    """References of purchases and productions that Tryton's own database holds."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite":
        url = sa.make_url(f"sqlite:///file:{url.database}?mode=ro&uri=true")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        sql = "SELECT reference FROM purchase_purchase UNION ALL SELECT reference FROM production"
        return sorted(row[0] for row in connection.execute(sa.text(sql)))
