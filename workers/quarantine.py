"""Quarantine: leave out attempts whose own data make a job fail, so that they do not delay the others.

It never logs or returns the text of an error, which may quote a student's data.
"""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from db.errors import POISON_CLASSES, sqlstate_of

log = structlog.get_logger(__name__)


def blames_data(error: Exception) -> bool:
    """Return whether the data that was read or written caused the error, so that a retry would fail too."""
    if isinstance(error, DBAPIError):
        return sqlstate_of(error)[:2] in POISON_CLASSES
    return not isinstance(error, SQLAlchemyError | OSError | TimeoutError)


def describe(error: Exception) -> str:
    """Describe an error by its type, SQLSTATE and place in our code, for example `DataError 22003 at flags.py:80`."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} {sqlstate_of(error)} at {place}".replace("  ", " ")


class Quarantine:
    """The attempts that a job leaves out, each for `release_s` seconds."""

    def __init__(self, job: str, release_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        self._release_s = release_s
        self._clock = clock
        self._until_s: dict[UUID, float] = {}

    def add(self, attempt_id: UUID, error: Exception) -> None:
        """Leave an attempt out because of an error, and log both."""
        self._until_s[attempt_id] = self._clock() + self._release_s
        log.error("attempt quarantined", job=self._job, attempt_id=str(attempt_id), error=describe(error))

    def attempts(self) -> set[UUID]:
        """Return the attempts that are left out now."""
        now_s = self._clock()
        self._until_s = {attempt_id: until_s for attempt_id, until_s in self._until_s.items() if until_s > now_s}
        return set(self._until_s)
