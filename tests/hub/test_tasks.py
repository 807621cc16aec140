import asyncio
from collections.abc import Sequence

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from hub.tasks import DetachedTasks, Dropped, RetryQueue, Service
from tests.virtual_time import run


async def test_a_detached_task_returns_its_result() -> None:
    async def work() -> int:
        return 7

    async with DetachedTasks() as tasks:
        assert await tasks.run(work()) == 7


async def test_a_detached_task_raises_its_exception() -> None:
    async def work() -> None:
        raise KeyError("x")

    async with DetachedTasks() as tasks:
        with pytest.raises(KeyError):
            await tasks.run(work())


async def test_a_detached_task_continues_when_its_caller_is_cancelled() -> None:
    done: list[str] = []
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.append("yes")
        raise KeyError("no caller is left")

    async with DetachedTasks() as tasks:
        caller = asyncio.create_task(tasks.run(work()))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        go.set()
    assert done == ["yes"]


class Store:
    """Records batches; fails with these errors first. Also collects what was dropped."""

    def __init__(self, *errors: Exception | None) -> None:
        self.batches: list[list[int]] = []
        self.tries: list[float] = []
        self.dropped: list[tuple[int, str]] = []
        self._errors = list(errors)

    async def record(self, items: Sequence[int]) -> None:
        self.tries.append(asyncio.get_running_loop().time())
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        self.batches.append(list(items))

    def drop(self, items: Sequence[int], reason: Dropped) -> None:
        self.dropped += [(item, reason) for item in items]

    def queue(
        self, *, batch: int = 10, bound: int = 100, tries: int | None = None, last_s: float = 60
    ) -> RetryQueue[int]:
        return RetryQueue("test", self.record, batch=batch, bound=bound, on_drop=self.drop, tries=tries, last_s=last_s)


async def put_all(queue: RetryQueue[int], count: int) -> None:
    async with queue:
        for item in range(count):
            queue.put(item)


def test_items_are_recorded_in_order_and_in_batches() -> None:
    store = Store()
    run(put_all(store.queue(batch=2), 5))
    assert store.batches == [[0, 1], [2, 3], [4]]


def test_a_batch_is_tried_again_while_the_database_is_away() -> None:
    store = Store(OSError(), TimeoutError())
    queue = store.queue()
    with structlog.testing.capture_logs() as logs:
        run(put_all(queue, 3))
    assert store.batches == [[0, 1, 2]]
    assert [line["event"] for line in logs] == ["database is away", "database is back"]
    assert len(queue) == 0


def test_a_batch_that_was_tried_too_often_is_dropped_and_the_next_one_is_tried() -> None:
    store = Store(OSError(), OSError())
    run(put_all(store.queue(batch=1, tries=2), 2))
    assert store.dropped == [(0, "late")]
    assert store.batches == [[1]]


def test_an_unexpected_exception_drops_the_batch_at_once() -> None:
    store = Store(KeyError("x"))
    with structlog.testing.capture_logs() as logs:
        run(put_all(store.queue(batch=1), 2))
    assert store.dropped == [(0, "failed")]
    assert store.batches == [[1]]
    assert [line["event"] for line in logs] == ["items not recorded"]


def test_items_over_the_bound_are_dropped() -> None:
    store = Store()
    queue = RetryQueue("test", store.record, batch=9, bound=5, on_drop=store.drop, size=lambda item: item)

    async def fill() -> list[bool]:
        async with queue:
            return [queue.put(item) for item in (3, 3, 2)]

    assert run(fill()) == [True, False, True]
    assert store.batches == [[3, 2]]
    assert store.dropped == [(3, "full")]


def test_at_the_end_it_waits_for_the_database_only_so_long() -> None:
    store = Store(*[OSError()] * 100)

    async def leave() -> float:
        await put_all(store.queue(last_s=5), 1)
        return asyncio.get_running_loop().time()

    assert run(leave()) == pytest.approx(5)
    assert store.batches == []


@given(
    batch=st.integers(1, 5),
    bound=st.integers(1, 30),
    count=st.integers(0, 40),
    failures=st.lists(st.sampled_from(["none", "away", "unexpected"]), max_size=30),
    tries=st.integers(1, 4),
)
def test_every_item_is_either_recorded_once_in_order_or_dropped_once(
    batch: int, bound: int, count: int, failures: list[str], tries: int
) -> None:
    kinds = {"none": None, "away": OSError(), "unexpected": KeyError("x")}
    store = Store(*(kinds[failure] for failure in failures))
    with structlog.testing.capture_logs():
        run(put_all(store.queue(batch=batch, bound=bound, tries=tries, last_s=1_000), count))
    recorded = [item for items in store.batches for item in items]
    assert recorded == sorted(recorded)
    assert sorted([*recorded, *(item for item, _ in store.dropped)]) == list(range(count))
    assert all(len(items) <= batch for items in store.batches)


class Part:
    """A part of a service; writes down when it is entered and left."""

    def __init__(self, name: str, notes: list[str], *, fails: bool = False) -> None:
        self._name = name
        self._notes = notes
        self._fails = fails

    async def __aenter__(self) -> None:
        if self._fails:
            raise OSError
        self._notes.append(f"start {self._name}")

    async def __aexit__(self, *_: object) -> None:
        self._notes.append(f"stop {self._name}")


class ServiceOfParts(Service):
    def __init__(self, *parts: Part) -> None:
        self._loops = parts


async def test_a_service_stops_its_loops_in_the_reverse_order() -> None:
    notes: list[str] = []
    async with ServiceOfParts(Part("a", notes), Part("b", notes)):
        assert notes == ["start a", "start b"]
    assert notes[2:] == ["stop b", "stop a"]


async def test_a_service_that_cannot_start_stops_what_it_has_started() -> None:
    notes: list[str] = []
    with pytest.raises(OSError):
        async with ServiceOfParts(Part("a", notes), Part("b", notes, fails=True)):
            pass
    assert notes == ["start a", "stop a"]
