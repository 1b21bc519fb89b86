"""The one tree of errors; every error says what happened, what was kept, and what to do next.

StationError
├── ConfigError            a setting or profile is wrong                                   exit 2
│   └── ProfileError
├── HomeError              the home folder is missing, foreign or incomplete               exit 2
├── SourceError            a recorder, card image or folder can't be opened or read        exit 2
│   ├── UnreadableError    one file or range of it can't be read                           exit 1
│   ├── ReaderDiedError    the confined reader ended before it was done                    exit 1
│   └── QuarantinedError   (acquire.identify) the dock turns this recorder away            exit 1
├── StorageError           vault, disk or database trouble on our side                     exit 2
│   ├── VaultMissingError  the vault's identity file is not there: the disk isn't mounted
│   ├── NoSpaceError       the reserve for log-in, ledger and alarms would be touched
│   ├── ReadbackError      what came back from the disk isn't what was written             exit 1
│   └── DatabaseError      the database refused, is locked or is set up unsafely
├── LedgerError
│   ├── DamagedError       something sealed does not match its proof                       exit 1
│   ├── SignerRefusedError the signer found the ledger inconsistent with what it signed
│   └── SignerUnavailableError no signer answers on this home's socket
├── DerivationError        no playable copy or poster could be made; the original is safe  exit 1
├── SandboxError           a confined program could not be confined, or broke its limits   exit 2
└── RequestError           what a person asked for is not possible now                     exit 2
    ├── NotFoundError
    ├── DeniedError        their role does not allow it
    └── ConflictError      somebody else changed it first, or the state forbids it

Library errors are converted at the edge where they arise (`raise ... from error`).
"""


class StationError(Exception):
    """Base of the tree.

    `message` says what happened (naming the file or device), `kept` what is safe, `hint` what to do next.
    """

    exit_code = 2

    def __init__(self, message: str, *, kept: str = "", hint: str = "") -> None:
        """Build the error from plain sentences without a trailing full stop."""
        super().__init__(message)
        self.message = message
        self.kept = kept
        self.hint = hint


class ConfigError(StationError):
    """A setting is wrong or missing."""


class ProfileError(ConfigError):
    """A firmware profile is malformed or contradicts another."""


class HomeError(StationError):
    """The station's home folder is missing, belongs to something else, or is incomplete."""


class SourceError(StationError):
    """A recorder, card image or folder can't be opened or listed."""


class UnreadableError(SourceError):
    """One file, or a range of it, can't be read."""

    exit_code = 1


class ReaderDiedError(SourceError):
    """The confined reader ended before its docking was done."""

    exit_code = 1


class StorageError(StationError):
    """The vault, a disk or the database is in trouble on our side."""


class VaultMissingError(StorageError):
    """The vault's identity file is absent or foreign: its disk is probably not mounted."""


class NoSpaceError(StorageError):
    """Writing would eat into the space reserved for log-in, ledger and alarms."""


class ReadbackError(StorageError):
    """What came back from the disk is not what was written."""

    exit_code = 1


class DatabaseError(StorageError):
    """The database refused an operation or is configured unsafely."""


class LedgerError(StationError):
    """The ledger can't be read, extended or proven."""


class DamagedError(LedgerError):
    """Something sealed does not match its proof."""

    exit_code = 1


class SignerRefusedError(LedgerError):
    """The signer found the ledger inconsistent with what it has signed before."""


class SignerUnavailableError(LedgerError):
    """No signer answers on this home's socket."""


class DerivationError(StationError):
    """A playable copy, poster or probe could not be made; the original is untouched."""

    exit_code = 1


class SandboxError(StationError):
    """A program that parses hostile data could not be confined, or broke its limits."""


class RequestError(StationError):
    """What a person asked for is not possible as things stand."""


class NotFoundError(RequestError):
    """There is no such thing, or this person may not know of it."""


class DeniedError(RequestError):
    """The person's role does not allow it."""


class ConflictError(RequestError):
    """The state of things forbids it, or somebody else changed it first."""
