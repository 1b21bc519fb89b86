"""Changing settings in station.toml for somebody who is no console: only some, and only where the file allows it.

Guarantees: what a STATION_* variable sets is not touched, since it would go before; the rest of the file, its comments
too, stays as it was; a file that would no longer be right is never written. Who changes settings tells the supervisor
(`tell_changed`), so that every process runs by them.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence

from station import durable
from station.actions.problems import ProblemError
from station.config import SETTINGS_CHANGED, Home, read_settings, read_text, setting_sources
from station.errors import ConfigError

Value = str | Sequence[str]
_FILE = "station.toml"
_TABLE = re.compile(r"^\s*\[", re.MULTILINE)


def changeable(home: Home, names: Sequence[str]) -> frozenset[str]:
    """Return which of these settings can be changed here: the file may be written, no variable goes before it."""
    path = home.root / _FILE
    if not (path.exists() and os.access(path, os.W_OK) and os.access(home.root, os.W_OK)):
        return frozenset()
    sources = setting_sources(home)
    return frozenset(name for name in names if sources[name] != "environment")


def changed_text(text: str, values: Mapping[str, Value]) -> str:
    """Return the text of station.toml with these settings in it; raises ProblemError settings_kept.

    A line that sets one, or holds it as a comment, is replaced; else one is added before the first table.
    """
    table = _TABLE.search(text)
    head, tail = (text[: table.start()], text[table.start() :]) if table else (text, "")
    for name, value in values.items():
        line = f"{name} = {_toml(value)}"
        pattern = re.compile(rf"^[ \t]*{name}[ \t]*=.*$", re.MULTILINE)
        if not pattern.search(head):
            pattern = re.compile(rf"^[ \t]*#[ \t]*{name}[ \t]*=.*$", re.MULTILINE)
        head, found = pattern.subn(lambda _match, line=line: line, head, count=1)  # type: ignore[misc]
        if not found:
            head += f"{'' if head.endswith(chr(10)) or not head else chr(10)}{line}\n"
    whole = head + tail
    try:
        written = tomllib.loads(whole)
    except tomllib.TOMLDecodeError as error:  # such as a value over several lines
        raise ProblemError("settings_kept", f"{_FILE} can't be changed here: {error}") from error
    if any(written.get(name) != (value if isinstance(value, str) else list(value)) for name, value in values.items()):
        raise ProblemError("settings_kept", f"{_FILE} can't be changed here")
    return whole


def _toml(value: Value) -> str:
    # A JSON string is a TOML basic string, but for the control character DEL (TOML 1.0, String).
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace("\x7f", "\\u007f")


class SettingsChange:
    """A change of settings, checked and not yet written: `home` is the station as it will be.

    Raises ProblemError (settings_kept, setting_invalid) where the file can't be changed or would be wrong.
    """

    def __init__(self, home: Home, values: Mapping[str, Value]) -> None:
        """Work out the file with `values` in it, those left out that are so already."""
        self._path = home.root / _FILE
        new = {name: value for name, value in values.items() if _differs(getattr(home.settings, name), value)}
        if not new:
            self.home, self._former, self._text = home, "", ""
            return
        if changeable(home, tuple(new)) != new.keys():
            raise ProblemError("settings_kept", f"{_FILE} can't be changed here")
        self._former = read_text(self._path)
        self._text = changed_text(self._former, new)
        try:
            self.home = Home(home.root, read_settings(self._text, self._path))
        except ConfigError as error:
            raise ProblemError("setting_invalid", error.message) from error

    @property
    def is_one(self) -> bool:
        """Tell whether anything is to be changed at all."""
        return bool(self._text)

    def write(self) -> None:
        """Put the new file in place; raises OSError."""
        self._replace(self._text)

    def take_back(self) -> None:
        """Put the former file back; raises OSError."""
        self._replace(self._former)

    def _replace(self, text: str) -> None:
        if self.is_one:
            durable.replace_file(self._path, text.encode(), self._path.stat().st_mode & 0o777)

    def tell_changed(self) -> None:
        """Have the supervisor start the processes again that run by the former settings; raises OSError."""
        if self.is_one:
            durable.replace_volatile(self.home.run / SETTINGS_CHANGED, b"")


def _differs(former: object, value: Value) -> bool:
    return former != (value if isinstance(value, str) else tuple(value))
