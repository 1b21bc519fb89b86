"""The receipt as a browser shows it: the code on the screen gives back the checkpoint's bytes."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, Served

pytestmark = pytest.mark.browser


def test_a_clerk_opens_a_receipt_from_the_dock_board_and_its_code_is_the_checkpoint(
    browse: Callable[..., Page], served: Served, tmp_path: Path
) -> None:
    program = shutil.which("zbarimg")
    assert program, "zbarimg is missing: `make test` installs Debian's package zbar-tools"
    page = browse()
    page.goto(served.links["chen"])
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=again]", PASSWORD)
    page.click(".gate button.main")
    expect(page.locator("details.menu .person")).to_be_visible()
    page.goto("/dock")
    page.locator("a", has_text="回执").first.click()
    expect(page.locator("h1")).to_have_text("接入回执")
    code = page.locator(".receipt-code svg.qr")
    code.screenshot(path=tmp_path / "code.png")
    shown = page.locator(".receipt-checkpoint").text_content()
    assert shown is not None
    done = subprocess.run(
        [program, "--quiet", "--raw", "-Sbinary", str(tmp_path / "code.png")], capture_output=True, check=True
    )
    assert done.stdout == shown.encode()
    assert shown.count("\n") == 5
    page.emulate_media(media="print")
    expect(code).to_be_visible()
    expect(page.locator(".topbar")).to_be_hidden()
