"""Matching of text inside columns, in any case of letters, the same on SQLite and PostgreSQL.

SQLite's LIKE ignores the case of ASCII letters by itself, PostgreSQL's needs ILIKE; `lower()` around a column would
double the time of a search through 100,000 clips. Text without letters of two cases, as most Chinese is, is looked for
byte by byte, which is faster still.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Holds(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()
    name = "holds"


class _HoldsExactly(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()
    name = "holds_exactly"


@compiles(_HoldsExactly, "sqlite")
def _instr(element: _HoldsExactly, compiler: SQLCompiler, **options: Any) -> str:
    return f"(instr({compiler.process(element.clauses, **options)}) > 0)"


@compiles(_HoldsExactly, "postgresql")
def _strpos(element: _HoldsExactly, compiler: SQLCompiler, **options: Any) -> str:
    return f"(strpos({compiler.process(element.clauses, **options)}) > 0)"


@compiles(_Holds, "sqlite")
def _like(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    return _comparison("LIKE", element, compiler, **options)


@compiles(_Holds, "postgresql")
def _ilike(element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    return _comparison("ILIKE", element, compiler, **options)


def _comparison(operator: str, element: _Holds, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} {operator} {pattern} ESCAPE '!')"


def holds(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that the column holds `text` somewhere; `%` and `_` stand for themselves."""
    if text.upper() == text.lower():
        return _HoldsExactly(column, literal(text.replace("\0", "")))
    return _Holds(column, literal(f"%{escaped(text)}%"))


def ends_with(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that the column ends with `text`."""
    return _Holds(column, literal(f"%{escaped(text)}"))


def escaped(text: str) -> str:
    """Return `text` with the wildcards of LIKE made harmless by `!`, without NUL, which PostgreSQL can't take."""
    text = text.replace("\0", "")
    for character in "!%_":
        text = text.replace(character, "!" + character)
    return text
