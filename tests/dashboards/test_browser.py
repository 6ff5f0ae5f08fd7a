"""Every page in a real browser at the width of a desk and of a phone, over one server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).parents[2] / "dashboards" / "app.py"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = {
    "": "Overview",
    "oee": "OEE and losses",
    "kpis": "KPIs",
    "yield": "Yield",
    "energy": "Energy",
    "orders": "Orders",
    "inventory": "Inventory",
    "supply": "Supply",
    "lots": "Batches",
    "health": "Machine health",
    "forecasts": "Forecasts",
    "approvals": "Approvals",
    "changes": "Why it changed",
    "trust": "Data trust",
}
WIDTHS = (1280, 390)
# East and west of the site: a page shows the time of the plant, not of the reader.
ZONES = {1280: "Asia/Tokyo", 390: "America/Los_Angeles"}
# Chromium says this about every page of any Streamlit; it is no fault of a page.
HARMLESS = re.compile(r"favicon|preload|ResizeObserver loop|Unrecognized feature|iframe which has both", re.IGNORECASE)

# Streamlit looks for its server under the page's own path first; the answer 404 is expected there.
PROBES = re.compile(r"/_stcore/(health|host-config)$")


@pytest.fixture(scope="module")
def server(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`streamlit run dashboards/app.py` on a free loopback port, from another folder, ended by its pid."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    away = tmp_path_factory.mktemp("cwd")
    root = os.environ.get("SHOPFLOOR_BROWSER_ROOT") or str(tiny_root)
    with (away / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)],
            cwd=away,
            env=os.environ | {"SHOPFLOOR_ROOT": root},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", process, away / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        if process.poll() is not None:
            pytest.fail(f"the server ended at once:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"the server did not come up in a minute:\n{log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; named when absent, and an error then on CI."""
    if not Path(CHROMIUM).exists():
        message = "Chromium is not installed (apt-get install chromium): the pages were not looked at"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def windows(browser: Any) -> Iterator[dict[int, Any]]:
    """A window of each width, in a time zone that is not the site's."""
    contexts = {
        w: browser.new_context(viewport={"width": w, "height": 844 if w == 390 else 900}, timezone_id=ZONES[w])
        for w in WIDTHS
    }
    yield {w: c.new_page() for w, c in contexts.items()}
    for context in contexts.values():
        context.close()


def test_first_visit_by_a_deep_link(server: str, windows: dict[int, Any]) -> None:
    """The very first request of a new server is a link somebody sent: it shows what was sent, and all pages."""
    page = windows[1280]
    page.goto(f"{server}/yield?line=shafts&days=2026-11-17&days=2026-11-18")
    settle(page, "Yield")
    assert "shafts · Tue 17 Nov to Wed 18 Nov" in page.get_by_test_id("stPopover").inner_text()
    nav = page.get_by_test_id("stSidebarNav").get_by_role("link").all_inner_texts()
    assert [name.splitlines()[-1] for name in nav] == list(PAGES.values())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", PAGES)
def test_page_renders_without_fault(
    server: str, windows: dict[int, Any], tmp_path: Path, path: str, width: int
) -> None:
    page, said = windows[width], []

    def hear(message: Any) -> None:
        where = (message.location or {}).get("url", "")
        if message.type == "error" and not (HARMLESS.search(message.text) or PROBES.search(where)):
            said.append(f"{message.text} {where}")

    def fell(error: Any) -> None:
        said.append(str(error))

    page.on("console", hear)
    page.on("pageerror", fell)
    page.goto(f"{server}/{path}")
    settle(page, PAGES[path])
    shots = Path(os.environ.get("SHOPFLOOR_SCREENSHOTS") or tmp_path)
    shots.mkdir(parents=True, exist_ok=True)
    shoot(page, width, shots / f"{path or 'overview'}-{width}.png")
    page.remove_listener("console", hear)
    page.remove_listener("pageerror", fell)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.evaluate(WIDER) == []
    assert page.locator("[data-testid='stVegaLiteChart']:not(:has(svg))").count() == 0
    assert said == []


# Parts of the page that reach beyond its right edge and are not inside something that scrolls by itself.
WIDER = """() => [...document.querySelectorAll('[data-testid="stMain"] *')]
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
      && !e.closest('[data-testid="stDataFrame"]') && !e.closest('svg') && e.getClientRects().length)
  .slice(0, 5).map(e => `${e.tagName} ${e.dataset.testid || e.className} ${e.textContent.slice(0, 40)}`)"""


def settle(page: Any, title: str) -> None:
    """Until the title is there, nothing runs and nothing is stale."""
    page.get_by_role("heading", name=title, exact=True, level=1).wait_for(timeout=60_000)
    page.wait_for_function(
        """() => !document.querySelector('[data-testid="stStatusWidget"], [data-testid="stSkeleton"]')
          && !document.querySelector('[data-stale="true"]')
          && document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState !== 'running'""",
        timeout=60_000,
    )
    page.wait_for_timeout(300)  # charts fade in


def shoot(page: Any, width: int, path: Path) -> None:
    """A picture of the whole page, not only of what the window shows."""
    height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(height, 800), 6000)})
    page.wait_for_timeout(250)
    page.screenshot(path=str(path))
    page.set_viewport_size({"width": width, "height": 844 if width == 390 else 900})


def test_nothing_is_fetched_from_elsewhere(server: str, browser: Any) -> None:
    context = browser.new_context()
    page, asked = context.new_page(), []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(server)
    settle(page, "Overview")
    context.close()
    assert [u for u in asked if not u.startswith((server, server.replace("http", "ws"), "data:", "blob:"))] == []


def test_from_overview_to_the_losses_of_a_line_in_site_time(server: str, windows: dict[int, Any]) -> None:
    page = windows[390]
    page.goto(server)
    settle(page, "Overview")
    page.get_by_role("button", name="Where the time went").last.click()
    settle(page, "OEE and losses")
    assert "shafts" in page.get_by_test_id("stPopover").inner_text()
    lanes = page.get_by_label("What each machine did")
    lanes.locator("text").first.wait_for(state="attached")
    labels = [t for t in lanes.locator("text").all_text_contents() if re.fullmatch(r"\d\d:\d\d", t)]
    assert (labels[0], labels[-1]) == ("06:00", "06:00")
