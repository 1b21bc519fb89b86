"""Every template, with believable values: it renders in both languages, keeps the strict policy and stays small."""

import gzip
import json
from html.parser import HTMLParser

import pytest

from station.i18n import LOCALES
from tests.browser import preview, samples
from tests.unit.web import messages

MOST_BYTES = 100_000
VOID = frozenset({"meta", "link", "input", "img", "br", "hr", "use", "source"})


@pytest.fixture(autouse=True)
def _built_assets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of the built files do not matter here, and a test must not need the build."""
    files = ("app.css", "app.js", "theme.js", "hash-worker.js", "icons.svg", "favicon.svg")
    names = {name: name for name in files}
    monkeypatch.setattr(preview, "assets", lambda: names)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", samples.PAGES)
def test_a_page_renders_whole_and_keeps_the_strict_policy(name: str, locale: str) -> None:
    shown = samples.PAGES[name]
    text = preview.render(shown.template, shown.page, locale=locale, me=shown.me, path=shown.path)
    page = _Page()
    page.feed(text)
    assert page.faults == []
    assert page.open == []
    assert "code:" not in text


@pytest.mark.parametrize("name", [name for name, shown in samples.PAGES.items() if shown.template != "clips_rows.html"])
def test_a_page_in_english_shows_no_untranslated_code(name: str) -> None:
    shown = samples.PAGES[name]
    page = _Page()
    page.feed(preview.render(shown.template, shown.page, locale="en", me=shown.me, path=shown.path))
    raw = {"suspected_secret", "not_checked", "on_site", "mis_recorded", "holder_register", "None", "case_number"}
    assert raw & set(page.words) == set()


def test_every_template_is_shown_by_a_sample() -> None:
    parts = {path.name for path in messages.TEMPLATES.glob("*.html") if path.name.startswith("_")} | {"base.html"}
    templates = {path.name for path in messages.TEMPLATES.glob("*.html")} - parts
    assert templates - {shown.template for shown in samples.PAGES.values()} == set()


def test_every_icon_a_page_asks_for_is_in_the_sprite() -> None:
    lines = (messages.ROOT / "web" / "icons.txt").read_text(encoding="utf-8").splitlines()
    sprite = {line.split("#")[0].strip() for line in lines}
    asked = set()
    for shown in samples.PAGES.values():
        page = _Page()
        page.feed(preview.render(shown.template, shown.page, me=shown.me, path=shown.path))
        asked |= page.icons
    assert asked - sprite == set()


def test_every_page_with_its_style_and_scripts_is_under_100_kb_compressed() -> None:
    dist = messages.ROOT / "web" / "dist"
    if not (dist / "manifest.json").exists():
        pytest.skip("the front end is not built (`make install` does it)")
    manifest = json.loads((dist / "manifest.json").read_text(encoding="utf-8"))
    fixed = sum(len(gzip.compress((dist / manifest[name]).read_bytes())) for name in ("app.css", "app.js", "theme.js"))
    for name, shown in samples.PAGES.items():
        html = preview.render(shown.template, shown.page, me=shown.me, path=shown.path)
        assert fixed + len(gzip.compress(html.encode())) <= MOST_BYTES, name


class _Page(HTMLParser):
    """Collects what the policy forbids, elements left open, words and icons."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.icons: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "style" or (tag == "script" and not values.get("src")):
            self.faults.append(f"inline <{tag}>")
        self.faults += [f"{tag} {name}" for name, _ in attrs if name == "style" or name.startswith(("on", "hx-on"))]
        self.faults += [
            f"{tag} {name}" for name, value in attrs if value and value.startswith(("http:", "javascript:"))
        ]
        if len(values) != len(attrs):
            self.faults.append(f"{tag} has an attribute twice")
        if tag == "use":
            self.icons.add((values.get("href") or "").partition("#")[2])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.faults.append(f"</{tag}> closes {self.open[-1] if self.open else 'nothing'}")

    def handle_data(self, data: str) -> None:
        self.words += data.split()
