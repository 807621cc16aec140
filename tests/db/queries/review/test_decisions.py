import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import AnalysisCursor, BehaviorAnalysis, Flag, FlagReview
from db.queries.review import decisions
from protocol.flags import FlagStatus
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_flag, make_user


class Case:
    """One flag and a reviewer."""

    def __init__(self, teacher: UUID, exam: UUID, attempt: UUID, flag: UUID) -> None:
        self.teacher = teacher
        self.exam = exam
        self.attempt = attempt
        self.flag = flag

    async def decide(self, conn: AsyncConnection, seen: FlagStatus, decision: FlagStatus, command: UUID) -> None:
        await decisions.store_decision(
            conn,
            flag_id=self.flag,
            seen=seen,
            decision=decision,
            reviewer_id=self.teacher,
            command_id=command,
            reason="seen on the camera",
        )


async def make_case(conn: AsyncConnection) -> Case:
    teacher = await make_user(conn, role=Role.TEACHER, name="Tess")
    exam = await make_exam(conn, teacher)
    attempt = await make_attempt(conn, exam, await make_user(conn))
    return Case(teacher, exam, attempt, await make_flag(conn, attempt))


@pytest.fixture
async def case(conn: AsyncConnection) -> Case:
    return await make_case(conn)


async def test_a_locked_flag_has_its_status_and_its_last_review(conn: AsyncConnection, case: Case) -> None:
    fresh = await decisions.lock_flag(conn, case.exam, case.flag)
    assert fresh == decisions.LockedFlag(case.attempt, FlagStatus.OPEN, None)

    command = uuid4()
    await case.decide(conn, FlagStatus.OPEN, FlagStatus.DISMISSED, command)

    decided = await decisions.lock_flag(conn, case.exam, case.flag)
    assert decided is not None
    assert decided.status is FlagStatus.DISMISSED
    assert decided.last is not None
    assert (decided.last.reviewer_id, decided.last.reviewer, decided.last.command_id) == (case.teacher, "Tess", command)


async def test_a_flag_of_another_exam_cannot_be_locked(conn: AsyncConnection, case: Case) -> None:
    other = await make_case(conn)
    assert await decisions.lock_flag(conn, other.exam, case.flag) is None
    assert await decisions.lock_flag(conn, case.exam, uuid4()) is None


async def test_a_repeated_command_decides_nothing(conn: AsyncConnection, case: Case) -> None:
    command = uuid4()
    await case.decide(conn, FlagStatus.OPEN, FlagStatus.CONFIRMED, command)
    with pytest.raises(IntegrityError, match="command_id"):
        async with conn.begin_nested():
            await case.decide(conn, FlagStatus.CONFIRMED, FlagStatus.DISMISSED, command)
    assert (await conn.execute(select(Flag.status).where(Flag.id == case.flag))).scalar_one() == FlagStatus.CONFIRMED
    assert len((await conn.execute(select(FlagReview.id))).all()) == 1


async def test_a_locked_flag_cannot_be_locked_again_and_its_attempt_is_not_folded(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        case = await make_case(conn)
    async with engine.begin() as holder, engine.begin() as other:
        await decisions.lock_flag(holder, case.exam, case.flag)
        cursor = select(AnalysisCursor.attempt_id).where(AnalysisCursor.attempt_id == case.attempt)
        assert (await other.execute(cursor.with_for_update(key_share=True, skip_locked=True))).all() == []
        flag = select(Flag.id).where(Flag.id == case.flag)
        assert (await other.execute(flag.with_for_update(key_share=True, skip_locked=True))).all() == []


async def test_a_reviewer_who_waits_for_a_flag_sees_the_decision_of_another(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        case = await make_case(conn)

    async def take() -> decisions.LockedFlag | None:
        async with engine.begin() as conn:
            return await decisions.lock_flag(conn, case.exam, case.flag)

    async with engine.begin() as first:
        await decisions.lock_flag(first, case.exam, case.flag)
        waiting = asyncio.create_task(take())
        await case.decide(first, FlagStatus.OPEN, FlagStatus.ESCALATED, uuid4())
    seen = await waiting
    assert seen is not None
    assert seen.status is FlagStatus.ESCALATED


async def test_waiting_for_a_flag_ends_in_time(guarded_engine: AsyncEngine) -> None:
    async with guarded_engine.begin() as conn:
        case = await make_case(conn)
    async with guarded_engine.begin() as first, guarded_engine.connect() as second:
        await decisions.lock_flag(first, case.exam, case.flag)
        with pytest.raises(DBAPIError, match="lock timeout"):
            await decisions.lock_flag(second, case.exam, case.flag)
        await second.rollback()


async def test_a_decision_makes_the_analysis_of_the_attempt_stale(conn: AsyncConnection, case: Case) -> None:
    await conn.execute(insert(BehaviorAnalysis).values(attempt_id=case.attempt, state="done"))
    await case.decide(conn, FlagStatus.OPEN, FlagStatus.DISMISSED, uuid4())
    assert (await conn.execute(select(BehaviorAnalysis.state))).scalar_one() == "stale"
