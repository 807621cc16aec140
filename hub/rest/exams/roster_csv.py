"""Reads a roster that a school keeps in a spreadsheet: CSV in UTF-8, its first row naming the columns. Pure.

Every row that does not fit is named, as a spreadsheet numbers it; nothing is guessed and nothing is left out silently.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from hub.errors import Fault
from hub.rest.http.fields import Email, Line, Name, Username

ROWS_MAX: Final = 2_000

_COLUMNS: Final[Mapping[str, tuple[Any, str]]] = {
    "username": (Username, "must have 1 to 64 letters, digits or ._@+-, and begin with a letter or digit"),
    "name": (Name, "must have 1 to 200 characters"),
    "email": (Email, "must be an e-mail address"),
    "enrollment_id": (Line, "must have at most 200 characters"),
    "cohort": (Line, "must have at most 200 characters"),
}
"""What a column may be called, what a cell of it may be, and how that is said."""

_REQUIRED: Final = ("username", "name")


class CsvRow(msgspec.Struct, frozen=True, kw_only=True):
    """One student as a row says it; `number` is the row's, the header being row 1."""

    number: int
    username: str
    name: str
    email: str | None = None
    enrollment_id: str | None = None
    cohort: str | None = None


class Reading(msgspec.Struct, frozen=True):
    """What a file holds, and all that is wrong with it; with any fault nothing of it is to be used."""

    rows: list[CsvRow]
    faults: list[Fault]


def path_of(number: int, column: str | None = None) -> str:
    """How a fault names its place, as in `row 3, username`."""
    return f"row {number}" if column is None else f"row {number}, {column}"


def read_csv(body: bytes) -> Reading:
    """Read a whole file. Separated by commas or, as some spreadsheets have it, by semicolons."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Reading([], [Fault("file", "not UTF-8: save the file as CSV UTF-8")])
    first, _, _ = text.partition("\n")
    separator = ";" if ";" in first and "," not in first else ","
    lines = _number(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    try:
        number, header = next(lines, (1, []))
        names = [name.strip().lower() for name in header]
        faults = [Fault(path_of(number, column), message) for column, message in _find_wrong_names(names)]
        if faults:
            return Reading([], faults)
        return _read_rows(names, lines)
    except csv.Error as error:
        return Reading([], [Fault("file", f"not valid CSV: {error}")])


def _number(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, each with its number in a spreadsheet."""
    for number, cells in enumerate(reader, 1):
        if any(cell.strip() for cell in cells):
            yield number, cells


def _find_wrong_names(names: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    for name in _REQUIRED:
        if name not in names:
            yield None, f"the first row must have a column {name}"
    for place, name in enumerate(names):
        if name not in _COLUMNS:
            yield name[:64] or f"column {place + 1}", f"unknown column: use {', '.join(_COLUMNS)}"
        elif name in names[:place]:
            yield name, "used twice"


def _read_rows(names: Sequence[str], lines: Iterator[tuple[int, list[str]]]) -> Reading:
    rows: list[CsvRow] = []
    faults: list[Fault] = []
    first_at: dict[str, int] = {}
    for count, (number, cells) in enumerate(lines, 1):
        if count > ROWS_MAX:
            return Reading([], [*faults, Fault(path_of(number), f"a file can have at most {ROWS_MAX} students")])
        said = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
        wrong = [Fault(path_of(number, column), message) for column, message in _find_wrong_cells(said)]
        if any(cell.strip() for cell in cells[len(names) :]):
            wrong.append(Fault(path_of(number), "more cells than the first row"))
        before = first_at.setdefault(said.get("username", "").lower(), number)
        if before != number and said["username"]:
            wrong.append(Fault(path_of(number, "username"), f"already used in row {before}"))
        faults += wrong
        if not wrong:
            rows.append(CsvRow(number=number, **{name: cell for name, cell in said.items() if cell}))
    if not rows and not faults:
        faults.append(Fault("file", "no students found"))
    return Reading(rows, faults)


def _find_wrong_cells(said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for column in _REQUIRED:
        if not said.get(column):
            yield column, "required"
    for column, cell in said.items():
        shape, message = _COLUMNS[column]
        if cell:
            try:
                msgspec.convert(cell, shape)
            except msgspec.ValidationError:
                yield column, message
