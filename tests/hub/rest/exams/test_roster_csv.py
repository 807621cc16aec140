import csv
import io
import re
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.rest.exams.roster_csv import ROWS_MAX, CsvRow, read_csv
from protocol.text.names import is_visible

HEAD = "username,name,email\n"


def paths(body: str | bytes) -> list[str]:
    reading = read_csv(body if isinstance(body, bytes) else body.encode())
    return [fault.path for fault in reading.faults]


def test_a_roster_is_read_with_the_rows_of_the_spreadsheet() -> None:
    body = 'Name , USERNAME,cohort,enrollment_id\n"Example, Ada",ada,,17\n\n,,,\nEve, eve ,7b,\n'
    reading = read_csv(body.encode())
    assert reading.faults == []
    assert reading.rows == [
        CsvRow(number=2, username="ada", name="Example, Ada", enrollment_id="17"),
        CsvRow(number=5, username="eve", name="Eve", cohort="7b"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbfusername,name\r\nada,Ad\xc3\xa5\r\n",
        "username;name\nada;Adå\n".encode(),
        "username,name\rada,Adå\r".encode(),
        '"username","name"\n"ada","Adå"'.encode(),
    ],
    ids=["byte order mark", "semicolons", "old line ends", "quotes"],
)
def test_csv_of_spreadsheets_is_read(body: bytes) -> None:
    assert read_csv(body).rows == [CsvRow(number=2, username="ada", name="Adå")]


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
    )
    assert paths(body) == [
        "row 3, username",
        "row 3, email",
        "row 4, username",
        "row 5, username",
        "row 6, name",
        "row 7",
        "row 8, name",
    ]
    assert "row 2" in read_csv(body.encode()).faults[3].message


def test_an_invalid_header_is_named() -> None:
    assert paths("username\nada\n") == ["row 1"]
    assert paths("username,name,phone\nada,Ada,1\n") == ["row 1, phone"]
    assert paths("username,name,name\nada,Ada,1\n") == ["row 1, name"]
    assert paths("username,name,\nada,Ada\n") == ["row 1, column 3"]
    assert paths("") == ["row 1", "row 1"]


def test_a_file_that_is_not_a_roster_is_rejected() -> None:
    assert paths(b"\xff\xfe\x00") == ["file"]
    assert paths(HEAD) == ["file"]
    assert paths(HEAD + '"ada,Ada') == ["file"]
    assert paths(HEAD + "ada," + "x" * 200_000 + "\n") == ["file"]
    assert paths(HEAD + "".join(f"s{number},S,\n" for number in range(ROWS_MAX + 1))) == [f"row {ROWS_MAX + 2}"]


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,20}", fullmatch=True)
users = st.lists(
    st.tuples(names, st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=30)),
    min_size=1,
    max_size=20,
    unique_by=lambda principal: principal[0].lower(),
)


@given(users, st.sampled_from([",", ";"]), st.sampled_from(["\n", "\r\n"]))
def test_written_csv_is_read_back(rows: list[tuple[str, str]], separator: str, end: str) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator=end).writerows([("username", "name"), *rows])
    reading = read_csv(file.getvalue().encode())
    expected = [(username.lower(), normalize("NFC", name).strip()) for username, name in rows]
    if all(any(is_visible(char) for char in name) for _, name in expected):
        assert reading.faults == []
        assert [(row.username, row.name) for row in reading.rows] == expected
    else:
        assert {fault.path.partition(", ")[2] for fault in reading.faults} == {"name"}


@given(st.binary(max_size=300) | st.text(alphabet='ausernm,;"\n\r x', max_size=300).map(str.encode))
def test_any_bytes_give_rows_or_faults_with_a_place(body: bytes) -> None:
    for file in (body, HEAD.encode() + body):
        reading = read_csv(file)
        assert reading.rows or reading.faults
        assert all(re.match(r"file$|row \d+(, .+)?$", fault.path, re.DOTALL) for fault in reading.faults)
