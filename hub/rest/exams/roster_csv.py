"""Read a roster from the bytes of a CSV file, as spreadsheets write them. Pure.

The only reader of rosters: REST and the console use it. All faults are listed, with their row in the spreadsheet. A
value must never be guessed, and a row or a column never skipped silently.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec

from hub.errors import Fault
from hub.rest.exams.roster_columns import Column, Header, is_header, read_header
from hub.rest.http.fields import read_email
from protocol.text.names import LINE_CHARS, InvalidText, read_line, read_name, read_username

ROWS_MAX: Final = 2_000
COLUMNS_MAX: Final = 100
_SEPARATORS: Final = (",", ";", "\t")
_WITHOUT_HEADER: Final = (Column.USERNAME, Column.NAME, Column.EMAIL)

_READERS: Final[Mapping[Column, Callable[[str], str]]] = {
    Column.USERNAME: read_username,
    Column.NAME: read_name,
    Column.FIRST_NAME: read_line,
    Column.LAST_NAME: read_line,
    Column.EMAIL: read_email,
    Column.ENROLLMENT_ID: read_line,
    Column.COHORT: read_line,
}
"""What makes the stored form of the cells of a column."""

WINDOWS_1252: Final = "The file is not UTF-8. It was read as Windows-1252: check names with accents."
NO_HEADER: Final = "The first row names no column. The columns were read as username, name, e-mail."


class CsvRow(msgspec.Struct, frozen=True, kw_only=True):
    """One student. `row` is the number of the row in the spreadsheet; the first is 1."""

    row: int
    username: str = ""
    name: str
    email: str | None = None
    enrollment_id: str | None = None
    cohort: str | None = None


class UsedColumn(msgspec.Struct, frozen=True):
    """A column of the file, and the field as which it was read."""

    column: str
    field: Column


class RosterFile(msgspec.Struct, kw_only=True):
    """The rows of a file, how it was read, and its faults. If there are faults, the rows must not be stored."""

    rows: list[CsvRow] = msgspec.field(default_factory=list)
    faults: list[Fault] = msgspec.field(default_factory=list)
    encoding: str = ""
    separator: str = ""
    columns: list[UsedColumn] = msgspec.field(default_factory=list)
    not_read: list[str] = msgspec.field(default_factory=list)
    notices: list[str] = msgspec.field(default_factory=list)


def path_of(number: int, column: str | None = None) -> str:
    """Return the path of a fault, as in `row 3, username`."""
    return f"row {number}" if column is None else f"row {number}, {column}"


def read_csv(body: bytes, *, needs_header: bool = True) -> RosterFile:
    """Read a file: UTF-8 with or without a byte order mark, UTF-16 with one, or else Windows-1252.

    Cells are separated by commas, semicolons or tabs, rows by any kind of line end. Without `needs_header`, a file
    whose first row names no column has the columns username, name and e-mail.
    """
    file = RosterFile()
    text = _decode(body, file)
    if text is None:
        return file
    text, file.separator = _find_separator(text)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=file.separator, strict=True, skipinitialspace=file.separator != "\t"
    )
    try:
        _read_table(_number(reader), file, needs_header=needs_header)
    except csv.Error as error:
        file.faults.append(Fault("file", f"not valid CSV: {error}"))
    if not file.rows and not file.faults:
        file.faults.append(Fault("file", "no students found"))
    if file.faults:
        file.rows = []
    return file


def _decode(body: bytes, file: RosterFile) -> str | None:
    """Return the text of the file without its byte order mark, or None with a fault."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        tries = [("UTF-16", "utf-16")]
    else:
        tries = [("UTF-8", "utf-8-sig"), ("Windows-1252", "cp1252")]
    for shown, codec in tries:
        try:
            text = body.decode(codec)
        except UnicodeDecodeError:
            continue
        file.encoding = shown
        if "\0" in text:
            break
        if codec == "cp1252":
            file.notices.append(WINDOWS_1252)
        return text
    file.faults.append(Fault("file", "cannot be read as text: save it as CSV UTF-8"))
    return None


def _find_separator(text: str) -> tuple[str, str]:
    """Return the text, and the most frequent separator of its first line, or the one that its line `sep=` names."""
    lines = iter(io.StringIO(text, newline=""))
    first = next((line for line in lines if line.strip()), "")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5 and first.strip()[4] in _SEPARATORS:
        return text.replace(first.rstrip("\r\n"), "", 1), first.strip()[4]
    bare = "".join(part for index, part in enumerate(first.split('"')) if index % 2 == 0)
    return text, max(_SEPARATORS, key=bare.count)


def _number(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Return the rows that are not empty, each with its number in the spreadsheet."""
    for number, cells in enumerate(reader, 1):
        if any(cell.strip() for cell in cells):
            yield number, cells


def _read_table(lines: Iterator[tuple[int, list[str]]], file: RosterFile, *, needs_header: bool) -> None:
    number, first = next(lines, (1, []))
    if not first:
        return
    if len(first) > COLUMNS_MAX:
        file.faults.append(Fault(path_of(number), f"a file can have at most {COLUMNS_MAX} columns"))
        return
    if needs_header or is_header(first):
        header, width = read_header(first), len(first)
        _describe(number, first, header, file)
    else:
        header, width = Header(dict(enumerate(_WITHOUT_HEADER)), [], [], []), len(_WITHOUT_HEADER)
        file.columns = [UsedColumn(str(column), column) for column in _WITHOUT_HEADER]
        file.notices.append(NO_HEADER)
        lines = chain([(number, first)], lines)
    if not file.faults:
        _read_rows(lines, header.columns, width, file)


def _describe(number: int, cells: Sequence[str], header: Header, file: RosterFile) -> None:
    """Add the columns to the file, and the faults of its header."""
    names = [_show_column(cell, index) for index, cell in enumerate(cells)]
    file.columns = [UsedColumn(names[index], column) for index, column in sorted(header.columns.items())]
    file.not_read = [names[index] for index in header.unread if cells[index].strip()]
    file.faults += [Fault(path_of(number, names[index]), "this column is there twice") for index in header.twice]
    file.faults += [Fault(path_of(number), f"the first row must have a column {name}") for name in header.missing]


def _show_column(cell: str, index: int) -> str:
    return cell.strip()[:LINE_CHARS] or f"column {index + 1}"


def _read_rows(
    lines: Iterator[tuple[int, list[str]]], columns: Mapping[int, Column], width: int, file: RosterFile
) -> None:
    seen: dict[tuple[Column, str], int] = {}
    for count, (number, cells) in enumerate(lines, 1):
        if count > ROWS_MAX:
            file.faults.append(Fault(path_of(number), f"a file can have at most {ROWS_MAX} students"))
            return
        values, wrong = _read_cells(cells, columns)
        extra = next((index for index, cell in enumerate(cells) if index >= width and cell.strip()), None)
        if extra is not None:
            wrong.append((f"column {extra + 1}", "more cells than the first row"))
        for column in (Column.USERNAME, Column.ENROLLMENT_ID):
            before = seen.setdefault((column, values[column]), number) if values.get(column) else number
            if before != number:
                wrong.append((column, f"already used in row {before}"))
        file.faults += [Fault(path_of(number, column), message) for column, message in wrong]
        if not wrong:
            file.rows.append(CsvRow(row=number, **{str(column): value for column, value in values.items()}))


def _read_cells(cells: Sequence[str], columns: Mapping[int, Column]) -> tuple[dict[Column, str], list[tuple[str, str]]]:
    """Return the stored form of the cells of a row that are not empty, and its faults by column."""
    values: dict[Column, str] = {}
    wrong: list[tuple[str, str]] = []
    for index, column in columns.items():
        cell = cells[index].strip() if index < len(cells) else ""
        if cell:
            try:
                values[column] = _READERS[column](cell)
            except InvalidText as error:
                wrong.append((column, str(error)))
    parts = [part for column in (Column.FIRST_NAME, Column.LAST_NAME) if (part := values.pop(column, ""))]
    if parts and not wrong:
        try:
            values[Column.NAME] = read_name(" ".join(parts))
        except InvalidText as error:
            wrong.append((Column.NAME, str(error)))
    at_fault = {column for column, _ in wrong}
    if Column.NAME not in values and not at_fault & {Column.NAME, Column.FIRST_NAME, Column.LAST_NAME}:
        wrong.append((Column.NAME, "required"))
    if not values.keys() & {Column.USERNAME, Column.ENROLLMENT_ID} and not at_fault & {
        Column.USERNAME,
        Column.ENROLLMENT_ID,
    }:
        wrong.append((Column.USERNAME, "required"))
    return values, wrong
