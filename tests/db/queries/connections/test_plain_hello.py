"""The hello in one statement opens the same connection as the hello in steps."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.models import Connection, ExamAttempt, WsTicket
from db.queries.accounts import credentials
from db.queries.connections import connections
from db.queries.connections.connections import OpenedConnection
from db.queries.connections.plain_hello import open_plain
from protocol.attempts import RUNNING, AttemptStatus
from protocol.monitor import Client, Hello, Mark
from tests import factories
from tests.candidates import Candidate, connect, expire_lease, make_candidates, start_hub, system_events

TICKET = b"t" * 32


def hello_of(candidate: Candidate, **values: object) -> Hello:
    client = Client("x", "1")
    hello = Hello(
        ticket="t", attempt_id=candidate.attempt_id, boot=uuid7(), acked=0, next_seq=1, client=client, mono=500, at=0
    )
    return msgspec.structs.replace(hello, **values)


async def in_steps(conn: AsyncConnection, hello: Hello, candidate: Candidate, place: str) -> OpenedConnection:
    hub = uuid7()
    return await connections.open_in_steps(
        conn, hello, candidate.student_id, hub, has_proof=lambda _: True, place=place
    )


async def at_once(conn: AsyncConnection, hello: Hello, candidate: Candidate, place: str) -> OpenedConnection:
    row = await open_plain(conn, hello, uuid7(), student_id=candidate.student_id, place=place)
    assert row is not None
    return connections._opened_plain(hello, row)


async def rows_of(conn: AsyncConnection, attempt_id: object) -> list[tuple[object, ...]]:
    found = await conn.execute(
        select(Connection.generation, Connection.stream_id, Connection.cause, Connection.place, Connection.heard_at)
        .where(Connection.attempt_id == attempt_id)
        .order_by(Connection.generation)
    )
    return [tuple(row) for row in found]


_events = st.lists(st.sampled_from(["copy", "rejected", "paste", "alive"]), max_size=6)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(types=_events, data=st.data(), silent=st.booleans(), named=st.booleans())
async def test_both_ways_open_the_same_connection(
    engine: AsyncEngine, types: list[str], data: st.DataObject, *, silent: bool, named: bool
) -> None:
    acked = data.draw(st.integers(0, len(types)))
    next_seq = data.draw(st.integers(len(types) + 1, len(types) + 3))
    results = []
    for way in (in_steps, at_once):
        async with engine.connect() as conn:
            [candidate] = await make_candidates(conn)
            first = hello_of(candidate)
            begun = await way(conn, first, candidate, "desk")
            stored = [(kind, {"code": "too_deep"} if kind == "rejected" else {}, 1) for kind in types]
            if stored:
                await factories.store_events(conn, begun.stream_id, stored)
            if silent:
                await conn.execute(update(ExamAttempt).values(silent_since=func.now()))
            again = msgspec.structs.replace(
                first, stream=begun.stream_id if named else None, acked=acked, next_seq=next_seq
            )
            opened = await way(conn, again, candidate, "desk")
            events = [
                (kind, {**fields, "stream": fields.get("stream") == str(opened.stream_id), "silent_ms": 0})
                for kind, fields in await system_events(conn, candidate.attempt_id)
            ]
            rows = [(row[0], row[1] == begun.stream_id, *row[2:]) for row in await rows_of(conn, candidate.attempt_id)]
            last = None if opened.last is None else (opened.last.seq, opened.last.mono)
            results.append(
                (events, rows, opened.committed, opened.rejected, last, opened.generation, opened.attempt.status)
            )
            await conn.rollback()
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "values",
    [{"next_seq": 1}, {"acked": 3, "next_seq": 4}, {"pending": [Mark(1, 5, 5)], "next_seq": 3}],
    ids=["a queue from before its stored events", "missing events", "another event under a stored number"],
)
async def test_a_hello_that_is_not_plain_changes_nothing(conn: AsyncConnection, values: dict[str, object]) -> None:
    [candidate] = await make_candidates(conn)
    first = hello_of(candidate)
    opened = await at_once(conn, first, candidate, "desk")
    await factories.store_events(conn, opened.stream_id, [("copy", {}, 1), ("paste", {}, 2)])
    again = msgspec.structs.replace(first, stream=opened.stream_id, **values)
    assert await open_plain(conn, again, uuid7(), student_id=candidate.student_id) is None
    assert len(await rows_of(conn, candidate.attempt_id)) == 1
    assert (await conn.execute(select(ExamAttempt.generation))).scalar_one() == 1


async def test_a_second_queue_of_an_attempt_is_not_plain(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    await connect(conn, candidate, uuid7())
    assert await open_plain(conn, hello_of(candidate), uuid7(), student_id=candidate.student_id) is None


@pytest.mark.parametrize("status", [status for status in AttemptStatus if status not in RUNNING])
async def test_an_attempt_that_does_not_run_is_not_plain(conn: AsyncConnection, status: AttemptStatus) -> None:
    [candidate] = await make_candidates(conn)
    await conn.execute(update(ExamAttempt).values(status=status, completed_at=func.now()))
    assert await open_plain(conn, hello_of(candidate), uuid7(), student_id=candidate.student_id) is None


async def test_the_connection_of_a_dead_hub_ended_with_it(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    hub = await start_hub(conn)
    hello = hello_of(candidate)
    await open_plain(conn, hello, hub, student_id=candidate.student_id)
    await expire_lease(conn, hub)
    await open_plain(conn, hello, uuid7(), student_id=candidate.student_id)
    assert [row[2] for row in await rows_of(conn, candidate.attempt_id)] == ["hub_gone", None]


async def test_a_hello_does_not_wait_for_another_of_its_attempt(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
    async with engine.begin() as one, engine.begin() as two:
        hello = hello_of(candidate)
        assert await open_plain(one, hello, uuid7(), student_id=candidate.student_id) is not None
        assert await open_plain(two, hello, uuid7(), student_id=candidate.student_id) is None


async def test_a_hello_does_not_wait_for_the_close_of_the_connection_before(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        opened = await at_once(conn, hello_of(candidate), candidate, "here")
    async with engine.begin() as closing, engine.begin() as other:
        # A close locks the connection, then the system stream: a hello that did it the other way would deadlock.
        query = text(
            "SELECT FROM connections WHERE attempt_id = :attempt AND generation = :generation FOR NO KEY UPDATE"
        )
        await closing.execute(query, {"attempt": candidate.attempt_id, "generation": opened.generation})
        assert await open_plain(other, hello_of(candidate), uuid7(), student_id=candidate.student_id) is None
        gone = [connections.Closing(candidate.attempt_id, opened.generation, "network")]
        assert await connections.close_connections(closing, gone) == [candidate.attempt_id]


async def sign_in(conn: AsyncConnection, candidate: Candidate, *, purpose: str = "monitor") -> None:
    session = uuid7()
    await credentials.open_session(conn, session=session, user_id=candidate.student_id, token_hash=session.bytes)
    await credentials.issue_ticket(
        conn, ticket_hash=TICKET, user_id=candidate.student_id, session=session, purpose=purpose
    )


async def redeem(conn: AsyncConnection, candidate: Candidate) -> connections.SignedInOpening | None:
    return await connections.sign_in_and_open(conn, hello_of(candidate), uuid7(), ticket=TICKET, session=None)


async def count_tickets(conn: AsyncConnection) -> int:
    return (await conn.execute(select(func.count()).select_from(WsTicket))).scalar_one()


async def test_a_ticket_is_used_up_with_the_hello(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    await sign_in(conn, candidate)
    opened = await redeem(conn, candidate)
    assert opened is not None
    assert (opened.user_id, opened.exam_id) == (candidate.student_id, None)
    assert await count_tickets(conn) == 0
    assert await redeem(conn, candidate) is None


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE sessions SET ended_at = now()",
        "UPDATE sessions SET ends_at = now() - interval '1 second'",
        "UPDATE sessions SET last_used_at = now() - interval '1 hour', idle_s = 60",
        "UPDATE users SET is_active = false",
        "UPDATE users SET origin = 'self'",
        "UPDATE users SET role = 'teacher' WHERE role = 'student'",
        "UPDATE ws_tickets SET expires_at = now()",
        "UPDATE ws_tickets SET purpose = 'console'",
        "UPDATE exam_enrollments SET removed_at = now()",
    ],
)
async def test_a_refused_sign_in_opens_nothing_and_keeps_its_ticket(conn: AsyncConnection, fault: str) -> None:
    [candidate] = await make_candidates(conn)
    await sign_in(conn, candidate)
    await conn.execute(text(fault))
    assert await redeem(conn, candidate) is None
    assert await count_tickets(conn) == 1
    assert await rows_of(conn, candidate.attempt_id) == []
