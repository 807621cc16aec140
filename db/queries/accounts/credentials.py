"""Credentials: sessions and their refresh tokens, tickets, candidate codes; by hash only, times by PostgreSQL's clock.

A session is a family of refresh tokens; its id is in its access tokens and tickets. A family is changed only under its
own lock. Nothing here raises for a bad credential: what it does about one (ending a family) must be committed.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, any_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.models import CandidateCode, Exam, ExamEnrollment, RefreshToken, User, WsTicket
from db.queries.accounts.users import Account
from protocol.roles import Role

REFRESH_LIFETIME: Final = timedelta(days=9)
"""An exam lasts seven days at most; whoever began it can still come back a day after its deadline."""

REFRESH_GRACE: Final = timedelta(seconds=60)
"""How long the answer to a refresh may have been lost: until then the spent token is heard once more."""

TICKET_LIFETIME: Final = timedelta(seconds=30)


class Session(msgspec.Struct, frozen=True):
    """A living session: whose, and the one exam it is good for when a candidate code opened it."""

    session: UUID
    account: Account
    exam_id: UUID | None


class Outcome(StrEnum):
    """What presenting a refresh token led to; `REUSED` ended its whole family."""

    ROTATED = "rotated"
    REFUSED = "refused"
    REUSED = "reused"


class Rotation(msgspec.Struct, frozen=True):
    """The outcome of a refresh; the session as it stands, except where it was refused."""

    outcome: Outcome
    session: Session | None = None


class Ticket(msgspec.Struct, frozen=True):
    """A ticket as it was spent: the session it belongs to and what it was for; `expired` means it came too late."""

    session: UUID
    purpose: str
    expired: bool


class Candidate(msgspec.Struct, frozen=True):
    """Whom a candidate code names, and for which exam."""

    account: Account
    exam_id: UUID


_LIVING: Final = (
    select(User.id, User.username, User.full_name, User.role, RefreshToken.exam_id)
    .join(RefreshToken, RefreshToken.user_id == User.id)
    .where(
        RefreshToken.family == bindparam("session"),
        RefreshToken.revoked_at.is_(None),
        RefreshToken.expires_at > func.now(),
        User.is_active,
    )
    .limit(1)
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
    lifetime: timedelta = REFRESH_LIFETIME,
) -> None:
    """Begin a family with its first refresh token."""
    await _add_token(conn, uuid7(), session, user_id, token_hash, exam_id, lifetime)


async def read_session(conn: AsyncConnection, session: UUID) -> Session | None:
    """Read a living session: neither revoked nor run out, its user active."""
    found = await conn.execute(_LIVING, {"session": session})
    row = found.one_or_none()
    if row is None:
        return None
    return Session(session, Account(row.id, row.username, row.full_name, Role(row.role)), row.exam_id)


async def find_session(conn: AsyncConnection, token_hash: bytes) -> Session | None:
    """Find the living session a refresh token belongs to, spent or not."""
    found = await conn.execute(select(RefreshToken.family).where(RefreshToken.hash == token_hash))
    session: UUID | None = found.scalar_one_or_none()
    return None if session is None else await read_session(conn, session)


async def find_ended_sessions(conn: AsyncConnection, sessions: Collection[UUID]) -> set[UUID]:
    """Which of these sessions live no longer: revoked, run out, or their user deactivated; one query for all."""
    living = await conn.execute(
        select(RefreshToken.family)
        .join(User, User.id == RefreshToken.user_id)
        .where(
            RefreshToken.family == any_(bindparam(None, list(sessions), type_=ARRAY(Uuid))),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > func.now(),
            User.is_active,
        )
    )
    return set(sessions) - set(living.scalars())


async def rotate_token(
    conn: AsyncConnection, token_hash: bytes, successor_hash: bytes, *, lifetime: timedelta = REFRESH_LIFETIME
) -> Rotation:
    """Spend a refresh token for its successor.

    A spent token presented again ends its family: somebody else holds it too. Except within the grace, while its
    successor is unused: then the answer was lost, or another tab asked, and the successor is replaced in its turn.
    """
    session = await _lock_family_of(conn, token_hash)
    current = None if session is None else await read_session(conn, session)
    if session is None or current is None:
        return Rotation(Outcome.REFUSED)
    spendable = await _spendable(conn, token_hash)
    if spendable is None:
        await revoke_session(conn, session)
        return Rotation(Outcome.REUSED, current)
    if not spendable:
        return Rotation(Outcome.REFUSED)
    successor = uuid7()
    await _add_token(conn, successor, session, current.account.user_id, successor_hash, current.exam_id, lifetime)
    await conn.execute(
        update(RefreshToken)
        .where(RefreshToken.id.in_(spendable))
        .values(replaced_by=successor, replaced_at=func.coalesce(RefreshToken.replaced_at, func.now()))
    )
    return Rotation(Outcome.ROTATED, current)


async def revoke_session(conn: AsyncConnection, session: UUID) -> None:
    """End a session: its refresh tokens and its unspent tickets."""
    await conn.execute(select(func.pg_advisory_xact_lock(_lock_number(session))))
    await conn.execute(
        update(RefreshToken)
        .where(RefreshToken.family == session, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
    await conn.execute(delete(WsTicket).where(WsTicket.session == session))


async def issue_ticket(
    conn: AsyncConnection,
    *,
    ticket_hash: bytes,
    user_id: UUID,
    session: UUID,
    purpose: str,
    lifetime: timedelta = TICKET_LIFETIME,
) -> int:
    """Store a ticket to one socket; return its end in ms since the epoch."""
    issued = await conn.execute(
        insert(WsTicket)
        .values(hash=ticket_hash, user_id=user_id, session=session, purpose=purpose, expires_at=func.now() + lifetime)
        .returning(WsTicket.expires_at)
    )
    return to_ms(issued.scalar_one())


async def spend_ticket(conn: AsyncConnection, ticket_hash: bytes) -> Ticket | None:
    """Delete a ticket and say what it was good for; None when there is none, or no longer."""
    spent = await conn.execute(_SPEND, {"ticket": ticket_hash})
    row = spent.one_or_none()
    return None if row is None else Ticket(row.session, row.purpose, row.expired)


async def delete_expired(conn: AsyncConnection) -> int:
    """Delete tickets nobody spent in time and refresh tokens past use for a day; return how many."""
    tickets = await conn.execute(delete(WsTicket).where(WsTicket.expires_at <= func.now()))
    tokens = await conn.execute(delete(RefreshToken).where(RefreshToken.expires_at <= func.now() - timedelta(days=1)))
    return tickets.rowcount + tokens.rowcount


async def revoke_codes(conn: AsyncConnection, exam_id: UUID, student_ids: Collection[UUID]) -> None:
    """End what codes these students have for an exam."""
    await conn.execute(
        update(CandidateCode)
        .where(
            CandidateCode.exam_id == exam_id,
            CandidateCode.student_id.in_(student_ids),
            CandidateCode.revoked_at.is_(None),
        )
        .values(revoked_at=func.now())
    )


async def replace_codes(conn: AsyncConnection, exam_id: UUID, code_hashes: Mapping[UUID, bytes]) -> None:
    """Give students of an exam new codes; the older ones are good no longer."""
    if not code_hashes:
        return
    await revoke_codes(conn, exam_id, code_hashes)
    await conn.execute(
        insert(CandidateCode),
        [
            {"hash": code_hash, "exam_id": exam_id, "student_id": student_id}
            for student_id, code_hash in code_hashes.items()
        ],
    )


async def find_candidate(conn: AsyncConnection, code_hash: bytes) -> Candidate | None:
    """Find whom a code names: active, still on the roster, the exam published."""
    found = await conn.execute(
        select(User.id, User.username, User.full_name, User.role, CandidateCode.exam_id)
        .join(CandidateCode, CandidateCode.student_id == User.id)
        .join(Exam, Exam.id == CandidateCode.exam_id)
        .join(ExamEnrollment, (ExamEnrollment.exam_id == Exam.id) & (ExamEnrollment.student_id == User.id))
        .where(
            CandidateCode.hash == code_hash,
            CandidateCode.revoked_at.is_(None),
            ExamEnrollment.removed_at.is_(None),
            Exam.is_published,
            User.is_active,
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    return Candidate(Account(row.id, row.username, row.full_name, Role(row.role)), row.exam_id)


async def _add_token(
    conn: AsyncConnection,
    token_id: UUID,
    session: UUID,
    user_id: UUID,
    token_hash: bytes,
    exam_id: UUID | None,
    lifetime: timedelta,
) -> None:
    await conn.execute(
        insert(RefreshToken).values(
            id=token_id,
            hash=token_hash,
            family=session,
            user_id=user_id,
            exam_id=exam_id,
            expires_at=func.now() + lifetime,
        )
    )


async def _lock_family_of(conn: AsyncConnection, token_hash: bytes) -> UUID | None:
    """Let one transaction at a time change a family; a token's family never changes, so it may be read beforehand."""
    found = await conn.execute(select(RefreshToken.family).where(RefreshToken.hash == token_hash))
    session: UUID | None = found.scalar_one_or_none()
    if session is not None:
        await conn.execute(select(func.pg_advisory_xact_lock(_lock_number(session))))
    return session


def _lock_number(session: UUID) -> int:
    """A signed 64-bit number; two families sharing one only wait for each other."""
    return int.from_bytes(session.bytes[8:], signed=True)


async def _spendable(conn: AsyncConnection, token_hash: bytes) -> list[UUID] | None:
    """Which tokens a presented one may spend: itself, or, in its grace, itself and its unused successor.

    Nothing when its time is over; None when it was spent before.
    """
    successor = aliased(RefreshToken)
    unused = successor.id.is_not(None) & successor.replaced_by.is_(None)
    found = await conn.execute(
        select(
            RefreshToken.id,
            RefreshToken.replaced_by,
            (RefreshToken.expires_at > func.now()).label("living"),
            or_(
                RefreshToken.replaced_by.is_(None),
                unused & (RefreshToken.replaced_at > func.now() - REFRESH_GRACE),
            ).label("granted"),
        )
        .join(successor, successor.id == RefreshToken.replaced_by, isouter=True)
        .where(RefreshToken.hash == token_hash)
    )
    row = found.one()
    if not row.living:
        return []
    if not row.granted:
        return None
    return [row.id] if row.replaced_by is None else [row.id, row.replaced_by]
