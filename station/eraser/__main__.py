"""The eraser's process: `python -m station.eraser`, with one ticket on stdin and the answers on stdout.

Guarantees: the log's public key is that of the home told at the start, never of a ticket, and so are the witnesses'
keys and how many of them must have cosigned; this parent, which has root's rights, reads no more of a ticket than its
first line and nothing at all of a card; the child that does has neither rights nor files but the open card. Whatever
becomes of that child, the disk is write-protected again and the last line says how it ended. Exit code 0 when every
file was answered, else 1.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pydantic import ValidationError

from station.config import home_folder, load_home
from station.device.erase.formats import RefusedError
from station.eraser.disk import open_disk
from station.eraser.lines import Lines
from station.eraser.warrant import Trust
from station.eraser.work import load, make_say, work
from station.errors import ConfigError, HomeError, LedgerError, SandboxError
from station.ledger.cosign import CosignerKey
from station.ledger.keys import VERIFIER_FILE, load_verifier
from station.records.ticket import Ended, Refusal, TicketHead
from station.sandbox.confinement import Limits, confine

_STDIN, _STDOUT = 0, 1
_STOPPING = (signal.SIGTERM, signal.SIGHUP)
_ANSWERED, _BROKE_OFF, _DIED = 0, 1, 2
_CPU_SECONDS = 24 * 3600  # reading a large card takes long; silence is what the caller punishes
_ADDRESS_SPACE_BYTES = 1024**3


def main(arguments: Sequence[str]) -> int:
    """Carry out the one ticket on stdin; returns the exit code."""
    parser = argparse.ArgumentParser(prog="station.eraser", description="Erase what one ticket proves to be kept.")
    parser.add_argument("--home", type=Path, help="the station's home; default $STATION_HOME")
    parser.add_argument("--vkey", type=Path, help="the log's public key, instead of the home's")
    parser.add_argument("--user", help="whom the child becomes that reads the card, instead of the home's parser_user")
    parser.add_argument("--image", type=Path, action="append", default=[], help="an image file tickets may name")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in _STOPPING:
        signal.signal(number, _stop)
    try:
        status = _serve(*_settings(options), options.image)
    except RefusedError as error:
        return _break_off(error.reason, error.message)
    except SystemExit:
        return _break_off(Refusal.STOPPED, "It was told to stop")
    if status not in (_ANSWERED, _BROKE_OFF):
        return _break_off(Refusal.DIED, f"The confined process ended with status {status}")
    return status


def _settings(options: argparse.Namespace) -> tuple[Trust, str]:
    try:
        if options.vkey is not None and options.user is not None:
            return Trust(load_verifier(options.vkey)), options.user
        home = load_home(home_folder(options.home))
        key = load_verifier(options.vkey or home.root / VERIFIER_FILE)
        witnesses = tuple(CosignerKey.parse(each.vkey) for each in home.settings.witnesses)
        return Trust(key, witnesses, home.settings.erase_cosignatures), options.user or home.settings.parser_user
    except (LedgerError, HomeError, ConfigError) as error:
        raise RefusedError(Refusal.NO_LOG_KEY, error.message) from error


def _serve(trust: Trust, user: str, images: list[Path]) -> int:
    lines = Lines(_STDIN)
    try:
        head = TicketHead.model_validate_json(lines.next())
    except ValidationError as error:
        raise RefusedError(Refusal.MALFORMED, "The ticket's first line is not of its form") from error
    with open_disk(head, images) as handle:
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        child = os.fork()
        if child == 0:
            _work_confined(lines, head, trust, handle, user, parent)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        except SystemExit:
            # Told to stop: the child must not write to a disk that is about to be protected.
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise


def _work_confined(lines: Lines, head: TicketHead, trust: Trust, handle: int, user: str, parent: int) -> NoReturn:
    """Be the child: never returns."""
    status = _DIED
    say = make_say(_STDOUT)
    try:
        # They stay blocked here: it is the parent that stops us, by force, before it protects the disk.
        load()
        size = os.lseek(handle, 0, os.SEEK_END)
        limits = Limits(
            cpu_seconds=_CPU_SECONDS,
            address_space_bytes=_ADDRESS_SPACE_BYTES,
            file_size_bytes=size,  # of an image file; a disk has no room to grow
        )
        confine(limits=limits, user=user, die_with_parent=parent)
        work(lines, head, trust, handle, say)
        status = _ANSWERED
    except RefusedError as error:
        say(Ended(complete=False, reason=error.reason, detail=error.message))
        status = _BROKE_OFF
    except SandboxError as error:
        say(Ended(complete=False, reason=Refusal.NOT_CONFINED, detail=error.message))
        status = _BROKE_OFF
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(status)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(_BROKE_OFF)


def _break_off(reason: Refusal, detail: str) -> int:
    """Say that the ticket ended early, if anybody still listens; returns the exit code."""
    try:
        make_say(_STDOUT)(Ended(complete=False, reason=reason, detail=detail[:2000]))
    except OSError as error:
        sys.stderr.write(f"{detail}; nobody listened: {error.strerror}\n")
    return _BROKE_OFF


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
