import csv
import io
import re
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.rest.exams.roster_columns import Column
from hub.rest.exams.roster_csv import NO_HEADER, ROWS_MAX, WINDOWS_1252, CsvRow, UsedColumn, read_csv
from protocol.text.names import InvalidText, read_name

HEAD = "username,name,email\n"
JOSE = [CsvRow(row=2, username="jose", name="José Núñez")]


def paths(body: str | bytes) -> list[str]:
    reading = read_csv(body if isinstance(body, bytes) else body.encode())
    return [fault.path for fault in reading.faults]


def test_a_roster_is_read_with_the_rows_of_the_spreadsheet() -> None:
    body = 'Name , USERNAME,cohort,enrollment_id\n"Example, Ada",ada,,17\n\n,,,\nEve, eve ,7b,\n'
    reading = read_csv(body.encode())
    assert reading.faults == []
    assert reading.rows == [
        CsvRow(row=2, username="ada", name="Example, Ada", enrollment_id="17"),
        CsvRow(row=5, username="eve", name="Eve", cohort="7b"),
    ]


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_files_of_spreadsheets_are_read(encoding: str, shown: str, end: str, separator: str) -> None:
    text = end.join([f"username{separator}name", f"jose{separator}José Núñez", ""])
    reading = read_csv(text.encode(encoding))
    assert (reading.faults, reading.rows) == ([], JOSE)
    assert (reading.encoding, reading.separator) == (shown, separator)
    assert reading.notices == ([WINDOWS_1252] if shown == "Windows-1252" else [])


def test_utf_16_of_either_byte_order_is_read() -> None:
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        assert read_csv(mark + "username,name\njose,José Núñez".encode(codec)).rows == JOSE


def test_a_cell_may_have_quotes_separators_and_line_ends() -> None:
    reading = read_csv(b'username,name,class\r\nada, "Example, ""Ada""","7\r\nb"\r\neve,Eve,\r\n')
    assert [fault.path for fault in reading.faults] == ["row 2, cohort"]
    reading = read_csv(b'username,name,phone\r\nada, "Example, ""Ada""","7\r\nb"\r\neve,Eve,\r\n')
    assert [(row.row, row.name) for row in reading.rows] == [(2, 'Example, "Ada"'), (3, "Eve")]


def test_the_line_with_which_excel_names_its_separator_is_understood() -> None:
    reading = read_csv(b"sep=;\r\nusername;name\r\nada;Example, Ada\r\n")
    assert reading.rows == [CsvRow(row=3, username="ada", name="Example, Ada")]


@pytest.mark.parametrize(
    "header",
    [
        "Benutzername;Vorname;Nachname;E-Mail-Adresse;Matrikelnummer;Klasse",
        "login;first_name;last name;EMAIL address;ID number;Group",
        "Identifiant;Prénom;Nom;Courriel;Numéro d’étudiant;Groupe",
        "Usuario;Nombre;Apellidos;Correo electrónico;Número de matrícula;Grupo",
        "SIS Login ID;Given Name;Surname;Mail;SIS User ID;Section",
        "Логин;Имя;Фамилия;Электронная почта;Номер студенческого билета;Группа",
    ],
)
def test_columns_are_known_by_their_names_in_several_languages_and_any_order(header: str) -> None:
    cells = ["ada", "Ada", "Example", "ada@school.example", "17", "7b"]
    for names, values in ((header.split(";"), cells), (header.split(";")[::-1], cells[::-1])):
        reading = read_csv((";".join(names) + "\n" + ";".join(values)).encode())
        assert reading.faults == []
        [row] = reading.rows
        assert (row.username, row.name, row.email, row.enrollment_id, row.cohort) == (
            "ada",
            "Ada Example",
            "ada@school.example",
            "17",
            "7b",
        )


def test_name_beside_a_first_name_is_the_last_name() -> None:
    assert read_csv(b"login,name,vorname\nada,Example,Ada\n").rows[0].name == "Ada Example"


def test_columns_that_are_not_read_are_named() -> None:
    reading = read_csv("Username,Seat,Full name,Téléphone,\nada,4,Ada,1,\n".encode())
    assert reading.not_read == ["Seat", "Téléphone"]
    assert reading.columns == [UsedColumn("Username", Column.USERNAME), UsedColumn("Full name", Column.NAME)]
    assert [row.username for row in reading.rows] == ["ada"]


def test_every_invalid_row_is_listed_at_once() -> None:
    body = (
        HEAD
        + "ada,Ada,ada@school.example\n"
        + "e v e,Eve,nowhere\n"
        + ",Max,\n"
        + "ADA,Ada again,\n"
        + "ida\n"
        + "uma,Uma,,more\n"
        + "tom,To\tm,\n"
        + "zed,\u200b,\n"
    )
    assert paths(body) == [
        "row 3, username",
        "row 3, email",
        "row 4, username",
        "row 5, username",
        "row 6, name",
        "row 7, column 4",
        "row 8, name",
        "row 9, name",
    ]
    reading = read_csv(body.encode())
    assert "row 2" in reading.faults[3].message
    assert reading.rows == []


def test_a_name_with_a_comma_that_is_not_quoted_is_a_fault_and_no_other_name() -> None:
    assert paths("username,name,email\nlovelace,Lovelace, Ada,ada@school.example\n") == [
        "row 2, email",
        "row 2, column 4",
    ]


def test_an_invalid_header_is_named() -> None:
    assert paths("username\nada\n") == ["row 1"]
    assert paths("name\nada\n") == ["row 1"]
    assert paths("username,name,name\nada,Ada,1\n") == ["row 1, name"]
    assert paths("login,username,name\nada,ada,Ada\n") == ["row 1, username"]
    assert paths("ada,Ada\neve,Eve\n") == ["row 1", "row 1"]


def test_without_a_header_the_columns_are_read_in_order_if_that_is_allowed() -> None:
    reading = read_csv(b"ada, Ada Example\nben,Ben,ben@x.example", needs_header=False)
    assert [(row.row, row.username, row.name, row.email) for row in reading.rows] == [
        (1, "ada", "Ada Example", None),
        (2, "ben", "Ben", "ben@x.example"),
    ]
    assert reading.notices == [NO_HEADER]
    assert read_csv(b"username,name\nada,Ada", needs_header=False).rows[0].row == 2
    assert [fault.path for fault in read_csv(b"ada,Ada,,more", needs_header=False).faults] == ["row 1, column 4"]


def test_a_file_that_is_not_a_roster_is_rejected() -> None:
    assert paths("") == ["file"]
    assert paths(b"\xff\xfe\x00") == ["file"]
    assert paths(b"PK\x03\x04\x00\x00\x81\x8d") == ["file"]
    assert paths("username,name\nada,Ada".encode("utf-16-le")) == ["file"]
    assert paths(HEAD) == ["file"]
    assert paths(HEAD + '"ada,Ada') == ["file"]
    assert paths(HEAD + "ada," + "x" * 200_000 + "\n") == ["file"]
    assert paths(HEAD + "".join(f"s{number},S,\n" for number in range(ROWS_MAX + 1))) == [f"row {ROWS_MAX + 2}"]


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,20}", fullmatch=True)
users = st.lists(
    st.tuples(names, st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=30)),
    min_size=1,
    max_size=20,
    unique_by=lambda principal: principal[0].lower(),
)


@given(users, st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_written_csv_is_read_back_or_its_wrong_names_are_listed(
    rows: list[tuple[str, str]], separator: str, end: str
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("username", "name"), *rows])
    reading = read_csv(file.getvalue().encode())
    wrong = []
    for number, (_, name) in enumerate(rows, 2):
        try:
            read_name(name)
        except InvalidText:
            wrong.append(f"row {number}, name")
    assert [fault.path for fault in reading.faults] == wrong
    if not wrong:
        expected = [(username.lower(), read_name(normalize("NFC", name))) for username, name in rows]
        assert [(row.username, row.name) for row in reading.rows] == expected


@given(st.binary(max_size=300) | st.text(alphabet='ausernm,;"\n\r x', max_size=300).map(str.encode))
def test_any_bytes_give_rows_or_faults_with_a_place(body: bytes) -> None:
    for file in (body, HEAD.encode() + body):
        reading = read_csv(file)
        assert bool(reading.rows) is not bool(reading.faults)
        assert all(re.match(r"file$|row \d+(, .+)?$", fault.path, re.DOTALL) for fault in reading.faults)
