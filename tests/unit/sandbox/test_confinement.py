"""What a process can no longer do once it is confined, tried from the inside."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from station.sandbox import landlock, system_calls

needs_landlock = pytest.mark.skipif(landlock.find_abi() == 0, reason="this kernel has no Landlock")
needs_filter = pytest.mark.skipif(not system_calls.can_filter(), reason="no call numbers for this machine")


def test_it_is_not_root_and_can_not_become_it(child):
    answer = child.ask("enter(); tell([os.getresuid(), os.getresgid(), refused(lambda: os.setuid(0))])")
    assert 0 not in answer[0] + answer[1]
    assert answer[2] in ("EPERM", "EINVAL")


def test_started_by_root_it_leaves_root_s_groups(child_of_root):
    snippet = "os.setgroups([0, 4]); enter(); tell([os.getgroups(), os.getresgid()])"
    assert child_of_root.ask(snippet) == [[], [65534] * 3]


def test_it_holds_no_capability(child):
    assert child.ask("enter(); tell(kernel.has_capabilities())") is False


def test_it_says_how_it_is_confined(child):
    answer = child.ask(
        "c = enter(); tell([c.user, c.network, c.landlock_abi, c.call_filter, os.readlink('/proc/self/ns/net')])"
    )
    user, network, abi, call_filter, namespace = answer
    assert user == ("nobody" if os.geteuid() == 0 else user)
    assert (network == "namespace") == (namespace != Path("/proc/self/ns/net").readlink().name)
    assert abi == landlock.find_abi()
    assert call_filter == system_calls.can_filter()


@needs_landlock
def test_files_outside_the_lists_can_not_be_opened(child):
    assert child.ask("enter(); tell(refused(lambda: open('/etc/passwd')))") == "EACCES"


@needs_landlock
@pytest.mark.parametrize("abi", range(1, landlock.find_abi() + 1))
def test_the_rules_hold_on_kernels_with_an_older_landlock(child, abi):
    snippet = f"""
landlock.find_abi = lambda: {abi}
done = enter()
tell([done.landlock_abi, refused(lambda: open("/etc/passwd")), refused(lambda: os.listdir("/usr")),
      refused(lambda: (folder / "new").write_text("x")), refused(lambda: (folder / "link").symlink_to("new"))])
"""
    assert child.ask(snippet) == [abi, "EACCES", "done", "done", "EACCES"]


@needs_filter
def test_without_landlock_the_rest_holds_and_the_result_says_so(child):
    snippet = """
landlock.find_abi = lambda: 0
tell([enter().landlock_abi, os.getuid() == 0, refused(lambda: __import__("socket").socket())])
"""
    assert child.ask(snippet) == [0, False, "EPERM"]


@needs_landlock
def test_a_file_named_outright_can_be_read_and_its_neighbour_not(child):
    (child.folder / "one").write_text("1")
    (child.folder / "two").write_text("2")
    snippet = """
enter(readable=[folder / "one"], writable=[])
tell([(folder / "one").read_text(), refused(lambda: open(folder / "two"))])
"""
    assert child.ask(snippet) == ["1", "EACCES"]


def test_a_descriptor_opened_before_keeps_working(child):
    assert child.ask("f = open('/etc/passwd'); enter(); tell(len(f.read()) > 0)") is True


@needs_filter
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"])
def test_no_socket_of_any_family_can_be_made(child, family):
    assert child.ask(f"import socket; enter(); tell(refused(lambda: socket.socket(socket.{family})))") == "EPERM"


@needs_filter
def test_a_machine_that_forbids_namespaces_is_cut_off_by_the_filter(child):
    snippet = """
def forbid(flags): raise PermissionError(errno.EPERM, "no")
kernel.unshare = forbid
import socket
tell([enter().network, refused(socket.socket)])
"""
    assert child.ask(snippet) == ["filter", "EPERM"]


def test_where_nothing_cuts_the_network_it_refuses(child):
    snippet = """
def forbid(flags): raise PermissionError(errno.EPERM, "no")
kernel.unshare = forbid
system_calls.can_filter = lambda: False
tell(refused(enter))
"""
    assert "can't be cut off from the network" in child.ask(snippet)


@needs_filter
def test_a_file_s_mode_can_not_be_changed(child):
    snippet = """
path = folder / "original"; path.write_text("x"); path.chmod(0o440)
handle = os.open(path, os.O_RDONLY)
enter()
tell([refused(lambda: path.chmod(0o640)), refused(lambda: os.fchmod(handle, 0o640))])
"""
    assert child.ask(snippet) == ["EPERM", "EPERM"]


@needs_filter
def test_other_processes_can_not_be_signalled(child):
    assert child.ask("enter(); tell(refused(lambda: os.kill(os.getppid(), 0)))") == "EPERM"


@needs_filter
def test_no_namespace_of_its_own_can_be_entered(child):
    assert child.ask("enter(); tell(refused(lambda: kernel.unshare(kernel.CLONE_NEWUSER)))") == "EPERM"


@needs_filter
def test_with_no_processes_allowed_threads_still_run(child):
    snippet = """
enter()
seen = []
thread = threading.Thread(target=seen.append, args=("ran",)); thread.start(); thread.join()
tell([refused(os.fork), seen])
"""
    assert child.ask(snippet) == ["EPERM", ["ran"]]


def test_with_processes_unlimited_it_may_fork(child):
    snippet = """
from dataclasses import replace
enter(limits=replace(limits, processes=None))
pid = os.fork()
if pid == 0: os._exit(7)
tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert child.ask(snippet) == 7


def test_a_file_can_not_outgrow_its_limit(child):
    snippet = "enter(); tell(refused(lambda: (folder / 'big').write_bytes(bytes(2 << 20))))"
    assert child.ask(snippet) == "EFBIG"
    assert (child.folder / "big").stat().st_size <= 1 << 20


def test_memory_can_not_outgrow_its_limit(child):
    snippet = """
enter()
try: bytearray(1 << 32)
except MemoryError: tell("refused")
"""
    assert child.ask(snippet) == "refused"


def test_processor_time_can_not_outgrow_its_limit(child):
    snippet = """
from dataclasses import replace
enter(limits=replace(limits, cpu_seconds=1))
while True: pass
"""
    process = child.start(snippet)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGXCPU


@pytest.mark.parametrize(("user", "words"), [("root", "is root"), ("no-such-user", "There is no user")])
def test_started_by_root_it_refuses_a_user_that_is_no_protection(child_of_root, user, words):
    assert words in child_of_root.ask(f"tell(refused(lambda: enter(user={user!r})))")


def test_a_folder_that_is_not_there_is_an_error_and_not_an_open_door(child):
    assert "could not be confined" in child.ask("tell(refused(lambda: enter(readable=[folder / 'absent'])))")


def test_it_refuses_to_work_for_a_parent_that_is_gone(child):
    assert "has ended" in child.ask("tell(refused(lambda: enter(die_with_parent=1 << 22)))")


def test_it_dies_with_its_parent(child):
    snippet = """
import subprocess, time
code = open("/proc/self/cmdline").read().split("\\0")[2].split("import subprocess")[0]
code += "enter(die_with_parent=os.getppid()); tell('confined'); threading.Event().wait()"
subprocess.Popen([sys.executable, "-c", code, str(folder)]).wait()
"""
    parent = child.start(snippet)
    with parent:
        assert parent.stdout.readline().strip() == '"confined"'
        # Both hold the pipe: its end means both are gone.
        parent.send_signal(signal.SIGKILL)
        assert parent.stdout.read() == ""


def test_the_numbers_of_the_call_table_are_those_of_this_machine():
    source = "\n".join(
        f"#include <sys/syscall.h>\nx{name} SYS_{name}" for name in ("socket", "kill", "fchmod", "unshare")
    )
    try:
        done = subprocess.run(["cpp", "-P", "-"], input=source, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C preprocessor to ask")
    told = dict(line[1:].split() for line in done.stdout.splitlines() if line.startswith("x"))
    known = system_calls._MACHINES[os.uname().machine].numbers
    assert {name: str(known[name]) for name in told} == told
