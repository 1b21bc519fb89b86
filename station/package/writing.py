"""Writing a package's files into a bag, in the one order in which each can name the digests of those before it.

Guarantee: apart from `Bagging-Date` and the seal, every byte follows from the content and the files it names
(FORMAT.md). Anything that is not as the ledger says stops the whole.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

import rfc8785

from station.package.bag import Bag, Show, Written
from station.package.case_uco import case_jsonld
from station.package.certificate import certificate
from station.package.clip_document import clip_document
from station.package.content import ORIGINALS, Clip, Content, Derived
from station.package.evidence_list import evidence_list_csv, evidence_list_json
from station.package.mhl import FOLDER, Original, mhl_files
from station.package.readme import readme
from station.package.words import speak

MODES = {"verify.sh": 0o755}


class Sources(Protocol):
    """Where the bytes of a package come from."""

    def original(self, clip: Clip) -> AbstractContextManager[int]:
        """Give an open original or partial; raises StationError when it is not there."""

    def derived(self, derived: Derived) -> AbstractContextManager[int]:
        """Give an open derived file; raises StationError when it is not there."""


def write_files(bag: Bag, sources: Sources, content: Content, show: Show = lambda count: None) -> None:
    """Copy all recordings and what was made of them; raises DamagedError naming one that is not as taken in."""
    for clip in content.clips:
        if clip.original is not None:
            with sources.original(clip) as handle:
                what = f"The original of the clip {clip.clip}"
                bag.copy(clip.original, handle, sha256=clip.sha256, what=what, show=show)
    for derived in content.derived:
        with sources.derived(derived) as handle:
            what = f"The {derived.kind} copy of the clip {derived.of}"
            bag.copy(derived.path, handle, sha256=derived.sha256, what=what, show=show)


def write_documents(bag: Bag, content: Content, verifiers: Mapping[str, bytes]) -> None:
    """Write everything that tells of the recordings, which are in the bag by now; raises StationError."""
    words = speak(content)
    made = {derived.path: bag.files[derived.path] for derived in content.derived}
    prefix = f"{ORIGINALS}/"
    originals = {
        path.removeprefix(prefix): Original(found.size_bytes, found.sha512)
        for path, found in bag.files.items()
        if path.startswith(prefix)
    }
    name, _, version = content.software.rpartition(" ")
    if originals:
        for file, text in mhl_files(originals, content.as_of, (name, version)).items():
            bag.write(f"{prefix}{FOLDER}/{file}", text)
    for clip in content.clips:
        digests = {path: found.sha256 for path, found in made.items()}
        bag.write(f"data/clips/{clip.clip}.json", clip_document(content, clip, words, digests))
    bag.write("data/evidence-list.csv", evidence_list_csv(content, words))
    bag.write("data/evidence-list.json", evidence_list_json(content, words))
    sizes = {path: (found.sha256, found.size_bytes) for path, found in made.items()}
    bag.write("data/case.jsonld", case_jsonld(content, words, sizes))
    bag.write("data/certificate.pdf", certificate(content, words))
    bag.write("data/package.json", package_json(content, made))
    bag.write("README.txt", readme(content, words))
    for file, text in verifiers.items():
        bag.write(file, text, MODES.get(file, 0o644))


def package_json(content: Content, made: Mapping[str, Written]) -> bytes:
    """Return `data/package.json`: RFC 8785 bytes of what FORMAT.md says."""
    return rfc8785.dumps(
        {
            "v": 1,
            "export": content.export,
            "log": content.log,
            "log_size": content.log_size,
            "clips": [
                {
                    "clip": clip.clip,
                    "entries": list(clip.entries),
                    "original": clip.original,
                    "sha256": clip.sha256,
                    "size_bytes": clip.size_bytes,
                    "state": clip.state,
                }
                for clip in content.clips
            ],
            "derived": [
                {"kind": derived.kind, "of": derived.of, "path": derived.path, "sha256": made[derived.path].sha256}
                for derived in content.derived
            ],
            "others": list(content.others),
        }
    )


def bag_info(content: Content, date: str) -> dict[str, str]:
    """Return the lines of `bag-info.txt` (RFC 8493 section 2.2.2); `date`, its day, alone may differ."""
    lines = {
        "Source-Organization": content.unit,
        "External-Description": f"{content.number} {content.title}".strip(),
        "External-Identifier": content.export,
        "Bag-Group-Identifier": content.target,
        "Internal-Sender-Identifier": f"{content.log}@{content.log_size}",
        "Bag-Software-Agent": content.software,
        "Bagging-Date": date,
    }
    return {name: text for name, text in lines.items() if text}
