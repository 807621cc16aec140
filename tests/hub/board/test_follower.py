import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.board import follower
from hub.board.follower import Doors, Follower
from hub.sockets import Frame
from protocol.console import Since
from tests.hub.exam_room import Room, Watcher


@asynccontextmanager
async def following(engine: AsyncEngine, room: Room) -> AsyncIterator[Follower]:
    one = Follower(room.exam, Doors(engine))
    task = asyncio.create_task(one.run())
    yield one
    one.stop()
    await task


async def test_another_epoch_shows_the_board_anew(engine: AsyncEngine, room: Room) -> None:
    watcher = Watcher()
    async with following(engine, room) as one:
        one.add(watcher)
        await watcher.reach(await room.fresh())
        one.compare("another", 0, 0)
        await watcher.until(lambda: watcher.opened == 2)
    assert watcher.resyncs == ["epoch"]


async def test_a_head_read_before_the_board_went_on_is_no_head_that_went_back(engine: AsyncEngine, room: Room) -> None:
    watcher = Watcher()
    async with following(engine, room) as one:
        one.add(watcher)
        await watcher.reach(await room.fresh())
        await room.sit()
        one.wake()
        await watcher.reach(await room.fresh())
        assert one.board is not None
        one.compare(one.board.epoch, head=0, offset_before=0)
        assert one.board is not None


async def test_who_joins_while_the_board_is_loaded_anew_had_none_before(engine: AsyncEngine, room: Room) -> None:
    early, late = Watcher(), Watcher()
    async with following(engine, room) as one:
        one.add(early)
        await early.reach(await room.fresh())
        one.compare("another", 0, 0)
        one.add(late)
        await late.until(lambda: late.opened == 1)
        await early.until(lambda: early.opened == 2)
    assert (early.resyncs, late.resyncs) == (["epoch"], [])


async def test_missed_rows_that_do_not_reach_the_board_are_not_used(engine: AsyncEngine, room: Room) -> None:
    watcher, back = Watcher(), Watcher()
    await room.sit()
    async with following(engine, room) as one:
        one.add(watcher)
        held = await room.fresh()
        await watcher.reach(held)
        since = Since(held.epoch, held.offset)
        missed = await one.read_missed(since)
        assert missed == []
        await room.sit()
        one.wake()
        await watcher.reach(await room.fresh())
        one.resume(back, since, missed)
        await back.reach(await room.fresh())
    assert back.opened == 1


async def test_missed_rows_beyond_the_board_are_not_sent_twice(engine: AsyncEngine, room: Room) -> None:
    back = Watcher()
    back.board = await room.fresh()
    since = Since(back.board.epoch, back.board.offset)
    watcher = Watcher()
    await room.sit()
    async with following(engine, room) as one:
        one.add(watcher)
        await watcher.reach(await room.fresh())
        await room.sit()
        missed = await one.read_missed(since)
        assert missed is not None
        assert len(missed) == 4
        one.resume(back, since, missed)
        one.wake()
        await watcher.reach(await room.fresh())
        await back.reach(await room.fresh())
    assert (back.opened, back.deltas) == (0, 0)


async def test_a_console_that_fails_costs_the_others_no_change(engine: AsyncEngine, room: Room) -> None:
    class Failing(Watcher):
        def deliver(self, exam_id: UUID, offset: int, frame: Frame) -> None:
            raise KeyError(f"{exam_id} {offset} {frame!r}")

    failing, watcher = Failing(), Watcher()
    async with following(engine, room) as one:
        one.add(failing)
        one.add(watcher)
        await watcher.reach(await room.fresh())
        await room.sit()
        one.wake()
        await watcher.reach(await room.fresh())


async def test_a_board_that_does_not_come_in_time_is_shown_when_it_does(
    engine: AsyncEngine, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "RESUME_S", 0.01)
    watcher = Watcher()
    one = Follower(room.exam, Doors(engine))
    since = Since("any", 0)
    assert await one.read_missed(since) is None
    one.resume(watcher, since, None)
    task = asyncio.create_task(one.run())
    await watcher.reach(await room.fresh())
    one.stop()
    await task
