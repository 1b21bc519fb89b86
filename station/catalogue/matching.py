"""Matching of text inside columns, the same on SQLite and PostgreSQL.

Columns that are searched hold folded text (`folding`), so case and width are settled when a row is written and a
search compares bytes: SQLite's LIKE would ignore the case of ASCII letters alone, and takes twice as long.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _EndsWith(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()
    name = "ends_with"


class _Holds(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()
    name = "holds"


@compiles(_Holds, "sqlite")
def _instr(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    return f"(instr({compiler.process(element.clauses, **options)}) > 0)"


@compiles(_Holds, "postgresql")
def _strpos(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    return f"(strpos({compiler.process(element.clauses, **options)}) > 0)"


@compiles(_EndsWith, "sqlite")
def _like(element: _EndsWith, compiler: SQLCompiler, **options: Any) -> str:
    return _comparison("LIKE", element, compiler, **options)


@compiles(_EndsWith, "postgresql")
def _ilike(element: _EndsWith, compiler: SQLCompiler, **options: Any) -> str:
    return _comparison("ILIKE", element, compiler, **options)


def _comparison(operator: str, element: _EndsWith, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} {operator} {pattern} ESCAPE '!')"


def holds(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that the column of folded text holds the folded `text` somewhere."""
    return _Holds(column, literal(text))


def ends_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that the column of folded text ends with the folded `text`."""
    return _EndsWith(column, literal(f"%{escaped(text)}"))


def escaped(text: str) -> str:
    """Return `text` with the wildcards of LIKE made harmless by `!`, without NUL, which PostgreSQL can't take."""
    text = text.replace("\0", "")
    for character in "!%_":
        text = text.replace(character, "!" + character)
    return text
