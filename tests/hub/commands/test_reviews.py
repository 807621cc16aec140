from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.models import AuditLog, FlagReview, TeacherExamPermission
from hub.auth.guards import Principal
from hub.commands.reviews import DECISIONS, Decision, Reviewed, review
from protocol.codes import ErrorCode
from protocol.console import FlagRow, ScoreRow
from protocol.flags import FlagStatus
from protocol.roles import Permission, Role
from tests.hub.exam_room import Room, make_room


async def decide(
    room: Room,
    flag: UUID,
    decision: FlagStatus = FlagStatus.CONFIRMED,
    *,
    seen: FlagStatus = FlagStatus.OPEN,
    principal: Principal | None = None,
    exam_id: UUID | None = None,
) -> Reviewed:
    async with room.engine.begin() as conn:
        return await review(
            conn,
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


async def permit(room: Room, *permissions: Permission) -> Principal:
    principal = await room.principal(Role.TEACHER)
    async with room.engine.begin() as conn:
        values = {permission.value: True for permission in permissions}
        await conn.execute(
            TeacherExamPermission.__table__.insert().values(exam_id=room.exam, teacher_id=principal.user_id, **values)
        )
    return principal


async def test_a_decision_gives_the_rows_a_board_has_to_change(engine: AsyncEngine) -> None:
    room = await make_room(engine)
    attempt = await room.sit()
    await room.connect(attempt)
    flag = await room.flag(attempt)
    reviewed = await decide(room, flag, FlagStatus.CONFIRMED)
    assert reviewed.outcome.ok
    kinds = [type(row) for row in reviewed.rows]
    assert kinds == [FlagRow, ScoreRow]
    row = reviewed.rows[0]
    assert isinstance(row, FlagRow)
    assert (row.flag_id, row.status, row.reason) == (flag, FlagStatus.CONFIRMED, "seen on the camera")


async def test_a_refused_decision_changes_nothing_and_says_why(engine: AsyncEngine) -> None:
    room = await make_room(engine)
    flag = await room.flag(await room.sit())
    for decision, seen, code in (
        (FlagStatus.CONFIRMED, FlagStatus.DISMISSED, ErrorCode.CONFLICT),
        (FlagStatus.WITHDRAWN, FlagStatus.OPEN, ErrorCode.BAD_COMMAND),
    ):
        reviewed = await decide(room, flag, decision, seen=seen)
        assert (reviewed.outcome.code, reviewed.rows) == (code, ())
    async with engine.connect() as conn:
        assert (await conn.execute(select(FlagReview))).all() == []
        assert (await conn.execute(select(AuditLog))).all() == []


async def test_only_who_may_review_decides(engine: AsyncEngine) -> None:
    room = await make_room(engine)
    flag = await room.flag(await room.sit())
    with pytest.raises(NotFound):
        await decide(room, flag, principal=await room.principal(Role.TEACHER))
    with pytest.raises(Forbidden):
        await decide(room, flag, principal=await permit(room, Permission.VIEW, Permission.INVIGILATE))
    reviewed = await decide(room, flag, principal=await permit(room, Permission.REVIEW))
    assert reviewed.outcome.ok


async def test_a_flag_of_another_exam_is_not_there(engine: AsyncEngine) -> None:
    room, other = await make_room(engine), await make_room(engine)
    flag = await other.flag(await other.sit())
    with pytest.raises(NotFound):
        await decide(room, flag)


def test_nothing_goes_back_to_undecided() -> None:
    assert set(DECISIONS) == set(FlagStatus)
    assert not [status for status, decisions in DECISIONS.items() if FlagStatus.OPEN in decisions]
