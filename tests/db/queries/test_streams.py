import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import NotFound
from db.models import Connection, EventStream, MonitoringEvent
from db.queries import streams
from protocol.codes import RejectCode
from protocol.monitor import Client, Hello, Rejected
from protocol.people import Role
from tests import factories

HUB = uuid4()


async def attempt(conn: AsyncConnection) -> tuple[UUID, UUID]:
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    student = await factories.make_user(conn)
    exam = await factories.make_exam(conn, teacher)
    return await factories.make_attempt(conn, exam, student), student


def hello(attempt_id: UUID, boot: UUID, *, acked: int = 0, next_seq: int = 1) -> Hello:
    return Hello(
        ticket="t",
        attempt_id=attempt_id,
        boot=boot,
        acked=acked,
        next_seq=next_seq,
        client=Client("x", "1"),
        mono=500,
        at=0,
    )


async def facts(conn: AsyncConnection, attempt_id: UUID) -> list[str]:
    found = await conn.execute(
        select(MonitoringEvent.event_type)
        .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
        .where(EventStream.attempt_id == attempt_id, EventStream.kind == "system")
        .order_by(MonitoringEvent.seq)
    )
    return list(found.scalars())


async def test_the_first_hello_opens_a_stream_whose_time_base_is_server_time(conn: AsyncConnection) -> None:
    attempt_id, student = await attempt(conn)
    opening = await streams.open_connection(conn, hello(attempt_id, uuid4()), student, HUB)
    base = (await conn.execute(select(EventStream.time_base).where(EventStream.id == opening.stream_id))).scalar_one()
    assert (opening.committed, opening.generation, opening.rejected) == (0, 1, [])
    assert base == opening.server_ms - 500


async def test_the_same_boot_goes_on_where_its_stream_stands(conn: AsyncConnection) -> None:
    attempt_id, student = await attempt(conn)
    boot = uuid4()
    first = await streams.open_connection(conn, hello(attempt_id, boot), student, HUB)
    await factories.store_events(conn, first.stream_id, [("copy", {}, 1), ("rejected", {"code": "too_deep"}, 2)])
    again = await streams.open_connection(conn, hello(attempt_id, boot, acked=1, next_seq=3), student, HUB)
    assert (again.stream_id, again.committed, again.generation) == (first.stream_id, 2, 2)
    assert again.rejected == [Rejected(2, RejectCode.TOO_DEEP)]


async def test_another_boot_gets_a_stream_of_its_own(conn: AsyncConnection) -> None:
    attempt_id, student = await attempt(conn)
    first = await streams.open_connection(conn, hello(attempt_id, uuid4()), student, HUB)
    second = await streams.open_connection(conn, hello(attempt_id, uuid4()), student, HUB)
    assert first.stream_id != second.stream_id


async def test_a_client_whose_numbering_was_rolled_back_gets_a_new_stream(conn: AsyncConnection) -> None:
    attempt_id, student = await attempt(conn)
    boot = uuid4()
    first = await streams.open_connection(conn, hello(attempt_id, boot), student, HUB)
    await factories.store_events(conn, first.stream_id, [("copy", {}, 1), ("copy", {}, 2)])
    again = await streams.open_connection(conn, hello(attempt_id, boot, next_seq=2), student, HUB)
    assert again.stream_id != first.stream_id
    assert again.committed == 0
    later = await streams.open_connection(conn, hello(attempt_id, boot, next_seq=2), student, HUB)
    assert later.stream_id == again.stream_id


async def test_a_foreign_attempt_is_not_found(conn: AsyncConnection) -> None:
    attempt_id, _ = await attempt(conn)
    stranger = await factories.make_user(conn)
    with pytest.raises(NotFound):
        await streams.open_connection(conn, hello(attempt_id, uuid4()), stranger, HUB)


async def test_a_newer_connection_closes_the_older_and_is_seen_as_superseding(conn: AsyncConnection) -> None:
    attempt_id, student = await attempt(conn)
    first = await streams.open_connection(conn, hello(attempt_id, uuid4()), student, HUB)
    assert await streams.superseded(conn, {attempt_id: first.generation}) == []
    await streams.open_connection(conn, hello(attempt_id, uuid4()), student, HUB)
    assert await streams.superseded(conn, {attempt_id: first.generation}) == [attempt_id]
    causes = await conn.execute(select(Connection.cause).order_by(Connection.generation))
    assert list(causes.scalars()) == ["superseded", None]


async def test_only_the_newest_connection_leaves_a_fact_when_it_closes(conn: AsyncConnection) -> None:
    attempt_id, student = await attempt(conn)
    first = await streams.open_connection(conn, hello(attempt_id, uuid4()), student, HUB)
    second = await streams.open_connection(conn, hello(attempt_id, uuid4()), student, HUB)
    assert not await streams.close_connection(conn, attempt_id, first.generation, "gone")
    assert await streams.close_connection(conn, attempt_id, second.generation, "gone")
    assert not await streams.close_connection(conn, attempt_id, second.generation, "gone")
    assert await facts(conn, attempt_id) == [
        "attempt_started",
        "connection_opened",
        "connection_opened",
        "connection_lost",
    ]


async def test_two_hellos_at_once_get_generations_of_their_own(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        attempt_id, student = await attempt(conn)

    async def connect() -> int:
        async with engine.begin() as conn:
            return (await streams.open_connection(conn, hello(attempt_id, uuid4()), student, HUB)).generation

    assert sorted(await asyncio.gather(*(connect() for _ in range(5)))) == [1, 2, 3, 4, 5]
