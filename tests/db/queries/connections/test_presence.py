from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Connection, EventStream, ExamAttempt, HubLease
from db.queries.connections import presence
from db.queries.connections.presence import AttemptPresence
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_stream, make_user, store_events


class Room:
    """One exam whose attempts are connected by rows."""

    def __init__(self, conn: AsyncConnection, exam: UUID) -> None:
        self.conn = conn
        self.exam = exam

    async def add_attempt(self) -> UUID:
        return await make_attempt(self.conn, self.exam, await make_user(self.conn))

    async def connect(self, attempt: UUID, *, hub: UUID | None = None, generation: int = 1) -> UUID:
        stream = await make_stream(self.conn, attempt)
        await self.conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt).values(generation=generation))
        await self.conn.execute(
            insert(Connection).values(attempt_id=attempt, generation=generation, stream_id=stream, hub=hub or uuid4())
        )
        return stream

    async def close(self, attempt: UUID, generation: int = 1) -> None:
        await self.conn.execute(
            update(Connection)
            .where(Connection.attempt_id == attempt, Connection.generation == generation)
            .values(closed_at=func.now())
        )

    async def lease(self, *, expires_s: float = 10, ended: bool = False) -> UUID:
        hub = uuid4()
        await self.conn.execute(
            insert(HubLease).values(
                hub=hub,
                expires_at=func.now() + timedelta(seconds=expires_s),
                ended_at=func.now() if ended else None,
            )
        )
        return hub

    async def online(self) -> list[tuple[int, int, bool]]:
        found = await presence.read_presence(self.conn, [self.exam])
        return [(state.ix, state.generation, state.online) for state in found.get(self.exam, [])]


async def make_room(conn: AsyncConnection) -> Room:
    return Room(conn, await make_exam(conn, await make_user(conn, role=Role.TEACHER)))


@pytest.fixture
async def room(conn: AsyncConnection) -> Room:
    return await make_room(conn)


async def test_the_newest_connection_decides(room: Room) -> None:
    first, second = await room.add_attempt(), await room.add_attempt()
    await room.add_attempt()
    assert await room.online() == []
    await room.connect(first)
    await room.connect(second)
    await room.close(second)
    assert await room.online() == [(1, 1, True), (2, 1, False)]
    await room.close(first)
    await room.connect(first, generation=2)
    assert await room.online() == [(1, 2, True), (2, 1, False)]


@pytest.mark.parametrize(
    ("expires_s", "ended", "online"), [(10, False, True), (-1, False, False), (10, True, False), (-1, True, False)]
)
async def test_a_connection_is_open_only_while_its_hub_is_alive(
    room: Room, expires_s: float, ended: bool, online: bool
) -> None:
    await room.connect(await room.add_attempt(), hub=await room.lease(expires_s=expires_s, ended=ended))
    assert await room.online() == [(1, 1, online)]


async def test_several_exams_are_read_in_one_query(room: Room, conn: AsyncConnection) -> None:
    other, empty = await make_room(conn), await make_room(conn)
    for exam_room in (room, other):
        await exam_room.connect(await exam_room.add_attempt())
    found = await presence.read_presence(conn, [room.exam, other.exam, empty.exam])
    assert found.keys() == {room.exam, other.exam}
    (state,) = found[room.exam]
    assert state == AttemptPresence(1, 1, online=True, at=state.at)
    assert state.at > 1_700_000_000_000


async def test_attempts_count_what_each_of_their_clients_streams_holds(room: Room, conn: AsyncConnection) -> None:
    first, second, third = [await room.add_attempt() for _ in range(3)]
    streams = [await room.connect(first), await room.connect(first, generation=2), await room.connect(second)]
    await room.connect(third)
    for stream, size in zip(streams, (3, 2, 5), strict=True):
        await store_events(conn, stream, [("alive", {}, mono) for mono in range(size)])
    await store_events(conn, streams[0], [("stream_closed", {"next": str(streams[1])}, 3)])
    counts = await presence.read_counts(conn, [(room.exam, 1), (room.exam, 2), (room.exam, 3), (uuid4(), 1)])
    assert {(count.exam_id, count.ix, count.stream_id, count.seq) for count in counts} == {
        (room.exam, 1, streams[0], 3),
        (room.exam, 1, streams[1], 2),
        (room.exam, 2, streams[2], 5),
    }
    assert all(count.at > 1_700_000_000_000 for count in counts)
    assert await presence.read_counts(conn, []) == []


async def test_server_events_are_not_counted(room: Room, conn: AsyncConnection) -> None:
    attempt = await room.add_attempt()
    stream = await room.connect(attempt)
    await conn.execute(update(EventStream).where(EventStream.id == stream).values(kind="system", boot=None))
    await store_events(conn, stream, [("alive", {}, 1)])
    assert await presence.read_counts(conn, [(room.exam, 1)]) == []
