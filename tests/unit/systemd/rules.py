"""As much of udev's rules as the station's need: read strictly, then applied to a device in a table.

Guarantee: what this does not understand is an error, never passed over. Source: udev(7), systemd 252.
"""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

_TERM = re.compile(r'(?P<key>[A-Z]+)(?:\{(?P<name>[^}]+)\})?(?P<operator>==|!=|:=|\+=|-=|=)"(?P<value>[^"\\]*)"')
_MATCHED = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "KERNEL", "KERNELS", "ENV", "ATTR"}
_ASSIGNED = {"ENV", "ATTR", "OWNER", "GROUP", "MODE", "RUN", "TAG", "OPTIONS", "GOTO", "LABEL"}


@dataclass(frozen=True, slots=True)
class Term:
    """One `KEY{name}op"value"`."""

    key: str
    name: str
    operator: str
    value: str

    @property
    def is_match(self) -> bool:
        """Whether it decides about the line; IMPORT does so whatever its operator."""
        return self.operator in ("==", "!=") or self.key == "IMPORT"


@dataclass
class Device:
    """What udev knows of a device, and what the rules made of it; `parents` holds SUBSYSTEMS and KERNELS."""

    subsystem: str
    kernel: str
    action: str = "add"
    env: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    parents: list[tuple[str, str]] = field(default_factory=list)
    stored: dict[str, str] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)
    run: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    node: dict[str, str] = field(default_factory=dict)
    final: set[str] = field(default_factory=set)


def read_rules(path: Path) -> list[list[Term]]:
    """Return the lines of a file as terms; raises ValueError for a line that is not understood."""
    text = path.read_text().replace("\\\n", "")
    return [_read_line(path, line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _read_line(path: Path, line: str) -> list[Term]:
    terms, rest = [], line.strip()
    while rest:
        found = _TERM.match(rest)
        if found is None:
            raise ValueError(f"{path.name}: {line}")
        term = Term(found["key"], found["name"] or "", found["operator"], found["value"])
        known = term.key == "IMPORT" or term.key in (_MATCHED if term.is_match else _ASSIGNED)
        if not known:
            raise ValueError(f"{path.name}: {term.key}{term.operator} in {line}")
        terms.append(term)
        rest = rest[found.end() :].strip()
        if rest:
            if not rest.startswith(","):
                raise ValueError(f"{path.name}: {line}")
            rest = rest[1:].strip()
    return terms


def apply_rules(lines: list[list[Term]], device: Device) -> None:
    """Apply one file; raises ValueError where a GOTO leads nowhere."""
    wanted = ""
    for terms in lines:
        if wanted:
            if not any(term.key == "LABEL" and term.value == wanted for term in terms):
                continue
            wanted = ""
        if all(_matches(term, device) for term in terms if term.is_match):
            for term in terms:
                if not term.is_match:
                    wanted = _assign(term, device) or wanted
    if wanted:
        raise ValueError(f"no LABEL {wanted} after its GOTO")


def _matches(term: Term, device: Device) -> bool:
    if term.key == "IMPORT":
        if term.name != "db":
            raise ValueError(f"IMPORT{{{term.name}}} is not understood")
        device.env.update({key: value for key, value in device.stored.items() if key == term.value})
        return term.value in device.stored
    own = {"ACTION": device.action, "SUBSYSTEM": device.subsystem, "KERNEL": device.kernel}
    line = [(device.subsystem, device.kernel), *device.parents]
    match term.key:
        case "SUBSYSTEMS":
            found = any(_fits(subsystem, term.value) for subsystem, _ in line)
        case "KERNELS":
            found = any(_fits(kernel, term.value) for _, kernel in line)
        case "ENV":
            found = _fits(device.env.get(term.name, ""), term.value)
        case "ATTR":
            # An attribute that is not there matches neither way.
            if term.name not in device.attributes:
                return False
            found = _fits(device.attributes[term.name], term.value)
        case _:
            found = _fits(own[term.key], term.value)
    return found == (term.operator == "==")


def _fits(value: str, pattern: str) -> bool:
    return any(fnmatchcase(value, each) for each in pattern.split("|"))


def _assign(term: Term, device: Device) -> str:
    """Do what an assignment says; returns the label to go to, if any."""
    match term.key:
        case "GOTO":
            return term.value
        case "LABEL":
            pass
        case "ENV":
            device.env[term.name] = term.value
        case "ATTR":
            device.written.append((term.name, term.value))
            device.attributes[term.name] = term.value
        case "RUN":
            device.run.append(term.value)
        case "TAG":
            if term.operator == "-=":
                device.tags = [tag for tag in device.tags if tag != term.value]
            else:
                device.tags.append(term.value)
        case "OPTIONS":
            device.options.append(term.value)
        case _:
            if term.key not in device.final:
                device.node[term.key] = term.value
            if term.operator == ":=":
                device.final.add(term.key)
    return ""
