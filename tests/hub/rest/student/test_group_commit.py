"""Group commit: batches, failures, callers that leave, and waits without end."""

import asyncio
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import OperationalError

from db.errors import Conflict, RequestError
from hub.errors import Busy
from hub.rest.student.group_commit import BATCH, GroupCommit
from hub.tasks import DetachedTasks
from tests.virtual_time import run

GROUP = UUID(int=1)


class Table:
    """Commits requests when `gate` is open; fails with these errors first. A request "bad" is refused."""

    def __init__(self, *errors: Exception) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = self.most = 0
        self._errors = list(errors)

    async def commit(self, _group: UUID, requests: Mapping[UUID, str]) -> dict[UUID, str | RequestError]:
        self.batches.append(list(requests.values()))
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        await asyncio.sleep(0)
        self.running -= 1
        if self._errors:
            raise self._errors.pop(0)
        return {
            item: Conflict("refused") if request == "bad" else request.upper() for item, request in requests.items()
        }


def make(table: Table, tasks: DetachedTasks, **more: float) -> GroupCommit[str, str]:
    return GroupCommit(table.commit, asyncio.Semaphore(2), tasks, **more)  # type: ignore[arg-type]


def test_a_lone_request_is_carried_out_at_once() -> None:
    async def scenario() -> None:
        table = Table()
        async with DetachedTasks() as tasks:
            assert await make(table, tasks).run(GROUP, uuid4(), "a") == "A"
        assert asyncio.get_running_loop().time() == 0

    run(scenario())


def test_requests_that_come_during_a_batch_are_the_next_one() -> None:
    async def scenario() -> None:
        table = Table()
        async with DetachedTasks() as tasks:
            commits = make(table, tasks)
            answers = await asyncio.gather(*(commits.run(GROUP, uuid4(), f"r{n}") for n in range(BATCH + 5)))
        assert answers == [f"R{n}" for n in range(BATCH + 5)]
        assert [len(batch) for batch in table.batches] == [BATCH, 5]

    run(scenario())


def test_two_requests_about_one_item_are_carried_out_one_after_the_other() -> None:
    async def scenario() -> None:
        table, item = Table(), uuid4()
        async with DetachedTasks() as tasks:
            commits = make(table, tasks)
            await asyncio.gather(*(commits.run(GROUP, one, name) for one, name in ((item, "a"), (item, "b"))))
        assert table.batches == [["a"], ["b"]]

    run(scenario())


def test_a_refusal_concerns_only_its_request() -> None:
    async def scenario() -> None:
        table = Table()
        async with DetachedTasks() as tasks:
            commits = make(table, tasks)
            first, second = await asyncio.gather(
                commits.run(GROUP, uuid4(), "bad"), commits.run(GROUP, uuid4(), "good"), return_exceptions=True
            )
        assert isinstance(first, Conflict)
        assert second == "GOOD"

    run(scenario())


def test_after_a_failure_each_request_is_tried_alone() -> None:
    async def scenario() -> None:
        table = Table(ValueError("both"), ValueError("the first"))
        async with DetachedTasks() as tasks:
            commits = make(table, tasks)
            first, second = await asyncio.gather(
                commits.run(GROUP, uuid4(), "a"), commits.run(GROUP, uuid4(), "b"), return_exceptions=True
            )
        assert str(first) == "the first"
        assert second == "B"
        assert table.batches == [["a", "b"], ["a"], ["b"]]

    run(scenario())


def test_while_the_database_is_away_no_request_is_tried_alone() -> None:
    async def scenario() -> None:
        table = Table(OperationalError("", None, OSError("away")))
        async with DetachedTasks() as tasks:
            commits = make(table, tasks)
            answers = await asyncio.gather(
                *(commits.run(GROUP, uuid4(), name) for name in "ab"), return_exceptions=True
            )
        assert [type(one) for one in answers] == [OperationalError, OperationalError]
        assert table.batches == [["a", "b"]]

    run(scenario())


def test_the_batches_of_all_groups_share_the_slots() -> None:
    async def scenario() -> None:
        table = Table()
        async with DetachedTasks() as tasks:
            commits = make(table, tasks)
            await asyncio.gather(*(commits.run(uuid4(), uuid4(), "a") for _ in range(9)))
        assert table.most == 2

    run(scenario())


def test_a_request_whose_caller_left_is_still_carried_out() -> None:
    async def scenario() -> None:
        table = Table()
        table.gate.clear()
        async with DetachedTasks() as tasks:
            caller = asyncio.create_task(make(table, tasks).run(GROUP, uuid4(), "a"))
            await asyncio.sleep(0.01)
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            table.gate.set()
        assert (table.batches, table.running) == ([["a"]], 0)

    run(scenario())


def test_an_answer_that_takes_too_long_is_busy_and_the_work_goes_on() -> None:
    async def scenario() -> None:
        table = Table()
        table.gate.clear()
        async with DetachedTasks() as tasks:
            commits = make(table, tasks, answer_s=4.0)
            with pytest.raises(Busy):
                await commits.run(GROUP, uuid4(), "a")
            table.gate.set()
            assert await commits.run(GROUP, uuid4(), "b") == "B"
        assert table.batches == [["a"], ["b"]]

    run(scenario())


def test_the_queue_of_a_group_is_bounded() -> None:
    async def scenario() -> None:
        table = Table()
        table.gate.clear()
        async with DetachedTasks() as tasks:
            commits = make(table, tasks, waiting=1)
            first = asyncio.create_task(commits.run(GROUP, uuid4(), "a"))
            await asyncio.sleep(0.01)
            second = asyncio.create_task(commits.run(GROUP, uuid4(), "b"))
            await asyncio.sleep(0.01)
            with pytest.raises(Busy):
                await commits.run(GROUP, uuid4(), "c")
            table.gate.set()
            assert [await first, await second] == ["A", "B"]

    run(scenario())
