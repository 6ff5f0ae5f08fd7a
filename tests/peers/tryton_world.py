"""A loaded Tryton for a test, on SQLite or on PostgreSQL: databases made once, kept beside the venv, copied for a test.

SHOPFLOOR_TRYTON names a venv with trytond, proteus and psycopg; SHOPFLOOR_PEERS the folder with `tryton_factory.py` and
`pg_cluster.sh` (default: shared/peers beside the repository). Nothing of Tryton is imported here.
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

HERE = Path(__file__).parent
PEERS = Path(os.environ.get("SHOPFLOOR_PEERS") or HERE.parents[1].parent / "shared" / "peers")
VENV = Path(os.environ.get("SHOPFLOOR_TRYTON") or "/nonexistent")
CACHE = VENV / "shopfloor-factory"
PYTHON = str(VENV / "bin" / "python")
MODULES = (
    "party",
    "company",
    "currency",
    "product",
    "stock",
    "stock_lot",
    "stock_lot_sled",
    "stock_lot_unit",
    "production",
    "production_routing",
    "production_work",
    "production_split",
    "production_work_timesheet",
    "purchase",
    "purchase_request",
    "purchase_history",
    "sale",
    "sale_history",
    "sale_supply",
    "sale_supply_production",
    "account",
    "account_product",
    "account_invoice",
    "account_invoice_stock",
    "stock_supply",
    "stock_supply_production",
    "quality",
    "timesheet",
    "company_work_time",
)


def missing():
    """What is not there, in a sentence; empty when the test can run."""
    if not list(VENV.glob("lib/python*/site-packages/trytond/modules/quality")):
        return "SHOPFLOOR_TRYTON names no venv with Tryton's modules (docs/adapters.md says how to make one)"
    if not (PEERS / "tryton_factory.py").exists():
        return f"no tryton_factory.py in {PEERS}: set SHOPFLOOR_PEERS"
    return ""


class World:
    """A database of its own that Tryton works on; `url` is how Shopfloor reads it.

    PostgreSQL's counters of written rows, which a cycle asks first, follow a commit within `lag_s`.
    """

    def __init__(self, conf, url, lag_s=0):
        self.conf, self.url, self.lag_s = conf, url, lag_s

    def start(self, script, *args, **more):
        """A script in Tryton's environment, as a process."""
        env = os.environ | {"PYTHONHASHSEED": "0"}
        return subprocess.Popen([PYTHON, str(script), *args], env=env, text=True, **more)

    def load(self, orders, changes, stderr=subprocess.DEVNULL):
        """The factory script at work."""
        script = PEERS / "tryton_factory.py"
        told = ["--config", str(self.conf), "--database", "factory", "--orders", str(orders), "--changes", str(changes)]
        return self.start(script, *told, stdout=subprocess.PIPE, stderr=stderr)

    def answers(self):
        """What Tryton itself says about everything."""
        told = self.start(HERE / "tryton_answers.py", str(self.conf), "factory", stdout=subprocess.PIPE)
        out, _ = told.communicate(timeout=120)
        assert told.returncode == 0
        return json.loads(out)


def conf_of(folder, uri):
    """A configuration file of Tryton."""
    path = folder / "trytond.conf"
    path.write_text(f"[database]\nuri = {uri}\n" + (f"path = {folder}\n" if uri == "sqlite://" else ""))
    return path


def made(world):
    """Fill an empty database: tables, modules, and the factory's set-up without an order. About 90 s."""
    word = world.conf.parent / "password"
    word.write_text("admin\n")
    env = os.environ | {"TRYTONPASSFILE": str(word), "PYTHONHASHSEED": "0"}
    admin = [str(VENV / "bin" / "trytond-admin"), "-c", str(world.conf), "-d", "factory"]
    for more in (["--all", "--email", "a@example.com", "-p"], ["-u", *MODULES, "--activate-dependencies"]):
        subprocess.run([*admin, *more], env=env, check=True, capture_output=True)
    loader = world.load(0, 0)
    loader.communicate()
    assert loader.returncode == 0


@contextmanager
def sqlite_world(folder):
    """A copy of the factory as a SQLite file."""
    world = World(conf_of(folder, "sqlite://"), f"sqlite:///{folder / 'factory.sqlite'}")
    kept = CACHE / "factory.sqlite"
    if not kept.exists():
        (folder / "factory.sqlite").touch()
        made(world)
        with closing(sqlite3.connect(folder / "factory.sqlite")) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        CACHE.mkdir(exist_ok=True)
        shutil.copy(folder / "factory.sqlite", kept)
    else:
        shutil.copy(kept, folder / "factory.sqlite")
    yield world


@contextmanager
def cluster():
    """Port of a PostgreSQL server of one's own; its superuser is `tryton`. Ended by pg_ctl."""
    # As root the server runs as another user, who may not enter pytest's folders.
    home = Path(tempfile.mkdtemp(prefix="tryton-pg-"))
    home.chmod(0o755)
    port = str(free_port())
    script = ["bash", str(PEERS / "pg_cluster.sh")]
    subprocess.run([*script, "start", str(home), port], check=True, capture_output=True)
    try:
        yield port
    finally:
        subprocess.run([*script, "stop", str(home)], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def database(port, kept, fill):
    """Database `factory` as it is kept in a dump; without one it is filled and the dump made."""
    at = ["-h", "127.0.0.1", "-p", port, "-U", "tryton"]
    subprocess.run(["createdb", *at, "factory"], check=True)
    if kept.exists():
        subprocess.run(["pg_restore", *at, "-d", "factory", str(kept)], check=True)
    else:
        fill()
        kept.parent.mkdir(exist_ok=True)
        subprocess.run(["pg_dump", *at, "-Fc", "-f", str(kept), "factory"], check=True)


@contextmanager
def postgres_world(folder):
    """A copy of the factory in a PostgreSQL of its own."""
    with cluster() as port:
        world = World(
            conf_of(folder, f"postgresql://tryton@127.0.0.1:{port}/"),
            f"postgresql+psycopg://tryton@127.0.0.1:{port}/factory",
            lag_s=12,
        )
        database(port, CACHE / "factory.dump", lambda: made(world))
        yield world


WORLDS = {"postgresql": postgres_world, "sqlite": sqlite_world}


def free_port():
    """A port nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
