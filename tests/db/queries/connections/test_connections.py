import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.errors import Ended, NotFound
from db.models import Connection, EventStream, ExamAttempt, ExamEnrollment, User, UserSession
from db.queries.accounts import credentials
from db.queries.connections import connections
from db.queries.connections.connections import SocketKey
from protocol.attempts import OVER, AttemptStatus
from protocol.codes import CloseCode, RejectCode
from protocol.limits import OVERRUN_FACTOR, TAIL_MS, WINDOW_EVENTS
from protocol.monitor import Rejected
from tests import factories
from tests.candidates import Candidate, connect, disconnect, make_candidates, system_events

HUB = uuid4()


async def sign_in(conn: AsyncConnection, user_id: UUID) -> UUID:
    session = uuid7()
    await credentials.open_session(conn, session=session, user_id=user_id, token_hash=session.bytes)
    return session


async def test_the_first_hello_opens_a_stream_whose_time_base_is_server_time(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    opening = await connect(conn, candidate, HUB, mono=500)
    base = (await conn.execute(select(EventStream.time_base).where(EventStream.id == opening.stream_id))).scalar_one()
    assert (opening.committed, opening.generation, opening.rejected) == (0, 1, [])
    assert (opening.previous, opening.server_lost) == (None, 0)
    assert base == opening.server_ms - 500


async def test_the_same_boot_continues_its_stream(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = await connect(conn, candidate, HUB, boot=boot)
    await factories.store_events(conn, first.stream_id, [("copy", {}, 1), ("rejected", {"code": "too_deep"}, 2)])
    for named in (None, first.stream_id):
        again = await connect(conn, candidate, HUB, boot=boot, stream=named, acked=1, next_seq=3)
        assert (again.stream_id, again.committed, again.previous) == (first.stream_id, 2, None)
        assert again.rejected == [Rejected(2, RejectCode.TOO_DEEP)]
    assert again.generation == 3


async def test_only_the_newest_rejected_numbers_are_repeated(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    most = OVERRUN_FACTOR * WINDOW_EVENTS
    first = await connect(conn, candidate, HUB, boot=boot)
    await factories.store_events(conn, first.stream_id, [("rejected", {"code": "bad_shape"}, 1)] * (most + 500))
    again = await connect(conn, candidate, HUB, boot=boot, acked=0, next_seq=most + 501)
    assert [refused.seq for refused in again.rejected] == list(range(501, most + 501))


async def test_another_boot_gets_its_own_stream(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    first = await connect(conn, candidate, HUB)
    second = await connect(conn, candidate, HUB)
    assert first.stream_id != second.stream_id


async def test_a_foreign_attempt_is_not_found(conn: AsyncConnection) -> None:
    mine, theirs = await make_candidates(conn, 2)
    stranger = Candidate(mine.exam_id, mine.attempt_id, theirs.student_id)
    with pytest.raises(NotFound):
        await connect(conn, stranger, HUB)


async def test_a_student_who_left_the_roster_cannot_start(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    await conn.execute(update(ExamEnrollment).values(removed_at=func.now()))
    with pytest.raises(NotFound):
        await connect(conn, candidate, HUB)


async def test_a_newer_connection_closes_the_older(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    await connect(conn, candidate, HUB)
    await connect(conn, candidate, HUB)
    causes = await conn.execute(select(Connection.cause).order_by(Connection.generation))
    assert list(causes.scalars()) == ["superseded", None]


async def test_only_the_newest_connection_gets_an_event_when_it_closes(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    first = await connect(conn, candidate, HUB)
    second = await connect(conn, candidate, HUB)
    assert not await disconnect(conn, candidate, first.generation, "gone")
    assert await disconnect(conn, candidate, second.generation, "gone")
    assert not await disconnect(conn, candidate, second.generation, "gone")
    assert [event for event, _ in await system_events(conn, candidate.attempt_id)] == [
        "attempt_started",
        "connection_opened",
        "stream_abandoned",
        "connection_opened",
        "connection_lost",
    ]


async def test_a_hello_ends_a_silence_and_records_its_duration(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    await conn.execute(update(ExamAttempt).values(silent_since=func.clock_timestamp() - timedelta(seconds=90)))
    await connect(conn, candidate, HUB)
    opened, resumed = (await system_events(conn, candidate.attempt_id))[1:]
    assert (opened[0], resumed[0]) == ("connection_opened", "heartbeat_resumed")
    assert 90_000 <= resumed[1]["silent_ms"] < 95_000
    await connect(conn, candidate, HUB)
    assert [event for event, _ in await system_events(conn, candidate.attempt_id)][-2:] == [
        "stream_abandoned",
        "connection_opened",
    ]


async def test_simultaneous_hellos_get_different_generations(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)

    async def open_one() -> int:
        async with engine.begin() as conn:
            return (await connect(conn, candidate, HUB)).generation

    assert sorted(await asyncio.gather(*(open_one() for _ in range(5)))) == [1, 2, 3, 4, 5]


async def test_the_states_of_all_sockets_are_read_at_once(conn: AsyncConnection) -> None:
    candidates = await make_candidates(conn, 6)
    well, older, revoked, expired, inactive, removed = candidates
    sessions = {candidate.attempt_id: await sign_in(conn, candidate.student_id) for candidate in candidates}
    opened = {candidate.attempt_id: await connect(conn, candidate, HUB) for candidate in candidates}
    sockets = {
        attempt_id: SocketKey(opening.generation, sessions[attempt_id]) for attempt_id, opening in opened.items()
    }
    found = await connections.check_sockets(conn, sockets)
    assert {finding.code for finding in found.values()} == {None}
    assert {finding.attempt.status for finding in found.values()} == {AttemptStatus.IN_PROGRESS}
    assert found.keys() == sockets.keys()
    await connect(conn, older, HUB)
    await credentials.revoke_session(conn, sessions[revoked.attempt_id])
    await conn.execute(
        update(UserSession)
        .where(UserSession.id == sessions[expired.attempt_id])
        .values(ends_at=func.now() - timedelta(seconds=1))
    )
    await conn.execute(update(User).where(User.id == inactive.student_id).values(is_active=False))
    await conn.execute(
        update(ExamEnrollment).where(ExamEnrollment.student_id == removed.student_id).values(removed_at=func.now())
    )
    found = await connections.check_sockets(conn, sockets)
    assert {attempt_id: finding.code for attempt_id, finding in found.items() if finding.code is not None} == {
        older.attempt_id: CloseCode.SUPERSEDED,
        revoked.attempt_id: CloseCode.UNAUTHENTICATED,
        expired.attempt_id: CloseCode.UNAUTHENTICATED,
        inactive.attempt_id: CloseCode.UNAUTHENTICATED,
        removed.attempt_id: CloseCode.FORBIDDEN,
    }
    assert await connections.check_sockets(conn, {}) == {}
    assert await connections.check_sockets(conn, {uuid4(): SocketKey(1, sessions[well.attempt_id])}) == {}


async def end(
    conn: AsyncConnection, candidate: Candidate, *, ago_ms: int, status: AttemptStatus = AttemptStatus.ENDED
) -> None:
    ended = {"status": status, "completed_at": func.now() - timedelta(milliseconds=ago_ms)}
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == candidate.attempt_id).values(**ended))


@pytest.mark.parametrize("status", sorted(OVER))
async def test_events_of_the_queue_are_accepted_for_a_day_after_the_end_and_marked_late(
    conn: AsyncConnection, status: AttemptStatus
) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = await connect(conn, candidate, HUB, boot=boot)
    await factories.store_events(conn, first.stream_id, [("copy", {}, 1), ("copy", {}, 2)])
    await end(conn, candidate, ago_ms=TAIL_MS - 60_000, status=status)
    again = await connect(conn, candidate, HUB, boot=boot, acked=2, next_seq=9)
    assert (again.stream_id, again.committed) == (first.stream_id, 2)
    assert (again.attempt.status, again.attempt.is_over) == (status, True)
    assert again.closes_ms == pytest.approx(again.server_ms - TAIL_MS + 60_000, abs=5_000)
    late = {"type": "late_from", "data": {"stream": str(first.stream_id), "seq": 3}}
    assert late in [{"type": kind, "data": data} for kind, data in await system_events(conn, candidate.attempt_id)]


async def test_after_that_day_nothing_is_taken(conn: AsyncConnection) -> None:
    candidate, other = await make_candidates(conn, 2)
    opening = await connect(conn, candidate, HUB)
    session = await sign_in(conn, candidate.student_id)
    standing = {candidate.attempt_id: SocketKey(opening.generation, session)}
    await end(conn, candidate, ago_ms=TAIL_MS - 60_000)
    found = (await connections.check_sockets(conn, standing))[candidate.attempt_id]
    assert (found.code, found.attempt.is_over) == (None, True)
    await end(conn, candidate, ago_ms=TAIL_MS + 1)
    assert (await connections.check_sockets(conn, standing))[candidate.attempt_id].code is CloseCode.ENDED
    with pytest.raises(Ended):
        await connect(conn, candidate, HUB)
    with pytest.raises(NotFound):
        await connect(conn, Candidate(candidate.exam_id, candidate.attempt_id, other.student_id), HUB)


@pytest.mark.parametrize(("unused_s", "is_open"), [(29, True), (31, False)])
async def test_an_idle_session_ends_after_its_time_without_use(
    conn: AsyncConnection, unused_s: int, is_open: bool
) -> None:
    [candidate] = await make_candidates(conn)
    session = await sign_in(conn, candidate.student_id)
    last_use = func.now() - timedelta(seconds=unused_s)
    await conn.execute(update(UserSession).values(idle_s=30, last_used_at=last_use))
    opening = await connect(conn, candidate, HUB)
    standing = {candidate.attempt_id: SocketKey(opening.generation, session)}
    code = (await connections.check_sockets(conn, standing))[candidate.attempt_id].code
    assert code is (None if is_open else CloseCode.UNAUTHENTICATED)


async def test_open_connections_of_a_hub_are_listed_when_they_are_old_enough(conn: AsyncConnection) -> None:
    mine, closed, young, elsewhere = await make_candidates(conn, 4)
    opening = await connect(conn, mine, HUB)
    ended = await connect(conn, closed, HUB)
    await disconnect(conn, closed, ended.generation, "gone")
    await connect(conn, elsewhere, uuid4())
    await conn.execute(update(Connection).values(opened_at=func.now() - timedelta(seconds=31)))
    await connect(conn, young, HUB)
    listed = await connections.list_open_sockets(conn, HUB, older_than_s=30)
    assert listed == [connections.ConnectionKey(mine.attempt_id, opening.generation)]


async def test_a_socket_whose_client_knows_the_state_is_left_out(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    opening = await connect(conn, candidate, HUB)
    session = await sign_in(conn, candidate.student_id)
    sockets = {candidate.attempt_id: SocketKey(1, session)}
    assert await connections.check_sockets(conn, sockets, [opening.attempt]) == {}
    await conn.execute(update(ExamAttempt).values(deadline=ExamAttempt.deadline + timedelta(minutes=1)))
    found = (await connections.check_sockets(conn, sockets, [opening.attempt]))[candidate.attempt_id]
    assert found.attempt.deadline == (opening.attempt.deadline or 0) + 60_000
    assert await connections.check_sockets(conn, sockets, [found.attempt]) == {}
    await credentials.revoke_session(conn, session)
    assert candidate.attempt_id in await connections.check_sockets(conn, sockets, [found.attempt])
