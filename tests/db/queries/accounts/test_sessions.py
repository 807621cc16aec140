from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import NotFound
from db.models import SessionEnd, UserSession
from db.queries.accounts import credentials, sessions
from tests import factories


async def open_for(
    conn: AsyncConnection, user_id: UUID, *, exam_id: UUID | None = None, lifetime: timedelta = timedelta(hours=1)
) -> UUID:
    session = uuid4()
    await credentials.open_session(
        conn,
        session=session,
        user_id=user_id,
        token_hash=session.bytes,
        exam_id=exam_id,
        lifetime=lifetime,
        agent="Firefox on Windows",
        place="0123",
    )
    return session


async def listed(conn: AsyncConnection, user_id: UUID) -> set[UUID]:
    return {entry.session_id for entry in await sessions.list_sessions(conn, user_id)}


async def test_only_the_open_sessions_of_the_user_are_listed(conn: AsyncConnection) -> None:
    ada, eve = [await factories.make_user(conn) for _ in range(2)]
    own = await open_for(conn, ada)
    await open_for(conn, ada, lifetime=timedelta(0))
    await credentials.revoke_session(conn, await open_for(conn, ada))
    await open_for(conn, eve)
    [entry] = await sessions.list_sessions(conn, ada)
    assert (entry.session_id, entry.agent, entry.place) == (own, "Firefox on Windows", "0123")
    assert entry.ends_at - entry.opened_at == 3_600_000


async def test_a_user_ends_one_own_session_and_no_other(conn: AsyncConnection) -> None:
    ada, eve = [await factories.make_user(conn) for _ in range(2)]
    one, other, hers = await open_for(conn, ada), await open_for(conn, ada), await open_for(conn, eve)
    await sessions.end_session(conn, ada, one, SessionEnd.ENDED_BY_USER)
    for gone in (one, hers, uuid4()):
        with pytest.raises(NotFound):
            await sessions.end_session(conn, ada, gone, SessionEnd.ENDED_BY_USER)
    assert await listed(conn, ada) == {other}
    assert await listed(conn, eve) == {hers}
    reason = (await conn.execute(select(UserSession.end_reason).where(UserSession.id == one))).scalar_one()
    assert reason == SessionEnd.ENDED_BY_USER


async def test_all_other_sessions_end_with_their_tickets(conn: AsyncConnection) -> None:
    ada = await factories.make_user(conn)
    kept, *others = [await open_for(conn, ada) for _ in range(3)]
    for session in (kept, others[0]):
        await credentials.issue_ticket(conn, ticket_hash=session.bytes, user_id=ada, session=session, purpose="monitor")
    assert set(await sessions.end_other_sessions(conn, ada, kept, SessionEnd.ENDED_BY_USER)) == set(others)
    assert await listed(conn, ada) == {kept}
    assert await credentials.spend_ticket(conn, others[0].bytes) is None
    assert await credentials.spend_ticket(conn, kept.bytes) is not None
