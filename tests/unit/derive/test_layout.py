"""Where derived files lie, and that nothing but a plain file gets there."""

import os

import pytest

from station.derive import layout
from station.errors import DerivationError

DIGEST = "ab" * 32


def test_files_lie_in_a_folder_named_by_the_original_s_digest(tmp_path):
    assert layout.poster_path(tmp_path, DIGEST) == tmp_path / "ab" / DIGEST / "poster.webp"
    assert layout.filmstrip_path(tmp_path, DIGEST) == tmp_path / "ab" / DIGEST / "filmstrip.webp"
    assert layout.proxy_path(tmp_path, DIGEST) == tmp_path / "ab" / DIGEST / "proxy.mp4"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "ab" * 31])
def test_what_is_no_digest_names_no_file(tmp_path, name):
    with pytest.raises(ValueError, match="not a SHA-256"):
        layout.poster_path(tmp_path, name)


def test_publishing_moves_the_file_and_replaces_an_older_one(tmp_path):
    target = layout.poster_path(tmp_path, DIGEST)
    for content in (b"old", b"new"):
        (tmp_path / "made").write_bytes(content)
        layout.publish(tmp_path / "made", target)
    assert target.read_bytes() == b"new"
    assert [path.name for path in target.parent.iterdir()] == ["poster.webp"]
    assert not (tmp_path / "made").exists()


def _plant(kind, made, secret):
    {
        "nothing": lambda: None,
        "an empty file": made.touch,
        "a symbolic link": lambda: made.symlink_to(secret),
        "a second name of another file": lambda: made.hardlink_to(secret),
        "a folder": made.mkdir,
        "a pipe": lambda: os.mkfifo(made),
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    ["nothing", "an empty file", "a symbolic link", "a second name of another file", "a folder", "a pipe"],
)
def test_nothing_but_a_plain_file_of_its_own_is_published(tmp_path, kind):
    secret = tmp_path / "key"
    secret.write_text("secret")
    mode = secret.stat().st_mode
    _plant(kind, tmp_path / "made", secret)
    target = layout.poster_path(tmp_path, DIGEST)
    with pytest.raises(DerivationError):
        layout.publish(tmp_path / "made", target)
    assert not target.exists()
    assert (secret.read_text(), secret.stat().st_mode) == ("secret", mode)
