import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from db.models import FeedHead, FeedRow
from db.notify import Notification, Notifier
from db.settings import DatabaseSettings
from hub.board.feeds import Feeds
from hub.board.listener import Listener
from protocol.codec import Encoding
from protocol.console import Since, StudentRow
from tests.hub.exam_room import ExamRoom, FakeConsole, make_exam_room, until, wait_for_lock
from veritas.embedded.servers import Servers

NEVER_S = 3600.0


async def since(room: ExamRoom) -> Since:
    board = await room.fresh()
    return Since(board.epoch, board.offset)


async def test_a_console_gets_the_board_and_every_change(engine: AsyncEngine, room: ExamRoom) -> None:
    first = await room.add_attempt("Ada")
    console = FakeConsole()
    async with Feeds(engine, poll_s=0.02) as feeds:
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        await room.flag(first)
        await room.add_attempt("Bob")
        await console.reach(await room.fresh())
    assert (console.opened, console.resyncs) == (1, [])
    assert console.deltas == 3


async def test_a_notification_makes_the_follower_query(engine: AsyncEngine, room: ExamRoom) -> None:
    console = FakeConsole()
    async with Feeds(engine, poll_s=NEVER_S) as feeds:
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        await room.add_attempt()
        feeds.on_notification(Notification("feed", room.exam))
        await console.reach(await room.fresh())
        await room.add_attempt()
        feeds.on_notification(Notification("reconnected"))
        await console.reach(await room.fresh())
        feeds.on_notification(Notification("feed", uuid4()))
        feeds.on_notification(Notification("instructions", room.exam))


async def test_notifications_arrive_through_redis(
    engine: AsyncEngine, room: ExamRoom, database: DatabaseSettings
) -> None:
    console, notifier = FakeConsole(), Notifier.connect(database.redis_url)
    subscribed = asyncio.Event()
    async with (
        Feeds(engine, poll_s=NEVER_S) as feeds,
        Listener(notifier, feeds.on_notification, lambda _: subscribed.set()),
    ):
        await subscribed.wait()
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        await room.add_attempt()
        await notifier.notify("feed", room.exam)
        await console.reach(await room.fresh())
    await notifier.close()


async def test_changes_arrive_without_redis(engine: AsyncEngine, room: ExamRoom) -> None:
    console, notifier = FakeConsole(), Notifier.connect("redis://127.0.0.1:1")
    async with Feeds(engine, poll_s=0.02) as feeds, Listener(notifier, feeds.on_notification):
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        await room.add_attempt()
        await notifier.notify("feed", room.exam)
        await console.reach(await room.fresh())
    await notifier.close()


async def test_many_changes_at_once_arrive_in_order(engine: AsyncEngine, room: ExamRoom) -> None:
    console, other = FakeConsole(), FakeConsole(Encoding.MSGPACK)
    async with Feeds(engine, poll_s=0.02) as feeds:
        feeds.watch(room.exam, console)
        feeds.watch(room.exam, other)
        await console.reach(await room.fresh())
        head = await room.append(*(StudentRow(UUID(int=number), f"n{number}") for number in range(1_500)))
        await console.until(lambda: console.board is not None and console.board.offset == head)
        assert console.deltas == 1_500
        assert console.board == other.board


async def test_a_hole_in_the_feed_opens_the_board_again(engine: AsyncEngine, room: ExamRoom) -> None:
    console = FakeConsole()
    async with Feeds(engine, poll_s=0.02) as feeds:
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        async with engine.begin() as conn:
            await conn.execute(update(FeedHead).values(head=FeedHead.head + 1))
        await room.add_attempt()
        await console.reach(await room.fresh())
    assert console.resyncs == ["hole"]


async def test_a_rewound_head_opens_the_board_again(engine: AsyncEngine, room: ExamRoom) -> None:
    await room.append(*(StudentRow(UUID(int=number), "x") for number in range(5)))
    console = FakeConsole()
    async with Feeds(engine, poll_s=0.02) as feeds:
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        async with engine.begin() as conn:
            await conn.execute(delete(FeedRow).where(FeedRow.offset > 3))
            await conn.execute(update(FeedHead).values(head=3))
        await console.reach(await room.fresh())
    assert console.resyncs == ["rewound"]


@asynccontextmanager
async def database_away(servers: Servers, database: DatabaseSettings) -> AsyncIterator[None]:
    """PostgreSQL refuses connections to this test's database and ends those that are open."""
    name = database.database_url.rsplit("/", 1)[1].split("?")[0]
    admin = await asyncpg.connect(servers.admin_url)
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
    engine: AsyncEngine, room: ExamRoom, servers: Servers, database: DatabaseSettings
) -> None:
    console, late = FakeConsole(), FakeConsole()
    other = await make_exam_room(engine)
    async with Feeds(engine, poll_s=0.02) as feeds:
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        # An outage is logged once: a poll may find it before anything else happens here.
        with capture_logs() as logs:
            async with database_away(servers, database):
                feeds.watch(other.exam, late)
                feeds.on_notification(Notification("feed", room.exam))
                tasks = {"feed-poll", f"feed-{room.exam}", f"feed-{other.exam}"}
                await until(lambda: tasks <= {log["task"] for log in logs if log["event"] == "database is away"})
                assert (console.opened, late.opened) == (1, 0)
        await room.add_attempt()
        await console.reach(await room.fresh())
        await late.reach(await other.fresh())
    assert (console.resyncs, late.resyncs) == ([], [])


async def test_a_console_that_resumes_gets_the_rows_it_missed(engine: AsyncEngine, room: ExamRoom) -> None:
    await room.add_attempt("Ada")
    console, resuming = FakeConsole(), FakeConsole()
    async with Feeds(engine, poll_s=NEVER_S) as feeds:
        resuming.board = await room.fresh()
        position = await since(room)
        await room.add_attempt("Bob")
        await room.add_attempt("Cyd")
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        await feeds.resume(room.exam, resuming, position)
        await resuming.reach(await room.fresh())
        await room.add_attempt("Dan")
        feeds.on_notification(Notification("feed", room.exam))
        await resuming.reach(await room.fresh())
    assert resuming.opened == 0


async def test_a_console_that_missed_nothing_gets_nothing(engine: AsyncEngine, room: ExamRoom) -> None:
    await room.add_attempt("Ada")
    console = FakeConsole()
    console.board = await room.fresh()
    async with Feeds(engine, poll_s=NEVER_S) as feeds:
        await feeds.resume(room.exam, console, await since(room))
        await room.add_attempt("Bob")
        feeds.on_notification(Notification("feed", room.exam))
        await console.reach(await room.fresh())
    assert (console.opened, console.deltas) == (0, 2)


async def test_a_watching_console_that_resumes_gets_nothing_until_its_missed_rows_are_read(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    console = FakeConsole()
    async with Feeds(engine, poll_s=NEVER_S) as feeds:
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        position = await since(room)
        await room.add_attempt("Ada")
        resuming = asyncio.create_task(feeds.resume(room.exam, console, position))
        await asyncio.sleep(0)
        assert feeds.watched() == [], "a board that opened now would be cut off by the missed rows"
        await resuming
        assert feeds.watched() == [(room.exam, [console])]
        feeds.on_notification(Notification("feed", room.exam))
        await console.reach(await room.fresh())
    assert console.opened == 1


@pytest.mark.parametrize(("epoch", "ahead"), [("another", 0), (None, 1), (None, -100)])
async def test_a_console_with_an_unknown_position_gets_the_board(
    engine: AsyncEngine, room: ExamRoom, epoch: str | None, ahead: int
) -> None:
    await room.add_attempt()
    position = await since(room)
    console = FakeConsole()
    async with Feeds(engine, poll_s=NEVER_S) as feeds:
        await feeds.resume(room.exam, console, Since(epoch or position.epoch, position.offset + ahead))
        await console.reach(await room.fresh())
    assert (console.opened, console.resyncs) == (1, [])


async def test_a_console_that_missed_too_much_gets_the_board(engine: AsyncEngine, room: ExamRoom) -> None:
    position = await since(room)
    console = FakeConsole()
    for _ in range(4):
        await room.add_attempt()
    async with Feeds(engine, poll_s=NEVER_S, resume_rows=3) as feeds:
        await feeds.resume(room.exam, console, position)
        await console.reach(await room.fresh())
    assert console.opened == 1


async def test_a_console_that_missed_deleted_rows_gets_the_board(engine: AsyncEngine, room: ExamRoom) -> None:
    position = await since(room)
    for _ in range(3):
        await room.add_attempt()
    async with engine.begin() as conn:
        await conn.execute(delete(FeedRow).where(FeedRow.offset == 1))
    console = FakeConsole()
    async with Feeds(engine, poll_s=NEVER_S) as feeds:
        await feeds.resume(room.exam, console, position)
        await console.reach(await room.fresh())
    assert console.opened == 1


async def test_a_console_that_unwatches_gets_no_more_deltas(engine: AsyncEngine, room: ExamRoom) -> None:
    stays, leaves = FakeConsole(), FakeConsole()
    async with Feeds(engine, poll_s=NEVER_S) as feeds:
        feeds.watch(room.exam, stays)
        feeds.watch(room.exam, leaves)
        await stays.reach(await room.fresh())
        feeds.unwatch(room.exam, leaves)
        feeds.unwatch(uuid4(), leaves)
        assert feeds.watched() == [(room.exam, [stays])]
        await room.add_attempt()
        feeds.on_notification(Notification("feed", room.exam))
        await stays.reach(await room.fresh())
    assert leaves.deltas == 0


async def test_a_console_that_missed_deltas_gets_the_board_again(engine: AsyncEngine, room: ExamRoom) -> None:
    console = FakeConsole()
    async with Feeds(engine, poll_s=NEVER_S) as feeds:
        feeds.watch(room.exam, console)
        await console.reach(await room.fresh())
        feeds.reopen(room.exam, console, "slow")
        feeds.reopen(room.exam, FakeConsole(), "slow")
        feeds.reopen(uuid4(), console, "slow")
    assert (console.opened, console.resyncs) == (2, ["slow"])


async def test_a_board_without_consoles_is_dropped_after_a_while_and_no_task_is_left(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    def following() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("feed-")}

    console, other_console = FakeConsole(), FakeConsole()
    other = await make_exam_room(engine)
    async with Feeds(engine, poll_s=0.02, keep_s=0.05) as feeds:
        feeds.watch(room.exam, console)
        feeds.watch(other.exam, other_console)
        await console.reach(await room.fresh())
        feeds.unwatch(other.exam, other_console)
        await until(lambda: following() == {"feed-poll", f"feed-{room.exam}"})
        feeds.unwatch(room.exam, console)
        await until(lambda: following() == {"feed-poll"})
        feeds.watch(room.exam, console)
        await console.until(lambda: console.opened == 2)
    assert following() == set()


async def test_a_console_that_resumes_while_the_last_one_leaves_keeps_the_board(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    leaving, resuming, other_console = FakeConsole(), FakeConsole(), FakeConsole()
    other = await make_exam_room(engine)
    async with Feeds(engine, poll_s=0.02, keep_s=0.2) as feeds:
        feeds.watch(room.exam, leaving)
        await leaving.reach(await room.fresh())
        resuming.board = await room.fresh()
        task = asyncio.create_task(feeds.resume(room.exam, resuming, await since(room)))
        await asyncio.sleep(0)
        feeds.unwatch(room.exam, leaving)
        feeds.watch(other.exam, other_console)
        feeds.unwatch(other.exam, other_console)
        await task
        await until(lambda: other.exam not in feeds._followers)  # an idle board is dropped by then
        await room.add_attempt("Late")
        await resuming.reach(await room.fresh())


async def test_feeds_end_while_postgresql_does_not_answer(engine: AsyncEngine, room: ExamRoom) -> None:
    console = FakeConsole()
    async with engine.begin() as blocker:
        await blocker.execute(text("LOCK TABLE exams IN ACCESS EXCLUSIVE MODE"))
        async with Feeds(engine, poll_s=0.02, stop_s=0.1) as feeds:
            feeds.watch(room.exam, console)
            await wait_for_lock(blocker)
    assert console.opened == 0


async def test_followers_leave_connections_of_the_pool_to_others(engine: AsyncEngine) -> None:
    rooms = [await make_exam_room(engine) for _ in range(12)]
    consoles = [FakeConsole() for _ in rooms]
    async with engine.begin() as blocker:
        await blocker.execute(text("LOCK TABLE exam_feed IN ACCESS EXCLUSIVE MODE"))
        async with Feeds(engine, poll_s=0.02) as feeds:
            for room, console in zip(rooms, consoles, strict=True):
                feeds.watch(room.exam, console)
            await wait_for_lock(blocker, waiting=3)
            async with asyncio.timeout(1), engine.connect() as conn:
                await conn.execute(text("SELECT 1"))
            await blocker.rollback()
            for room, console in zip(rooms, consoles, strict=True):
                await console.reach(await room.fresh())
