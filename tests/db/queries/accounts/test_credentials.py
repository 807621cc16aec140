import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Executable, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import CandidateCode, Exam, ExamAttempt, ExamEnrollment, RefreshToken, User, UserSession
from db.queries.accounts import credentials
from db.queries.accounts.credentials import RefreshOutcome
from db.queries.attempts.start import start_attempt
from db.queries.exams import rosters
from db.queries.exams.rosters import RosterLine
from protocol.roles import Role
from tests import factories

A, B, C, D, E = (letter.encode() for letter in "ABCDE")


async def open_session(
    conn: AsyncConnection,
    first: bytes = A,
    *,
    exam_id: UUID | None = None,
    lifetime: timedelta = credentials.SESSION_LIFETIME,
    idle_s: int | None = None,
) -> UUID:
    session = uuid4()
    user_id = await factories.make_user(conn)
    await credentials.open_session(
        conn, session=session, user_id=user_id, token_hash=first, exam_id=exam_id, lifetime=lifetime, idle_s=idle_s
    )
    return session


async def rotate(conn: AsyncConnection, token: bytes, successor: bytes) -> RefreshOutcome:
    return (await credentials.rotate_token(conn, token, successor)).outcome


async def move_into_past(conn: AsyncConnection, seconds: int) -> None:
    """Move used tokens into the past, because `now()` does not change within a transaction."""
    past = func.now() - timedelta(seconds=seconds)
    await conn.execute(update(RefreshToken).where(RefreshToken.replaced_at.is_not(None)).values(replaced_at=past))


async def test_tokens_are_spent_one_after_the_other(conn: AsyncConnection) -> None:
    session = await open_session(conn)
    rotation = await credentials.rotate_token(conn, A, B)
    assert rotation.outcome is RefreshOutcome.ROTATED
    assert rotation.session == await credentials.read_session(conn, session)
    assert await rotate(conn, B, C) is RefreshOutcome.ROTATED
    assert await rotate(conn, C, D) is RefreshOutcome.ROTATED


async def test_an_unknown_token_is_refused(conn: AsyncConnection) -> None:
    assert await credentials.rotate_token(conn, A, B) == credentials.Rotation(RefreshOutcome.REFUSED)


async def test_a_spent_token_ends_its_family_and_no_other(conn: AsyncConnection) -> None:
    session, other = await open_session(conn), await open_session(conn, E)
    await rotate(conn, A, B)
    await rotate(conn, B, C)
    rotation = await credentials.rotate_token(conn, A, D)
    assert rotation.outcome is RefreshOutcome.REUSED
    assert rotation.session is not None
    assert rotation.session.session == session
    assert await credentials.read_session(conn, session) is None
    assert await rotate(conn, C, D) is RefreshOutcome.REFUSED
    assert await rotate(conn, A, D) is RefreshOutcome.REFUSED
    assert await credentials.read_session(conn, other) is not None


async def test_a_lost_answer_is_given_again_for_a_minute(conn: AsyncConnection) -> None:
    await open_session(conn)
    await rotate(conn, A, B)
    await move_into_past(conn, 59)
    assert await rotate(conn, A, C) is RefreshOutcome.ROTATED
    assert await rotate(conn, C, D) is RefreshOutcome.ROTATED


async def test_after_a_minute_a_spent_token_is_a_stolen_one(conn: AsyncConnection) -> None:
    session = await open_session(conn)
    await rotate(conn, A, B)
    await move_into_past(conn, 61)
    assert await rotate(conn, A, C) is RefreshOutcome.REUSED
    assert await credentials.read_session(conn, session) is None


async def test_the_grace_is_not_renewed_by_using_it(conn: AsyncConnection) -> None:
    await open_session(conn)
    await rotate(conn, A, B)
    await move_into_past(conn, 40)
    assert await rotate(conn, A, C) is RefreshOutcome.ROTATED
    spent = (await conn.execute(select(RefreshToken.replaced_at).where(RefreshToken.hash == A))).scalar_one()
    assert spent == (await conn.execute(select(func.now() - timedelta(seconds=40)))).scalar_one()


async def test_a_successor_that_was_replaced_has_its_own_grace(conn: AsyncConnection) -> None:
    """Two tabs: one got B, the other C for the same A; both go on, one behind the other."""
    await open_session(conn)
    await rotate(conn, A, B)
    await rotate(conn, A, C)
    assert await rotate(conn, B, D) is RefreshOutcome.ROTATED
    assert await rotate(conn, D, E) is RefreshOutcome.ROTATED


async def test_a_replaced_successor_is_stolen_once_its_replacement_was_used(conn: AsyncConnection) -> None:
    await open_session(conn)
    await rotate(conn, A, B)
    await rotate(conn, A, C)
    await rotate(conn, C, D)
    assert await rotate(conn, B, E) is RefreshOutcome.REUSED


async def test_renewing_never_moves_the_end_of_a_session(conn: AsyncConnection) -> None:
    session = await open_session(conn)
    ends_at = (await conn.execute(select(UserSession.ends_at))).scalar_one()
    await rotate(conn, A, B)
    await rotate(conn, B, C)
    assert (await conn.execute(select(UserSession.ends_at))).scalar_one() == ends_at
    await conn.execute(update(UserSession).values(ends_at=func.now()))
    assert await rotate(conn, C, D) is RefreshOutcome.REFUSED
    assert await credentials.read_session(conn, session) is None


async def test_only_a_renewal_that_is_a_use_keeps_an_idle_session(conn: AsyncConnection) -> None:
    session = await open_session(conn, idle_s=1800)
    await _age(conn, 1799)
    assert (await credentials.rotate_token(conn, A, B, is_use=False)).outcome is RefreshOutcome.ROTATED
    await _age(conn, 2)
    assert await credentials.read_session(conn, session) is None
    assert await rotate(conn, B, C) is RefreshOutcome.REFUSED
    used = await open_session(conn, D, idle_s=1800)
    await _age(conn, 1799)
    assert await rotate(conn, D, E) is RefreshOutcome.ROTATED
    await _age(conn, 1799)
    assert await credentials.read_session(conn, used) is not None


async def _age(conn: AsyncConnection, seconds: int) -> None:
    await conn.execute(update(UserSession).values(last_used_at=UserSession.last_used_at - timedelta(seconds=seconds)))


async def test_a_session_ends_with_its_time_or_its_user(conn: AsyncConnection) -> None:
    ended = await open_session(conn, lifetime=timedelta(0))
    assert await credentials.read_session(conn, ended) is None
    assert await rotate(conn, A, B) is RefreshOutcome.REFUSED
    session = await open_session(conn, C)
    await conn.execute(update(User).values(is_active=False))
    assert await credentials.read_session(conn, session) is None
    assert await rotate(conn, C, D) is RefreshOutcome.REFUSED


async def test_the_ended_sessions_among_many_are_found(conn: AsyncConnection) -> None:
    living = await open_session(conn)
    logged_out = await open_session(conn, B)
    run_out = await open_session(conn, C, lifetime=timedelta(0))
    deactivated = await open_session(conn, D)
    await credentials.revoke_session(conn, logged_out)
    session = await credentials.read_session(conn, deactivated)
    assert session is not None
    await conn.execute(update(User).where(User.id == session.account.user_id).values(is_active=False))
    unknown = uuid4()
    sessions = [living, logged_out, run_out, deactivated, unknown]
    assert await credentials.find_ended_sessions(conn, sessions) == set(sessions) - {living}
    assert await credentials.find_ended_sessions(conn, []) == set()


async def test_only_expired_credentials_are_deleted(conn: AsyncConnection) -> None:
    living = await open_session(conn)
    await open_session(conn, B, lifetime=timedelta(days=-2))
    current = await credentials.read_session(conn, living)
    assert current is not None
    for number, lifetime in enumerate((timedelta(seconds=30), timedelta(0))):
        await credentials.issue_ticket(
            conn,
            ticket_hash=bytes([number]),
            user_id=current.account.user_id,
            session=living,
            purpose="console",
            lifetime=lifetime,
        )
    assert await credentials.delete_expired(conn) == 2
    assert await credentials.read_session(conn, living) is not None
    assert await credentials.spend_ticket(conn, bytes([0])) is not None


async def test_a_family_keeps_the_exam_of_its_code(conn: AsyncConnection) -> None:
    exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    session = await open_session(conn, exam_id=exam_id)
    rotation = await credentials.rotate_token(conn, A, B)
    assert rotation.session is not None
    assert rotation.session.exam_id == exam_id
    await conn.execute(delete(RefreshToken).where(RefreshToken.hash == A))
    living = await credentials.read_session(conn, session)
    assert living is not None
    assert living.exam_id == exam_id


async def test_refreshes_reuses_and_logouts_at_once_neither_deadlock_nor_fork(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        session = await open_session(conn)

    async def refresh(number: int) -> RefreshOutcome:
        async with engine.begin() as conn:
            return await rotate(conn, A, f"{number}".encode())

    outcomes = await asyncio.gather(*(refresh(number) for number in range(30)))
    assert set(outcomes) == {RefreshOutcome.ROTATED}
    async with engine.connect() as conn:
        unspent = await conn.execute(
            select(func.count()).where(RefreshToken.family == session, RefreshToken.replaced_by.is_(None))
        )
        assert unspent.scalar_one() == 1

    async def log_out() -> RefreshOutcome:
        async with engine.begin() as conn:
            await credentials.revoke_session(conn, session)
        return RefreshOutcome.REFUSED

    both = [refresh(number) if number % 2 else log_out() for number in range(100, 140)]
    await asyncio.gather(*both)
    assert await refresh(1000) is RefreshOutcome.REFUSED


async def test_a_ticket_is_spent_by_being_read(conn: AsyncConnection) -> None:
    session = await open_session(conn)
    user_id = (await conn.execute(select(User.id))).scalar_one()
    expires_at = await credentials.issue_ticket(
        conn, ticket_hash=B, user_id=user_id, session=session, purpose="monitor"
    )
    now = (await conn.execute(text("SELECT extract(epoch FROM now()) * 1000"))).scalar_one()
    assert abs(expires_at - float(now) - 30_000) < 1
    assert await credentials.spend_ticket(conn, B) == credentials.UsedTicket(session, "monitor", expired=False)
    assert await credentials.spend_ticket(conn, B) is None


async def test_an_expired_ticket_is_used_up_too(conn: AsyncConnection) -> None:
    session = await open_session(conn)
    user_id = (await conn.execute(select(User.id))).scalar_one()
    await credentials.issue_ticket(
        conn, ticket_hash=B, user_id=user_id, session=session, purpose="console", lifetime=timedelta(0)
    )
    assert await credentials.spend_ticket(conn, B) == credentials.UsedTicket(session, "console", expired=True)
    assert await credentials.spend_ticket(conn, B) is None


async def test_signing_out_revokes_the_tickets_of_the_session(conn: AsyncConnection) -> None:
    session = await open_session(conn)
    user_id = (await conn.execute(select(User.id))).scalar_one()
    await credentials.issue_ticket(conn, ticket_hash=B, user_id=user_id, session=session, purpose="monitor")
    await credentials.revoke_session(conn, session)
    assert await credentials.spend_ticket(conn, B) is None


@pytest.fixture
async def enrolled(conn: AsyncConnection) -> tuple[UUID, UUID]:
    exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    student_id = await factories.make_user(conn)
    await rosters.enroll(conn, exam_id, [RosterLine(student_id)])
    await credentials.replace_codes(conn, exam_id, {student_id: A})
    return exam_id, student_id


async def test_a_code_names_a_student_and_an_exam(conn: AsyncConnection, enrolled: tuple[UUID, UUID]) -> None:
    exam_id, student_id = enrolled
    candidate = await credentials.find_candidate(conn, [A])
    assert candidate is not None
    assert (candidate.exam_id, candidate.account.user_id) == (exam_id, student_id)
    assert await credentials.find_candidate(conn, [B]) is None


async def test_a_new_code_revokes_only_the_older_one_of_that_exam(
    conn: AsyncConnection, enrolled: tuple[UUID, UUID]
) -> None:
    exam_id, student_id = enrolled
    other = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    await rosters.enroll(conn, other, [RosterLine(student_id)])
    await credentials.replace_codes(conn, other, {student_id: B})
    await credentials.replace_codes(conn, exam_id, {student_id: C})
    await credentials.replace_codes(conn, exam_id, {})
    known = [await credentials.find_candidate(conn, [code]) is not None for code in (A, B, C)]
    assert known == [False, True, True]


@pytest.mark.parametrize(
    "change",
    [
        update(Exam).values(is_published=False),
        update(User).values(is_active=False),
        delete(ExamEnrollment),
        update(ExamEnrollment).values(removed_at=func.now()),
    ],
)
async def test_a_code_is_rejected_when_the_exam_cannot_be_taken(
    conn: AsyncConnection, enrolled: tuple[UUID, UUID], change: Executable
) -> None:
    await conn.execute(change)
    assert await credentials.find_candidate(conn, [A]) is None


async def _times(conn: AsyncConnection, *, closes_h: int | None, code_h: int) -> None:
    """Set when the exam closes and when the code was made, in hours from now."""
    closes_at = None if closes_h is None else func.now() + timedelta(hours=closes_h)
    await conn.execute(update(Exam).values(closes_at=closes_at))
    await conn.execute(update(CandidateCode).values(created_at=func.now() + timedelta(hours=code_h)))


@pytest.mark.parametrize(
    ("closes_h", "code_h", "is_valid"),
    [(1, -500, True), (-23, -500, True), (-25, -500, False), (-25, -23, True), (None, -500, True)],
)
async def test_a_code_ends_a_day_after_the_exam_or_after_it_was_made(
    conn: AsyncConnection, enrolled: tuple[UUID, UUID], closes_h: int | None, code_h: int, is_valid: bool
) -> None:
    await _times(conn, closes_h=closes_h, code_h=code_h)
    assert (await credentials.find_candidate(conn, [A]) is not None) is is_valid


@pytest.mark.parametrize(("ended_h", "is_valid"), [(None, True), (-23, True), (-25, False)])
@pytest.mark.parametrize("closes_h", [None, -200])
async def test_a_code_is_valid_while_an_attempt_may_still_deliver(
    conn: AsyncConnection, enrolled: tuple[UUID, UUID], closes_h: int | None, ended_h: int | None, is_valid: bool
) -> None:
    exam_id, student_id = enrolled
    await start_attempt(conn, exam_id, student_id, rulebook_version=1)
    if ended_h is not None:
        ended = func.now() + timedelta(hours=ended_h)
        await conn.execute(update(ExamAttempt).values(status="submitted", completed_at=ended, deadline=ended))
    await _times(conn, closes_h=closes_h, code_h=-500)
    assert (await credentials.find_candidate(conn, [A]) is not None) is is_valid


async def test_a_new_code_ends_the_sessions_of_the_older_one_and_no_other(
    conn: AsyncConnection, enrolled: tuple[UUID, UUID]
) -> None:
    exam_id, student_id = enrolled
    by_code, by_password = uuid4(), uuid4()
    await credentials.open_session(conn, session=by_code, user_id=student_id, token_hash=b"1", exam_id=exam_id)
    await credentials.open_session(conn, session=by_password, user_id=student_id, token_hash=b"2")
    await credentials.replace_codes(conn, exam_id, {student_id: B})
    assert await credentials.find_ended_sessions(conn, [by_code, by_password]) == {by_code}


async def test_a_session_by_code_has_the_role_of_a_student_and_the_name_on_the_roster(conn: AsyncConnection) -> None:
    exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    teacher = await factories.make_user(conn, role=Role.TEACHER, name="Real Name")
    await rosters.enroll(conn, exam_id, [RosterLine(teacher, "Name on the list")])
    session = uuid4()
    await credentials.open_session(conn, session=session, user_id=teacher, token_hash=b"1", exam_id=exam_id)
    stored = await credentials.read_session(conn, session)
    assert stored is not None
    assert (stored.account.role, stored.account.name) == (Role.STUDENT, "Name on the list")
    await rosters.remove_from_roster(conn, exam_id, teacher)
    assert await credentials.read_session(conn, session) is None
