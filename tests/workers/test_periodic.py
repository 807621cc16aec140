import asyncio

import pytest

from workers import metrics
from workers import periodic as module
from workers.periodic import repeat


async def test_work_is_repeated_until_it_is_stopped() -> None:
    stop, rounds = asyncio.Event(), 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            stop.set()

    async with asyncio.timeout(5):
        await repeat("test", work, 0.001, stop)
    assert rounds == 3


async def test_a_round_that_fails_is_counted_and_comes_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.001)
    stop, rounds = asyncio.Event(), 0
    failed = metrics.ROUNDS_FAILED.labels(round="test")._value.get()

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            raise OSError("away")
        stop.set()

    async with asyncio.timeout(5):
        await repeat("test", work, 3600, stop)
    assert metrics.ROUNDS_FAILED.labels(round="test")._value.get() == failed + 2


async def test_stopping_ends_a_pause_at_once() -> None:
    stop = asyncio.Event()

    async def work() -> None:
        asyncio.get_running_loop().call_later(0.01, stop.set)

    async with asyncio.timeout(5):
        await repeat("test", work, 3600, stop)


async def test_nothing_is_begun_after_stop() -> None:
    stop = asyncio.Event()
    stop.set()

    async def work() -> None:
        raise AssertionError

    await repeat("test", work, 3600, stop)
