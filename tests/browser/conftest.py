"""A real station, served by its own processes, with footage docked from a card; and a real Chromium beside it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from station import clock
from station.actions.holders import issue_recorder
from station.actions.people import Description, Second, add_person
from station.actions.setup import make_home
from station.actions.targets import NewTarget, open_target
from station.catalogue.views import Viewer
from station.config import Home
from station.custody import Custody, keep_projection
from station.database import Database
from station.digest import new_id
from station.pipeline import dock
from station.records.docking_entries import RecorderKnown
from station.records.entries import Actor
from station.records.terms import Role, TargetKind
from station.stages.opening import Request
from tests.unit.derive.tracks import write_places

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROOT = Path(__file__).resolve().parents[2]
UNIT = "城关区市场监督管理局"
CASE_NUMBER = "冀石城市监处罚〔2026〕128号"
PASSWORD = "four stones in a creek"
CONSOLE = Actor(via="console", strength="console", os_user="test")
# Two recordings of the recorder an officer holds, the first of two segments; then what a browser can't play.
FOOTAGE = {
    "J800000_01823320261120093000_0001.mp4": ("libx264", 6),
    "J800000_01823320261120093006_0002.mp4": ("libx264", 4),
    "J800000_01823320261120150000_0003_IMP.mp4": ("libx264", 5),
    "J800000_01823320261120160000_0004.avi": ("mpeg4", 2),
}
LOCATED = "J800000_01823320261120150000_0003_IMP.mp4"
WAY = [(38.0421, 114.5149), (38.0424, 114.5153), (38.0426, 114.5160), (38.0425, 114.5166), (38.0422, 114.5170)]
START_SECONDS = 90


@dataclass
class Served:
    """A served station: its address and a single-use link for each sample person."""

    address: str
    links: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Yield the browser."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM} (`make test` installs it)")
    with sync_playwright() as playwright:
        yield _launch(playwright)


def _launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a station with a card docked, one case, and people to log in as."""
    if not (ROOT / "web" / "dist" / "manifest.json").exists():
        pytest.skip("the front end is not built (`make install` does it)")
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg")
    folder = tmp_path_factory.mktemp("station")
    listen = f"127.0.0.1:{_free_port()}"
    settings = f'listen = "{listen}"\nunit = "{UNIT}"\nreserve_bytes = 0\ndemo = true\n'
    home = make_home(folder / "home", settings=settings)
    made = Served(f"http://{listen}")
    _fill(home, _card(folder / "card"), made)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STATION_")}
    command = [sys.executable, "-m", "station.cli", "serve", "--home", str(home.root)]
    with (
        (folder / "serve.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True) as process,
    ):
        try:
            _wait(listen, process, folder / "serve.log")
            yield made
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _card(folder: Path) -> Path:
    """Make footage as a recorder leaves it."""
    folder.mkdir()
    for number, (name, (codec, seconds)) in enumerate(FOOTAGE.items()):
        picture = f"testsrc2=size=640x360:rate=25:duration={seconds},hue=h={number * 80}"
        if "_0003_" in name:  # of a varying rate, as recorders make in the dark
            picture += r",select=lt(mod(n\,7)\,4)"
        sound = f"sine=frequency={300 + number * 100}:duration={seconds}"
        subprocess.run(
            [
                "ffmpeg",
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                picture,
                "-f",
                "lavfi",
                "-i",
                sound,
                "-c:v",
                codec,
                "-pix_fmt",
                "yuv420p",
                "-c:a",
                "aac",
                "-fps_mode",
                "vfr",
                "-movflags",
                "+faststart",
                folder / name,
            ],
            check=True,
        )
    write_places(folder / LOCATED, WAY)
    return folder


def _fill(home: Home, card: Path, made: Served) -> None:
    database = Database(home.database_url)
    keep_projection(database)
    custody = Custody(home, database)
    people = {}
    for login, name, role, police_number in (
        ("zhang", "张伟", Role.OFFICER, "018233"),
        ("chen", "陈静", Role.CLERK, None),
        ("zhou", "周涛", Role.INSPECTOR, None),
    ):
        described = Description("officer", name, login, UNIT, None, police_number)
        people[login], token = add_person(custody, database, CONSOLE, described, [role], Second())
        made.links[login] = f"{made.address}/welcome/{token}"
    recorder = new_id()
    fact = RecorderKnown.Fact(recorder=recorder, profile="ga-t-947-named", identified_by="serial")
    names = RecorderKnown.Names(identity="serial:J800000", serial="J800000", unit=UNIT)
    custody.append(RecorderKnown(fact=fact, names=names, actor=CONSOLE))
    issue_recorder(custody, CONSOLE, recorder, people["zhang"], "2026-01-01T00:00:00.000000Z")
    clerk = Viewer(people["chen"], frozenset({Role.CLERK.value}), UNIT)
    wanted = NewTarget(TargetKind.CASE, CASE_NUMBER, "某商贸公司案", ())
    open_target(custody, home, clerk, Actor(person=clerk.person, via="console"), wanted)
    request = Request(card, "ga-t-947-named", 1, None, False, CONSOLE)
    account = dock(home, database, custody, request, lambda _line: None)
    assert account.whole, account
    database.dispose()
    subprocess.run([sys.executable, "-m", "station.cli", "develop", "--once", "--home", str(home.root)], check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(listen: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the station answers; fails with its log when it does not."""
    host, _, port = listen.rpartition(":")
    end = clock.monotonic() + START_SECONDS
    while clock.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex((host, int(port))) == 0:
                return
    pytest.fail(f"the station did not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture
def browse(chromium: Browser, served: Served) -> Iterator[Callable[..., Page]]:
    """Yield what opens a page in a browser of its own; at the end no page may have complained to its console."""
    complaints: list[str] = []
    # The answer to a form that was refused, and a line that a test breaks; the browser reports both.
    expected = ("status of 409", "net::ERR_CONNECTION_RESET")
    contexts: list[BrowserContext] = []

    def browse(**options: object) -> Page:
        context = chromium.new_context(base_url=served.address, **{"locale": "zh-CN", **options})  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield browse
    for context in contexts:
        context.close()
    assert [line for line in complaints if not any(each in line for each in expected)] == []
