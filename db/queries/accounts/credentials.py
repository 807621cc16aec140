"""Sessions and credentials: refresh tokens, tickets and exam codes, stored by hash; times by PostgreSQL's clock.

A session has a family of refresh tokens, whose id is its own. It is also in access tokens and tickets. A session is
renewed only under its lock. `sessions.py` lists sessions and ends them for other reasons. Never raises for a bad
credential, because the reaction (ending a session) must be committed.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    LargeBinary,
    Uuid,
    and_,
    any_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.models import (
    CandidateCode,
    Exam,
    ExamAttempt,
    ExamEnrollment,
    RefreshToken,
    SessionEnd,
    User,
    UserSession,
    WsTicket,
)
from db.queries.accounts import users
from db.queries.accounts.users import Account
from protocol.attempts import RUNNING
from protocol.limits import TAIL_MS
from protocol.roles import Origin, Role

SESSION_LIFETIME: Final = timedelta(days=9)
"""An exam lasts seven days at most, so its students can still return a day after its deadline."""

KEPT: Final = timedelta(days=1)
"""How long an ended session stays stored: a used refresh token is still recognized."""

REFRESH_GRACE: Final = timedelta(seconds=60)
"""How long a used token is accepted once more, because the response to its refresh may have been lost."""

TICKET_LIFETIME: Final = timedelta(seconds=30)


class Session(msgspec.Struct, frozen=True):
    """A live session: its user, and the only exam that it is valid for when an exam code opened it.

    After a sign-in by code, `account` has the role of a student, regardless of its stored role, and the name on the
    roster. `is_self_made`: the user made the account, and no one confirmed it.
    """

    session: UUID
    account: Account
    exam_id: UUID | None
    has_second_factor: bool = False
    is_self_made: bool = False


class RefreshOutcome(StrEnum):
    """The outcome of a refresh. `REUSED` ended the whole family."""

    ROTATED = "rotated"
    REFUSED = "refused"
    REUSED = "reused"


class Rotation(msgspec.Struct, frozen=True):
    """The outcome of a refresh, and the session unless it was refused."""

    outcome: RefreshOutcome
    session: Session | None = None


class UsedTicket(msgspec.Struct, frozen=True):
    """A used ticket: its session and purpose. `expired`: it was used too late."""

    session: UUID
    purpose: str
    expired: bool


class CodeOwner(msgspec.Struct, frozen=True):
    """The student and the exam of an exam code."""

    account: Account
    exam_id: UUID


def is_live() -> ColumnElement[bool]:
    """The condition for a session that has not ended: by its user, by time, without use, or with its account."""
    return and_(
        UserSession.ended_at.is_(None),
        UserSession.ends_at > func.now(),
        # NULL, so no condition, for a session that may be idle.
        func.coalesce(
            UserSession.last_used_at + func.make_interval(0, 0, 0, 0, 0, 0, UserSession.idle_s) > func.now(), True
        ),
        User.is_active,
    )


_name_on_roster: Final = func.coalesce(ExamEnrollment.name, User.full_name).label("name")
_LIVE: Final = (
    select(
        User.id,
        User.username,
        _name_on_roster,
        User.role,
        User.origin,
        UserSession.exam_id,
        users.has_second_factor().label("has_second_factor"),
    )
    .join(UserSession, UserSession.user_id == User.id)
    .outerjoin(
        ExamEnrollment,
        and_(ExamEnrollment.exam_id == UserSession.exam_id, ExamEnrollment.student_id == UserSession.user_id),
    )
    .where(UserSession.id == bindparam("session"), is_live(), ExamEnrollment.removed_at.is_(None))
)
_SPEND: Final = (
    delete(WsTicket)
    .where(WsTicket.hash == bindparam("ticket"))
    .returning(WsTicket.session, WsTicket.purpose, (WsTicket.expires_at <= func.now()).label("expired"))
)


async def open_session(
    conn: AsyncConnection,
    *,
    session: UUID,
    user_id: UUID,
    token_hash: bytes,
    exam_id: UUID | None = None,
    lifetime: timedelta = SESSION_LIFETIME,
    idle_s: int | None = None,
    agent: str = "",
    place: str = "",
) -> None:
    """Open a session with its first refresh token. It ends after `lifetime`, or after `idle_s` seconds without use.

    `agent` is the browser in words, `place` a keyed hash of the address.
    """
    opened = (
        insert(UserSession)
        .values(
            id=session,
            user_id=user_id,
            exam_id=exam_id,
            ends_at=func.now() + lifetime,
            idle_s=idle_s,
            agent=agent,
            place=place,
        )
        .returning(UserSession.id)
        .cte("opened")
    )
    token = select(literal(uuid7(), Uuid), literal(token_hash, LargeBinary), opened.c.id)
    await conn.execute(insert(RefreshToken).from_select(["id", "hash", "family"], token))


async def read_session(conn: AsyncConnection, session: UUID) -> Session | None:
    """Read a live session: not revoked, not expired, and its user is active."""
    found = await conn.execute(_LIVE, {"session": session})
    row = found.one_or_none()
    if row is None:
        return None
    role = Role(row.role) if row.exam_id is None else Role.STUDENT
    account = Account(row.id, row.username, row.name, role)
    return Session(session, account, row.exam_id, row.has_second_factor, is_self_made=row.origin == Origin.SELF)


async def find_session(conn: AsyncConnection, token_hash: bytes) -> Session | None:
    """Find the live session of a refresh token, used or not."""
    found = await conn.execute(select(RefreshToken.family).where(RefreshToken.hash == token_hash))
    session: UUID | None = found.scalar_one_or_none()
    return None if session is None else await read_session(conn, session)


async def find_ended_sessions(conn: AsyncConnection, sessions: Collection[UUID]) -> set[UUID]:
    """Return which of these sessions have ended, or belong to a deactivated user. Uses one query."""
    live = await conn.execute(
        select(UserSession.id)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.id == any_(bindparam(None, list(sessions), type_=ARRAY(Uuid))), is_live())
    )
    return set(sessions) - set(live.scalars())


async def ended_by_itself(conn: AsyncConnection, session: UUID) -> bool:
    """Return whether a session goes on, is over, or was signed out; False when it was ended for another reason.

    Also False when it ended so long ago that it is not stored any more.
    """
    kept = or_(UserSession.ended_at.is_(None), UserSession.end_reason == SessionEnd.SIGNED_OUT)
    return bool((await conn.execute(select(exists().where(UserSession.id == session, kept)))).scalar_one())


async def rotate_token(
    conn: AsyncConnection, token_hash: bytes, successor_hash: bytes, *, is_use: bool = True
) -> Rotation:
    """Replace a refresh token by its successor. With `is_use` the session counts as used now.

    A used token that is presented again ends its session, because another program has it too. The exception is the
    grace period, while the successor is unused: then the response was lost, or another tab refreshed, and the successor
    is replaced as well.
    """
    session = await _lock_family_of(conn, token_hash)
    current = None if session is None else await read_session(conn, session)
    if session is None or current is None:
        return Rotation(RefreshOutcome.REFUSED)
    spendable = await _spendable(conn, token_hash)
    if spendable is None:
        await revoke_session(conn, session, SessionEnd.REUSED)
        return Rotation(RefreshOutcome.REUSED, current)
    successor = uuid7()
    await _add_token(conn, successor, session, successor_hash)
    await conn.execute(
        update(RefreshToken)
        .where(RefreshToken.id.in_(spendable))
        .values(replaced_by=successor, replaced_at=func.coalesce(RefreshToken.replaced_at, func.now()))
    )
    if is_use:
        await conn.execute(update(UserSession).where(UserSession.id == session).values(last_used_at=func.now()))
    return Rotation(RefreshOutcome.ROTATED, current)


async def revoke_session(conn: AsyncConnection, session: UUID, reason: SessionEnd = SessionEnd.SIGNED_OUT) -> None:
    """End a session, with its refresh tokens and its unused tickets."""
    await conn.execute(select(func.pg_advisory_xact_lock(_lock_number(session))))
    await end_where(conn, UserSession.id == session, reason=reason)


async def end_where(conn: AsyncConnection, *conditions: ColumnElement[bool], reason: SessionEnd) -> list[UUID]:
    """End the sessions that meet all conditions, and delete their unused tickets; return their ids."""
    ended = await conn.execute(
        update(UserSession)
        .where(UserSession.ended_at.is_(None), *conditions)
        .values(ended_at=func.now(), end_reason=reason)
        .returning(UserSession.id)
    )
    sessions = list(ended.scalars())
    await conn.execute(delete(WsTicket).where(WsTicket.session.in_(sessions)))
    return sessions


async def issue_ticket(
    conn: AsyncConnection,
    *,
    ticket_hash: bytes,
    user_id: UUID,
    session: UUID,
    purpose: str,
    lifetime: timedelta = TICKET_LIFETIME,
) -> int:
    """Store a ticket for one socket; return when it expires, in ms since the epoch."""
    issued = await conn.execute(
        insert(WsTicket)
        .values(hash=ticket_hash, user_id=user_id, session=session, purpose=purpose, expires_at=func.now() + lifetime)
        .returning(WsTicket.expires_at)
    )
    return to_ms(issued.scalar_one())


async def spend_ticket(conn: AsyncConnection, ticket_hash: bytes) -> UsedTicket | None:
    """Delete a ticket and return what it was for; None when it does not exist or was used before."""
    spent = await conn.execute(_SPEND, {"ticket": ticket_hash})
    row = spent.one_or_none()
    return None if row is None else UsedTicket(row.session, row.purpose, row.expired)


async def delete_expired(conn: AsyncConnection) -> int:
    """Delete expired tickets, and sessions that ended more than a day ago with their tokens; return how many."""
    tickets = await conn.execute(delete(WsTicket).where(WsTicket.expires_at <= func.now()))
    ended = func.least(UserSession.ends_at, UserSession.ended_at)
    sessions = await conn.execute(delete(UserSession).where(ended <= func.now() - KEPT))
    return tickets.rowcount + sessions.rowcount


async def revoke_codes(conn: AsyncConnection, exam_id: UUID, student_ids: Collection[UUID]) -> None:
    """Revoke the codes of these students for an exam."""
    await conn.execute(
        update(CandidateCode)
        .where(
            CandidateCode.exam_id == exam_id,
            CandidateCode.student_id.in_(student_ids),
            CandidateCode.revoked_at.is_(None),
        )
        .values(revoked_at=func.now())
    )


async def find_without_code(conn: AsyncConnection, exam_id: UUID, student_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these students have no code for the exam. The roster must be locked."""
    found = await conn.execute(
        select(CandidateCode.student_id).where(
            CandidateCode.exam_id == exam_id,
            CandidateCode.student_id.in_(student_ids),
            CandidateCode.revoked_at.is_(None),
        )
    )
    return set(student_ids) - set(found.scalars())


async def replace_codes(conn: AsyncConnection, exam_id: UUID, code_hashes: Mapping[UUID, bytes]) -> None:
    """Store new codes for students of an exam, revoke the older ones, and end the sessions that those opened."""
    if not code_hashes:
        return
    await end_codes(conn, exam_id, code_hashes, SessionEnd.CODE_REPLACED)
    await conn.execute(
        insert(CandidateCode),
        [
            {"hash": code_hash, "exam_id": exam_id, "student_id": student_id}
            for student_id, code_hash in code_hashes.items()
        ],
    )


async def end_codes(conn: AsyncConnection, exam_id: UUID, student_ids: Collection[UUID], reason: SessionEnd) -> None:
    """Revoke the codes of these students for an exam, and end the sessions that they opened."""
    # The codes first: a sign-in that holds one has opened its session before this can go on.
    await revoke_codes(conn, exam_id, student_ids)
    await end_where(conn, UserSession.exam_id == exam_id, UserSession.user_id.in_(student_ids), reason=reason)


async def find_candidate(conn: AsyncConnection, code_hashes: Collection[bytes]) -> CodeOwner | None:
    """Find the student of a code, stored by one of these hashes, and keep the code from being revoked until COMMIT.

    The student is active and on the roster, the exam is published, and the code is valid: until a day after the exam
    closes, while an attempt may still deliver events, and for a day after the code was made.
    """
    found = await conn.execute(
        select(User.id, User.username, _name_on_roster, CandidateCode.exam_id)
        .join(CandidateCode, CandidateCode.student_id == User.id)
        .join(Exam, Exam.id == CandidateCode.exam_id)
        .join(ExamEnrollment, (ExamEnrollment.exam_id == Exam.id) & (ExamEnrollment.student_id == User.id))
        .where(
            CandidateCode.hash.in_(code_hashes),
            CandidateCode.revoked_at.is_(None),
            _is_in_time(),
            ExamEnrollment.removed_at.is_(None),
            Exam.is_published,
            User.is_active,
        )
        .with_for_update(read=True, of=CandidateCode)
    )
    row = found.one_or_none()
    if row is None:
        return None
    return CodeOwner(Account(row.id, row.username, row.name, Role.STUDENT), row.exam_id)


def _is_in_time() -> ColumnElement[bool]:
    """The condition for a code that has not ended with its exam. Without closing time, the attempt decides."""
    own = (ExamAttempt.exam_id == CandidateCode.exam_id, ExamAttempt.student_id == CandidateCode.student_id)
    since = func.now() - timedelta(milliseconds=TAIL_MS)
    ended = func.coalesce(ExamAttempt.completed_at, ExamAttempt.deadline)
    return or_(
        Exam.closes_at > since,
        CandidateCode.created_at > since,
        exists().where(*own, or_(ExamAttempt.status.in_(RUNNING), ended > since)),
        and_(Exam.closes_at.is_(None), ~exists().where(*own)),
    )


async def _add_token(conn: AsyncConnection, token_id: UUID, session: UUID, token_hash: bytes) -> None:
    await conn.execute(insert(RefreshToken).values(id=token_id, hash=token_hash, family=session))


async def _lock_family_of(conn: AsyncConnection, token_hash: bytes) -> UUID | None:
    """Lock the family of a token until COMMIT. A token never changes its family, so reading it first is safe."""
    found = await conn.execute(select(RefreshToken.family).where(RefreshToken.hash == token_hash))
    session: UUID | None = found.scalar_one_or_none()
    if session is not None:
        await conn.execute(select(func.pg_advisory_xact_lock(_lock_number(session))))
    return session


def _lock_number(session: UUID) -> int:
    """Return a signed 64-bit number. Two families with the same number only wait for each other."""
    return int.from_bytes(session.bytes[8:], signed=True)


async def _spendable(conn: AsyncConnection, token_hash: bytes) -> list[UUID] | None:
    """Return the tokens that a presented token may replace: itself, or in its grace period also its unused successor.

    None when it was used before.
    """
    successor = aliased(RefreshToken)
    unused = successor.id.is_not(None) & successor.replaced_by.is_(None)
    found = await conn.execute(
        select(
            RefreshToken.id,
            RefreshToken.replaced_by,
            or_(
                RefreshToken.replaced_by.is_(None),
                unused & (RefreshToken.replaced_at > func.now() - REFRESH_GRACE),
            ).label("is_spendable"),
        )
        .join(successor, successor.id == RefreshToken.replaced_by, isouter=True)
        .where(RefreshToken.hash == token_hash)
    )
    row = found.one()
    if not row.is_spendable:
        return None
    return [row.id] if row.replaced_by is None else [row.id, row.replaced_by]
