import asyncio
from collections.abc import AsyncGenerator
from uuid import uuid4

from db.notify import Notification, Notifier
from db.settings import DatabaseSettings
from hub.board.listener import Listener


async def test_notifications_reach_every_handler(database: DatabaseSettings) -> None:
    first: asyncio.Queue[Notification] = asyncio.Queue()
    second: asyncio.Queue[Notification] = asyncio.Queue()
    subscriber, publisher = Notifier.connect(database.redis_url), Notifier.connect(database.redis_url)
    exam = uuid4()
    async with Listener(subscriber, first.put_nowait, second.put_nowait):
        assert await first.get() == Notification("reconnected")
        await publisher.notify("feed", exam)
        assert await first.get() == Notification("feed", exam)
        assert [await second.get(), await second.get()] == [Notification("reconnected"), Notification("feed", exam)]
    await subscriber.close()
    await publisher.close()


async def test_the_listener_continues_after_a_handler_failed() -> None:
    runs: asyncio.Queue[int] = asyncio.Queue()
    started = 0

    class CountingSource:
        async def listen(self) -> AsyncGenerator[Notification, None]:
            nonlocal started
            started += 1
            runs.put_nowait(started)
            yield Notification("reconnected")
            await asyncio.Event().wait()

    def fail_once(notification: Notification) -> None:
        if started == 1:
            raise KeyError("x")

    async with Listener(CountingSource(), fail_once, retry_s=0.01):
        assert [await runs.get(), await runs.get()] == [1, 2]


async def test_the_listener_closes_its_source() -> None:
    closed = asyncio.Event()
    listening = asyncio.Event()

    class ClosingSource:
        async def listen(self) -> AsyncGenerator[Notification, None]:
            try:
                listening.set()
                await asyncio.Event().wait()
                yield Notification("reconnected")
            finally:
                closed.set()

    async with Listener(ClosingSource()):
        await listening.wait()
    assert closed.is_set()
