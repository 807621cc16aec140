"""The record of an attempt, as its student sees it."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import BehaviorAnalysis, Exam, ExamAttempt, Flag
from db.queries.student.attempt_view import Owner
from db.queries.student.record import CONCLUDED_S, Record, read_record
from protocol.flags import FlagSource, FlagStatus
from tests.factories import make_flag
from tests.seeded_attempts import SeededAttempt, answer, end, seed_attempt


async def read(conn: AsyncConnection, seeded: SeededAttempt) -> Record:
    record = await read_record(conn, seeded.attempt_id, Owner(seeded.student_id))
    assert record is not None
    return record


async def test_a_running_attempt_has_no_record_and_no_other_student_sees_one(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    owner = Owner(seeded.student_id)
    assert await read_record(conn, seeded.attempt_id, owner) is None
    await end(conn, seeded)
    assert await read_record(conn, seeded.attempt_id, owner) is not None
    for other in (Owner(uuid4()), Owner(seeded.student_id, uuid4())):
        assert await read_record(conn, seeded.attempt_id, other) is None


async def test_reviewed_flags_are_shown_and_the_other_flags_of_rules_after_the_release(
    conn: AsyncConnection,
) -> None:
    seeded = await seed_attempt(conn)
    await end(conn, seeded)
    for status in FlagStatus:
        flag = await make_flag(conn, seeded.attempt_id, episode=f"rule {status}")
        await conn.execute(update(Flag).where(Flag.id == flag).values(status=status))
    for status in (FlagStatus.OPEN, FlagStatus.CONFIRMED):
        flag = await make_flag(conn, seeded.attempt_id, episode=f"model {status}")
        await conn.execute(
            update(Flag).where(Flag.id == flag).values(status=status, source=FlagSource.LLM, rule="model")
        )
    before = await read(conn, seeded)
    assert not before.released
    assert not before.is_decided
    assert sorted((flag.source, flag.status) for flag in before.flags) == [
        ("llm", "confirmed"),
        ("rule", "confirmed"),
        ("rule", "dismissed"),
        ("rule", "withdrawn"),
    ]
    await conn.execute(update(Exam).values(results_released_at=func.now()))
    after = await read(conn, seeded)
    assert after.released
    assert sorted({flag.status for flag in after.flags if flag.source == "rule"}) == sorted(FlagStatus)
    assert [flag.status for flag in after.flags if flag.source == "llm"] == ["confirmed"]


async def test_open_notes_wait_for_no_reviewer(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await end(conn, seeded)
    await make_flag(conn, seeded.attempt_id)
    assert not (await read(conn, seeded)).is_decided
    await conn.execute(update(Flag).values(severity="normal"))
    assert (await read(conn, seeded)).is_decided


async def test_recorded_events_are_counted_by_type(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await answer(conn, seeded, "a", "x", 1_000)
    await answer(conn, seeded, "a", "y", 2_000)
    await end(conn, seeded)
    recorded = {event.event_type: event for event in (await read(conn, seeded)).recorded}
    assert {kind: event.count for kind, event in recorded.items()} == {
        "answered": 2,
        "attempt_started": 1,
        "submitted": 1,
    }
    assert recorded["answered"].first_at <= recorded["answered"].last_at


async def test_a_record_is_concluded_after_the_analysis_or_after_the_wait(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await end(conn, seeded)
    assert not (await read(conn, seeded)).is_concluded
    await conn.execute(update(BehaviorAnalysis).values(revision=1, state="stale"))
    assert (await read(conn, seeded)).is_concluded
    await conn.execute(update(BehaviorAnalysis).values(revision=0, state="pending"))
    long_ago = ExamAttempt.completed_at - timedelta(seconds=CONCLUDED_S + 1)
    await conn.execute(update(ExamAttempt).values(completed_at=long_ago))
    assert (await read(conn, seeded)).is_concluded
