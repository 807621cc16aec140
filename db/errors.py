"""What can go wrong below the rooms.

DatabaseError
├── SettingsError       a setting is missing or wrong; the message is one line naming it
├── NotFound            no such row, or none that the caller may see
│   └── Foreign         a stream that is not this attempt's
├── Denied              the caller may see the row, and may not do this with it
├── Over                the attempt has ended, and with it the time in which something could be added to it
├── Conflict            the row is not as the caller believed it to be
│   ├── NotOpen         an exam that opens later, or has closed
│   ├── Taken           names that belong to somebody else
│   └── IdReused        the id of a request belongs to another request
└── Incredible          a claim about the record that nothing could have made true
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

AWAY: Final = (SQLAlchemyError, OSError, TimeoutError)
"""What a query raises while PostgreSQL cannot be asked; it comes back by itself, so nobody ends because of it."""

LOCK_NOT_AVAILABLE: Final = "55P03"

POISON_CLASSES: Final = ("22", "23", "54")
"""SQLSTATE classes that blame the data: data exception, integrity violation, program limit (PostgreSQL appendix A)."""


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE of what SQLAlchemy raised; empty where PostgreSQL gave none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


class DatabaseError(Exception):
    """Something the record could not do."""


class SettingsError(DatabaseError):
    """A setting is missing or wrong."""


class NotFound(DatabaseError):
    """There is no such row, or none that the caller may see."""


class Foreign(NotFound):
    """The stream is another attempt's, or no server ever gave it out."""


class Denied(DatabaseError):
    """The caller may see the row, and may not do this with it."""


class Over(DatabaseError):
    """The attempt has ended, and with it the time in which something could be added to it."""


class Conflict(DatabaseError):
    """A row is not as the caller believed it to be."""


class NotOpen(Conflict):
    """The exam opens later, or has closed."""


class Taken(Conflict):
    """What must be unlike any other's belongs to somebody else already."""

    def __init__(self, taken: Sequence[tuple[str, str]]) -> None:
        username, column = taken[0]
        super().__init__(f"{username}: this {_TAKEN.get(column, column)} is taken by another account")
        self.taken = taken
        """Each username that was to have an account, and the column that cannot be as it is."""


class IdReused(Conflict):
    """The id of a request belongs to a request of another actor or with another content."""


_TAKEN: Final = {"email": "e-mail address", "enrollment_id": "enrolment id"}


class Incredible(DatabaseError):
    """A client claims of the record what nothing could have made true."""
