"""Foreign programs run confined: what they see, what they may take, and that nothing of them remains."""

import os
import select
import signal
import threading
from pathlib import Path

import pytest

from station.errors import SandboxError
from station.sandbox.confinement import Limits
from station.sandbox.program import STDERR_TAIL_BYTES, Ending, clear_work_folders, run, work_folder

LIMITS = Limits(cpu_seconds=20, address_space_bytes=1 << 30, file_size_bytes=1 << 20, wall_seconds=60)
USER = "nobody"


@pytest.fixture
def work(tmp_path):
    with work_folder(tmp_path, USER) as folder:
        yield folder


def limits(**more):
    return Limits(**{"cpu_seconds": 20, "address_space_bytes": 1 << 30, "file_size_bytes": 1 << 20} | more)


def test_an_input_below_a_folder_only_we_may_enter_is_readable(work, tmp_path):
    hidden = tmp_path / "home"
    hidden.mkdir(mode=0o700)
    (hidden / "clip").write_bytes(b"content")
    (hidden / "clip").chmod(0o444)
    done = run(["cat", "{input}"], inputs={"input": hidden / "clip"}, work=work, limits=LIMITS, user=USER)
    assert (done.returncode, done.stdout, done.failure) == (0, b"content", "")


def test_the_same_holds_when_an_unprivileged_user_started_it(make_child):
    child = make_child("nobody" if os.geteuid() == 0 else "us")
    snippet = """
(folder / "home").mkdir(mode=0o700); clip = folder / "home" / "clip"; clip.write_text("content"); clip.chmod(0o440)
with work_folder(folder / "home", "nobody") as work:
    done = run(["cp", "{input}", "copy"], inputs={"input": clip}, work=work, limits=limits, user="nobody")
    tell([done.failure, done.stderr_tail, (work / "copy").read_text(), done.confinement.user])
"""
    assert child.ask(snippet) == ["", "", "content", "nobody"]


def test_an_input_the_parser_s_group_may_read_is_enough(work, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    original = tmp_path / "original"
    original.write_bytes(b"sealed")
    os.chown(original, 0, 65534)
    original.chmod(0o440)
    done = run(["cat", "{input}"], inputs={"input": original}, work=work, limits=LIMITS, user=USER)
    assert done.stdout == b"sealed"


def test_an_input_closed_to_the_parser_is_named(work, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    original = tmp_path / "original"
    original.write_bytes(b"sealed")
    original.chmod(0o400)
    with pytest.raises(SandboxError, match=r"nobody may not read .*original"):
        run(["cat", "{input}"], inputs={"input": original}, work=work, limits=LIMITS, user=USER)


def test_results_are_written_into_the_work_folder(work):
    done = run(["touch", "made"], inputs={}, work=work, limits=LIMITS, user=USER)
    assert done.failure == ""
    assert [path.name for path in work.iterdir()] == ["made"]


def test_other_files_of_ours_are_out_of_reach(work, tmp_path):
    (tmp_path / "key").write_text("secret")
    done = run(["cat", str(tmp_path / "key")], inputs={}, work=work, limits=LIMITS, user=USER)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "Permission denied" in done.stderr_tail


def test_our_environment_is_not_handed_on(work, monkeypatch):
    monkeypatch.setenv("STATION_DATABASE_URL", "secret")
    done = run(["env"], inputs={}, work=work, limits=LIMITS, user=USER)
    assert b"PATH=" in done.stdout
    assert b"secret" not in done.stdout


def test_a_program_that_is_not_installed_is_an_error(work):
    with pytest.raises(SandboxError, match="no-such-program is not installed"):
        run(["no-such-program"], inputs={}, work=work, limits=LIMITS, user=USER)


@pytest.mark.parametrize("kind", ["symlink", "pipe", "folder"])
def test_an_input_that_is_not_a_plain_file_is_refused(work, tmp_path, kind):
    place = tmp_path / "input"
    {"symlink": lambda: place.symlink_to("/etc/passwd"), "pipe": lambda: os.mkfifo(place), "folder": place.mkdir}[
        kind
    ]()
    with pytest.raises(SandboxError, match="input"):
        run(["cat", "{input}"], inputs={"input": place}, work=work, limits=LIMITS, user=USER)


def test_progress_lines_are_handed_over_whole(work):
    lines = []
    done = run(["seq", "3"], inputs={}, work=work, limits=LIMITS, user=USER, on_progress=lines.append)
    assert lines == [b"1", b"2", b"3"]
    assert done.stdout == b""


def test_a_flood_of_errors_neither_hangs_nor_fills_memory(work, tmp_path):
    (tmp_path / "big").write_bytes(b"word\n" * 200_000)
    (tmp_path / "big").chmod(0o444)
    done = run(
        ["dd", "if={input}", "of=/dev/stderr", "status=none"],
        inputs={"input": tmp_path / "big"},
        work=work,
        limits=LIMITS,
        user=USER,
    )
    assert len(done.stderr_tail) <= STDERR_TAIL_BYTES


def test_a_program_that_prints_without_end_is_ended(work):
    done = run(["yes"], inputs={}, work=work, limits=LIMITS, user=USER)
    assert done.ending is Ending.OUTPUT
    assert "printed more" in done.failure


def test_a_progress_line_without_end_is_ended_too(work):
    done = run(
        ["dd", "if=/dev/zero", "bs=4k"], inputs={}, work=work, limits=LIMITS, user=USER, on_progress=lambda line: None
    )
    assert done.ending is Ending.OUTPUT


def test_a_program_that_takes_too_long_is_ended(work):
    done = run(["sleep", "1000"], inputs={}, work=work, limits=limits(wall_seconds=0.5), user=USER)
    assert done.ending is Ending.TIME
    assert "longer" in done.failure


def test_a_cancelled_program_is_ended(work):
    cancel = threading.Event()
    cancel.set()
    done = run(["sleep", "1000"], inputs={}, work=work, limits=LIMITS, user=USER, cancel=cancel)
    assert done.ending is Ending.CANCELLED


def test_a_file_beyond_the_limit_ends_the_program(work):
    done = run(["dd", "if=/dev/zero", "of=big", "bs=1M", "count=4"], inputs={}, work=work, limits=LIMITS, user=USER)
    assert done.returncode == -signal.SIGXFSZ
    assert done.failure == "dd wrote a larger file than it may"


def test_processor_time_beyond_the_limit_ends_the_program(work):
    done = run(["sha256sum", "/dev/zero"], inputs={}, work=work, limits=limits(cpu_seconds=1), user=USER)
    assert done.failure == "sha256sum used more processor time than it may"


def test_what_a_program_leaves_running_is_ended_with_it(work):
    script = "sleep 1000 & echo started"
    done = run(["sh", "-c", script], inputs={}, work=work, limits=limits(processes=None), user=USER)
    # Its own child holds the other end of the pipe: that we came back at all means that it is gone.
    assert done.stdout == b"started\n"


def test_an_error_in_the_progress_report_ends_the_program(work):
    def fail(line: bytes) -> None:
        raise RuntimeError("report failed")

    with pytest.raises(RuntimeError, match="report failed"):
        run(["yes"], inputs={}, work=work, limits=LIMITS, user=USER, on_progress=fail)


def test_a_program_dies_with_us(child):
    snippet = """
def report(line): tell(line.decode())
from dataclasses import replace
with work_folder(folder, "nobody") as work:
    argv = ["sh", "-c", "echo $$; exec sleep 1000"]
    run(argv, inputs={}, work=work, limits=limits, user="nobody", on_progress=report)
"""
    parent = child.start(snippet)
    with parent:
        handle = os.pidfd_open(int(parent.stdout.readline().strip().strip('"')))
        parent.kill()
        readable, _, _ = select.select([handle], [], [], 30)
        os.close(handle)
    assert readable == [handle]


def test_a_work_folder_is_private_and_goes_with_its_content(tmp_path):
    with work_folder(tmp_path, USER) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == (65534 if os.geteuid() == 0 else os.geteuid())
    assert list(tmp_path.iterdir()) == []


def test_work_folders_left_by_a_dead_station_are_cleared(tmp_path):
    (tmp_path / "work-left").mkdir()
    (tmp_path / "work-left" / "file").write_text("x")
    (tmp_path / "other").mkdir()
    clear_work_folders(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_work_folder_in_a_missing_place_is_our_own_kind_of_error(tmp_path):
    with pytest.raises(SandboxError, match="No work folder"), work_folder(tmp_path / Path("absent"), USER):
        pass
