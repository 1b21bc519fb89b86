"""Tables for spreadsheets: CSV as RFC 4180 has it, which Excel takes for UTF-8.

Guarantee: no cell is a formula, whatever a file was named on a recorder or somebody typed (CWE-1236).
"""

import csv
import io
from collections.abc import Iterable

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()  # without it Excel takes UTF-8 for the system's code page
_FORMULA = frozenset("=+-@\t\r")


def csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Return the rows as lines in UTF-8, without a byte order mark."""
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\r\n").writerows([_cell(text) for text in row] for row in rows)
    return table.getvalue().encode()


def _cell(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA else text
