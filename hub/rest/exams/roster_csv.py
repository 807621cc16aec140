"""Read a roster from CSV in UTF-8, whose first row has the names of the columns. Pure.

All invalid rows are listed, with their number in the spreadsheet. A value must never be guessed, and a row never
skipped silently.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from hub.errors import Fault
from hub.rest.http.fields import read_email
from protocol.text.names import InvalidText, canonical_username, read_line, read_name, read_username

ROWS_MAX: Final = 2_000
COLUMNS_MAX: Final = 100
"""So many column names are checked; there are only five."""

_COLUMNS: Final[Mapping[str, Callable[[str], str]]] = {
    "username": read_username,
    "name": read_name,
    "email": read_email,
    "enrollment_id": read_line,
    "cohort": read_line,
}
"""The name of each column, and what makes the stored form of its cells."""

_REQUIRED: Final = ("username", "name")


class CsvRow(msgspec.Struct, frozen=True, kw_only=True):
    """One student. `number` is the number of the row; the header is row 1."""

    number: int
    username: str
    name: str
    email: str | None = None
    enrollment_id: str | None = None
    cohort: str | None = None


class RosterFile(msgspec.Struct, frozen=True):
    """The rows of a file, and its faults. If there are faults, the rows must not be used."""

    rows: list[CsvRow]
    faults: list[Fault]


def path_of(number: int, column: str | None = None) -> str:
    """Return the path of a fault, as in `row 3, username`."""
    return f"row {number}" if column is None else f"row {number}, {column}"


def read_csv(body: bytes) -> RosterFile:
    """Read a file. Cells are separated by commas or, as some spreadsheets write them, by semicolons."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return RosterFile([], [Fault("file", "not UTF-8: save the file as CSV UTF-8")])
    first, _, _ = text.partition("\n")
    separator = ";" if ";" in first and "," not in first else ","
    lines = _number(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    try:
        number, header = next(lines, (1, []))
        names = [name.strip().lower() for name in header]
        faults = [Fault(path_of(number, column), message) for column, message in _check_header(names)]
        if faults:
            return RosterFile([], faults)
        return _read_rows(names, lines)
    except csv.Error as error:
        return RosterFile([], [Fault("file", f"not valid CSV: {error}")])


def _number(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Return the rows that are not empty, each with its number in the spreadsheet."""
    for number, cells in enumerate(reader, 1):
        if any(cell.strip() for cell in cells):
            yield number, cells


def _check_header(names: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    for name in _REQUIRED:
        if name not in names:
            yield None, f"the first row must have a column {name}"
    for index, name in enumerate(names[:COLUMNS_MAX]):
        if name not in _COLUMNS:
            yield name[:64] or f"column {index + 1}", f"unknown column: use {', '.join(_COLUMNS)}"
        elif name in names[:index]:
            yield name, "used twice"


def _read_rows(names: Sequence[str], lines: Iterator[tuple[int, list[str]]]) -> RosterFile:
    rows: list[CsvRow] = []
    faults: list[Fault] = []
    first_at: dict[str, int] = {}
    for count, (number, cells) in enumerate(lines, 1):
        if count > ROWS_MAX:
            return RosterFile([], [*faults, Fault(path_of(number), f"a file can have at most {ROWS_MAX} students")])
        row, wrong = _read_cells(dict(zip(names, cells, strict=False)))
        own = [Fault(path_of(number, column), message) for column, message in wrong]
        if any(cell.strip() for cell in cells[len(names) :]):
            own.append(Fault(path_of(number), "more cells than the first row"))
        before = first_at.setdefault(canonical_username(row.get("username", "")), number)
        if before != number and row.get("username"):
            own.append(Fault(path_of(number, "username"), f"already used in row {before}"))
        faults += own
        if not own:
            rows.append(CsvRow(number=number, **row))
    if not rows and not faults:
        faults.append(Fault("file", "no students found"))
    return RosterFile(rows, faults)


def _read_cells(cells: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the stored form of each cell that is not empty, and the columns with a fault."""
    row: dict[str, str] = {}
    wrong = [(column, "required") for column in _REQUIRED if not cells.get(column, "").strip()]
    for column, cell in cells.items():
        if cell.strip():
            try:
                row[column] = _COLUMNS[column](cell.strip())
            except InvalidText as error:
                wrong.append((column, str(error)))
    return row, wrong
