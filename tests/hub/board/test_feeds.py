import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import FeedHead, FeedRow
from db.notify import Notification, Notifier
from db.settings import DatabaseSettings
from hub.board import follower
from hub.board.feeds import Feed
from hub.board.listener import Listener
from protocol.codec import Encoding
from protocol.console import Since, StudentRow
from tests.hub.exam_room import Room, Watcher, make_room
from veritas.embedded.servers import Servers

NEVER_S = 3600.0


async def since(room: Room) -> Since:
    board = await room.fresh()
    return Since(board.epoch, board.offset)


async def test_who_watches_is_shown_the_board_and_every_change(engine: AsyncEngine, room: Room) -> None:
    first = await room.sit("Ada")
    watcher = Watcher()
    async with Feed(engine, poll_s=0.02) as feed:
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        await room.flag(first)
        await room.sit("Bob")
        await watcher.reach(await room.fresh())
    assert (watcher.opened, watcher.resyncs) == (1, [])
    assert watcher.deltas == 3


async def test_a_hint_is_enough_to_look(engine: AsyncEngine, room: Room) -> None:
    watcher = Watcher()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        await room.sit()
        feed.on_notification(Notification("feed", room.exam))
        await watcher.reach(await room.fresh())
        await room.sit()
        feed.on_notification(Notification("reconnected"))
        await watcher.reach(await room.fresh())
        feed.on_notification(Notification("feed", uuid4()))
        feed.on_notification(Notification("instructions", room.exam))


async def test_hints_come_through_redis(engine: AsyncEngine, room: Room, database: DatabaseSettings) -> None:
    watcher, notifier = Watcher(), Notifier.connect(database.redis_url)
    subscribed = asyncio.Event()
    async with (
        Feed(engine, poll_s=NEVER_S) as feed,
        Listener(notifier, feed.on_notification, lambda _: subscribed.set()),
    ):
        await subscribed.wait()
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        await room.sit()
        await notifier.notify("feed", room.exam)
        await watcher.reach(await room.fresh())
    await notifier.close()


async def test_without_redis_changes_come_all_the_same(engine: AsyncEngine, room: Room) -> None:
    watcher, notifier = Watcher(), Notifier.connect("redis://127.0.0.1:1")
    async with Feed(engine, poll_s=0.02) as feed, Listener(notifier, feed.on_notification):
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        await room.sit()
        await notifier.notify("feed", room.exam)
        await watcher.reach(await room.fresh())
    await notifier.close()


async def test_many_changes_at_once_come_in_order(engine: AsyncEngine, room: Room) -> None:
    watcher, other = Watcher(), Watcher(Encoding.MSGPACK)
    async with Feed(engine, poll_s=0.02) as feed:
        feed.watch(room.exam, watcher)
        feed.watch(room.exam, other)
        await watcher.reach(await room.fresh())
        head = await room.append(*(StudentRow(UUID(int=number), f"n{number}") for number in range(1_500)))
        await watcher.until(lambda: watcher.board is not None and watcher.board.offset == head)
        assert watcher.deltas == 1_500
        assert watcher.board == other.board


async def test_a_hole_in_the_feed_shows_the_board_anew(engine: AsyncEngine, room: Room) -> None:
    watcher = Watcher()
    async with Feed(engine, poll_s=0.02) as feed:
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        async with engine.begin() as conn:
            await conn.execute(update(FeedHead).values(head=FeedHead.head + 1))
        await room.sit()
        await watcher.reach(await room.fresh())
    assert watcher.resyncs == ["hole"]


async def test_a_head_that_went_back_shows_the_board_anew(engine: AsyncEngine, room: Room) -> None:
    await room.append(*(StudentRow(UUID(int=number), "x") for number in range(5)))
    watcher = Watcher()
    async with Feed(engine, poll_s=0.02) as feed:
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        async with engine.begin() as conn:
            await conn.execute(delete(FeedRow).where(FeedRow.offset > 3))
            await conn.execute(update(FeedHead).values(head=3))
        await watcher.reach(await room.fresh())
    assert watcher.resyncs == ["rewound"]


@asynccontextmanager
async def database_away(servers: Servers, database: DatabaseSettings) -> AsyncIterator[None]:
    """PostgreSQL refuses everybody this test's database, and cuts who is there."""
    name = database.database_url.rsplit("/", 1)[1].split("?")[0]
    admin = await asyncpg.connect(servers.database_url)
    try:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        try:
            yield
        finally:
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    finally:
        await admin.close()


async def test_while_postgresql_is_away_consoles_stay_and_then_catch_up(
    engine: AsyncEngine, room: Room, servers: Servers, database: DatabaseSettings
) -> None:
    watcher, late = Watcher(), Watcher()
    other = await make_room(engine)
    async with Feed(engine, poll_s=0.02) as feed:
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        async with database_away(servers, database):
            feed.watch(other.exam, late)
            feed.on_notification(Notification("feed", room.exam))
            await asyncio.sleep(0.5)
            assert (watcher.opened, late.opened) == (1, 0)
        await room.sit()
        await watcher.reach(await room.fresh())
        await late.reach(await other.fresh())
    assert (watcher.resyncs, late.resyncs) == ([], [])


async def test_who_comes_back_is_sent_what_it_missed(engine: AsyncEngine, room: Room) -> None:
    await room.sit("Ada")
    watcher, again = Watcher(), Watcher()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        again.board = await room.fresh()
        held = await since(room)
        await room.sit("Bob")
        await room.sit("Cyd")
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        await feed.resume(room.exam, again, held)
        await again.reach(await room.fresh())
        await room.sit("Dan")
        feed.on_notification(Notification("feed", room.exam))
        await again.reach(await room.fresh())
    assert again.opened == 0


async def test_who_missed_nothing_is_sent_nothing(engine: AsyncEngine, room: Room) -> None:
    await room.sit("Ada")
    watcher = Watcher()
    watcher.board = await room.fresh()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        await feed.resume(room.exam, watcher, await since(room))
        await room.sit("Bob")
        feed.on_notification(Notification("feed", room.exam))
        await watcher.reach(await room.fresh())
    assert (watcher.opened, watcher.deltas) == (0, 2)


async def test_who_watches_anew_is_shown_nothing_until_it_is_known_what_it_missed(
    engine: AsyncEngine, room: Room
) -> None:
    watcher = Watcher()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        held = await since(room)
        await room.sit("Ada")
        resuming = asyncio.create_task(feed.resume(room.exam, watcher, held))
        await asyncio.sleep(0)
        assert feed.watched() == [], "a board loaded anew now would be begun and not ended"
        await resuming
        assert feed.watched() == [(room.exam, [watcher])]
        feed.on_notification(Notification("feed", room.exam))
        await watcher.reach(await room.fresh())
    assert watcher.opened == 1


@pytest.mark.parametrize(("epoch", "ahead"), [("another", 0), (None, 1), (None, -100)])
async def test_who_holds_another_history_is_shown_the_board(
    engine: AsyncEngine, room: Room, epoch: str | None, ahead: int
) -> None:
    await room.sit()
    held = await since(room)
    watcher = Watcher()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        await feed.resume(room.exam, watcher, Since(epoch or held.epoch, held.offset + ahead))
        await watcher.reach(await room.fresh())
    assert (watcher.opened, watcher.resyncs) == (1, [])


async def test_who_missed_too_much_is_shown_the_board(
    engine: AsyncEngine, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "RESUME_ROWS", 3)
    held = await since(room)
    watcher = Watcher()
    for _ in range(4):
        await room.sit()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        await feed.resume(room.exam, watcher, held)
        await watcher.reach(await room.fresh())
    assert watcher.opened == 1


async def test_rows_that_are_kept_no_more_are_replaced_by_the_board(engine: AsyncEngine, room: Room) -> None:
    held = await since(room)
    for _ in range(3):
        await room.sit()
    async with engine.begin() as conn:
        await conn.execute(delete(FeedRow).where(FeedRow.offset == 1))
    watcher = Watcher()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        await feed.resume(room.exam, watcher, held)
        await watcher.reach(await room.fresh())
    assert watcher.opened == 1


async def test_who_watches_no_more_is_told_no_more(engine: AsyncEngine, room: Room) -> None:
    stays, leaves = Watcher(), Watcher()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        feed.watch(room.exam, stays)
        feed.watch(room.exam, leaves)
        await stays.reach(await room.fresh())
        feed.unwatch(room.exam, leaves)
        feed.unwatch(uuid4(), leaves)
        assert feed.watched() == [(room.exam, [stays])]
        await room.sit()
        feed.on_notification(Notification("feed", room.exam))
        await stays.reach(await room.fresh())
    assert leaves.deltas == 0


async def test_a_console_that_lost_its_place_is_shown_the_board_anew(engine: AsyncEngine, room: Room) -> None:
    watcher = Watcher()
    async with Feed(engine, poll_s=NEVER_S) as feed:
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        feed.reopen(room.exam, watcher, "slow")
        feed.reopen(room.exam, Watcher(), "slow")
        feed.reopen(uuid4(), watcher, "slow")
    assert (watcher.opened, watcher.resyncs) == (2, ["slow"])


async def test_a_board_nobody_watches_is_dropped_after_a_while_and_no_task_stays(
    engine: AsyncEngine, room: Room
) -> None:
    def following() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("feed-")}

    watcher = Watcher()
    async with Feed(engine, poll_s=0.02, keep_s=0.05) as feed:
        feed.watch(room.exam, watcher)
        await watcher.reach(await room.fresh())
        await asyncio.sleep(0.2)
        assert following() == {"feed-poll", f"feed-{room.exam}"}
        feed.unwatch(room.exam, watcher)
        (follower,) = (task for task in asyncio.all_tasks() if task.get_name() == f"feed-{room.exam}")
        await follower
        assert following() == {"feed-poll"}
        feed.watch(room.exam, watcher)
        await watcher.until(lambda: watcher.opened == 2)
    assert following() == set()


async def test_a_console_that_comes_back_as_the_last_one_leaves_keeps_the_board(
    engine: AsyncEngine, room: Room
) -> None:
    leaving, back = Watcher(), Watcher()
    async with Feed(engine, poll_s=0.02, keep_s=0.2) as feed:
        feed.watch(room.exam, leaving)
        await leaving.reach(await room.fresh())
        back.board = await room.fresh()
        resuming = asyncio.create_task(feed.resume(room.exam, back, await since(room)))
        await asyncio.sleep(0)
        feed.unwatch(room.exam, leaving)
        await resuming
        await asyncio.sleep(0.5)  # longer than an idle board is kept
        await room.sit("Late")
        await back.reach(await room.fresh())


async def test_the_feed_ends_while_postgresql_does_not_answer(
    engine: AsyncEngine, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.board.feeds.STOP_S", 0.1)
    watcher = Watcher()
    async with engine.begin() as blocker:
        await blocker.execute(text("LOCK TABLE exams IN ACCESS EXCLUSIVE MODE"))
        async with Feed(engine, poll_s=0.02) as feed:
            feed.watch(room.exam, watcher)
            await asyncio.sleep(0.1)
    assert watcher.opened == 0


async def test_followers_leave_the_pool_to_others(engine: AsyncEngine) -> None:
    rooms = [await make_room(engine) for _ in range(12)]
    watchers = [Watcher() for _ in rooms]
    async with engine.begin() as blocker:
        await blocker.execute(text("LOCK TABLE exam_feed IN ACCESS EXCLUSIVE MODE"))
        async with Feed(engine, poll_s=0.02) as feed:
            for room, watcher in zip(rooms, watchers, strict=True):
                feed.watch(room.exam, watcher)
            await asyncio.sleep(0.1)
            async with asyncio.timeout(1), engine.connect() as conn:
                await conn.execute(text("SELECT 1"))
            await blocker.rollback()
            for room, watcher in zip(rooms, watchers, strict=True):
                await watcher.reach(await room.fresh())
