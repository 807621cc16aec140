import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.server.hello_queue import LEAST_MS, MOST_MS, Expectation, HelloQueue, TooManyHellos


async def test_hellos_get_their_turn_in_the_order_of_their_arrival() -> None:
    queue = HelloQueue(1)
    served: list[int] = []

    async def hello(number: int) -> None:
        async with queue.turn():
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(hello(number) for number in range(20)))
    assert served == list(range(20))
    assert len(queue) == 0


async def test_a_hello_that_would_wait_too_long_is_told_when_to_come() -> None:
    queue = HelloQueue(1, wait_ms=10)
    queue.expectation.each_ms = 20
    async with queue.turn():
        waiting = asyncio.create_task(queue.turn().__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(TooManyHellos) as refused:
            async with queue.turn():
                pass
        assert refused.value.wait_ms >= LEAST_MS
    await waiting


async def test_an_abandoned_hello_leaves_the_queue() -> None:
    queue = HelloQueue(1)
    async with queue.turn():
        waiting = asyncio.create_task(queue.turn().__aenter__())
        await asyncio.sleep(0)
        assert len(queue) == 1
        waiting.cancel()
        await asyncio.wait([waiting])
    assert len(queue) == 0
    async with queue.turn():
        pass


@given(waiting=st.integers(1, 5_000), refused=st.integers(1, 500))
def test_later_clients_are_told_to_come_later(waiting: int, refused: int) -> None:
    expectation = Expectation()
    waits = [expectation.book(waiting, 0) for _ in range(refused)]
    assert waits == sorted(waits)
    assert LEAST_MS <= waits[0] <= waits[-1] <= MOST_MS


def test_refused_clients_come_back_as_fast_as_the_hub_serves_them() -> None:
    expectation = Expectation(each_ms=2.0)
    waits = [expectation.book(1_000, 0) for _ in range(5_000)]
    # On average a client comes after half of its time: one every two milliseconds, after the thousand that wait.
    assert waits[0] / 2 == pytest.approx(2_002, abs=2)
    assert waits[-1] / 2 == pytest.approx(2_000 + 5_000 * 2, abs=2)


def test_after_a_storm_nothing_is_booked() -> None:
    expectation = Expectation(each_ms=2.0)
    for _ in range(5_000):
        expectation.book(1_000, 0)
    assert expectation.book(0, 60_000) == LEAST_MS


@given(times=st.lists(st.integers(1, 40), min_size=200, max_size=300))
def test_the_time_of_a_hello_is_measured_while_others_wait(times: list[int]) -> None:
    expectation = Expectation(each_ms=500)
    now = 0
    for took in times:
        now += took
        expectation.served(now, others_wait=True)
    assert min(times) - 1 <= expectation.each_ms <= max(times) + 1


def test_an_idle_time_does_not_count() -> None:
    expectation = Expectation(each_ms=4.0)
    expectation.served(0, others_wait=False)
    expectation.served(100_000, others_wait=False)
    assert expectation.each_ms == 4.0
