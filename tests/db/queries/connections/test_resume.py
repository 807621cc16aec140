import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.engine import connect_writer
from db.errors import BadRequest, ForeignStream
from db.models import EventStream, MonitoringEvent
from db.queries import verify
from db.queries.connections.resume import EARLY_MS, WRITTEN_MS
from db.queries.events import partitions
from db.queries.events.insert import copy_events, insert_missing_events
from db.segments import Segment, make_segment
from db.settings import DatabaseSettings
from protocol.events import Batch, Entry, lost_entry
from protocol.limits import LOST_NUMBERS, STREAM_MS
from protocol.monitor import Previous
from tests import factories
from tests.candidates import Candidate, age_stream, connect, make_candidates, read_rows
from tests.locks import until_blocked

HUB = uuid4()
AGED_MS = STREAM_MS - EARLY_MS
_T = TypeVar("_T")


@pytest.fixture
async def writer(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect_writer(database)
    yield conn
    await conn.close()


def segment(stream_id: UUID, first: int, last: int) -> Segment:
    return Segment(stream_id, first, tuple(Entry(seq, "copy", 0, seq, "{}") for seq in range(first, last + 1)))


async def store(conn: AsyncConnection, stream_id: UUID, count: int) -> None:
    await factories.store_events(conn, stream_id, [("copy", {}, 7)] * count)


async def system_stream(conn: AsyncConnection, candidate: Candidate) -> UUID:
    found = await conn.execute(select(EventStream.id).where(EventStream.attempt_id == candidate.attempt_id))
    return found.scalars().one()


@pytest.mark.parametrize("named", [True, False])
async def test_impossible_acknowledgements_are_refused(conn: AsyncConnection, *, named: bool) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    stream = (await connect(conn, candidate, HUB, boot=boot)).stream_id if named else uuid7()
    claim = LOST_NUMBERS + 1
    with pytest.raises(BadRequest):
        await connect(conn, candidate, HUB, boot=boot, stream=stream, acked=claim, next_seq=claim + 1)


async def test_a_stream_that_is_a_day_old_is_closed_and_the_queue_continues_in_another(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    await store(conn, first, 3)
    young = await age_stream(conn, first, AGED_MS - 5_000)
    assert (await connect(conn, candidate, HUB, boot=boot, stream=young, acked=2, next_seq=6)).stream_id == young
    old = await age_stream(conn, young, 5_000)
    again = await connect(conn, candidate, HUB, boot=boot, stream=old, acked=2, next_seq=6)
    assert again.stream_id not in (young, old)
    assert (again.committed, again.previous, again.server_lost) == (0, Previous(old, 3), 0)
    assert (await read_rows(conn, old))[3:] == [(4, "stream_closed", None)]
    named = await conn.execute(
        select(MonitoringEvent.data_payload["next"].astext).where(MonitoringEvent.event_type == "stream_closed")
    )
    assert named.scalars().all() == [str(again.stream_id)]
    later = await connect(conn, candidate, HUB, boot=boot, stream=again.stream_id, next_seq=4)
    assert (later.stream_id, later.previous) == (again.stream_id, None)


async def test_a_client_that_did_not_receive_the_new_stream_gets_it_again(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    await store(conn, first, 3)
    old = await age_stream(conn, first, AGED_MS)
    welcomes = [await connect(conn, candidate, HUB, boot=boot, stream=old, acked=3, next_seq=6) for _ in range(3)]
    assert {welcome.previous for welcome in welcomes} == {Previous(old, 3)}
    assert len({welcome.stream_id for welcome in welcomes}) == 3
    assert len(await read_rows(conn, old)) == 4


async def test_a_hello_without_a_stream_continues_the_newest_stream_of_its_queue(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    await store(conn, first, 2)
    old = await age_stream(conn, first, AGED_MS)
    assert (await connect(conn, candidate, HUB, boot=boot, acked=2)).previous == Previous(old, 2)


async def test_a_stream_known_to_another_boot_is_closed_too(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    first = (await connect(conn, candidate, HUB)).stream_id
    await store(conn, first, 3)
    again = await connect(conn, candidate, HUB, boot=uuid4(), stream=first, acked=1, next_seq=9)
    assert (again.committed, again.previous) == (0, Previous(first, 3))
    assert (await read_rows(conn, first))[-1] == (4, "stream_closed", None)


async def test_a_client_whose_numbering_was_rolled_back_keeps_what_it_never_saw_acknowledged(
    conn: AsyncConnection,
) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    await store(conn, first, 9)
    again = await connect(conn, candidate, HUB, boot=boot, stream=first, acked=4, next_seq=9)
    assert again.stream_id != first
    # 5 to 8 of its queue may be other events than those stored there: the hub does not ask the client to drop them.
    assert (again.committed, again.previous) == (0, Previous(first, 4))
    assert len(await read_rows(conn, first)) == 9


async def test_a_stream_that_is_not_the_attempts_is_refused(conn: AsyncConnection) -> None:
    mine, theirs = await make_candidates(conn, 2)
    server_ms = (await connect(conn, mine, HUB)).server_ms
    foreign = (await connect(conn, theirs, HUB)).stream_id
    for named in (
        foreign,
        await system_stream(conn, (await make_candidates(conn))[0]),
        uuid4(),
        UUID(int=uuid7().int - (STREAM_MS << 80)),
        UUID(int=uuid7().int + (2 * EARLY_MS << 80)),
    ):
        with pytest.raises(ForeignStream):
            await connect(conn, mine, HUB, stream=named)
    assert server_ms > 0


async def test_the_own_system_stream_is_refused(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    with pytest.raises(ForeignStream):
        await connect(conn, candidate, HUB, stream=await system_stream(conn, candidate))


async def test_acknowledged_events_that_are_missing_are_recorded_as_lost(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    await store(conn, first, 2)
    again = await connect(conn, candidate, HUB, boot=boot, stream=first, acked=9, next_seq=12)
    assert (again.stream_id, again.committed, again.server_lost, again.previous) == (first, 9, 7, None)
    assert (await read_rows(conn, first))[2:] == [(3, "events_lost", 3), (9, "events_lost", 4)]
    assert await verify.find_sequence_errors(conn) == []
    found = await conn.execute(
        select(MonitoringEvent.mono, MonitoringEvent.data_payload["reason"].astext).where(
            MonitoringEvent.event_type == "events_lost"
        )
    )
    assert [tuple(row) for row in found] == [(7, "server_lost")] * 2
    once_more = await connect(conn, candidate, HUB, boot=boot, stream=first, acked=9, next_seq=12)
    assert (once_more.committed, once_more.server_lost) == (9, 0)


async def test_one_lost_number_is_one_row(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    assert (await connect(conn, candidate, HUB, boot=boot, acked=1)).server_lost == 1
    assert await read_rows(conn, first) == [(1, "events_lost", 1)]


async def test_a_stream_the_server_lost_is_opened_again_under_its_name(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    named = uuid7()
    opening = await connect(conn, candidate, HUB, stream=named, acked=30, next_seq=41)
    assert (opening.stream_id, opening.committed, opening.server_lost) == (named, 30, 30)
    assert await verify.find_sequence_errors(conn) == []
    assert await verify.find_orphaned_events(conn) == []


async def test_missing_events_of_an_old_stream_are_recorded_before_it_is_closed(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    await store(conn, first, 2)
    old = await age_stream(conn, first, AGED_MS)
    again = await connect(conn, candidate, HUB, boot=boot, stream=old, acked=5, next_seq=8)
    assert (again.previous, again.server_lost) == (Previous(old, 5), 3)
    assert [kind for _, kind, _ in (await read_rows(conn, old))[2:]] == ["events_lost", "events_lost", "stream_closed"]
    assert await verify.find_sequence_errors(conn) == []


async def test_nothing_is_written_into_a_stream_whose_partition_may_be_dropped(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    old = await age_stream(conn, first, WRITTEN_MS)
    again = await connect(conn, candidate, HUB, boot=boot, stream=old, acked=5, next_seq=8)
    assert (again.previous, again.server_lost) == (Previous(old, 0), 0)
    assert await read_rows(conn, old) == []
    assert await partitions.is_default_empty(conn)


@asynccontextmanager
async def in_flight(writer: asyncpg.Connection, late: Segment) -> AsyncIterator[asyncpg.transaction.Transaction]:
    """A batch of an older connection that pauses between COPY and COMMIT."""
    transaction = writer.transaction()
    await transaction.start()
    await copy_events(writer, [late])
    yield transaction


async def while_waiting(engine: AsyncEngine, waiter: Awaitable[_T], end: Awaitable[None]) -> _T:
    task = asyncio.ensure_future(waiter)
    await until_blocked(engine)
    await end
    return await task


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_batch_still_under_way_is_waited_for_before_anything_is_called_lost(
    engine: AsyncEngine, writer: asyncpg.Connection, is_stored: bool
) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        boot = uuid4()
        stream_id = (await connect(conn, candidate, HUB, boot=boot)).stream_id
        await store(conn, stream_id, 2)
    async with in_flight(writer, segment(stream_id, 3, 5)) as late, engine.begin() as conn:
        hello = connect(conn, candidate, HUB, boot=boot, stream=stream_id, acked=8, next_seq=9)
        again = await while_waiting(engine, hello, late.commit() if is_stored else late.rollback())
    async with engine.connect() as conn:
        assert (again.committed, again.server_lost) == (8, 3 if is_stored else 6)
        assert await verify.find_sequence_errors(conn) == []
        seqs = [seq for seq, _, _ in await read_rows(conn, stream_id)]
        assert seqs == ([1, 2, 3, 4, 5, 6, 8] if is_stored else [1, 2, 3, 8])


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_batch_still_under_way_counts_for_the_stream_it_is_in_or_not_at_all(
    engine: AsyncEngine, writer: asyncpg.Connection, is_stored: bool
) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        boot = uuid4()
        stream_id = (await connect(conn, candidate, HUB, boot=boot)).stream_id
        await store(conn, stream_id, 2)
        old = await age_stream(conn, stream_id, AGED_MS)
    async with in_flight(writer, segment(old, 3, 5)) as late, engine.begin() as conn:
        hello = connect(conn, candidate, HUB, boot=boot, stream=old, acked=2, next_seq=6)
        again = await while_waiting(engine, hello, late.commit() if is_stored else late.rollback())
    assert again.previous == Previous(old, 5 if is_stored else 2)
    if not is_stored:
        with pytest.raises(asyncpg.UniqueViolationError):
            await copy_events(writer, [segment(old, 3, 5)])
        assert (await insert_missing_events(writer, [segment(old, 3, 5)])).returned == {old: "overtaken"}


async def test_a_batch_whose_numbers_were_recorded_as_lost_is_not_stored(
    engine: AsyncEngine, writer: asyncpg.Connection
) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        boot = uuid4()
        stream_id = (await connect(conn, candidate, HUB, boot=boot)).stream_id
        await store(conn, stream_id, 2)
    # What an older connection has taken and not stored yet: its hub is frozen.
    late = [segment(stream_id, 3, 5)]
    async with engine.begin() as conn:
        await connect(conn, candidate, HUB, boot=boot, stream=stream_id, acked=8, next_seq=9)
    with pytest.raises(asyncpg.UniqueViolationError):
        await copy_events(writer, late)
    assert (await insert_missing_events(writer, late)).returned == {stream_id: "overtaken"}
    async with engine.connect() as conn:
        assert await verify.find_sequence_errors(conn) == []
        assert (await read_rows(conn, stream_id))[2:] == [(3, "events_lost", 3), (8, "events_lost", 4)]


class Session:
    """One connection of a client, with what it has seen stored. Several at once are a client that moved."""

    def __init__(self, stream_id: UUID, committed: int) -> None:
        self.stream_id = stream_id
        self.committed = committed
        self.is_open = True

    async def send(self, writer: asyncpg.Connection, count: int, is_lost: bool) -> None:
        first, last = self.committed + 1, self.committed + count
        entries = (lost_entry(first, last, "overflow"),) if is_lost else segment(self.stream_id, first, last).entries
        laid = [make_segment(self.stream_id, Batch(first, last, entries, 1))]
        try:
            await copy_events(writer, laid)
        except asyncpg.UniqueViolationError:
            self.is_open = not (await insert_missing_events(writer, laid)).returned
        self.committed = last


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(0, 3), st.integers(1, 6), st.booleans()),
            st.tuples(st.just("hello"), st.integers(0, 8), st.booleans(), st.booleans()),
        ),
        min_size=4,
        max_size=14,
    )
)
async def test_every_number_is_stored_once_even_while_older_connections_still_store(
    engine: AsyncEngine, writer: asyncpg.Connection, steps: list[tuple[str, int, int, bool]]
) -> None:
    async with engine.begin() as conn:
        [candidate] = await make_candidates(conn)
        boot = uuid4()
        first = await connect(conn, candidate, HUB, boot=boot)
    sessions = [Session(first.stream_id, 0)]
    for what, one, two, is_other in steps:
        if what == "send":
            session = sessions[-1 - one % len(sessions)]
            if session.is_open:
                await session.send(writer, two, is_other)
            continue
        # A client that claims up to 8 more acknowledged numbers than it has, and perhaps under another boot.
        newest = sessions[-1]
        acked = newest.committed + (one if two else 0)
        async with engine.begin() as conn:
            again = await connect(
                conn,
                candidate,
                HUB,
                boot=uuid4() if is_other else boot,
                stream=newest.stream_id,
                acked=acked,
                next_seq=acked + 20,
            )
        assert again.committed >= acked or again.previous is not None
        sessions.append(Session(again.stream_id, again.committed))
    async with engine.connect() as conn:
        mine = {f"stream {session.stream_id}" for session in sessions}
        assert [breach for breach in await verify.find_sequence_errors(conn) if breach.where in mine] == []
