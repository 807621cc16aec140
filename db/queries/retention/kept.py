"""Attempts with data that may be past their time, and the deletion of one class of their data.

Never decides what is past: `db/retention/times.py` does. Never deletes data of an attempt that is held: the functions
that delete, in migration 0007, check it again.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Row, bindparam, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.events.partitions import list_partitions
from db.retention.times import DataClass, KeptAttempt, day_of_partition
from protocol.attempts import AttemptStatus, ExamKind

PAGE: Final = 500
"""How many attempts are read at a time."""

EVENTS_AT_ONCE: Final = 5_000
"""How many events one transaction deletes."""

_IDS: Final = bindparam("ids", type_=ARRAY(PG_UUID))

_IS_HELD: Final = """
    EXISTS (SELECT FROM flags WHERE attempt_id = attempt.id AND status IN ('open', 'escalated'))
    OR EXISTS (SELECT FROM attempt_holds WHERE attempt_id = attempt.id AND released_at IS NULL
               AND coalesce(until, 'infinity') > now())
"""

_LIST: Final = text(
    """
    SELECT attempt.id, attempt.exam_id, exam.kind, attempt.status, attempt.completed_at, attempt.grade_final_at,
           (notices.body ->> 'kept_days')::int AS promised_days,
           (SELECT count(*) FROM flags
            WHERE attempt_id = attempt.id AND status IN ('open', 'escalated')) AS undecided,
           ARRAY(SELECT until FROM attempt_holds
                 WHERE attempt_id = attempt.id AND released_at IS NULL) AS held_until,
           attempt.events_deleted_at, attempt.reviews_deleted_at, attempt.answers_deleted_at
    FROM exam_attempts AS attempt JOIN exams AS exam ON exam.id = attempt.exam_id
    LEFT JOIN notices ON notices.version = attempt.notice
    WHERE (attempt.answers_deleted_at IS NULL OR attempt.reviews_deleted_at IS NULL)
      AND attempt.completed_at < :before AND (attempt.completed_at, attempt.id) > (:ended, :id)
    ORDER BY attempt.completed_at, attempt.id LIMIT :most
    """
)
# First lock, then check in a second statement, which sees a hold that was placed while this waited for the lock.
_LOCK: Final = text("SELECT FROM exam_attempts WHERE id = ANY (:ids) ORDER BY id FOR UPDATE").bindparams(_IDS)
_FREE: Final = text(
    f"SELECT id FROM exam_attempts AS attempt WHERE id = ANY (:ids) AND NOT ({_IS_HELD}) ORDER BY id"  # noqa: S608
).bindparams(_IDS)
_MARK: Final = text(
    "UPDATE exam_attempts SET events_deleted_at = now(), has_events_left = true "
    "WHERE id = ANY (:ids) AND events_deleted_at IS NULL RETURNING id"
).bindparams(_IDS)
_LEFT: Final = text("SELECT id FROM exam_attempts WHERE has_events_left ORDER BY id LIMIT :most")
_DELETE_EVENTS: Final = text("SELECT delete_attempt_events(:id, :most)")
_DELETE: Final = {
    DataClass.REVIEWS: text("SELECT delete_attempt_reviews(:ids)").bindparams(_IDS),
    DataClass.ANSWERS: text("SELECT delete_attempt_answers(:ids)").bindparams(_IDS),
}
_KEPT_STREAMS: Final = text(
    """
    SELECT stream.id FROM event_streams AS stream JOIN exam_attempts AS attempt ON attempt.id = stream.attempt_id
    WHERE stream.id >= :lower AND stream.id < :upper AND attempt.events_deleted_at IS NULL LIMIT 1
    """
)

_OF_DAY: Final = text(
    """
    SELECT DISTINCT attempt.id, attempt.events_deleted_at IS NOT NULL AS is_marked
    FROM event_streams AS stream JOIN exam_attempts AS attempt ON attempt.id = stream.attempt_id
    WHERE stream.id >= :lower AND stream.id < :upper
    """
)


class Position(msgspec.Struct, frozen=True):
    """A position in the list of attempts, which is ordered by end and id."""

    ended_at: datetime
    attempt_id: UUID


BEGINNING: Final = Position(datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


async def read_now(conn: AsyncConnection) -> datetime:
    """Read PostgreSQL's clock, which decides what is past."""
    now: datetime = (await conn.execute(text("SELECT now()"))).scalar_one()
    return now.astimezone(UTC)


async def list_kept(
    conn: AsyncConnection, *, before: datetime, after: Position = BEGINNING, limit: int = PAGE
) -> list[KeptAttempt]:
    """List attempts that ended before this time and still have data, the oldest end first."""
    found = await conn.execute(
        _LIST, {"before": before, "ended": after.ended_at, "id": after.attempt_id, "most": limit}
    )
    return [_kept(row) for row in found]


async def mark_events_deleted(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> list[UUID]:
    """Decide that the events of these attempts are deleted; return those for which it is decided now.

    An attempt that is held by now is left out. From here on `verify` says "past retention" for it.
    """
    found = await conn.execute(_MARK, {"ids": await _claim(conn, attempt_ids)})
    return list(found.scalars())


async def list_with_events_left(conn: AsyncConnection, limit: int = PAGE) -> list[UUID]:
    """List attempts whose events are to be deleted, and may still be stored."""
    return list((await conn.execute(_LEFT, {"most": limit})).scalars())


async def delete_events(conn: AsyncConnection, attempt_id: UUID, limit: int = EVENTS_AT_ONCE) -> int:
    """Delete some events of a marked attempt, and its drafts; return how many events. Fewer than `limit`: all are gone.

    The answers that counted stay, with those after them or after the end, and keep their numbers. Refused events are
    deleted, too.
    """
    return int((await conn.execute(_DELETE_EVENTS, {"id": attempt_id, "most": limit})).scalar_one())


async def delete_class(conn: AsyncConnection, kind: DataClass, attempt_ids: Collection[UUID]) -> int:
    """Delete the reviews or the answers of these attempts; return of how many. Attempts that are held are left out."""
    return int((await conn.execute(_DELETE[kind], {"ids": sorted(attempt_ids)})).scalar_one())


async def list_partition_days(conn: AsyncConnection) -> list[date]:
    """List the days that have a partition, the oldest first."""
    days = [day_of_partition(name) for name in await list_partitions(conn)]
    return sorted(day for day in days if day is not None)


async def find_kept_days(conn: AsyncConnection, bounds: Sequence[tuple[date, UUID, UUID]]) -> list[date]:
    """Return the days, of these with the bounds of their ids, with a stream of an attempt whose events stay."""
    kept = []
    for day, lower, upper in bounds:
        found = await conn.execute(_KEPT_STREAMS, {"lower": lower, "upper": upper})
        if found.one_or_none() is not None:
            kept.append(day)
    return kept


async def list_attempts_of_day(conn: AsyncConnection, bounds: tuple[date, UUID, UUID]) -> dict[UUID, bool]:
    """List the attempts with a stream in the partition of a day, and whether their events are deleted."""
    found = await conn.execute(_OF_DAY, {"lower": bounds[1], "upper": bounds[2]})
    return {row.id: row.is_marked for row in found}


async def drop_partition(conn: AsyncConnection, day: date) -> bool:
    """Drop the partition of a day; False: there is none. The database refuses it while an attempt needs it.

    Call `limit_lock_wait` before it: while this waits for the table, all others wait behind it.
    """
    dropped: bool = (await conn.execute(text("SELECT drop_event_partition(:day)"), {"day": day})).scalar_one()
    return dropped


async def _claim(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> list[UUID]:
    """Lock these attempts until COMMIT, and return those that are not held."""
    ids = {"ids": sorted(attempt_ids)}
    await conn.execute(_LOCK, ids)
    return list((await conn.execute(_FREE, ids)).scalars())


def _kept(row: Row[Any]) -> KeptAttempt:
    gone = {
        DataClass.EVENTS: row.events_deleted_at,
        DataClass.REVIEWS: row.reviews_deleted_at,
        DataClass.ANSWERS: row.answers_deleted_at,
    }
    return KeptAttempt(
        attempt_id=row.id,
        exam_id=row.exam_id,
        kind=ExamKind(row.kind),
        status=AttemptStatus(row.status),
        ended_at=row.completed_at,
        final_at=row.grade_final_at,
        promised_days=row.promised_days,
        undecided=row.undecided,
        held_until=tuple(row.held_until),
        gone=frozenset(kind for kind, at in gone.items() if at is not None),
    )
