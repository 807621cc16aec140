import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.rest.http.csv import write_rows, write_time

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1"])
def test_a_formula_is_escaped(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(write_rows([[cell]]).decode(), newline=""))
    assert row == [f"'{cell}"]


def test_a_number_stays_a_number_and_none_is_an_empty_cell() -> None:
    assert write_rows([[-1, 0.5, None, "a", "it's"]]) == b"-1,0.5,,a,it's\r\n"


def test_cells_with_commas_quotes_and_line_ends_are_quoted_and_rows_end_by_cr_lf() -> None:
    assert write_rows([['a,"b"', "c\nd"], ["e", "f"]]) == b'"a,""b""","c\nd"\r\ne,f\r\n'


@given(st.lists(st.lists(texts, min_size=2, max_size=4), min_size=1, max_size=4))
def test_any_text_survives_and_none_is_a_formula(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(write_rows(rows).decode(), newline="")))
    assert len(read) == len(rows)
    for found, row in zip(read, rows, strict=True):
        for cell, text in zip(found, row, strict=True):
            assert cell.removeprefix("'") == text.removeprefix("'")
            assert cell[:1] not in tuple("=+-@\t\r\n")


def test_times_are_written_to_the_millisecond() -> None:
    assert write_time(None) == ""
    assert write_time(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert write_time(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"
