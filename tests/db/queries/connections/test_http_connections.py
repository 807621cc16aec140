from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.errors import Ended, NotFound
from db.models import Connection, EventStream, ExamAttempt, ExamEnrollment, User
from db.queries.connections import connections, http_connections
from db.queries.connections.connections import ConnectionKey, OpenedConnection
from protocol.attempts import AttemptStatus
from protocol.limits import HEARTBEAT_MS, SILENT_HEARTBEATS, TAIL_MS
from protocol.monitor import Client, Hello
from tests import factories
from tests.candidates import Candidate, connect, disconnect, make_candidates

HUB = uuid4()
TOO_LONG = timedelta(milliseconds=SILENT_HEARTBEATS * HEARTBEAT_MS + 50)


async def connect_by_requests(conn: AsyncConnection, candidate: Candidate) -> OpenedConnection:
    client = Client("x", "1")
    hello = Hello(attempt_id=candidate.attempt_id, boot=uuid4(), acked=0, next_seq=1, client=client, mono=1, at=1)
    return await connections.open_connection(
        conn, hello, candidate.student_id, HUB, has_proof=lambda _: True, by_requests=True
    )


async def test_a_target_has_the_last_number_of_its_stream_and_its_connection(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    first = await connect_by_requests(conn, candidate)
    target = await http_connections.find_target(conn, first.stream_id, candidate.student_id)
    assert (target.attempt_id, target.exam_id) == (candidate.attempt_id, candidate.exam_id)
    assert (target.committed, target.is_closed, target.is_superseded, target.is_connected) == (0, False, False, True)
    assert target.attempt.status is AttemptStatus.IN_PROGRESS
    await factories.store_events(conn, first.stream_id, [("copy", {}, 1), ("copy", {}, 2)])
    await disconnect(conn, candidate, first.generation)
    target = await http_connections.find_target(conn, first.stream_id, candidate.student_id)
    assert (target.committed, target.is_superseded, target.is_connected) == (2, False, False)
    await connect(conn, candidate, HUB)
    assert (await http_connections.find_target(conn, first.stream_id, candidate.student_id)).is_superseded
    await factories.store_events(conn, first.stream_id, [("stream_closed", {"next": "x"}, 2)])
    target = await http_connections.find_target(conn, first.stream_id, candidate.student_id)
    assert (target.committed, target.is_closed) == (2, True)


async def test_streams_of_other_students_and_system_streams_are_not_found(conn: AsyncConnection) -> None:
    candidate, other = await make_candidates(conn, 2)
    opening = await connect_by_requests(conn, candidate)
    system = select(EventStream.id).where(EventStream.kind == "system", EventStream.attempt_id == candidate.attempt_id)
    for stream, student in (
        (opening.stream_id, other.student_id),
        (uuid7(), candidate.student_id),
        ((await conn.execute(system)).scalar_one(), candidate.student_id),
    ):
        with pytest.raises(NotFound):
            await http_connections.find_target(conn, stream, student)


@pytest.mark.parametrize("how", ["removed", "inactive"])
async def test_removed_and_deactivated_students_cannot_deliver(conn: AsyncConnection, how: str) -> None:
    [candidate] = await make_candidates(conn)
    opening = await connect_by_requests(conn, candidate)
    if how == "removed":
        await conn.execute(update(ExamEnrollment).values(removed_at=func.now()))
    else:
        await conn.execute(update(User).where(User.id == candidate.student_id).values(is_active=False))
    with pytest.raises(NotFound):
        await http_connections.find_target(conn, opening.stream_id, candidate.student_id)


async def test_a_day_after_the_end_nothing_is_taken(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    opening = await connect_by_requests(conn, candidate)
    for ago_ms, is_taken in ((TAIL_MS - 60_000, True), (TAIL_MS + 1, False)):
        ended = {"status": "ended", "completed_at": func.now() - timedelta(milliseconds=ago_ms)}
        await conn.execute(update(ExamAttempt).values(**ended))
        if is_taken:
            target = await http_connections.find_target(conn, opening.stream_id, candidate.student_id)
            assert target.attempt.is_over
        else:
            with pytest.raises(Ended):
                await http_connections.find_target(conn, opening.stream_id, candidate.student_id)


async def test_only_connections_by_requests_of_this_hub_fall_silent(conn: AsyncConnection) -> None:
    quiet, active, socket, elsewhere = await make_candidates(conn, 4)
    opening = await connect_by_requests(conn, quiet)
    kept = await connect_by_requests(conn, active)
    standing = await connect(conn, socket, HUB)
    await connect_by_requests(conn, elsewhere)
    await conn.execute(update(Connection).values(opened_at=func.clock_timestamp() - TOO_LONG))
    await conn.execute(
        update(Connection).where(Connection.heard_at.is_not(None)).values(heard_at=func.clock_timestamp() - TOO_LONG)
    )
    await conn.execute(update(Connection).where(Connection.attempt_id == elsewhere.attempt_id).values(hub=uuid4()))
    await http_connections.record_request(conn, active.attempt_id, kept.stream_id)
    await http_connections.record_request(conn, socket.attempt_id, standing.stream_id)
    assert await http_connections.lock_silent(conn, HUB) == [ConnectionKey(quiet.attempt_id, opening.generation)]
    assert await connections.list_open_sockets(conn, HUB, older_than_s=1) == [
        ConnectionKey(socket.attempt_id, standing.generation)
    ]


async def test_a_request_after_the_end_of_a_connection_does_not_reopen_it(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    opening = await connect_by_requests(conn, candidate)
    await disconnect(conn, candidate, opening.generation, "silent")
    await http_connections.record_request(conn, candidate.attempt_id, opening.stream_id)
    assert not (await http_connections.find_target(conn, opening.stream_id, candidate.student_id)).is_connected
