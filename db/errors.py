"""Errors that the database layer raises, and the hub answers with a status and a close code (`hub/errors.py`).

RequestError            a request that cannot be carried out
├── BadRequest          it claims something about stored data that cannot be true
├── NotFound            there is no such row, or none that the user may see
│   └── ForeignStream   the stream belongs to another attempt
├── Forbidden           the user may see the row, but must not do this with it
├── Ended               the attempt has ended and accepts nothing more
├── KeyReused           an idempotency key was used with another content
└── Conflict            the row is not in the state that the user expected
    ├── NotOpen         the exam opens later, or has closed
    ├── NoticeChanged   the student has not acknowledged the notice that is shown now
    └── IdReused        the id of a request belongs to another request

SettingsError           a setting is missing or wrong; the message is one line that names it
"""

from typing import Final

from sqlalchemy.exc import SQLAlchemyError

AWAY: Final = (SQLAlchemyError, OSError, TimeoutError)
"""The errors of a query while PostgreSQL cannot be reached. It passes by itself, so no task ends because of it."""

LOCK_NOT_AVAILABLE: Final = "55P03"

POISON_CLASSES: Final = ("22", "23", "54")
"""SQLSTATE classes that blame the data: data exception, integrity violation, program limit (PostgreSQL appendix A)."""


def sqlstate_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error that SQLAlchemy raised; empty where PostgreSQL gave none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


class SettingsError(Exception):
    """A setting is missing or wrong."""


class RequestError(Exception):
    """A request cannot be carried out."""


class BadRequest(RequestError):
    """The request is not valid."""


class NotFound(RequestError):
    """It does not exist, or you have no access to it."""


class ForeignStream(NotFound):
    """The stream belongs to another attempt, or no server ever assigned it."""


class Forbidden(RequestError):
    """You are not allowed to do this."""


class Ended(RequestError):
    """The attempt has ended and accepts nothing more."""


class KeyReused(RequestError):
    """The Idempotency-Key was used for a request with another content. Draw a new key for each action."""


class Conflict(RequestError):
    """It has changed since you opened it.

    `by` names the user whose change came first, `at` is its time in ms since the epoch.
    """

    def __init__(self, detail: str = "", *, by: str | None = None, at: int | None = None) -> None:
        super().__init__(detail)
        self.by = by
        self.at = at


class NotOpen(Conflict):
    """The exam is not open: it opens later, or has closed."""


class NoticeChanged(Conflict):
    """The student has not acknowledged the notice about recording that is shown now."""


class IdReused(Conflict):
    """The id belongs to another request: of another user, or with another content."""
