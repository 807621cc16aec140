import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from hub.board.follower import Follower
from hub.board.read_pool import ReadPool
from hub.sockets import Frame
from protocol.console import Since
from tests.hub.exam_room import ExamRoom, FakeConsole


@asynccontextmanager
async def following(engine: AsyncEngine, room: ExamRoom) -> AsyncIterator[Follower]:
    follower = Follower(room.exam, ReadPool(engine))
    task = asyncio.create_task(follower.run())
    yield follower
    follower.stop()
    await task


async def test_another_epoch_opens_the_board_again(engine: AsyncEngine, room: ExamRoom) -> None:
    console = FakeConsole()
    async with following(engine, room) as follower:
        follower.add(console)
        await console.reach(await room.fresh())
        follower.compare("another", 0, 0)
        await console.until(lambda: console.opened == 2)
    assert console.resyncs == ["epoch"]


async def test_a_head_that_was_read_before_the_board_advanced_is_not_rewound(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    console = FakeConsole()
    async with following(engine, room) as follower:
        follower.add(console)
        await console.reach(await room.fresh())
        await room.add_attempt()
        follower.wake()
        await console.reach(await room.fresh())
        assert follower.board is not None
        follower.compare(follower.board.epoch, head=0, offset_before=0)
        assert follower.board is not None


async def test_a_console_that_joins_while_the_board_is_loaded_again_gets_no_resync(
    engine: AsyncEngine, room: ExamRoom
) -> None:
    early, late = FakeConsole(), FakeConsole()
    async with following(engine, room) as follower:
        follower.add(early)
        await early.reach(await room.fresh())
        follower.compare("another", 0, 0)
        follower.add(late)
        await late.until(lambda: late.opened == 1)
        await early.until(lambda: early.opened == 2)
    assert (early.resyncs, late.resyncs) == (["epoch"], [])


async def test_missed_rows_that_do_not_reach_the_board_are_not_used(engine: AsyncEngine, room: ExamRoom) -> None:
    console, resuming = FakeConsole(), FakeConsole()
    await room.add_attempt()
    async with following(engine, room) as follower:
        follower.add(console)
        board = await room.fresh()
        await console.reach(board)
        since = Since(board.epoch, board.offset)
        missed = await follower.read_missed(since)
        assert missed == []
        await room.add_attempt()
        follower.wake()
        await console.reach(await room.fresh())
        follower.resume(resuming, since, missed)
        await resuming.reach(await room.fresh())
    assert resuming.opened == 1


async def test_missed_rows_beyond_the_board_are_not_sent_twice(engine: AsyncEngine, room: ExamRoom) -> None:
    resuming = FakeConsole()
    resuming.board = await room.fresh()
    since = Since(resuming.board.epoch, resuming.board.offset)
    console = FakeConsole()
    await room.add_attempt()
    async with following(engine, room) as follower:
        follower.add(console)
        await console.reach(await room.fresh())
        await room.add_attempt()
        missed = await follower.read_missed(since)
        assert missed is not None
        assert len(missed) == 4
        follower.resume(resuming, since, missed)
        follower.wake()
        await console.reach(await room.fresh())
        await resuming.reach(await room.fresh())
    assert (resuming.opened, resuming.deltas) == (0, 0)


async def test_a_console_that_fails_does_not_stop_changes_for_others(engine: AsyncEngine, room: ExamRoom) -> None:
    class FailingConsole(FakeConsole):
        def send_delta(self, exam_id: UUID, offset: int, frame: Frame) -> None:
            raise KeyError(f"{exam_id} {offset} {frame!r}")

    failing, console = FailingConsole(), FakeConsole()
    async with following(engine, room) as follower:
        follower.add(failing)
        follower.add(console)
        await console.reach(await room.fresh())
        await room.add_attempt()
        follower.wake()
        await console.reach(await room.fresh())


async def test_a_board_that_is_not_loaded_in_time_is_opened_when_it_is(engine: AsyncEngine, room: ExamRoom) -> None:
    console = FakeConsole()
    follower = Follower(room.exam, ReadPool(engine), resume_s=0.01)
    since = Since("any", 0)
    assert await follower.read_missed(since) is None
    follower.resume(console, since, None)
    task = asyncio.create_task(follower.run())
    await console.reach(await room.fresh())
    follower.stop()
    await task
