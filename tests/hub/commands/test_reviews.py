from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.models import AuditLog, FlagReview, TeacherExamPermission
from db.queries import feed
from db.unit import change
from hub.auth.guards import Principal
from hub.commands.reviews import DECISIONS, Decision, review
from protocol.codes import ErrorCode
from protocol.console import Outcome
from protocol.flags import FlagStatus
from protocol.roles import Permission, Role
from tests.hub.exam_room import ExamRoom, make_exam_room


async def decide(
    room: ExamRoom,
    flag: UUID,
    decision: FlagStatus = FlagStatus.CONFIRMED,
    *,
    seen: FlagStatus = FlagStatus.OPEN,
    principal: Principal | None = None,
    exam_id: UUID | None = None,
) -> Outcome:
    async with change(room.engine, None) as unit:
        return await review(
            unit,
            principal or room.teacher,
            Decision(
                command_id=uuid4(),
                exam_id=exam_id or room.exam,
                flag_id=flag,
                seen=seen,
                decision=decision,
                reason="seen on the camera",
            ),
        )


async def permit(room: ExamRoom, *permissions: Permission) -> Principal:
    principal = await room.principal(Role.TEACHER)
    async with room.engine.begin() as conn:
        values = {permission.value: True for permission in permissions}
        await conn.execute(
            insert(TeacherExamPermission).values(exam_id=room.exam, teacher_id=principal.user_id, **values)
        )
    return principal


async def test_a_decision_appends_the_flag_and_the_score_to_the_feed(engine: AsyncEngine) -> None:
    room = await make_exam_room(engine)
    attempt = await room.add_attempt()
    await room.connect(attempt)
    flag = await room.flag(attempt)
    head = (await room.fresh()).offset
    assert (await decide(room, flag, FlagStatus.CONFIRMED)).ok
    async with engine.connect() as conn:
        deltas = await feed.read_after(conn, room.exam, head)
    assert [delta.kind for delta in deltas] == ["flag", "score"]
    row = (await room.fresh()).flags[flag]
    assert (row.flag_id, row.status, row.reason) == (flag, FlagStatus.CONFIRMED, "seen on the camera")


async def test_a_refused_decision_changes_nothing_and_names_the_reason(engine: AsyncEngine) -> None:
    room = await make_exam_room(engine)
    flag = await room.flag(await room.add_attempt())
    head = (await room.fresh()).offset
    for decision, seen, code in (
        (FlagStatus.CONFIRMED, FlagStatus.DISMISSED, ErrorCode.CONFLICT),
        (FlagStatus.WITHDRAWN, FlagStatus.OPEN, ErrorCode.BAD_COMMAND),
    ):
        assert (await decide(room, flag, decision, seen=seen)).code == code
    assert (await room.fresh()).offset == head
    async with engine.connect() as conn:
        assert (await conn.execute(select(FlagReview))).all() == []
        assert (await conn.execute(select(AuditLog))).all() == []


async def test_a_decision_requires_the_permission_to_review(engine: AsyncEngine) -> None:
    room = await make_exam_room(engine)
    flag = await room.flag(await room.add_attempt())
    with pytest.raises(NotFound):
        await decide(room, flag, principal=await room.principal(Role.TEACHER))
    with pytest.raises(Forbidden):
        await decide(room, flag, principal=await permit(room, Permission.VIEW, Permission.INVIGILATE))
    assert (await decide(room, flag, principal=await permit(room, Permission.REVIEW))).ok


async def test_a_flag_of_another_exam_is_not_found(engine: AsyncEngine) -> None:
    room, other = await make_exam_room(engine), await make_exam_room(engine)
    flag = await other.flag(await other.add_attempt())
    with pytest.raises(NotFound):
        await decide(room, flag)


def test_no_decision_makes_a_flag_undecided_again() -> None:
    assert set(DECISIONS) == set(FlagStatus)
    assert not [status for status, decisions in DECISIONS.items() if FlagStatus.OPEN in decisions]
