import pytest

from hub.rest.exams.roster_columns import _NAMES, Column, fold, is_header, read_header


def test_no_name_means_two_columns() -> None:
    folded = [(fold(name), column) for column, names in _NAMES.items() for name in names.split(",")]
    meanings: dict[str, set[Column]] = {}
    for name, column in folded:
        meanings.setdefault(name, set()).add(column)
    assert {name for name, columns in meanings.items() if len(columns) > 1} == set()


@pytest.mark.parametrize("spelling", ["E-Mail", "e_mail", " EMAIL ", "E\u2011mail", "e mail"])
def test_case_and_separators_of_a_name_do_not_matter(spelling: str) -> None:
    assert read_header([spelling]).columns == {0: Column.EMAIL}


def test_first_and_last_names_beside_a_full_name_are_not_read() -> None:
    header = read_header(["login", "full name", "first name", "last name"])
    assert (header.columns, header.unread) == ({0: Column.USERNAME, 1: Column.NAME}, [2, 3])


def test_a_column_that_is_there_twice_and_one_that_is_missing_are_named() -> None:
    header = read_header(["login", "user"])
    assert (header.twice, header.missing) == ([1], ["name"])


def test_a_row_of_students_is_no_header() -> None:
    assert not is_header(["ada", "Ada Example", "ada@school.example"])
    assert is_header(["x", "E-Mail"])
