from collections.abc import Iterable
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Connection, ExamAttempt, HubLease, MonitoringEvent
from hub.presence.poll import SHARES, PresencePoll
from hub.presence.presence import Presence
from tests.factories import make_stream, store_events
from tests.hub.exam_room import Entry, Looking, Room, Watcher, make_room, until


class Audience:
    def __init__(self) -> None:
        self.watching: dict[UUID, list[Watcher]] = {}

    def watched(self) -> Iterable[tuple[UUID, Iterable[Watcher]]]:
        return list(self.watching.items())


async def connect(room: Room, attempt: UUID, events: int = 0) -> UUID:
    """A candidate connects at another hub and sends; its stream."""
    async with room.engine.begin() as conn:
        stream = await make_stream(conn, attempt)
        await conn.execute(update(ExamAttempt).where(ExamAttempt.id == attempt).values(generation=1))
        await conn.execute(insert(Connection).values(attempt_id=attempt, generation=1, stream_id=stream, hub=uuid4()))
        await send(room, stream, events)
    return stream


async def send(room: Room, stream: UUID, events: int) -> None:
    if events:
        async with room.engine.begin() as conn:
            await store_events(conn, stream, [("alive", {}, 1)] * events)


def values(presence: Presence, exam: UUID) -> list[tuple[int, bool, int]]:
    return sorted((one.ix, one.online, one.events) for one in presence.everyone(exam))


async def test_a_watched_exam_is_seen_whole_at_once_with_what_was_stored_before_this_hub_began(
    engine: AsyncEngine, room: Room
) -> None:
    for events in (3, 0):
        await connect(room, await room.sit(), events)
    await room.sit()
    presence, audience = Presence(), Audience()
    audience.watching[room.exam] = [Watcher()]
    await PresencePoll(engine, audience, presence).look()
    assert values(presence, room.exam) == [(1, True, 3), (2, True, 0)]
    assert len(presence.take_changes(room.exam, 0).shown) == 2


async def test_an_exam_nobody_watches_is_not_looked_at(engine: AsyncEngine, room: Room) -> None:
    await connect(room, await room.sit(), 3)
    other, presence, audience = await make_room(engine), Presence(), Audience()
    presence_poll = PresencePoll(engine, audience, presence)
    await presence_poll.look()
    audience.watching[other.exam] = [Watcher()]
    await presence_poll.look()
    assert values(presence, room.exam) == values(presence, other.exam) == []


async def test_counts_are_looked_at_in_shares_but_those_looked_at_closely_every_time(
    engine: AsyncEngine, room: Room
) -> None:
    streams = [await connect(room, await room.sit(), 1) for _ in range(SHARES + 1)]
    presence, audience = Presence(), Audience()
    audience.watching[room.exam] = [Looking(2), Looking()]
    presence_poll = PresencePoll(engine, audience, presence)
    await presence_poll.look()
    for stream in streams:
        await send(room, stream, 1)
    found = []
    for _ in range(SHARES):
        before = sum(events == 2 for _, _, events in values(presence, room.exam))
        await presence_poll.look()
        assert (2, True, 2) in values(presence, room.exam)
        found.append(sum(events == 2 for _, _, events in values(presence, room.exam)) - before)
    assert values(presence, room.exam) == [(ix, True, 2) for ix in range(1, SHARES + 2)]
    assert max(found) <= 3


async def test_what_this_hub_has_acknowledged_agrees_with_the_record(engine: AsyncEngine, room: Room) -> None:
    attempt = await room.sit()
    old = await connect(room, attempt, 4)
    async with engine.begin() as conn:
        stream = await make_stream(conn, attempt)
    presence, audience = Presence(), Audience()
    audience.watching[room.exam] = [Watcher()]
    presence.watch([room.exam])
    entry = Entry(1, 2, room.exam, stream)
    presence.opened(entry, 100)
    await send(room, stream, 3)
    presence.stored(entry, 3, 100)
    assert values(presence, room.exam) == [(1, True, 3)]
    presence_poll = PresencePoll(engine, audience, presence)
    for _ in range(1 + SHARES):
        await presence_poll.look()
    assert values(presence, room.exam) == [(1, True, 7)]
    async with engine.begin() as conn:
        await conn.execute(delete(MonitoringEvent).where(MonitoringEvent.stream_id == old))
    await presence_poll.look()
    assert values(presence, room.exam) == [(1, True, 7)], "numbers only grow"


async def test_a_hub_that_died_is_noticed_by_its_lease(engine: AsyncEngine, room: Room) -> None:
    await connect(room, await room.sit())
    presence, audience = Presence(), Audience()
    audience.watching[room.exam] = [Watcher()]
    async with PresencePoll(engine, audience, presence, look_s=0.05, beat_s=0.01):
        await until(lambda: values(presence, room.exam) == [(1, True, 0)])
        async with engine.begin() as conn:
            hub = (await conn.execute(Connection.__table__.select().with_only_columns(Connection.hub))).scalar_one()
            await conn.execute(insert(HubLease).values(hub=hub, expires_at=func.now()))
        await until(lambda: values(presence, room.exam) == [(1, False, 0)])


async def test_an_exam_watched_between_two_looks_does_not_wait(engine: AsyncEngine, room: Room) -> None:
    await connect(room, await room.sit(), 2)
    presence, audience = Presence(), Audience()
    async with PresencePoll(engine, audience, presence, look_s=3600, beat_s=0.01):
        audience.watching[room.exam] = [Watcher()]
        await until(lambda: values(presence, room.exam) == [(1, True, 2)])
        del audience.watching[room.exam]
        await until(lambda: values(presence, room.exam) == [])


async def test_it_goes_on_after_postgresql_was_away(engine: AsyncEngine, room: Room) -> None:
    await connect(room, await room.sit(), 2)

    class Failing(Presence):
        failures: list[Exception]

        def recorded(self, exam_id: UUID, rows: Iterable[object]) -> None:
            if self.failures:
                raise self.failures.pop()
            super().recorded(exam_id, rows)  # type: ignore[arg-type]

    presence, audience = Failing(), Audience()
    presence.failures = [KeyError("x"), OSError("away"), OSError("away")]
    audience.watching[room.exam] = [Watcher()]
    async with PresencePoll(engine, audience, presence, look_s=0.05, beat_s=0.01):
        await until(lambda: values(presence, room.exam) == [(1, True, 2)])
