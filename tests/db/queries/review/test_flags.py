from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Forbidden, NotFound
from db.models import Flag
from db.queries.exams import permissions
from db.queries.exams.permissions import Grants
from db.queries.review import decisions, flags
from db.queries.review.flags import FlagFilter, FlagRecord
from protocol.flags import FlagStatus, Severity
from protocol.roles import Role
from tests.factories import make_flag, make_user
from tests.seeded_attempts import SeededAttempt, seed_attempt

ANY = FlagFilter()


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    return await seed_attempt(conn)


async def list_flags(
    conn: AsyncConnection, seeded: SeededAttempt, wanted: FlagFilter = ANY, after: UUID | None = None, limit: int = 10
) -> list[FlagRecord]:
    return await flags.list_exam_flags(
        conn, seeded.exam_id, user_id=seeded.teacher_id, wanted=wanted, after=after, limit=limit
    )


async def review(conn: AsyncConnection, seeded: SeededAttempt, flag: UUID, seen: FlagStatus, to: FlagStatus) -> None:
    await decisions.store_decision(
        conn,
        flag_id=flag,
        seen=seen,
        decision=to,
        reviewer_id=seeded.teacher_id,
        command_id=uuid4(),
        reason=f"it is {to}",
    )


async def test_flags_of_an_exam_are_listed_from_the_newest_page_by_page(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    made = [await make_flag(conn, seeded.attempt_id, episode=str(n)) for n in range(3)]
    await make_flag(conn, (await seed_attempt(conn)).attempt_id)
    first = await list_flags(conn, seeded, limit=2)
    rest = await list_flags(conn, seeded, after=first[-1].flag_id, limit=2)
    assert [flag.flag_id for flag in [*first, *rest]] == list(reversed(made))
    assert (first[0].student.name, first[0].exam_id) == ("Ada Example", seeded.exam_id)


async def test_a_filter_selects_by_status_severity_and_rule(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    first, second, third = [await make_flag(conn, seeded.attempt_id, episode=str(n)) for n in range(3)]
    await conn.execute(update(Flag).where(Flag.id == first).values(status=FlagStatus.DISMISSED))
    await conn.execute(update(Flag).where(Flag.id == second).values(severity=Severity.CRITICAL))
    await conn.execute(update(Flag).where(Flag.id == third).values(rule="left_fullscreen"))
    for wanted, flag in (
        (FlagFilter(status=FlagStatus.DISMISSED), first),
        (FlagFilter(severity=Severity.CRITICAL), second),
        (FlagFilter(rule="left_fullscreen"), third),
    ):
        assert [row.flag_id for row in await list_flags(conn, seeded, wanted)] == [flag]


async def test_a_flag_in_the_list_has_its_last_review(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    flag = await make_flag(conn, seeded.attempt_id)
    (record,) = await list_flags(conn, seeded)
    assert (record.reviewed_by, record.reason) == (None, None)
    await review(conn, seeded, flag, FlagStatus.OPEN, FlagStatus.CONFIRMED)
    await review(conn, seeded, flag, FlagStatus.CONFIRMED, FlagStatus.DISMISSED)
    (record,) = await list_flags(conn, seeded)
    assert (record.status, record.reviewed_by, record.reason) == ("dismissed", "Grace Example", "it is dismissed")


async def test_a_case_has_the_evidence_and_every_review_in_order(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    flag = await make_flag(conn, seeded.attempt_id)
    await review(conn, seeded, flag, FlagStatus.OPEN, FlagStatus.CONFIRMED)
    await review(conn, seeded, flag, FlagStatus.CONFIRMED, FlagStatus.DISMISSED)
    case = await flags.read_flag_case(conn, flag, seeded.teacher_id)
    assert [(review.before, review.after, review.by) for review in case.reviews] == [
        ("open", "confirmed", "Grace Example"),
        ("confirmed", "dismissed", "Grace Example"),
    ]
    assert (case.rule_version, case.policy_version, case.evidence.numbers) == (1, 1, {})


async def test_only_undecided_flags_above_a_note_are_on_the_list_of_recent_flags(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    made = [await make_flag(conn, seeded.attempt_id, episode=str(n)) for n in range(4)]
    await conn.execute(update(Flag).where(Flag.id == made[0]).values(status=FlagStatus.CONFIRMED))
    await conn.execute(update(Flag).where(Flag.id == made[1]).values(severity=Severity.NORMAL))
    found = await flags.list_undecided_flags(conn, seeded.teacher_id, Role.TEACHER, 10)
    assert [flag.flag_id for flag in found] == [made[3], made[2]]
    assert await flags.list_undecided_flags(conn, (await seed_attempt(conn)).teacher_id, Role.TEACHER, 10) == []


async def test_the_flags_of_an_attempt_are_read_in_the_order_in_which_they_were_raised(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    made = [await make_flag(conn, seeded.attempt_id, episode=str(n)) for n in range(3)]
    cases = await flags.list_attempt_cases(conn, seeded.attempt_id)
    assert [case.record.flag_id for case in cases] == made
    exported = await flags.list_exam_cases(conn, seeded.exam_id, after=None, limit=2)
    rest = await flags.list_exam_cases(conn, seeded.exam_id, after=exported[-1].record.flag_id, limit=2)
    assert [case.record.flag_id for case in [*exported, *rest]] == made
    assert [(flag.flag_id, flag.events) for flag in await flags.read_cited_events(conn, seeded.attempt_id)] == [
        (flag, []) for flag in made
    ]


async def test_flags_need_a_permission_to_view_or_review(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    flag = await make_flag(conn, seeded.attempt_id)
    colleague = await make_user(conn, role=Role.TEACHER)
    with pytest.raises(NotFound):
        await flags.read_flag_case(conn, flag, colleague)
    await permissions.grant(conn, seeded.exam_id, seeded.teacher_id, f"u-{colleague}", Grants(can_invigilate=True))
    with pytest.raises(Forbidden):
        await flags.read_flag_case(conn, flag, colleague)
    with pytest.raises(Forbidden):
        await flags.list_exam_flags(conn, seeded.exam_id, user_id=colleague, wanted=ANY, limit=1)
    with pytest.raises(NotFound):
        await flags.read_flag_case(conn, uuid4(), seeded.teacher_id)
    await permissions.grant(conn, seeded.exam_id, seeded.teacher_id, f"u-{colleague}", Grants(can_review=True))
    assert (await flags.read_flag_case(conn, flag, colleague)).record.flag_id == flag
