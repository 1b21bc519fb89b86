"""verify.html opened from disk with no network: the sentence in both languages, and the name of what was touched."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from station.package.verifiers import VERIFIERS
from tests.package import builder
from tests.package.builder import Package

pytestmark = pytest.mark.browser

SOUND = "自入库起未改动（最早2026-08-04 18:00:02 (UTC+08:00)，最晚2026-08-04 18:00:08 (UTC+08:00)入库）"
SOUND_EN = "Unaltered since each was taken in, from 2026-08-04 18:00:02"
DAMAGED = "已损坏：1 个文件与存证日志不符，列于下方；本电子证据包不能证明“自入库起未改动”"
DAMAGED_EN = "Damaged: 1 file(s) do not agree with the ledger, named below"
LARGE = "data/large.bin"
# A browser that knows WebCrypto but no Ed25519, as Chromium was before 137; tells that it was asked.
NO_ED25519 = """
for (const name of ["importKey", "verify"]) {
  const known = SubtleCrypto.prototype[name];
  SubtleCrypto.prototype[name] = function (...given) {
    if (given.some((each) => (each?.name ?? each) === "Ed25519")) {
      globalThis.askedForEd25519 = true;
      return Promise.reject(new DOMException("Unrecognized name", "NotSupportedError"));
    }
    return known.apply(this, given);
  };
}
"""
# Where a page may start no worker, files are hashed in the page itself.
NO_WORKER = """
globalThis.Worker = class {
  constructor() {
    globalThis.askedForWorker = true;
    throw new DOMException("refused", "SecurityError");
  }
};
"""


@pytest.fixture(scope="module")
def package() -> Package:
    page = VERIFIERS["verify.html"]
    if not page.is_file():
        pytest.skip("the front end is not built (`make install` does it)")
    made = builder.make(7, clips=4, verifiers={name: path.read_bytes() for name, path in VERIFIERS.items()})
    # Files of more than 1 MiB are hashed as streams, in a worker where there may be one.
    return replace(made, files=builder.with_files(made, {LARGE: bytes(range(256)) * 12_000}))


@pytest.fixture
def folder(package: Package, tmp_path: Path) -> Path:
    return package.write(tmp_path / "package")


@pytest.fixture
def open_from_disk(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Yield what opens a folder's verify.html without a network; at the end the page may have asked for nothing."""
    contexts: list[BrowserContext] = []
    asked: list[str] = []
    complaints: list[str] = []

    def open_from_disk(folder: Path, *scripts: str, **options: object) -> Page:
        settings = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai", **options}
        context = chromium.new_context(offline=True, **settings)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(15_000)
        for script in scripts:
            context.add_init_script(script)
        page = context.new_page()
        page.on("request", lambda each: asked.append(each.url))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((folder / "verify.html").as_uri())
        return page

    yield open_from_disk
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []
    assert complaints == []


def check(page: Page, folder: Path) -> None:
    """Choose the folder, as the button's dialog would, and wait for the verdict."""
    page.set_input_files("#folder", folder)
    expect(page.locator("body")).to_have_attribute("data-step", "done")


def touch(folder: Path, package: Package, begins: str = "data/originals/") -> str:
    """Change one byte of a file; return its path."""
    path = next(path for path in sorted(package.files) if path.startswith(begins))
    content = bytearray(package.files[path])
    content[len(content) // 2] ^= 1
    (folder / path).write_bytes(content)
    return path


def test_a_sound_package_is_called_unaltered_in_chinese_and_in_english(
    open_from_disk: Callable[..., Page], folder: Path, package: Package
) -> None:
    page = open_from_disk(folder)
    check(page, folder)
    assert len(page.workers) == 1, "from disk, too, files are hashed beside the page"
    expect(page.locator("#sentence")).to_have_text(f"{SOUND}；入库以前的情况本校验不能证明")
    expect(page.locator("body")).to_have_attribute("data-verdict", "sound")
    expect(page.locator("#findings")).to_be_hidden()
    expect(page.locator("#key-note")).to_contain_text("须与单位公布的公钥核对")
    expect(page.locator("#key-text")).to_have_text(package.key)
    expect(page.locator("#clips-rows tr")).to_have_count(4)
    page.click("#language")
    expect(page.locator("#sentence")).to_contain_text(SOUND_EN)
    expect(page.locator("#sentence")).to_contain_text("this says nothing of the time before")


def test_the_language_is_that_of_the_browser(open_from_disk: Callable[..., Page], folder: Path) -> None:
    page = open_from_disk(folder, locale="en-GB")
    check(page, folder)
    expect(page.locator("#sentence")).to_contain_text(SOUND_EN)


def test_one_byte_changed_in_an_original_is_damage_and_the_file_is_named(
    open_from_disk: Callable[..., Page], folder: Path, package: Package
) -> None:
    path = touch(folder, package)
    page = open_from_disk(folder)
    check(page, folder)
    expect(page.locator("#sentence")).to_have_text(DAMAGED)
    expect(page.locator("#findings-list li code")).to_have_text([path])
    expect(page.locator("#findings-list li")).to_contain_text("内容已改动（与清单不符）")
    expect(page.locator("#clips-rows tr", has_text=Path(path).stem)).to_contain_text("文件已损坏")
    page.click("#language")
    expect(page.locator("#sentence")).to_contain_text(DAMAGED_EN)
    expect(page.locator("#findings-list li")).to_contain_text("was altered: it does not agree with the manifest")


def test_the_key_that_was_given_counts_and_another_is_refused(
    open_from_disk: Callable[..., Page], folder: Path, package: Package
) -> None:
    page = open_from_disk(folder)
    page.fill("#key", package.key)
    check(page, folder)
    expect(page.locator("body")).to_have_attribute("data-verdict", "sound")
    expect(page.locator("#key-note")).to_have_text("公钥由您提供：")
    page.click("#again")
    page.fill("#key", builder.make(8, clips=1).key)
    check(page, folder)
    expect(page.locator("body")).to_have_attribute("data-verdict", "damaged")
    expect(page.locator("#findings-list")).to_contain_text("data/ledger/log.vkey")


def test_time_stamps_are_said_not_to_have_been_checked(
    open_from_disk: Callable[..., Page], package: Package, tmp_path: Path
) -> None:
    builder.write(builder.with_files(package, {"data/ledger/timestamps/0.tsr": b"a time stamp"}), tmp_path / "package")
    page = open_from_disk(tmp_path / "package")
    check(page, tmp_path / "package")
    expect(page.locator("#sentence")).to_contain_text(SOUND)
    expect(page.locator("#stamps")).to_be_visible()
    expect(page.locator("#stamps")).to_contain_text("时间戳 1 个：本页不校验，请用 verify.sh --tsa-ca")
    page.click("#language")
    expect(page.locator("#stamps")).to_contain_text("Time stamps: 1, not checked by this page")


@pytest.mark.parametrize("script", [NO_ED25519, NO_WORKER], ids=["no-ed25519", "no-worker"])
def test_an_older_browser_comes_to_the_same_verdicts(
    script: str, open_from_disk: Callable[..., Page], folder: Path, package: Package
) -> None:
    page = open_from_disk(folder, script)
    check(page, folder)
    expect(page.locator("#sentence")).to_contain_text(SOUND)
    if script == NO_ED25519:
        assert page.evaluate("globalThis.askedForEd25519") is True
        page.click("summary")
        expect(page.locator("#details-list")).to_contain_text("签名由 noble 校验")
    else:
        assert page.evaluate("globalThis.askedForWorker") is True
    path = touch(folder, package, LARGE if script == NO_WORKER else "data/originals/")
    page.click("#again")
    check(page, folder)
    expect(page.locator("#sentence")).to_have_text(DAMAGED)
    expect(page.locator("#findings-list li code")).to_have_text([path])


def test_one_byte_changed_in_a_large_file_is_found_by_the_worker(
    open_from_disk: Callable[..., Page], folder: Path, package: Package
) -> None:
    touch(folder, package, LARGE)
    page = open_from_disk(folder)
    check(page, folder)
    assert len(page.workers) == 1
    expect(page.locator("#findings-list li code")).to_have_text([LARGE])
