"""Sessions as their users see them: list those that are open, and end one or all others.

Each function ends only sessions of the users it is given. Never shows an address, only its keyed hash.
"""

from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import SessionEnd, User, UserSession
from db.queries.accounts.credentials import end_where, is_live


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """One open session; times in ms since the epoch. `exam_id`: it is valid for this exam only."""

    session_id: UUID
    exam_id: UUID | None
    opened_at: int
    last_used_at: int
    ends_at: int
    agent: str
    place: str


async def list_sessions(conn: AsyncConnection, user_id: UUID) -> list[OpenSession]:
    """List the open sessions of a user, the last used first."""
    found = await conn.execute(
        select(UserSession.__table__)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.user_id == user_id, is_live())
        .order_by(UserSession.last_used_at.desc(), UserSession.id)
    )
    return [
        OpenSession(
            session_id=row.id,
            exam_id=row.exam_id,
            opened_at=to_ms(row.opened_at),
            last_used_at=to_ms(row.last_used_at),
            ends_at=to_ms(row.ends_at),
            agent=row.agent,
            place=row.place,
        )
        for row in found
    ]


async def end_session(conn: AsyncConnection, user_id: UUID, session: UUID, reason: SessionEnd) -> None:
    """End one session of a user. Raises NotFound unless the user has it and it is open."""
    if not await end_where(conn, UserSession.user_id == user_id, UserSession.id == session, reason=reason):
        raise NotFound("You have no such session.")


async def end_other_sessions(conn: AsyncConnection, user_id: UUID, kept: UUID, reason: SessionEnd) -> list[UUID]:
    """End all sessions of a user except `kept`; return their ids."""
    return await end_where(conn, UserSession.user_id == user_id, UserSession.id != kept, reason=reason)
