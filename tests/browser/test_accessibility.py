"""Every page in every state, in a real Chromium, against the WCAG 2.2 A and AA rules that axe-core knows.

The languages and themes take turns from page to page, so that each pairing is seen on a quarter of the pages; contrast,
which is what a theme can break, is checked in both themes on every page.
"""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from station import clock
from tests.browser import preview, samples
from tests.browser.conftest import ROOT, START_SECONDS

pytestmark = pytest.mark.browser
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Parts that a page fetches into itself are looked at inside another page: they are not in its lists and grids.
PARTS_OFF = {rule: {"enabled": False} for rule in ("listitem", "page-has-heading-one", "target-size")}
_RUN = """async ([rules, off, contrast]) => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important; }");
  document.adoptedStyleSheets = [still];
  const found = await axe.run(document, {
    runOnly: contrast ? ["color-contrast"] : rules,
    rules: contrast ? {} : off,
    resultTypes: ["violations"],
  });
  return found.violations.map((each) => [each.id, each.nodes.map((node) => node.html.slice(0, 160))]);
}"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Yield where the samples of all pages are served."""
    if not (ROOT / "web" / "dist" / "manifest.json").exists() or not AXE.exists():
        pytest.skip("the front end is not built (`make install` does it)")
    server = uvicorn.Server(uvicorn.Config(preview.app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    ends = clock.monotonic() + START_SECONDS
    while not server.started and clock.monotonic() < ends:
        time.sleep(0.02)
    assert server.started
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
    context.add_init_script(path=AXE)
    page = context.new_page()
    yield page
    context.close()


@pytest.mark.parametrize("number", range(len(samples.PAGES)))
def test_a_page_breaks_no_rule_of_wcag_that_a_program_can_see(page: Page, address: str, number: int) -> None:
    name = list(samples.PAGES)[number]
    first, second = ("light", "dark") if number % 2 else ("dark", "light")
    page.emulate_media(color_scheme=first)
    query = "?lang=en" if number % 4 < 2 else ""
    part = page.request.get(f"{address}/{name}{query}").text()
    whole = part.lstrip().startswith("<!doctype")
    page.goto(f"{address}/{name if whole else 'exports-none'}{query}")
    if not whole:
        page.evaluate("(part) => { document.querySelector('main').innerHTML = part; }", part)
    found: list[Any] = page.evaluate(_RUN, [RULES, {} if whole else PARTS_OFF, False])
    page.emulate_media(color_scheme=second)
    found += page.evaluate(_RUN, [RULES, {}, True])
    assert found == [], f"{name}: {json.dumps(found, ensure_ascii=False, indent=1)}"
