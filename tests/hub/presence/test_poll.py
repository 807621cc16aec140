from collections.abc import Iterable
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, ExamAttempt, HubLease, MonitoringEvent
from hub.presence.poll import POLL_SHARES, PresencePoll
from hub.presence.presence import HubPresence, StoredConnection
from tests.factories import make_stream, store_events
from tests.hub.exam_room import ExamRoom, FakeConnection, FakeConsole, FocusedConsole, make_exam_room, until


class FakeSubscriptions:
    def __init__(self) -> None:
        self.consoles: dict[UUID, list[FakeConsole]] = {}

    def watched(self) -> Iterable[tuple[UUID, Iterable[FakeConsole]]]:
        return list(self.consoles.items())


async def connect(room: ExamRoom, attempt: UUID, events: int = 0) -> UUID:
    """A candidate connects at another hub and sends events; returns its stream."""
    async with room.engine.begin() as conn:
        stream = await make_stream(conn, attempt)
        await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt).values(generation=1))
        await conn.execute(insert(Connection).values(attempt_id=attempt, generation=1, stream_id=stream, hub=uuid4()))
        await send(room, stream, events)
    return stream


async def send(room: ExamRoom, stream: UUID, events: int) -> None:
    if events:
        async with room.engine.begin() as conn:
            await store_events(conn, stream, [("alive", {}, 1)] * events)


def values(presence: HubPresence, exam: UUID) -> list[tuple[int, bool, int]]:
    return sorted((value.ix, value.online, value.events) for value in presence.all_values(exam))


async def test_the_first_poll_of_an_exam_reads_all_attempts_and_their_events(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    for events in (3, 0):
        await connect(room, await room.add_attempt(), events)
    await room.add_attempt()
    presence, subscriptions = HubPresence(), FakeSubscriptions()
    subscriptions.consoles[room.exam] = [FakeConsole()]
    await PresencePoll(engine, subscriptions, presence).poll()
    assert values(presence, room.exam) == [(1, True, 3), (2, True, 0)]
    assert len(presence.take_changes(room.exam, 0).values) == 2


async def test_an_exam_without_consoles_is_not_polled(engine: AsyncEngine, room: ExamRoom) -> None:
    await connect(room, await room.add_attempt(), 3)
    other, presence, subscriptions = await make_exam_room(engine), HubPresence(), FakeSubscriptions()
    poll = PresencePoll(engine, subscriptions, presence)
    await poll.poll()
    subscriptions.consoles[other.exam] = [FakeConsole()]
    await poll.poll()
    assert values(presence, room.exam) == values(presence, other.exam) == []


async def test_counts_are_polled_in_shares_and_in_focus_every_time(engine: AsyncEngine, room: ExamRoom) -> None:
    streams = [await connect(room, await room.add_attempt(), 1) for _ in range(POLL_SHARES + 1)]
    presence, subscriptions = HubPresence(), FakeSubscriptions()
    subscriptions.consoles[room.exam] = [FocusedConsole(2), FocusedConsole()]
    poll = PresencePoll(engine, subscriptions, presence)
    await poll.poll()
    for stream in streams:
        await send(room, stream, 1)
    grown = []
    for _ in range(POLL_SHARES):
        before = sum(events == 2 for _, _, events in values(presence, room.exam))
        await poll.poll()
        assert (2, True, 2) in values(presence, room.exam)
        grown.append(sum(events == 2 for _, _, events in values(presence, room.exam)) - before)
    assert values(presence, room.exam) == [(ix, True, 2) for ix in range(1, POLL_SHARES + 2)]
    assert max(grown) <= 3


async def test_counts_from_local_acks_and_from_the_database_agree(engine: AsyncEngine, room: ExamRoom) -> None:
    attempt = await room.add_attempt()
    old = await connect(room, attempt, 4)
    async with engine.begin() as conn:
        stream = await make_stream(conn, attempt)
    presence, subscriptions = HubPresence(), FakeSubscriptions()
    subscriptions.consoles[room.exam] = [FakeConsole()]
    presence.watch([room.exam])
    connection = FakeConnection(1, 2, room.exam, stream)
    presence.opened(connection, 100)
    await send(room, stream, 3)
    presence.stored(connection, 3, 100)
    assert values(presence, room.exam) == [(1, True, 3)]
    poll = PresencePoll(engine, subscriptions, presence)
    for _ in range(1 + POLL_SHARES):
        await poll.poll()
    assert values(presence, room.exam) == [(1, True, 7)]
    async with engine.begin() as conn:
        await conn.execute(delete(MonitoringEvent).where(MonitoringEvent.stream_id == old))
    await poll.poll()
    assert values(presence, room.exam) == [(1, True, 7)], "numbers only grow"


async def test_candidates_of_a_dead_hub_go_offline_when_its_lease_ends(engine: AsyncEngine, room: ExamRoom) -> None:
    await connect(room, await room.add_attempt())
    presence, subscriptions = HubPresence(), FakeSubscriptions()
    subscriptions.consoles[room.exam] = [FakeConsole()]
    async with PresencePoll(engine, subscriptions, presence, poll_s=0.05, check_s=0.01):
        await until(lambda: values(presence, room.exam) == [(1, True, 0)])
        async with engine.begin() as conn:
            hub = (await conn.execute(Connection.__table__.select().with_only_columns(Connection.hub))).scalar_one()
            await conn.execute(insert(HubLease).values(hub=hub, expires_at=func.now()))
        await until(lambda: values(presence, room.exam) == [(1, False, 0)])


async def test_a_newly_watched_exam_is_polled_at_once(engine: AsyncEngine, room: ExamRoom) -> None:
    await connect(room, await room.add_attempt(), 2)
    presence, subscriptions = HubPresence(), FakeSubscriptions()
    async with PresencePoll(engine, subscriptions, presence, poll_s=3600, check_s=0.01):
        subscriptions.consoles[room.exam] = [FakeConsole()]
        await until(lambda: values(presence, room.exam) == [(1, True, 2)])
        del subscriptions.consoles[room.exam]
        await until(lambda: values(presence, room.exam) == [])


async def test_it_continues_after_postgresql_was_away(engine: AsyncEngine, room: ExamRoom) -> None:
    await connect(room, await room.add_attempt(), 2)

    class FailingPresence(HubPresence):
        failures: list[Exception]

        def merge_connections(self, exam_id: UUID, rows: Iterable[StoredConnection]) -> None:
            if self.failures:
                raise self.failures.pop()
            super().merge_connections(exam_id, rows)

    presence, subscriptions = FailingPresence(), FakeSubscriptions()
    presence.failures = [KeyError("x"), OSError("away"), OSError("away")]
    subscriptions.consoles[room.exam] = [FakeConsole()]
    async with PresencePoll(engine, subscriptions, presence, poll_s=0.05, check_s=0.01):
        await until(lambda: values(presence, room.exam) == [(1, True, 2)])
