"""Cosignatures as other people's witnesses make them, and as ours do."""

import pytest

from station.errors import DamagedError, LedgerError
from station.ledger.cosign import CosignerKey, CosigningKey, cosigned_message, read_cosignatures, verify_cosignatures
from station.ledger.note import checkpoint_text, make_note, parse_note

# A checkpoint of a public log with the cosignatures of four public witnesses, of 2026-05-23.
PUBLIC = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501
PUBLIC_KEYS = (
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
)
TEXT = checkpoint_text("example.com/log", 7, bytes(32))
KEY = CosigningKey("witness.example/w1", bytes(range(32)))
OTHER = CosigningKey("witness.example/w1", bytes(range(1, 33)))


def cosigned(*lines: str, text: str = TEXT) -> str:
    return f"{text}\n{''.join(lines)}"


def test_public_witnesses_cosignatures_verify() -> None:
    keys = [CosignerKey.parse(each) for each in PUBLIC_KEYS]
    found = verify_cosignatures(PUBLIC, keys)
    assert sorted(found) == sorted(PUBLIC_KEYS)
    assert {each.time for each in found.values()} == {0x6A122120}
    assert all(each.line in PUBLIC for each in found.values())


@pytest.mark.parametrize("old", ["1432088532", "U7WM", "arche2025h1"])
def test_a_changed_public_checkpoint_does_not(old: str) -> None:
    changed = old.replace("a", "b").replace("3", "4").replace("U", "V")
    with pytest.raises(DamagedError, match="does not verify"):
        verify_cosignatures(PUBLIC.replace(old, changed, 1), [CosignerKey.parse(PUBLIC_KEYS[0])])


def test_what_is_signed_is_header_time_and_the_whole_text() -> None:
    # The example of c2sp.org/tlog-cosignature.
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert cosigned_message(text, 1679315147) == b"cosignature/v1\ntime 1679315147\n" + text.encode()


@pytest.mark.parametrize("time", [-1, 2**63])
def test_no_time_beyond_what_the_format_holds_is_signed(time: int) -> None:
    with pytest.raises(ValueError, match="2\\^63"):
        KEY.cosign(TEXT, time)


def test_the_text_of_a_key_is_read_again() -> None:
    assert CosignerKey.parse(f"{KEY.verifier}\n") == KEY.verifier
    assert CosigningKey.parse(KEY.private_text()).verifier == KEY.verifier
    assert CosigningKey.make("w").verifier != CosigningKey.make("w").verifier


@pytest.mark.parametrize(
    "text",
    [
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",  # of another type
        PUBLIC_KEYS[0].replace("da77ade7", "00000000"),
        PUBLIC_KEYS[0][:-4],
        PUBLIC_KEYS[0].replace("remora.n621.de", ""),
        "",
        "w+00+BA",
    ],
)
def test_what_is_no_key_of_a_witness_is_refused(text: str) -> None:
    with pytest.raises(DamagedError):
        CosignerKey.parse(text)
    with pytest.raises(DamagedError):
        CosigningKey.parse(f"PRIVATE+KEY+{text}")


def test_a_private_key_of_another_form_or_name_is_refused() -> None:
    with pytest.raises(DamagedError):
        CosigningKey.parse(str(KEY.verifier))
    with pytest.raises(LedgerError):
        CosigningKey("two words", bytes(32))


def test_a_cosignature_covers_extension_lines() -> None:
    text = f"{TEXT}extension 1\nextension 2\n"
    note = cosigned(KEY.cosign(text, 5).line(), text=text)
    assert verify_cosignatures(note, [KEY.verifier])[str(KEY.verifier)].time == 5
    with pytest.raises(DamagedError):
        verify_cosignatures(note.replace("extension 2", "extension X"), [KEY.verifier])


def test_lines_of_unknown_keys_are_ignored_and_of_two_by_one_key_the_later_counts() -> None:
    lines = (KEY.cosign(TEXT, 9).line(), OTHER.cosign(TEXT, 50).line(), KEY.cosign(TEXT, 8).line())
    found = read_cosignatures("".join(lines), TEXT, [KEY.verifier])
    assert [(each.key, each.time, each.line) for each in found.values()] == [(str(KEY.verifier), 9, lines[0])]


def test_the_logs_own_kind_of_signature_is_no_cosignature() -> None:
    line = KEY.cosign(TEXT, 9)
    short = make_note(TEXT, [type(line)(line.name, line.key_id, line.signature[8:])])
    with pytest.raises(DamagedError, match="72 bytes"):
        verify_cosignatures(short, [KEY.verifier])


@pytest.mark.parametrize("at", [0, 7, 8, 71])
def test_a_changed_time_or_signature_does_not_verify(at: int) -> None:
    line = KEY.cosign(TEXT, 9)
    raw = bytearray(line.signature)
    raw[at] ^= 0x80
    with pytest.raises(DamagedError):
        verify_cosignatures(make_note(TEXT, [type(line)(line.name, line.key_id, bytes(raw))]), [KEY.verifier])


@pytest.mark.parametrize("body", [b"\xff", b"", b"nonsense\n", "— w AAAA\n".encode()])
def test_an_answer_that_is_not_of_the_form_is_refused(body: bytes) -> None:
    with pytest.raises(DamagedError):
        read_cosignatures(body, TEXT, [KEY.verifier])


def test_a_parsed_note_will_do_as_well() -> None:
    note = parse_note(cosigned(KEY.cosign(TEXT, 9).line()))
    assert len(verify_cosignatures(note, [KEY.verifier, OTHER.verifier])) == 1
