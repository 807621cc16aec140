import asyncio

import pytest

from hub.tasks import DetachedTasks


async def test_an_errand_gives_its_outcome() -> None:
    async def work() -> int:
        return 7

    async with DetachedTasks() as tasks:
        assert await tasks.run(work()) == 7


async def test_an_errand_raises_what_it_raised() -> None:
    async def work() -> None:
        raise KeyError("x")

    async with DetachedTasks() as tasks:
        with pytest.raises(KeyError):
            await tasks.run(work())


async def test_an_errand_goes_on_when_nobody_waits_for_it_any_more() -> None:
    done: list[str] = []
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.append("yes")
        raise KeyError("heard by nobody")

    async with DetachedTasks() as tasks:
        asking = asyncio.create_task(tasks.run(work()))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        go.set()
    assert done == ["yes"]
