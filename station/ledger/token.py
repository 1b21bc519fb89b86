"""The log's key on a PKCS#11 token (an HSM or a smart card): it is made there and never leaves it.

Guarantees: the PIN comes from a systemd credential or a file only its owner reads, and goes to the token alone; every
failure of the token becomes SignerUnavailableError, and the next signature tries a new session. Signatures are checked
against the public key before they are believed.
"""

import os
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PinIncorrect, PinLenRange, PinLocked, PKCS11Error

from station import durable
from station.config import Home
from station.errors import ConfigError, ConflictError, SignerUnavailableError
from station.ledger.keys import NEXT_FILE, VERIFIER_FILE, PrivateKey, load_verifier
from station.ledger.keystore import Kind
from station.ledger.note import Signature, VerifierKey

PIN_CREDENTIAL = "pkcs11-pin"
_NEXT_VERIFIER = f"{NEXT_FILE}.vkey"
_EDWARDS = b"\x13\x0cedwards25519"  # CKA_EC_PARAMS as PrintableString, PKCS#11 3.0 section 2.3.10
_HINT = "See pkcs11_module, pkcs11_token and the PIN in systemd/README.md, and whether the token is plugged in"


class _Token:
    """One session at a time with the token; opened anew after a failure."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._session: Any = None

    def session(self) -> Any:
        """Return an open session; raises SignerUnavailableError, ConfigError."""
        if self._session is None:
            settings = self._home.settings
            try:
                library = pkcs11.lib(settings.pkcs11_module)
                library.reinitialize()  # else a token that came back, or one that left, would not be seen
                token = library.get_token(token_label=settings.pkcs11_token)
                self._session = token.open(rw=True, user_pin=_read_pin(self._home))
            except (PinIncorrect, PinLenRange, PinLocked) as error:
                # Not tried again by itself: a token locks itself after a few wrong PINs.
                raise ConfigError(
                    f"The token {settings.pkcs11_token} does not take the PIN ({type(error).__name__})", hint=_HINT
                ) from None
            except (PKCS11Error, RuntimeError) as error:
                raise self.gone(error) from error
        return self._session

    def gone(self, error: Exception) -> SignerUnavailableError:
        """Forget the session; return what to raise."""
        self._session = None
        name = self._home.settings.pkcs11_token
        return SignerUnavailableError(
            f"The token {name} does not sign: {type(error).__name__}", kept="Nothing was signed", hint=_HINT
        )


class TokenKey:
    """A private key on the token, found by its id."""

    def __init__(self, token: _Token, verifier: VerifierKey) -> None:
        """Remember which key it is; the token is asked when it signs."""
        self.verifier = verifier
        self._token = token

    def sign(self, text: str) -> Signature:
        """Sign a note's text on the token; raises SignerUnavailableError, DamagedError if the signature is wrong."""
        session = self._token.session()
        try:
            private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=self.verifier.key_id)
            made = bytes(private.sign(text.encode(), mechanism=Mechanism.EDDSA))
        except (PKCS11Error, RuntimeError) as error:
            raise self._token.gone(error) from error
        self.verifier.verify(text, made)
        return Signature(self.verifier.name, self.verifier.key_id, made)


class TokenStore:
    """Keys of one log on one token; public halves lie in the signer's folder."""

    kind: Kind = "pkcs11"

    def __init__(self, home: Home) -> None:
        """Remember which token; it is opened when it is needed."""
        self._folder = home.keys
        self._token = _Token(home)

    def make_first(self, origin: str) -> PrivateKey:
        """Make the key of a new log; raises ConflictError, SignerUnavailableError, ConfigError."""
        path = self._folder / VERIFIER_FILE
        if path.exists():
            raise ConflictError(f"There is a key in {self._folder} already", kept="It was not touched")
        key = self._generate(origin)
        durable.replace_file(path, f"{key.verifier}\n".encode(), 0o444)
        return key

    def current(self) -> tuple[PrivateKey, ...]:
        """Return the key whose public half lies in the folder, if the token has it."""
        return (self._found(self._folder / VERIFIER_FILE),)

    def waiting(self) -> PrivateKey | None:
        """Return the key that was made to take over."""
        path = self._folder / _NEXT_VERIFIER
        return self._found(path) if path.exists() else None

    def make_next(self, origin: str) -> PrivateKey:
        """Return the key that is to take over, made on the token if there is none."""
        made = self.waiting()
        if made is None:
            made = self._generate(origin)
            durable.replace_file(self._folder / _NEXT_VERIFIER, f"{made.verifier}\n".encode(), 0o444)
        return made

    def promote(self, key: PrivateKey) -> None:
        """Keep `key` as the log's; the former one stays on the token, and signs nothing any more."""
        path = self._folder / _NEXT_VERIFIER
        if path.exists() and load_verifier(path) == key.verifier:
            path.replace(self._folder / VERIFIER_FILE)
            durable.sync_directory(self._folder)

    def _found(self, path: Path) -> PrivateKey:
        verifier = load_verifier(path)
        session = self._token.session()
        try:
            session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=verifier.key_id)
        except (PKCS11Error, RuntimeError) as error:
            raise self._token.gone(error) from error
        return TokenKey(self._token, verifier)

    def _generate(self, origin: str) -> PrivateKey:
        session = self._token.session()
        try:
            parameters = session.create_domain_parameters(
                KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _EDWARDS}, local=True
            )
            # An id before the public key is known, then the key's own: a token lets it be set.
            public, private = parameters.generate_keypair(
                mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=origin, id=os.urandom(16)
            )
            point = bytes(public[Attribute.EC_POINT])
            verifier = VerifierKey(origin, point.removeprefix(b"\x04\x20")[-32:])
            public[Attribute.ID] = private[Attribute.ID] = verifier.key_id
            signature = bytes(private.sign(b"trial\n", mechanism=Mechanism.EDDSA))
        except (PKCS11Error, RuntimeError) as error:
            raise self._token.gone(error) from error
        verifier.verify("trial\n", signature)
        return TokenKey(self._token, verifier)


def _read_pin(home: Home) -> str:
    """Return the PIN; raises ConfigError that names where it was looked for, never what was found."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder) / PIN_CREDENTIAL if folder else None
    path = credential if credential is not None and credential.exists() else Path(home.settings.pkcs11_pin_file)
    if path == Path():
        raise ConfigError(f"There is no PIN: neither a credential {PIN_CREDENTIAL} nor pkcs11_pin_file", hint=_HINT)
    path = home.root / path
    try:
        if path != credential and path.stat().st_mode & 0o077:
            raise ConfigError(f"Others may read the PIN in {path}", hint="chmod 0400, and change the PIN")
        text = path.read_bytes().removesuffix(b"\n").decode()
    except OSError as error:
        raise ConfigError(f"The PIN in {path} can't be read: {error.strerror}", hint=_HINT) from error
    except UnicodeDecodeError:
        raise ConfigError(f"The PIN in {path} is not UTF-8 text", hint=_HINT) from None
    if not text or not text.isprintable():
        raise ConfigError(f"The PIN in {path} is not one line", hint=_HINT)
    return text
