"""Write rows as CSV for spreadsheets (RFC 4180). A text from a user or a client must never become a formula.

A spreadsheet may split a row at commas, semicolons, tabs or line ends, as its language does, and inside quoted cells if
it splits at another sign than the comma. So a formula is defused at every place where one of them could begin a cell.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from protocol.limits import TIME_MAX_MS

Cell = str | int | float | None

BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""The first character of a file: without it, Excel reads UTF-8 as another encoding."""

_FORMULA: Final = "=+\\-@＝＋－＠﹦﹢﹣﹫"
_SEPARATOR: Final = ",;\t\r\n\v\f"
_MAY_BEGIN: Final = re.compile(rf'(?<![{_SEPARATOR}\s"{BOM}])[{_SEPARATOR}\s"{BOM}]*+(?=[{_FORMULA}])')
"""Separators, spaces and quotes before the first character of a formula."""

_CELL_BEGINS: Final = re.compile(rf"[{_SEPARATOR}]")
_NUMBER: Final = re.compile(r"[+-]\d++(?:\.\d++)?(?:[eE][+-]?\d++)?[,\]}]")
"""A number in a list, as in `[1,-2]`, is not a formula."""


def write_heading(columns: Sequence[str]) -> bytes:
    """Write the first row of a file, after the mark that tells spreadsheets that it is UTF-8."""
    return BOM.encode() + write_rows([columns])


def write_rows(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write rows, each with CR LF at its end. None becomes an empty cell."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([_escape(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def write_time(ms: int | None) -> str:
    """Write a time in ms since the epoch as 2026-05-04T09:30:00.250Z, at most up to the years 1970 and 9999.

    The clock of a client may lead to times that no calendar has.
    """
    if ms is None:
        return ""
    # In integers: a float would round some milliseconds.
    seconds, rest = divmod(min(max(ms, 0), TIME_MAX_MS), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def _escape(cell: Cell) -> Cell:
    """Put an apostrophe where a spreadsheet would begin to calculate. Numbers stay numbers."""
    if not isinstance(cell, str):
        return cell
    escaped = _MAY_BEGIN.sub(_defuse, cell)
    # A tab or a line end in front can hide a formula from a check.
    return f"'{escaped}" if escaped.startswith(("\t", "\r", "\n")) else escaped


def _defuse(run: re.Match[str]) -> str:
    # A comma begins a cell only for readers that split at commas, and they see that this cell is quoted.
    if run.start() > 0 and run[0] == "," and _NUMBER.match(run.string, run.end()):
        return run[0]
    defused = _CELL_BEGINS.sub(r"\g<0>'", run[0])
    return defused if run.start() > 0 else f"'{defused}"
