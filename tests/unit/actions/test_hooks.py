"""Webhooks: told in order, signed, at least once, whatever the receiver or our own process does in between."""

import base64
import hashlib
import hmac
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from station import clock
from station.actions import bind, delivering, health, hook_post, people, targets, tokens
from station.actions.hook_post import Message, allowed_place, new_secret, post, sign
from station.actions.hooks import NewHook, add_hook, remove_hook, test_hook
from station.actions.problems import ProblemError
from station.actions.targets import NewTarget
from station.catalogue.views import Viewer
from station.config import Settings
from station.errors import NotFoundError
from station.ledger import log
from station.ledger.keys import make_key
from station.ledger.note import checkpoint_text, make_note
from station.records.log_entries import AlarmRaised
from station.records.terms import Role, TargetKind
from station.state import hooks
from station.state.hooks import HookView
from tests.fakes.stations import CONSOLE, FakeStation, memory_station

test_hook.__test__ = False  # type: ignore[attr-defined]
ORIGIN = "evidence-station/test"
KEY = make_key(ORIGIN)
EVENTS = ("clip.sealed", "case.bound")


@dataclass
class Receiver:
    """A system that is told: keeps what came, and answers each message as `answer` says (a status, or it acts)."""

    answer: Callable[[BaseHTTPRequestHandler], int | None] = lambda _handler: 204
    port: int = 0
    came: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.came]

    def start(self, context: ssl.SSLContext | None = None) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.came.append((dict(self.headers), body))
                status = receiver.answer(self)
                if status is not None:
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def station(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStation]:
    monkeypatch.setattr(delivering, "PAUSES_SECONDS", (0,) * 3)
    with memory_station(hook_hosts=[f"127.0.0.1:{receiver.port}", "cases.example"]) as made:
        yield made


@pytest.fixture
def chen(station: FakeStation) -> Viewer:
    return station.person("chen", Role.CLERK)


@pytest.fixture
def hook(station: FakeStation, receiver: Receiver, chen: Viewer) -> HookView:
    return add_hook(station.custody, station.home, CONSOLE, NewHook("Case system", receiver.url, EVENTS, chen.person))


def seal(station: FakeStation) -> None:
    """Put the whole log under a signed checkpoint."""
    with station.database.write() as session:
        head = log.head(session)
        text = checkpoint_text(ORIGIN, head.size, head.root)
        log.store_checkpoint(session, make_note(text, [KEY.sign(text)]))


def tell(station: FakeStation) -> None:
    seal(station)
    delivering.run(station.home, station.database, station.custody, station.store)


def now_of(station: FakeStation, hook: HookView) -> HookView:
    found = station.read(lambda session: hooks.get(session, hook.hook))
    assert found is not None
    return found


def verified(hook: HookView, headers: Mapping[str, str], body: bytes) -> bool:
    """Check a signature as a receiver would, by the text of the scheme."""
    key = base64.b64decode(hook.secret.split("_", 1)[1])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    due = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300  # noqa: TID251  a receiver has its own clock
    return fresh and due in [each.partition(",")[2] for each in headers["webhook-signature"].split()]


def open_case(station: FakeStation, viewer: Viewer, kind: TargetKind = TargetKind.CASE, number: str = "") -> str:
    wanted = NewTarget(kind, number, "张三无照经营案")
    return targets.open_target(station.custody, station.home, viewer, station.session(viewer)[1], wanted)


def bind_clip(station: FakeStation, viewer: Viewer, clip: str, target: str, kind: TargetKind) -> None:
    wanted = bind.BindRequest(clips=(clip,), kind=kind, target=target)
    bind.bind(station.custody, station.database, station.home, viewer, station.session(viewer)[1], wanted)


def test_a_signature_is_the_one_of_the_published_scheme() -> None:
    # The reference vector of the scheme's own libraries.
    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    signature = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", message, 1614265330)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_taken_in_and_bound_is_told_in_order_and_signed(
    station: FakeStation, receiver: Receiver, hook: HookView, chen: Viewer
) -> None:
    clip = station.clip()
    matter, case = open_case(station, chen, TargetKind.MATTER), open_case(station, chen, number="冀应急罚〔2026〕12号")
    bind_clip(station, chen, clip, matter, TargetKind.MATTER)
    resolve = {"outcome": "merged", "into": case}
    targets.resolve_matter(station.custody, station.home, chen, station.session(chen)[1], matter, **resolve)
    tell(station)
    tell(station)
    told = [(body["type"], body["data"].get("clip"), body["data"].get("case")) for body in receiver.bodies]
    assert told == [("clip.sealed", clip, None), ("case.bound", clip, matter), ("case.bound", None, case)]
    assert [body["data"].get("kind") for body in receiver.bodies] == [None, "matter", "case"]
    assert all(verified(hook, headers, body) for headers, body in receiver.came)
    ids = [headers["webhook-id"] for headers, _ in receiver.came]
    assert ids == [f"msg_{body['data']['leaf']}" for body in receiver.bodies]
    everything = b"".join(body for _, body in receiver.came).decode()
    assert "张三" not in everything and "12号" not in everything and "T-1" not in everything


def test_nothing_is_told_before_it_is_under_a_signed_checkpoint(
    station: FakeStation, receiver: Receiver, hook: HookView
) -> None:
    seal(station)
    station.clip()
    delivering.run(station.home, station.database, station.custody, station.store)
    assert receiver.came == []
    tell(station)
    assert len(receiver.came) == 1


def test_a_receiver_that_was_down_is_told_everything_once_it_is_back(
    station: FakeStation, receiver: Receiver, hook: HookView
) -> None:
    receiver.stop()
    clips = [station.clip() for _ in range(3)]
    tell(station)
    assert (now_of(station, hook).state, now_of(station, hook).problem) == ("failing", "hook_unreachable")
    receiver.start()
    clips.append(station.clip())
    tell(station)
    assert [body["data"]["clip"] for body in receiver.bodies] == clips
    assert (now_of(station, hook).state, now_of(station, hook).problem) == ("ok", None)


def test_a_refused_message_comes_again_with_its_id_before_the_next(
    station: FakeStation, receiver: Receiver, hook: HookView
) -> None:
    clips = [station.clip(), station.clip()]
    receiver.answer = lambda _handler: 500 if len(receiver.came) == 1 else 200
    tell(station)
    tell(station)
    assert [body["data"]["clip"] for body in receiver.bodies] == [clips[0], *clips]
    first, again, _ = [headers["webhook-id"] for headers, _ in receiver.came]
    assert first == again


def test_before_its_pause_is_over_a_receiver_is_left_alone(
    station: FakeStation, receiver: Receiver, hook: HookView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "PAUSES_SECONDS", (5,))
    station.clip()
    receiver.answer = lambda _handler: 503
    tell(station)
    tell(station)
    assert len(receiver.came) == 1
    assert (now_of(station, hook).due_at or "") > clock.timestamp()


@pytest.mark.parametrize(("status", "tries", "problem"), [(410, 1, "hook_gone"), (500, 4, "hook_refused")])
def test_a_hook_that_is_given_up_raises_one_alarm_and_goes_on_after_a_test(
    station: FakeStation, receiver: Receiver, hook: HookView, status: int, tries: int, problem: str
) -> None:
    clips = [station.clip(), station.clip()]
    receiver.answer = lambda _handler: status
    for _ in range(6):
        tell(station)
    assert len(receiver.came) == tries
    assert (now_of(station, hook).state, now_of(station, hook).problem) == ("dead", problem)
    (alarm,) = station.entries("alarm.raised")
    assert isinstance(alarm, AlarmRaised)
    assert (alarm.fact.kind, alarm.fact.about) == ("hook_dead", f"hook:{hook.hook}")
    found = {each.code: each for each in health.examine(station.home, station.database, station.custody, station.store)}
    assert (found["hooks"].state, found["hooks"].value) == ("bad", "1")
    assert test_hook(station.home, station.database, hook.hook).problem == problem
    assert now_of(station, hook).state == "dead"
    receiver.answer = lambda _handler: 200
    receiver.came.clear()
    assert test_hook(station.home, station.database, hook.hook).problem is None
    tell(station)
    assert [body["type"] for body in receiver.bodies] == ["test", "clip.sealed", "clip.sealed"]
    assert [body["data"]["clip"] for body in receiver.bodies[1:]] == clips


def test_a_deliverer_killed_while_the_receiver_works_tells_it_again(
    station: FakeStation, receiver: Receiver, hook: HookView
) -> None:
    clips = [station.clip() for _ in range(3)]
    seal(station)
    working, released = threading.Event(), threading.Event()

    def answer(_handler: BaseHTTPRequestHandler) -> int:
        if len(receiver.came) == 2:  # the second is under way when the deliverer is killed
            working.set()
            released.wait(20)
        return 200

    receiver.answer = answer
    script = (
        "import sys; from pathlib import Path; from station.actions import delivering;"
        "from station.config import Home, Settings; from station.database import Database;"
        "from tests.fakes.stations import UnsignedCustody;"
        "home = Home(Path(sys.argv[1]), Settings(hook_hosts=(sys.argv[2],))); database = Database(home.database_url);"
        "delivering.run(home, database, UnsignedCustody(database), None)"
    )
    command = [sys.executable, "-c", script, str(station.home.root), f"127.0.0.1:{receiver.port}"]
    with subprocess.Popen(command, cwd=Path(__file__).resolve().parents[3]) as process:
        assert working.wait(20)
        process.send_signal(signal.SIGKILL)
    released.set()
    tell(station)
    assert [body["data"]["clip"] for body in receiver.bodies] == [clips[0], clips[1], clips[1], clips[2]]


def test_a_receiver_that_hangs_keeps_no_other_from_its_turn(
    station: FakeStation, receiver: Receiver, hook: HookView, chen: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = NewHook("Other", receiver.url + "/other", EVENTS, chen.person)
    add_hook(station.custody, station.home, CONSOLE, other)
    monkeypatch.setattr(delivering, "post", lambda *given: post(*given, seconds=0.3))
    paths: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> int:
        paths.append(handler.path)
        if handler.path == "/told":
            time.sleep(0.6)
        return 200

    receiver.answer = answer
    station.clip()
    tell(station)
    assert paths == ["/told", "/told/other"]
    assert now_of(station, hook).problem == "hook_timeout"


def test_an_answer_that_comes_drop_by_drop_is_given_up(receiver: Receiver, station: FakeStation) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        for sign_ in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100:
            try:
                handler.wfile.write(bytes((sign_,)))
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    receiver.answer = drip
    began = clock.monotonic()
    outcome = post(station.home.settings, receiver.url, new_secret(), Message("msg_x", b"{}"), seconds=0.4)
    assert outcome.problem == "hook_timeout"
    assert clock.monotonic() - began < 3


def test_a_redirect_is_not_followed(receiver: Receiver, station: FakeStation) -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
        handler.end_headers()

    receiver.answer = redirect
    outcome = post(station.home.settings, receiver.url, new_secret(), Message("msg_x", b"{}"))
    assert outcome.problem == "hook_redirect"
    assert len(receiver.came) == 1


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://cases.example/told", "hook_http"),
        ("https://other.example/told", "hook_host"),
        ("https://cases.example:8443/told", "hook_host"),
        ("https://cases.example@other.example/told", "hook_url"),
        ("https://cases.example/told#part", "hook_url"),
        ("https://cases.example/to ld", "hook_url"),
        ("https://cases.example:99999/told", "hook_url"),
        ("http://127.0.0.1:8470/told", "hook_host"),
        ("http://169.254.169.254/latest", "hook_http"),
        ("http://[::1]:8470/", "hook_host"),
        ("ftp://cases.example/told", "hook_url"),
        ("told", "hook_url"),
    ],
)
def test_only_hosts_that_the_settings_name_may_be_told(url: str, code: str) -> None:
    settings = Settings(hook_hosts=("cases.example",))
    with pytest.raises(ProblemError) as caught:
        allowed_place(settings, url)
    assert caught.value.code == code
    assert allowed_place(settings, "https://CASES.example/told").host == "cases.example"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "::", "fe80::1"])
def test_a_name_that_leads_inside_is_not_spoken_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def lead_inside(*_: object, **__: object) -> list[Any]:
        return [(family, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443)), (family, 1, 6, "", (address, 443))]

    monkeypatch.setattr(hook_post.socket, "getaddrinfo", lead_inside)
    outcome = post(Settings(hook_hosts=("cases.example",)), "https://cases.example/", new_secret(), Message("m", b"{}"))
    assert outcome.problem == "hook_address"


def test_a_certificate_is_checked_and_may_come_from_the_units_own_authority(tmp_path: Path) -> None:
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, *named, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver = Receiver()
    receiver.start(context)
    try:
        hosts = (f"localhost:{receiver.port}",)
        url, message = f"https://localhost:{receiver.port}/", Message("msg_x", b"{}")
        assert post(Settings(hook_hosts=hosts), url, new_secret(), message).problem == "hook_certificate"
        trusting = Settings(hook_hosts=hosts, hook_certificates=str(certificate))
        assert post(trusting, url, new_secret(), message).problem is None
    finally:
        receiver.stop()
    assert len(receiver.came) == 1


def test_a_hook_tells_only_what_its_person_may_see(station: FakeStation, receiver: Receiver, hook: HookView) -> None:
    station.take_in_recorder(unit="another unit")
    station.clip()
    station.take_in_recorder()
    own = station.clip()
    tell(station)
    assert [body["data"]["clip"] for body in receiver.bodies] == [own]


def test_a_closed_account_has_nothing_told_and_an_opened_one_all_of_it(
    station: FakeStation, receiver: Receiver, hook: HookView, chen: Viewer
) -> None:
    people.set_disabled(station.custody, station.database, CONSOLE, chen.person, disabled=True)
    station.clip()
    tell(station)
    assert receiver.came == []
    people.set_disabled(station.custody, station.database, CONSOLE, chen.person, disabled=False)
    tell(station)
    assert len(receiver.came) == 1


def test_a_hook_ends_with_the_token_that_made_it(station: FakeStation, receiver: Receiver, chen: Viewer) -> None:
    wanted = tokens.Wanted("Case system", chen.person, ("hooks:write", "clips:read"))
    token, _ = tokens.issue_token(station.custody, station.database, CONSOLE, wanted)
    new = NewHook("Case system", receiver.url, EVENTS, chen.person, token.token)
    made = add_hook(station.custody, station.home, CONSOLE, new)
    tokens.revoke_token(station.custody, CONSOLE, token.token)
    station.clip()
    tell(station)
    assert receiver.came == []
    assert station.read(lambda session: hooks.get(session, made.hook)) is None


def test_a_removed_hook_is_told_nothing_and_the_ledger_says_so(
    station: FakeStation, receiver: Receiver, hook: HookView
) -> None:
    station.clip()
    remove_hook(station.custody, CONSOLE, hook.hook)
    tell(station)
    assert receiver.came == []
    assert (len(station.entries("hook.added")), len(station.entries("hook.removed"))) == (1, 1)
    with pytest.raises(NotFoundError):
        remove_hook(station.custody, CONSOLE, hook.hook)
