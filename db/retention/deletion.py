"""Delete much data in steps: the events of an attempt, a whole exam, everything about a person.

Each step is one transaction, and every step can be repeated, so a deletion that was interrupted is finished by the next
call. It never decides what may be deleted: the queries refuse what runs or is held.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries.retention import kept, removal


async def delete_all_events(engine: AsyncEngine, attempt_id: UUID, at_once: int = kept.EVENTS_AT_ONCE) -> int:
    """Delete the events and drafts of an attempt for which that is decided; return how many events."""
    total, deleted = 0, at_once
    while deleted == at_once:
        async with engine.begin() as conn:
            deleted = await kept.delete_events(conn, attempt_id, at_once)
        total += deleted
    return total


async def delete_exam(engine: AsyncEngine, exam_id: UUID) -> None:
    """Delete an exam whose deletion has begun (`removal.begin_exam_deletion`), with everything of it."""
    while True:
        async with engine.begin() as conn:
            attempts = await removal.list_attempts_of_exam(conn, exam_id)
            await removal.mark_removed(conn, attempts)
        if not attempts:
            break
        await _delete_events(engine, attempts)
        async with engine.begin() as conn:
            await removal.remove_attempts(conn, attempts)
    async with engine.begin() as conn:
        await removal.remove_exam(conn, exam_id)


async def erase_person(engine: AsyncEngine, user_id: UUID) -> int:
    """Erase a person whose erasure has begun (`removal.begin_erasure`); return the number of blanked attempts."""
    async with engine.begin() as conn:
        attempts = await removal.list_attempts_of_student(conn, user_id)
        await removal.mark_removed(conn, attempts)
    await _delete_events(engine, attempts)
    async with engine.begin() as conn:
        await removal.erase_user(conn, user_id)
    return len(attempts)


async def _delete_events(engine: AsyncEngine, attempt_ids: Collection[UUID]) -> None:
    for attempt_id in attempt_ids:
        await delete_all_events(engine, attempt_id)
