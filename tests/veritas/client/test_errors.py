"""Errors of the client: each final close code has its class."""

import pytest

from protocol.codes import CloseCode
from veritas.client.errors import (
    ClosedForGood,
    Ended,
    Forbidden,
    NotDrained,
    Refused,
    Superseded,
    Unauthenticated,
    closed_for_good,
)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (CloseCode.UNAUTHENTICATED, Unauthenticated),
        (CloseCode.FORBIDDEN, Forbidden),
        (CloseCode.SUPERSEDED, Superseded),
        (CloseCode.ENDED, Ended),
        (CloseCode.MALFORMED, Refused),
        (1008, Refused),
    ],
)
def test_a_final_close_code_has_its_error(code: int, error: type[ClosedForGood]) -> None:
    raised = closed_for_good(code)
    assert type(raised) is error
    assert raised.code == code


def test_the_text_names_the_code_and_what_the_hub_explained() -> None:
    assert str(closed_for_good(CloseCode.SUPERSEDED, "opened elsewhere")) == "superseded (4409): opened elsewhere"
    assert str(closed_for_good(1008)) == "closed (1008)"


def test_unacknowledged_events_are_counted() -> None:
    assert NotDrained(3).left == 3
    assert "3 recorded events" in str(NotDrained(3))
