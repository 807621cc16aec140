import asyncio
from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest

from db.notify import Hint, Hints
from db.settings import DatabaseSettings
from hub.board import listener
from hub.board.listener import Relay


async def test_hints_reach_every_listener(database: DatabaseSettings) -> None:
    heard: asyncio.Queue[Hint] = asyncio.Queue()
    also: asyncio.Queue[Hint] = asyncio.Queue()
    listening, speaking = Hints.connect(database.redis_url), Hints.connect(database.redis_url)
    exam = uuid4()
    async with Relay(listening, heard.put_nowait, also.put_nowait):
        assert await heard.get() == Hint("reconnected")
        await speaking.announce("feed", exam)
        assert await heard.get() == Hint("feed", exam)
        assert [await also.get(), await also.get()] == [Hint("reconnected"), Hint("feed", exam)]
    await listening.close()
    await speaking.close()


async def test_a_listener_that_fails_does_not_end_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "RETRY_S", 0.01)
    heard: asyncio.Queue[int] = asyncio.Queue()
    rounds = 0

    class Source:
        async def listen(self) -> AsyncGenerator[Hint, None]:
            nonlocal rounds
            rounds += 1
            heard.put_nowait(rounds)
            yield Hint("reconnected")
            await asyncio.Event().wait()

    def fail_once(hint: Hint) -> None:
        if rounds == 1:
            raise KeyError("x")

    async with Relay(Source(), fail_once):
        assert [await heard.get(), await heard.get()] == [1, 2]


async def test_a_relay_closes_its_source() -> None:
    closed = asyncio.Event()
    listening = asyncio.Event()

    class Source:
        async def listen(self) -> AsyncGenerator[Hint, None]:
            try:
                listening.set()
                await asyncio.Event().wait()
                yield Hint("reconnected")
            finally:
                closed.set()

    async with Relay(Source()):
        await listening.wait()
    assert closed.is_set()
