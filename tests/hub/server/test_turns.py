import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.server.turns import DROP_PER_TURN, RequestTurns
from tests.virtual_time import run


def stays() -> bool:
    return False


def left() -> bool:
    return True


async def begin(turns: RequestTurns, networks: list[str], order: list[tuple[int, str]]) -> None:
    """Let a request of each network wait, all in one turn, and note in which turn of the loop each begins."""
    turn = 0

    async def request(network: str) -> None:
        assert await turns.wait(network, stays)
        order.append((turn, network))

    tasks = [asyncio.create_task(request(network)) for network in networks]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turn += 1
    await asyncio.gather(*tasks)


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 4))
def test_every_request_begins_and_one_in_so_many_turns(networks: list[str], turns: int) -> None:
    order: list[tuple[int, str]] = []
    asyncio.run(begin(RequestTurns(turns), networks, order))
    assert sorted(network for _, network in order) == sorted(networks)
    assert all(later - earlier >= turns for (earlier, _), (later, _) in pairwise(order))


@given(st.integers(1, 4), st.integers(0, 9))
def test_a_request_that_comes_alone_begins_at_once(turns: int, pause: int) -> None:
    async def one_after_another() -> None:
        requests = RequestTurns(turns)
        assert await requests.wait("a", stays)
        for _ in range(turns + pause):
            await asyncio.sleep(0)
        with pytest.raises(StopIteration):
            requests.wait("a", stays).send(None)

    asyncio.run(one_after_another())


async def test_the_request_of_another_network_does_not_wait_for_all_of_a_flood() -> None:
    order: list[tuple[int, str]] = []
    await begin(RequestTurns(1), ["flood"] * 100 + ["school"], order)
    assert [network for _, network in order].index("school") < 5


async def test_a_request_whose_client_has_left_does_not_begin_and_takes_no_turn() -> None:
    turns = RequestTurns(1)
    first = asyncio.create_task(turns.wait("a", stays))
    gone = [asyncio.create_task(turns.wait("a", left)) for _ in range(DROP_PER_TURN // 2)]
    last = asyncio.create_task(turns.wait("a", stays))
    assert await last
    assert first.done()
    assert not any(await asyncio.gather(*gone))


async def test_a_cancelled_request_takes_no_turn() -> None:
    turns = RequestTurns(1)
    first, cancelled, last = (asyncio.create_task(turns.wait("a", stays)) for _ in range(3))
    await first
    cancelled.cancel()
    assert await last
    assert cancelled.cancelled()


@given(st.integers(2, 12), st.integers(1, 5))
def test_with_a_gap_no_two_begin_within_it(count: int, gap_ms: int) -> None:
    began_s: list[float] = []

    async def all_at_once() -> None:
        turns = RequestTurns(1, gap_ms / 1000)

        async def request() -> None:
            assert await turns.wait("a", stays)
            began_s.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(request() for _ in range(count)))

    run(all_at_once())
    assert all(later - earlier >= 0.999 * gap_ms / 1000 for earlier, later in pairwise(began_s))
