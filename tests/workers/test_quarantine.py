from uuid import UUID

import pytest
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from structlog.testing import capture_logs

from workers.quarantine import Quarantine, blames_data, describe

FIRST, SECOND = UUID(int=1), UUID(int=2)


class Cause(Exception):
    """An error of the driver, with its SQLSTATE."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("a value of a student")
        self.sqlstate = sqlstate


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("SELECT", {}, Cause("22003")), True),
        (OperationalError("SELECT", {}, Cause("57P01")), False),
        (InterfaceError("SELECT", {}, Cause("")), False),
        (OSError("away"), False),
        (TimeoutError(), False),
        (KeyError("chars"), True),
    ],
)
def test_every_error_except_an_absent_database_blames_the_data(error: Exception, expected: bool) -> None:
    assert blames_data(error) is expected


def test_a_description_has_type_sqlstate_and_place_but_not_the_text() -> None:
    def fail() -> None:
        raise DataError("SELECT", {}, Cause("22003"))

    with pytest.raises(DataError) as caught:
        fail()
    text = describe(caught.value)
    assert text.startswith("DataError 22003 at test_quarantine.py:")
    assert "student" not in text


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert describe(ValueError("x")) == "ValueError at ?"


def test_an_attempt_is_left_out_until_its_time_is_over() -> None:
    clock = Clock()
    quarantine = Quarantine("evaluate", 60.0, clock)
    quarantine.add(FIRST, ValueError("x"))
    clock.now_s += 30
    quarantine.add(SECOND, ValueError("x"))
    assert quarantine.attempts() == {FIRST, SECOND}
    clock.now_s += 30
    assert quarantine.attempts() == {SECOND}
    clock.now_s += 30
    assert quarantine.attempts() == set()


def test_the_log_names_the_job_and_the_attempt() -> None:
    with capture_logs() as logs:
        Quarantine("timeouts", 30.0, Clock()).add(FIRST, ValueError("a value of a student"))
    assert [(line["event"], line["job"], line["attempt_id"], line["error"]) for line in logs] == [
        ("attempt quarantined", "timeouts", str(FIRST), "ValueError at ?")
    ]
