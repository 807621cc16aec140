"""Write rows as CSV for spreadsheets (RFC 4180). A text from a user or a client must never become a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

Cell = str | int | float | None

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters that make a text a formula (OWASP, CSV injection). Line ends can hide one from a check."""


def write_rows(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write rows, each with CR LF at its end. None becomes an empty cell."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([_escape(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def write_time(ms: int | None) -> str:
    """Write a time in ms since the epoch as 2026-05-04T09:30:00.250Z."""
    if ms is None:
        return ""
    # In integers: a float would round some milliseconds.
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def _escape(cell: Cell) -> Cell:
    """Put a quote before a text that a spreadsheet would calculate. Numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
