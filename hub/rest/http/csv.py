"""Rows as CSV that any spreadsheet opens (RFC 4180): no cell is ever a formula, whatever a person or a client wrote."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

Cell = str | int | float | None

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes a text to be a formula by (OWASP, CSV injection); line ends may hide one from a check."""


def write_rows(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write rows, each ended by CR LF; a null is an empty cell."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([_defuse(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def write_time(ms: int | None) -> str:
    """Write a moment, ms since the epoch, so that people and spreadsheets read it: 2026-05-04T09:30:00.250Z."""
    if ms is None:
        return ""
    # By whole numbers: a float would round some milliseconds.
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def _defuse(cell: Cell) -> Cell:
    """Put a quote before a text that a spreadsheet would calculate; a number is one, whatever its sign."""
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
