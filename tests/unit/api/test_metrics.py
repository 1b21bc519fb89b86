"""What Prometheus reads: well formed, without a name in it, from this machine or by a token with the scope."""

import re
from collections.abc import Callable

from starlette.testclient import TestClient

from station.digest import new_id
from station.records.log_entries import AlarmRaised
from station.records.terms import Role
from tests.fakes.stations import UNIT, FakeStation
from tests.unit.api.v1.conftest import make_token

Browse = Callable[..., TestClient]
# Text exposition format 0.0.4: a comment, or a name with labels and a value.
LINE = re.compile(r'# (HELP|TYPE) station_\w+ .+|station_\w+(\{[a-z]+="[a-z_]+"\})? \d+(\.\d+)?(e[+-]\d+)?')


def samples(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")}


def test_this_machine_reads_the_figures_and_nobody_else_without_a_token(station: FakeStation, browse: Browse) -> None:
    station.clip(b"x" * 1000)
    fact = AlarmRaised.Fact(alarm=new_id(), kind="bytes_changed")
    station.custody.append(AlarmRaised(fact=fact, detail=AlarmRaised.Detail(text="secret.mp4")), seal=False)
    answer = browse(address="127.0.0.1").get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert [line for line in answer.text.splitlines() if not LINE.fullmatch(line)] == []
    told = samples(answer.text)
    assert told['station_check_state{check="vault"}'] == 0
    assert told['station_check_state{check="signer"}'] == 2
    assert (told["station_alarms_unseen"], told['station_clip_bytes{stage="probed"}']) == (1, 1000)
    assert told["station_ledger_entries"] == station.size()
    assert UNIT not in answer.text and "secret" not in answer.text
    admin = station.person("admin", Role.ADMIN)
    assert browse(address="192.0.2.7").get("/metrics").status_code == 303
    assert browse(admin, address="192.0.2.7").get("/metrics").status_code == 403


def test_a_token_with_the_scope_reads_the_same_from_anywhere(station: FakeStation, browse: Browse) -> None:
    admin, client = station.person("admin", Role.ADMIN), browse()
    allowed, other = make_token(station, admin, "metrics:read"), make_token(station, admin, "cases:read")

    def ask(secret: str) -> int:
        return client.get("/api/v1/metrics", headers={"authorization": f"Bearer {secret}"}).status_code

    assert (ask(allowed), ask(other)) == (200, 403)
