"""What the pages and the program say: every message and literal code, found in templates and Python by their syntax."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from station.i18n import LOCALES_FOLDER

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "web" / "templates"


class Message(NamedTuple):
    """A message id as the catalogue has it, and where it is said."""

    text: str | tuple[str, str]
    where: str


def in_templates() -> Iterator[Message]:
    for path in sorted(TEMPLATES.glob("**/*.html")):
        tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
        for call in tree.find_all(nodes.Call):
            where = f"{path.name}:{call.lineno}"
            arguments = [each.value if isinstance(each, nodes.Const) else None for each in call.args]
            name, method = _called(call.node)
            if name in ("t", "_"):
                yield from _messages(method, arguments, where)


def in_code() -> Iterator[Message]:
    for path in sorted((ROOT / "station").glob("**/*.py")):
        if path.name == "i18n.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            arguments = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
            chain = _chain(node.func)
            if chain[-1:] in (["t"], ["_"]):
                yield from _messages("", arguments, f"{path.relative_to(ROOT)}:{node.lineno}")
            elif len(chain) > 1 and chain[-2] in ("t", "_"):
                yield from _messages(chain[-1], arguments, f"{path.relative_to(ROOT)}:{node.lineno}")


def _chain(function: ast.expr) -> list[str]:
    """Return the dotted name of what is called: `tour.t.plural` as its three names."""
    if isinstance(function, ast.Attribute):
        return [*_chain(function.value), function.attr]
    return [function.id] if isinstance(function, ast.Name) else [""]


def read(locale: str) -> Catalog:
    with (LOCALES_FOLDER / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=locale, abort_invalid=True)


def _called(node: nodes.Expr) -> tuple[str | None, str]:
    if isinstance(node, nodes.Name):
        return node.name, ""
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return node.node.name, node.attr
    return None, ""


def _messages(method: str, arguments: list[Any], where: str) -> Iterator[Message]:
    texts = [each for each in arguments if isinstance(each, str)]
    if method == "" and texts:
        yield Message(texts[0], where)
    elif method == "plural" and len(texts) >= 2:
        yield Message((texts[0], texts[1]), where)
    elif method == "code" and len(texts) == 2:
        yield Message(f"code:{texts[0]}.{texts[1]}", where)
