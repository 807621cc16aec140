import csv
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.rest.http.csv import write_heading, write_rows, write_time

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1"])
def test_a_formula_is_escaped(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(write_rows([[cell]]).decode(), newline=""))
    assert row[0].startswith("'")
    assert row[0].replace("'", "") == cell


def test_a_number_stays_a_number_and_none_is_an_empty_cell() -> None:
    assert write_rows([[-1, 0.5, None, "a", "it's"]]) == b"-1,0.5,,a,it's\r\n"


def test_cells_with_commas_quotes_and_line_ends_are_quoted_and_rows_end_by_cr_lf() -> None:
    assert write_rows([['a,"b"', "c\nd"], ["e", "f"]]) == b'"a,""b""","c\nd"\r\ne,f\r\n'


def cells_of(file: str, separator: str) -> list[str]:
    """Read a file as a spreadsheet does whose language splits at this sign."""
    return [cell for row in csv.reader(io.StringIO(file, newline=""), delimiter=separator) for cell in row]


ATTACKS = [
    "=1+1",
    ";=HYPERLINK(A1);",
    "a;=1;b",
    "a,=1,b",
    "a\t=1",
    "a\n=1",
    "a\r\n@A1",
    'a;"=1"',
    'a,"x;=1',
    ";\t=1",
    "; ;=1",
    ' ;"" =1',
    "＝1+1",
    ";＠A1",
    ";＋1;－1",
    ";﹦1",
    ";-1+A1",
    ";-1;=1",
    '{"title":"x;=1"}',
]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_no_formula_in_any_locale(attack: str, separator: str) -> None:
    for row in ([attack], ["a", attack, "b"], ["a,b", attack, "c;d"], ["1", f"{attack},{attack}"]):
        for cell in cells_of(write_rows([row]).decode(), separator):
            text = cell.strip().strip('"')
            assert not text or text[0] not in FORMULA or is_number(text), (row, cell)


FORMULA = "=+-@＝＋－＠﹦﹢﹣﹫"


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@given(st.text(st.sampled_from(["=", "+", "-", "@", "＝", ",", ";", "\t", "\n", "\r", " ", '"', "1", "a", "]"])))
def test_no_combination_of_separators_quotes_and_formulas_is_a_formula(text: str) -> None:
    for separator in ",;\t":
        for cell in cells_of(write_rows([["a", text, "b"]]).decode(), separator):
            bare = cell.strip().strip('"').strip()
            assert not bare or bare[0] not in FORMULA or is_number(bare.rstrip("]")), cell


def test_numbers_in_lists_stay_as_they_are() -> None:
    assert write_rows([['{"at":[-1,-2.5,-3e-7]}']]) == b'"{""at"":[-1,-2.5,-3e-7]}"\r\n'


def test_a_long_run_of_separators_takes_linear_time() -> None:
    began = time.process_time()
    write_rows([['\t;" ' * 100_000 + "x"]])
    assert time.process_time() - began < 5


def test_a_file_begins_with_the_mark_of_utf_8() -> None:
    assert write_heading(["a", "b"]) == b"\xef\xbb\xbfa,b\r\n"


@given(st.lists(st.lists(texts, min_size=2, max_size=4), min_size=1, max_size=4))
def test_any_text_survives_and_none_is_a_formula(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(write_rows(rows).decode(), newline="")))
    assert len(read) == len(rows)
    for found, row in zip(read, rows, strict=True):
        for cell, text in zip(found, row, strict=True):
            assert cell.replace("'", "") == text.replace("'", "")
            assert cell[:1] not in tuple("=+-@\t\r\n")


def test_times_are_written_to_the_millisecond() -> None:
    assert write_time(None) == ""
    assert write_time(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert write_time(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    ("ms", "written"),
    [
        (-253_402_300_799_999, "1970-01-01T00:00:00.000Z"),
        (2 * 253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_clock_of_a_client_that_no_calendar_has_breaks_no_export(ms: int, written: str) -> None:
    assert write_time(ms) == written
