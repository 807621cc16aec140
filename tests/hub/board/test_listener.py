import asyncio
from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest

from db.notify import Notification, Notifier
from db.settings import DatabaseSettings
from hub.board import listener
from hub.board.listener import Listener


async def test_hints_reach_every_listener(database: DatabaseSettings) -> None:
    heard: asyncio.Queue[Notification] = asyncio.Queue()
    also: asyncio.Queue[Notification] = asyncio.Queue()
    listening, speaking = Notifier.connect(database.redis_url), Notifier.connect(database.redis_url)
    exam = uuid4()
    async with Listener(listening, heard.put_nowait, also.put_nowait):
        assert await heard.get() == Notification("reconnected")
        await speaking.notify("feed", exam)
        assert await heard.get() == Notification("feed", exam)
        assert [await also.get(), await also.get()] == [Notification("reconnected"), Notification("feed", exam)]
    await listening.close()
    await speaking.close()


async def test_a_listener_that_fails_does_not_end_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "RETRY_S", 0.01)
    heard: asyncio.Queue[int] = asyncio.Queue()
    rounds = 0

    class Source:
        async def listen(self) -> AsyncGenerator[Notification, None]:
            nonlocal rounds
            rounds += 1
            heard.put_nowait(rounds)
            yield Notification("reconnected")
            await asyncio.Event().wait()

    def fail_once(notification: Notification) -> None:
        if rounds == 1:
            raise KeyError("x")

    async with Listener(Source(), fail_once):
        assert [await heard.get(), await heard.get()] == [1, 2]


async def test_a_relay_closes_its_source() -> None:
    closed = asyncio.Event()
    listening = asyncio.Event()

    class Source:
        async def listen(self) -> AsyncGenerator[Notification, None]:
            try:
                listening.set()
                await asyncio.Event().wait()
                yield Notification("reconnected")
            finally:
                closed.set()

    async with Listener(Source()):
        await listening.wait()
    assert closed.is_set()
