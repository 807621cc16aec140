import asyncio
import time

from hub.server.loop_stalls import LoopStalls


async def test_a_turn_that_holds_the_loop_is_measured() -> None:
    late: list[float] = []
    measured = asyncio.Event()

    def observe(late_s: float) -> None:
        late.append(late_s)
        measured.set()

    async with LoopStalls(observe, every_s=0.01):
        time.sleep(0.1)  # noqa: ASYNC251 - it holds the loop on purpose
        async with asyncio.timeout(10):
            await measured.wait()
    assert late[0] >= 0.05


async def test_nothing_is_measured_after_the_end() -> None:
    late: list[float] = []
    async with LoopStalls(late.append, every_s=60) as stalls:
        timer = stalls._timer
    assert timer is not None
    assert timer.cancelled()
