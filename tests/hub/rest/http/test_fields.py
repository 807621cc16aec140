from typing import Any

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from hub.rest.http import fields


class Body(fields.Tidied, frozen=True, kw_only=True):
    """One field of every kind that is tidied."""

    username: fields.Username = "ada"
    name: fields.Name = "Ada"
    title: fields.Title | UnsetType = UNSET
    line: fields.Line | None = None
    email: fields.Email | UnsetType | None = UNSET
    indicators: list[fields.Indicator] = msgspec.field(default_factory=list)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (fields.NewPassword, "correct horse"),
        (fields.Opaque, "a-b_c"),
        (fields.Text, "two\nlines\n"),
        (fields.ProgramName, "plagiarism-check"),
    ],
)
def test_valid_fields_are_accepted_unchanged(field: Any, value: str) -> None:
    assert msgspec.convert(value, field) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (fields.NewPassword, "1234567"),
        (fields.Opaque, "a b"),
        (fields.Opaque, "a\n"),
        (fields.Opaque, "ä"),
        (fields.Text, "\0"),
        (fields.ProgramName, "Plagiarism"),
    ],
)
def test_invalid_fields_are_rejected(field: Any, value: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, field)


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        ("username", "Sean.O’Brien@Uni.example", "sean.o'brien@uni.example"),
        ("username", "MU\u0308LLER", "müller"),
        ("name", " Ada Exämple 李\ufeff", "Ada Exämple 李"),
        ("name", "علی\u200cرضا", "علی\u200cرضا"),
        ("title", "Re\u0301sume\u0301", "Résumé"),
        ("line", "  ", ""),
        ("email", "Ada@School.example", "ada@school.example"),
        ("indicators", [" same words "], ["same words"]),
    ],
)
def test_the_handler_gets_the_stored_form_of_a_text(field: str, sent: Any, stored: Any) -> None:
    assert getattr(msgspec.convert({field: sent}, Body), field) == stored


def test_a_field_that_is_left_out_or_null_stays_so() -> None:
    body = msgspec.convert({"email": None}, Body)
    assert (body.title, body.line, body.email, body.indicators) == (UNSET, None, None, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "ada\n"),
        ("username", ".ada"),
        ("username", "x" * 65),
        ("name", ""),
        ("name", "Ada\u202e"),
        ("name", "\u200b"),
        ("name", "A\0da"),
        ("title", "\x7f"),
        ("title", "a\u2028b"),
        ("line", "a\rb"),
        ("email", "nowhere"),
        ("email", "a@b\nc"),
        ("email", "a@b c"),
        ("indicators", ["fine", "\ufeff"]),
    ],
)
def test_a_text_that_cannot_be_stored_is_rejected(field: str, value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({field: value}, Body)


def test_the_message_names_the_field_and_is_no_pattern() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"^\$\.username: cannot contain a space: use letters"):
        msgspec.convert({"username": "e v e"}, Body)
