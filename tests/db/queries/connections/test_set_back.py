"""A client whose stored queue went back in time, and claims of acknowledgements without a proof."""

import copy
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.clock import from_ms
from db.models import EventStream, MonitoringEvent
from protocol.events import Event
from protocol.limits import STREAM_MS, Limits, Window
from protocol.monitor import Events, Mark, Previous
from tests.candidates import Candidate, age_stream, connect, make_candidates, read_rows
from veritas.client.queue import CandidateQueue

HUB = uuid4()


async def store(conn: AsyncConnection, stream_id: UUID, first: int, events: list[Event]) -> None:
    """Store events that a client sent, as a hub does: what has a number that is stored already stays as it is."""
    rows = [
        {
            "stream_id": stream_id,
            "seq": seq,
            "mono": event.mono,
            "client_timestamp": from_ms(event.at),
            "event_type": event.type,
            "data_payload": event.data,
        }
        for seq, event in enumerate(events, first)
    ]
    known = set(
        (await conn.execute(select(MonitoringEvent.seq).where(MonitoringEvent.stream_id == stream_id))).scalars()
    )
    if new := [row for row in rows if row["seq"] not in known]:
        await conn.execute(insert(MonitoringEvent), new)


def made(number: int, *, kind: str = "answered") -> Event:
    return Event(kind, 1_795_404_000_000 + number, 100 + number, {"n": number})


def mark(seq: int, number: int | None = None) -> Mark:
    event = made(seq if number is None else number)
    return Mark(seq, event.at, event.mono)


async def opened(conn: AsyncConnection, events: list[Event]) -> tuple[Candidate, UUID, UUID]:
    """A queue with one stream that holds these events: the candidate, its boot and the stream."""
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    stream = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    await store(conn, stream, 1, events)
    return candidate, boot, stream


async def test_marks_of_the_stored_events_continue_the_stream_and_the_newest_one_is_named(
    conn: AsyncConnection,
) -> None:
    candidate, boot, stream = await opened(conn, [made(seq) for seq in range(1, 10)])
    marks = [mark(4), mark(5), mark(11)]
    again = await connect(conn, candidate, HUB, boot=boot, stream=stream, acked=4, next_seq=12, pending=marks)
    assert (again.stream_id, again.committed, again.previous, again.last) == (stream, 9, None, mark(9))


@pytest.mark.parametrize("seq", [4, 5, 9])
async def test_another_event_under_a_stored_number_opens_a_new_stream_and_nothing_is_dropped(
    conn: AsyncConnection, seq: int
) -> None:
    candidate, boot, stream = await opened(conn, [made(seq) for seq in range(1, 10)])
    marks = [mark(seq, 1_000)]
    again = await connect(conn, candidate, HUB, boot=boot, stream=stream, acked=4, next_seq=12, pending=marks)
    assert again.stream_id != stream
    assert (again.committed, again.previous, again.last) == (0, Previous(stream, 4), None)
    assert len(await read_rows(conn, stream)) == 9


async def test_a_refused_event_proves_nothing(conn: AsyncConnection) -> None:
    candidate, boot, stream = await opened(conn, [made(1), Event("rejected", 0, 0, {"code": "too_deep"})])
    again = await connect(conn, candidate, HUB, boot=boot, stream=stream, next_seq=5, pending=[mark(1), mark(2)])
    assert (again.stream_id, again.committed, again.last) == (stream, 2, mark(1))


async def test_an_event_whose_number_is_lost_is_not_stored(conn: AsyncConnection) -> None:
    lost = [Event("events_lost", 0, 0, {"from": 2, "reason": "overflow"})]
    candidate, boot, stream = await opened(conn, [made(1)])
    await store(conn, stream, 2, [Event("events_lost", 0, 0, {"from": 2, "reason": "overflow"})])
    await store(conn, stream, 4, lost)
    for seq in (2, 3, 4):
        again = await connect(conn, candidate, HUB, boot=boot, stream=stream, next_seq=9, pending=[mark(seq)])
        assert again.previous == Previous(stream, 0)


async def test_the_acknowledged_number_itself_may_have_been_lost(conn: AsyncConnection) -> None:
    candidate, boot, stream = await opened(conn, [made(1)])
    hello: dict[str, Any] = {"boot": boot, "stream": stream, "acked": 3, "next_seq": 6, "pending": [mark(3), mark(4)]}
    first = await connect(conn, candidate, HUB, **hello)
    again = await connect(conn, candidate, HUB, **hello)
    assert (first.server_lost, again.server_lost) == (2, 0)
    assert (first.stream_id, again.stream_id, again.committed) == (stream, stream, 3)


async def test_a_queue_that_was_set_back_keeps_its_events_when_its_stream_is_a_day_old(conn: AsyncConnection) -> None:
    candidate, boot, stream = await opened(conn, [made(seq) for seq in range(1, 10)])
    old = await age_stream(conn, stream, STREAM_MS)
    other, same = [mark(5, 1_000)], [mark(5)]
    again = await connect(conn, candidate, HUB, boot=boot, stream=old, acked=4, next_seq=12, pending=other)
    assert (again.previous, again.last) == (Previous(old, 4), None)
    again = await connect(conn, candidate, HUB, boot=boot, stream=old, acked=4, next_seq=12, pending=same)
    assert (again.previous, again.last) == (Previous(old, 9), mark(9))


@pytest.mark.parametrize(("is_proven", "reason", "counted"), [(True, "server_lost", 7), (False, "unproven_ack", 0)])
async def test_acknowledged_events_that_are_missing_are_the_servers_loss_only_with_a_proof(
    conn: AsyncConnection, is_proven: bool, reason: str, counted: int
) -> None:
    candidate, boot, stream = await opened(conn, [made(1), made(2)])
    again = await connect(conn, candidate, HUB, boot=boot, stream=stream, acked=9, next_seq=12, is_proven=is_proven)
    assert (again.stream_id, again.committed, again.server_lost) == (stream, 9, counted)
    lost = select(MonitoringEvent.data_payload["reason"].astext).where(MonitoringEvent.event_type == "events_lost")
    assert set((await conn.execute(lost)).scalars()) == {reason}


class Life:
    """A client with a queue that can be set back, at a hub that stores what it is sent. Every event has a number."""

    def __init__(self, conn: AsyncConnection, candidate: Candidate) -> None:
        self.conn = conn
        self.candidate = candidate
        self.queue = CandidateQueue(uuid4())
        self.recorded = 0
        self.told: set[int] = set()
        """The events that the client was told to be stored."""

    def record(self, count: int) -> None:
        for _ in range(count):
            self.recorded += 1
            self.queue.record(made(self.recorded), 60, 0)

    async def connect(self) -> None:
        """Say hello until the queue may be sent."""
        queue = self.queue
        for _ in range(3):
            welcome = await connect(
                self.conn,
                self.candidate,
                HUB,
                boot=queue.boot,
                stream=queue.stream,
                acked=queue.acked,
                next_seq=queue.next_seq,
                pending=queue.marks(),
            )
            if welcome.previous is None and queue.is_set_back(welcome.last):
                continue
            gone, _ = queue.resume(
                welcome.stream_id, welcome.committed, Window(), Limits(), 0, welcome.previous, welcome.last
            )
            self.told |= {entry.event.data["n"] for entry in gone if entry.event is not None}
            return
        raise AssertionError("no welcome fits the queue")

    async def send(self, count: int, *, acked: int = 0) -> None:
        """Send up to `count` events, and receive the acknowledgement of the first `acked` of them."""
        base, left = self.queue.acked, count
        while left and (frame := self.queue.take(0)) is not None:
            assert isinstance(frame, Events)
            assert self.queue.stream is not None
            await store(self.conn, self.queue.stream, frame.first_seq, frame.events)
            left = max(0, left - len(frame.events))
        gone = self.queue.acknowledge(min(base + acked, base + self.queue.outstanding), 0)
        self.told |= {entry.event.data["n"] for entry in gone if entry.event is not None}

    async def stored(self) -> list[int]:
        found = await self.conn.execute(
            select(MonitoringEvent.data_payload["n"].as_integer())
            .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
            .where(EventStream.attempt_id == self.candidate.attempt_id, MonitoringEvent.event_type == "answered")
        )
        return sorted(found.scalars())


async def live_twice(
    conn: AsyncConnection, *, before: int, acked: int, after: int, fresh: int, sent_dead: bool
) -> Life:
    """Record `before` and `after`, deliver both, go back to between them, and record `fresh` before the next hello."""
    [candidate] = await make_candidates(conn)
    life = Life(conn, candidate)
    await life.connect()
    life.record(before)
    await life.send(before, acked=min(acked, before))
    older = copy.deepcopy(life.queue)
    life.record(after)
    await life.send(after)
    life.queue = older
    life.record(fresh)
    if sent_dead:
        # Into a socket that is gone, which the client has not noticed.
        while life.queue.take(0) is not None:
            pass
    await life.connect()
    await life.send(1_000, acked=1_000)
    return life


@pytest.mark.parametrize(("back", "fresh"), [(10, 25), (50, 50), (10, 4)])
async def test_what_is_recorded_after_the_queue_was_set_back_is_stored(
    conn: AsyncConnection, back: int, fresh: int
) -> None:
    life = await live_twice(conn, before=50, acked=50, after=back, fresh=fresh, sent_dead=False)
    assert await life.stored() == list(range(1, 50 + back + fresh + 1))
    assert set(range(51 + back, 51 + back + fresh)) <= life.told


@example(before=30, acked=0, after=20, fresh=40, sent_dead=True)
@given(
    before=st.integers(0, 30),
    acked=st.integers(0, 30),
    after=st.integers(0, 30),
    fresh=st.integers(0, 40),
    sent_dead=st.booleans(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_that_a_client_was_told_to_be_stored_is_missing_however_far_it_was_set_back(
    engine: AsyncEngine, before: int, acked: int, after: int, fresh: int, sent_dead: bool
) -> None:
    async with engine.connect() as conn:
        life = await live_twice(conn, before=before, acked=acked, after=after, fresh=fresh, sent_dead=sent_dead)
        stored = await life.stored()
        assert set(stored) == set(range(1, life.recorded + 1))
        assert life.told <= set(stored)
        if not after:
            # Nothing was set back: a lost acknowledgement alone stores nothing twice.
            assert len(stored) == life.recorded
        await conn.rollback()
