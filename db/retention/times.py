"""When data of attempts are past their time, what holds them, and which partitions may be dropped.

Pure: rows and the time are arguments. It deletes nothing; `db/queries/retention/` does, and checks again.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from db.partitions import PARENT, partition_of
from db.settings import DatabaseSettings
from protocol.attempts import OVER, AttemptStatus, ExamKind

PRACTICE_DAYS: Final = 7
"""How many days attempts of practice exams are kept after their end, with everything of them."""

STREAM_DAYS: Final = 3
"""A partition receives no more events after this: a stream lives for a day, and clocks differ."""


class DataClass(StrEnum):
    """What is deleted together."""

    EVENTS = "events"
    REVIEWS = "reviews"
    ANSWERS = "answers"
    PRACTICE = "practice"


class Hold(StrEnum):
    """Why data of an attempt are kept past their time."""

    RUNNING = "the attempt is running"
    UNDECIDED = "a flag is open or escalated"
    HELD = "an administrator holds it"


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How many days each class of data is kept."""

    events: int
    reviews: int
    answers: int
    addresses: int
    practice: int = PRACTICE_DAYS


class KeptAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt as retention sees it.

    `promised_days` is what the notice said that the student acknowledged. `undecided` counts its open and escalated
    flags. `held_until` has one entry for each hold that was not released; None has no end. `gone` is deleted already.
    """

    attempt_id: UUID
    exam_id: UUID
    kind: ExamKind
    status: AttemptStatus
    ended_at: datetime | None
    final_at: datetime | None = None
    promised_days: int | None = None
    undecided: int = 0
    held_until: Sequence[datetime | None] = ()
    gone: frozenset[DataClass] = frozenset()


def times_of(settings: DatabaseSettings) -> Times:
    """Return the times of a deployment."""
    return Times(
        events=settings.retention_days,
        reviews=settings.retention_reviews_days,
        answers=settings.retention_answers_days,
        addresses=settings.retention_address_days,
    )


def shortest_days(times: Times) -> int:
    """Return after how many days the first data of any attempt may be past their time."""
    return min(times.events, times.reviews, times.answers, times.practice)


def starts_at(attempt: KeptAttempt) -> datetime | None:
    """Return when the time of an attempt's data begins: at the final grade, or at the end if it never was graded.

    None while it runs. A grade that became final before the end counts from the end.
    """
    if attempt.status not in OVER or attempt.ended_at is None:
        return None
    return attempt.ended_at if attempt.final_at is None else max(attempt.ended_at, attempt.final_at)


def days_of(kind: DataClass, attempt: KeptAttempt, times: Times) -> int:
    """Return how many days this class of an attempt's data is kept; events never longer than the student was promised.

    >>> attempt = KeptAttempt(attempt_id=UUID(int=1), exam_id=UUID(int=2), kind=ExamKind.REAL,
    ...     status=AttemptStatus.SUBMITTED, ended_at=None, promised_days=30)
    >>> days_of(DataClass.EVENTS, attempt, Times(events=90, reviews=180, answers=365, addresses=90))
    30
    """
    if kind is DataClass.PRACTICE:
        return times.practice
    days: int = getattr(times, kind)
    if kind is DataClass.EVENTS and attempt.promised_days is not None:
        return min(days, attempt.promised_days)
    return days


def is_past(kind: DataClass, attempt: KeptAttempt, times: Times, now: datetime) -> bool:
    """Return whether this class of an attempt's data is past its time. It may still be held."""
    if (kind is DataClass.PRACTICE) != (attempt.kind is ExamKind.PRACTICE):
        return False
    start = attempt.ended_at if kind is DataClass.PRACTICE and starts_at(attempt) else starts_at(attempt)
    return start is not None and now >= start + timedelta(days=days_of(kind, attempt, times))


def find_holds(attempt: KeptAttempt, now: datetime) -> list[Hold]:
    """Return what holds an attempt. While it is held, none of its data are deleted."""
    holds = []
    if starts_at(attempt) is None:
        holds.append(Hold.RUNNING)
    if attempt.undecided:
        holds.append(Hold.UNDECIDED)
    if any(until is None or until > now for until in attempt.held_until):
        holds.append(Hold.HELD)
    return holds


def find_due(attempt: KeptAttempt, times: Times, now: datetime) -> list[DataClass]:
    """Return the classes of an attempt's data that are to be deleted now."""
    if find_holds(attempt, now):
        return []
    return [kind for kind in DataClass if kind not in attempt.gone and is_past(kind, attempt, times, now)]


def find_held(attempt: KeptAttempt, times: Times, now: datetime) -> list[DataClass]:
    """Return the classes of an attempt's data that would be deleted now if nothing held it."""
    if not find_holds(attempt, now):
        return []
    return [kind for kind in DataClass if kind not in attempt.gone and is_past(kind, attempt, times, now)]


def find_droppable(days: Iterable[date], kept: Iterable[date], today: date) -> list[date]:
    """Return the days whose partitions may be dropped: closed, and without a stream of an attempt whose events stay.

    `days` have a partition. `kept` are the days on which streams opened whose events are not to be deleted.
    """
    staying = set(kept)
    return sorted(day for day in days if day <= today - timedelta(days=STREAM_DAYS) and day not in staying)


def day_of_partition(name: str) -> date | None:
    """Return the day of a partition; None for the default partition.

    >>> day_of_partition("monitoring_events_2026_11_30")
    datetime.date(2026, 11, 30)
    """
    try:
        year, month, day = name.removeprefix(f"{PARENT}_").split("_")
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if partition_of(found).name == name else None
