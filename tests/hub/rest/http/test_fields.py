from typing import Any

import msgspec
import pytest

from hub.rest.http import fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (fields.Username, "ada"),
        (fields.Username, "A.d_a+1@school-7"),
        (fields.NewPassword, "correct horse"),
        (fields.Name, "Ada Exämple 李"),
        (fields.Email, "ada@school.example"),
        (fields.Opaque, "a-b_c"),
        (fields.Title, "Physics"),
        (fields.Line, ""),
        (fields.Text, "two\nlines\n"),
    ],
)
def test_valid_fields_are_accepted_unchanged(field: Any, value: str) -> None:
    assert msgspec.convert(value, field) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (fields.Username, ""),
        (fields.Username, "ada\n"),
        (fields.Username, ".ada"),
        (fields.Username, "ädä"),
        (fields.Username, "x" * 65),
        (fields.NewPassword, "1234567"),
        (fields.Name, ""),
        (fields.Name, "Ada\n"),
        (fields.Name, "A\0da"),
        (fields.Email, "nowhere"),
        (fields.Email, "a@b\n"),
        (fields.Opaque, "a b"),
        (fields.Opaque, "a\n"),
        (fields.Opaque, "ä"),
        (fields.Title, "\x7f"),
        (fields.Line, "a\r"),
        (fields.Text, "\0"),
    ],
)
def test_invalid_fields_are_rejected(field: Any, value: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, field)
