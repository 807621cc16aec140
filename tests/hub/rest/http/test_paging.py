import base64
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Invalid
from hub.rest.http.paging import BigNumber, Moment, Number, make_page, read_cursor, write_cursor

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(MOMENTS, st.uuids())
def test_a_cursor_decodes_to_its_key(moment: datetime, key: UUID) -> None:
    assert read_cursor(write_cursor(key), UUID) == key
    assert read_cursor(write_cursor((moment, key)), tuple[Moment, UUID]) == (moment, key)


@given(st.text(max_size=80))
def test_an_invalid_cursor_is_rejected_by_its_path(after: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_cursor(after, UUID)
    assert [fault.path for fault in refused.value.faults] == ["query.after"]


def test_a_cursor_of_another_list_or_encoding_is_rejected() -> None:
    key = uuid4()
    spelt = base64.urlsafe_b64encode(f' "{key}"'.encode()).rstrip(b"=").decode()
    naive = write_cursor(("2026-01-01T00:00:00", key))
    aside = write_cursor((datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))), key))
    for after, shape in (
        (write_cursor(7), UUID),
        (write_cursor([key, key]), UUID),
        (write_cursor("a\0"), str),
        (spelt, UUID),
        (naive, tuple[Moment, UUID]),
        (write_cursor(key) + "=", UUID),
        ("W" * 5_000, list[list[int]]),
        (write_cursor("a" * 1_000), str),
        ("", UUID),
    ):
        with pytest.raises(Invalid):
            read_cursor(after, shape)
    assert read_cursor(aside, tuple[Moment, UUID]) is not None


@given(st.integers(-(2**70), 2**70))
def test_a_number_that_postgresql_cannot_have_is_rejected(number: int) -> None:
    for shape, most in ((Number, 2**31 - 1), (BigNumber, 2**63 - 1)):
        if 0 <= number <= most:
            assert read_cursor(write_cursor(number), shape) == number
            continue
        cursor = base64.urlsafe_b64encode(str(number).encode()).rstrip(b"=").decode()
        with pytest.raises(Invalid):
            read_cursor(cursor, shape)


def test_no_list_has_a_cursor_with_a_number_without_bounds() -> None:
    calls = [
        line
        for path in Path("hub/rest").rglob("*.py")
        for line in path.read_text().splitlines()
        if "read_cursor(" in line
    ]
    assert len(calls) > 10
    assert [line for line in calls if re.search(r"\bint\b", line.replace("max_chars: int", ""))] == []


def test_a_list_begins_without_a_cursor() -> None:
    assert read_cursor(None, UUID) is None


def test_a_page_has_a_cursor_only_if_another_row_follows() -> None:
    assert make_page([], 2, key=int).next is None
    assert make_page([1, 2], 2, key=int).next is None
    page = make_page([1, 2, 3], 2, key=int)
    assert page.items == [1, 2]
    assert read_cursor(page.next, int) == 2
