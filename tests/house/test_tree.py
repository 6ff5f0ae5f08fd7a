"""House rules that a linter does not know: sizes, names, clashes, what must not be in the repository."""

import ast
import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("plant", "simulator", "connectors", "assets", "models", "warehouse", "pipelines", "dashboards")
SOURCES = [p for room in ROOMS for p in (ROOT / room).rglob("*.py") if p.name != "sparkplug_pb2.py"]


def functions():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def test_functions_are_short():
    lengths = {f"{p.relative_to(ROOT)}:{f.name}": f.end_lineno - f.lineno + 1 for p, f in functions()}
    assert not {name: n for name, n in lengths.items() if n > 51}
    assert sorted(lengths.values())[len(lengths) // 2] <= 9


def test_files_and_rooms_are_small():
    assert not [str(p) for p in SOURCES if p.read_text().count("\n") > 300]
    rooms = {p.parent for p in SOURCES}
    crowded = {str(r.relative_to(ROOT)): len(list(r.glob("*.py"))) for r in rooms}
    assert not {name: n for name, n in crowded.items() if n > 16}


def test_no_page_has_a_string_that_streamlit_would_write_on_it():
    pages = sorted((ROOT / "dashboards" / "app_pages").glob("*.py"))
    bodies = {page.name: ast.parse(page.read_text()).body[1:] for page in [*pages, ROOT / "dashboards" / "app.py"]}
    assert len(bodies) > 10
    alone = [(n, s) for n, body in bodies.items() for s in body if isinstance(s, ast.Expr)]
    assert not [(n, s.lineno) for n, s in alone if isinstance(s.value, ast.Constant)]


def test_no_module_is_a_drawer():
    drawers = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager)(_|$)")
    assert not [str(p) for p in SOURCES if drawers.search(p.stem)]


def test_our_package_names_belong_to_nobody_else():
    owners = packages_distributions()
    assert {room: set(owners.get(room, ["shopfloor"])) for room in ROOMS} == {room: {"shopfloor"} for room in ROOMS}


def test_nothing_names_a_package_index_or_a_machine_path():
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "registry.npm" + "js", "deb.debian" + ".org")
    paths = "/" + "(work|farm)" + r"/\w"
    wrong = re.compile("|".join(map(re.escape, hosts)) + "|(?<![\\w.])" + paths)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = {n: (ROOT / n).read_text(errors="ignore") for n in listed if n and (ROOT / n).is_file()}
    assert not [n for n, text in texts.items() if wrong.search(text)]
    assert "uv.lock" not in texts
